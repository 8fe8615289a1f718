"""`tokit predict`: the labels, scores and tags of transformers' pipelines."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'contextual'")

from tests.support.contextual_models import save_head  # noqa: E402
from tests.support.program import Ran, assert_error  # noqa: E402

Cli = Callable[..., Ran]
SENTENCE, TOKEN = "SequenceClassification", "TokenClassification"
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
TEXTS = [
    "The sea.",
    "Ada Lovelace lived in London, and wrote to Charles Babbage",
    "",
    " 日本語 naïve  e\u0301 👩‍👩‍👧 ",
    "a\tb",
    "<|mask|> [MASK] </s>",
    "river " * 70,
]


@pytest.fixture(scope="module")
def model(trained_folder: Callable[[str], Path], tmp_path_factory: Any) -> Callable[..., Path]:
    """A model at random with a head, saved by transformers: nothing has to be trained for it."""
    root = tmp_path_factory.mktemp("heads")

    def folder(family: str, head: str, labels: list[str], tokenizer: str = "bpe", **config: Any) -> Path:
        out: Path = root / "-".join([family, head, str(len(labels)), tokenizer, *map(str, config.values())])
        if not out.exists():
            save_head(family, head, labels, trained_folder(tokenizer), out, **config)
        return out

    return folder


def lines(ran: Ran) -> list[Any]:
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.text.splitlines()]


def documents(texts: list[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def pipeline(task: str, folder: Path) -> Any:
    # In the corpora of tokit special tokens are text.
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, split_special_tokens=True)
    return transformers.pipeline(task, str(folder), tokenizer=tokenizer)


def assert_equal(ours: Any, theirs: Any) -> None:
    """The same values, and scores that differ by rounding only."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys()
        for name, value in theirs.items():
            assert_equal(ours[name], value)
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert_equal(one, other)
    elif isinstance(theirs, (float, np.floating)):
        assert ours == pytest.approx(float(theirs), abs=1e-5)
    else:
        assert ours == theirs


@pytest.mark.parametrize("family", ["bert", "llama", "modernbert"])
@pytest.mark.parametrize("problem", ["single_label_classification", "multi_label_classification", None])
def test_labels_and_scores_of_the_pipeline(model: Any, cli: Cli, family: str, problem: str | None) -> None:
    folder = model(family, SENTENCE, ["good", "bad", "so-so"], problem_type=problem)
    classify = pipeline("text-classification", folder)
    ran = cli("predict", "-m", folder, stdin=documents(TEXTS))
    assert_equal(lines(ran), classify(TEXTS, truncation=True))
    assert "truncated: 1" in ran.err
    ranked = [line["labels"] for line in lines(cli("predict", "-m", folder, "--top", "all", stdin=documents(TEXTS)))]
    assert_equal(ranked, classify(TEXTS, truncation=True, top_k=None))
    two = [line["labels"] for line in lines(cli("predict", "-m", folder, "--top", "2", stdin=documents(TEXTS)))]
    assert two == [labels[:2] for labels in ranked]


@pytest.mark.parametrize("problem", ["regression", None])
def test_one_score(model: Any, cli: Cli, problem: str | None) -> None:
    folder = model("bert", SENTENCE, ["LABEL_0"], problem_type=problem)
    said = pipeline("text-classification", folder)(TEXTS, truncation=True)
    assert_equal(lines(cli("predict", "-m", folder, stdin=documents(TEXTS))), [{"score": one["score"]} for one in said])


@pytest.mark.parametrize(("family", "typed"), [("bert", True), ("bert", False), ("llama", False)])
def test_pairs(model: Any, cli: Cli, tmp_path: Path, family: str, typed: bool) -> None:
    folder = model(family, SENTENCE, ["no", "yes"], typed=typed)
    pairs = [("the sea", "a river"), ("music " * 60, "a day"), ("", "x"), ("日本", "<|sep|>")]
    said = [pipeline("text-classification", folder)({"text": one, "text_pair": two}, truncation="longest_first")
            for one, two in pairs]  # fmt: skip
    said = [one if isinstance(one, dict) else one[0] for one in said]
    ran = cli("predict", "-m", folder, "--pairs", stdin=documents(["\t".join(pair) for pair in pairs]))
    assert_equal(lines(ran), said)
    records = tmp_path / "pairs.jsonl"
    records.write_text("".join(json.dumps({"id": n, "a": one, "b": two}) + "\n" for n, (one, two) in enumerate(pairs)))
    found = lines(cli("predict", records, "-m", folder, "--pairs", "--field", "a", "--second", "b"))
    assert [line["id"] for line in found] == [0, 1, 2, 3]
    assert_equal([{name: line[name] for name in ("label", "score")} for line in found], said)
    table = tmp_path / "pairs.csv"
    table.write_text("the sea,7,a river\n")
    for header, options in (("", ["--no-header"]), ("a,id,b\n", [])):
        table.write_text(f"{header}the sea,7,a river\n")
        ran = cli("predict", table, "-m", folder, "--pairs", "--field", "1", "--second", "-1", *options)
        assert_equal([{name: line[name] for name in ("label", "score")} for line in lines(ran)], said[:1])
    assert_error(cli("predict", records, "-m", folder, "--pairs", "--field", "a", "--second", "zz"), 1, "pass --second")
    ran = cli("predict", "-m", folder, "--pairs", stdin=b"a\tb\none text\n")
    assert ran.code == 1 and "'one text': 1 column instead of the two texts" in ran.err


@pytest.mark.parametrize("tokenizer", ["bpe", "wordpiece", "unigram", "char"])
@pytest.mark.parametrize("aggregation", ["none", "simple", "first", "average", "max"])
def test_entities_of_the_pipeline(model: Any, cli: Cli, tokenizer: str, aggregation: str) -> None:
    folder = model("bert", TOKEN, TAGS, tokenizer)
    # Each fits the model: longer ones are predicted in parts here, and truncated there.
    texts = [text[:40] for text in TEXTS]
    tag = pipeline("token-classification", folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = [tag(text, aggregation_strategy=aggregation) if text else [] for text in texts]
    ran = cli("predict", "-m", folder, "--aggregate", aggregation, stdin=documents(texts))
    assert_equal([line["entities"] for line in lines(ran)], said)
    assert any(said) and not ran.err


def test_tags_of_words(model: Any, cli: Cli) -> None:
    folder = model("bert", TOKEN, TAGS)
    ran = cli("predict", "-m", folder, stdin=documents(TEXTS))
    found = lines(ran)
    assert [line["words"] for line in found] == [text.split() for text in TEXTS]
    stock = transformers.AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    words = TEXTS[1].split()
    given = tokenizer(words, is_split_into_words=True, return_tensors="pt", add_special_tokens=True)
    first = [given.word_ids().index(number) for number in range(len(words))]
    with torch.no_grad():
        scores = stock(**tokenizer(" ".join(words), return_tensors="pt")).logits[0].softmax(-1)
    # Without a space at the front of the text, words alone and in a sentence have the same tokens but for the first.
    assert len(found[1]["tags"]) == len(words) == len(first) and set(found[1]["tags"]) <= set(TAGS)
    assert found[1]["tags"][0] == TAGS[int(scores[1].argmax())]
    assert found[1]["scores"][0] == pytest.approx(float(scores[1].max()), abs=1e-5)
    # A sentence that is too long is predicted to its end.
    assert len(found[-1]["tags"]) == 70 and "predicted in parts: 1" in ran.err


def test_records_keep_their_fields(model: Any, cli: Cli, tmp_path: Path) -> None:
    folder, records = model("bert", SENTENCE, ["a", "b"]), tmp_path / "records.jsonl"
    records.write_text('{"id": 1, "text": "the sea", "label": "gold"}\n{"id": 2, "text": "a day"}\n')
    ran = cli("predict", records, "-m", folder)
    found = lines(ran)
    assert [(line["id"], line["text"]) for line in found] == [(1, "the sea"), (2, "a day")]
    assert found[0]["label"] in ("a", "b") and "a field 'label'" in ran.err


def test_text_without_a_token(model: Any, cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    folder = save_head("llama", SENTENCE, ["a", "b"], bpe_folder, tmp_path / "llama", template=False)
    ran = cli("predict", "-m", folder, stdin=b"the sea\n\na day\n")
    found = lines(ran)
    assert found[1] == {"label": None, "score": None} and found[0]["label"] and found[2]["label"]
    assert "empty documents, which have no prediction: 1" in ran.err


@pytest.mark.slow
def test_answers_each_line_of_a_pipe(model: Any, shell: Callable[..., Ran]) -> None:
    folder = model("bert", SENTENCE, ["a", "b"])
    ran = shell(
        f"mkfifo in; tokit predict -m '{folder}' <in >out & exec 3>in; echo the sea >&3;"
        " until [ -s out ]; do sleep 0.05; done; wc -l <out; echo a day >&3; exec 3>&-; wait; wc -l <out"
    )
    assert ran.text.split() == ["1", "2"]


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["--top", "0"], 2, "--top 0: not a number from 1 on"),
        (["--top", "none"], 2, "--top none"),
        (["--aggregate", "simple"], 2, "predicts labels of documents"),
        (["--aggregate", "simpel"], 2, "did you mean 'simple'?"),
        (["--json"], 2, "no place for --json"),
    ],
)
def test_mistaken_options(model: Any, cli: Cli, given: list[str], code: int, said: str) -> None:
    assert_error(cli("predict", "-m", model("bert", SENTENCE, ["a", "b"]), *given, stdin=b"x\n"), code, said)


def test_models_without_a_head(model: Any, cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    from tests.support.contextual_models import save_model

    body = save_model("bert", bpe_folder, tmp_path / "body")
    assert_error(cli("predict", "-m", body, stdin=b"x\n"), 1, "without a head for labels or tags (BertModel)",
                 f"tokit finetune examples.tsv -m {body}")  # fmt: skip
    assert_error(cli("predict", "-m", bpe_folder, stdin=b"x\n"), 1, "holds no language model")
    assert_error(cli("predict", "-m", tmp_path / "nowhere", stdin=b"x\n"), 1, "no such file or folder")
    assert_error(cli("predict", "-m", model("bert", TOKEN, TAGS), "--top", "2", stdin=b"x\n"), 2, "tags of words")
    config = json.loads((body / "config.json").read_text())
    config["architectures"] = ["BertForSequenceClassification"]
    (body / "config.json").write_text(json.dumps(config))
    assert_error(cli("predict", "-m", body, stdin=b"x\n"), 1, "its weights lack", "would be random")
