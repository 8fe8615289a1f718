"""`tokit finetune`: what is learned, and that the stock classes of transformers tell what the report says."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'contextual'")

from safetensors.numpy import load_file  # noqa: E402

from tokit.corpus import open_corpus  # noqa: E402
from tokit.corpus.labeled import Columns, read_labeled  # noqa: E402
from tokit.lm.data.padding import by_length, padded  # noqa: E402
from tokit.lm.finetune.encode_examples import NONE, first_tokens, parts  # noqa: E402
from tokit.lm.finetune.finetuning_loop import shuffled  # noqa: E402
from tokit.ops.finetune import finetune  # noqa: E402
from tokit.ops.fit import pretrain  # noqa: E402
from tokit.tokenizer.base import EncodeOptions  # noqa: E402
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer  # noqa: E402
from tokit.tokenizer.load import load_tokenizer  # noqa: E402

pytestmark = pytest.mark.slow

WORDS = ["the", "a", "of", "sea", "river", "music", "people", "language", "water", "day"]
NAMES = {"Ada": "B-PER", "Rome": "B-LOC"}
# At twice this rate one training in four stays at chance, and which one depends on the processor.
FAST = {"learning_rate": 0.005, "batch_size": 8, "epochs": 8, "dropout": 0}


def sentence(random_: random.Random, *more: str) -> list[str]:
    words = random_.choices(WORDS, k=random_.randint(2, 9))
    for word in more:
        words.insert(random_.randint(0, len(words)), word)
    return words


@pytest.fixture(scope="module")
def data(tmp_path_factory: Any) -> dict[str, Path]:
    """Files that are easy to learn, by task; `-test` are others of the same kind."""
    root, random_ = tmp_path_factory.mktemp("data"), random.Random(5)
    files = {}
    for part, count in (("", 96), ("-test", 40)):
        lines: dict[str, list[str]] = {task: [] for task in ("classify", "tokens", "scores", "pairs")}
        for number in range(count):
            good = number % 2
            lines["classify"].append(
                f"{'good' if good else 'bad'}\t{' '.join(sentence(random_, 'sun' if good else 'rain'))}"
            )
            words = sentence(random_, *NAMES)
            lines["tokens"] += [f"{word}\t{NAMES.get(word, 'O')}" for word in words] + [""]
            one, two = (" ".join(sentence(random_, "sun" if random_.random() < 0.5 else "rain")) for _ in range(2))
            alike = ("sun" in one.split()) + ("sun" in two.split())
            lines["scores"].append(f"{one}\t{two}\t{1.5 * alike:.1f}")
            lines["pairs"].append(f"{one}\t{two}\t{'yes' if 'sun' in two.split() else 'no'}")
        for task, said in lines.items():
            files[task + part] = root / f"{task}{part}.tsv"
            files[task + part].write_text("\n".join(said) + "\n", encoding="utf-8")
    return files


@pytest.fixture(scope="module", params=["bert", "llama", "foreign"])
def model(request: pytest.FixtureRequest, corpus_file: Path, bpe_folder: Path, tmp_path_factory: Any) -> Path:
    out: Path = tmp_path_factory.mktemp("models") / request.param
    if request.param == "foreign":
        return foreign_model(out, bpe_folder)
    settings = {
        "num_hidden_layers": 2,
        "hidden_size": 32,
        "num_attention_heads": 2,
        "max_steps": 20,
        "context_length": 96,
        "batch_size": 4,
        "learning_rate": 0.003,
    }
    pretrain(open_corpus([str(corpus_file)]), bpe_folder, out, family=request.param, settings=settings, threads=1)
    return out


def foreign_model(out: Path, bpe_folder: Path) -> Path:
    """A folder that transformers wrote, with a template of two kinds of text and none of our manifest."""
    from tokit.tokenizer.load import load_tokenizer
    from tokit.tokenizer.special_copies import with_template

    torch.manual_seed(3)
    source, _ = with_template(load_tokenizer(bpe_folder), ("pad", "cls", "sep", "mask"), "bert")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=source.library,
        pad_token="<|pad|>",
        cls_token="<|cls|>",
        sep_token="<|sep|>",
        mask_token="<|mask|>",
    )
    config = transformers.BertConfig(
        vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=96, pad_token_id=1,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


@pytest.fixture
def tuned(model: Path, data: dict[str, Path], tmp_path: Path) -> Callable[..., Any]:
    def run(name: str, out: str = "tuned", **given: Any) -> Any:
        settings = {**FAST, **given.pop("settings", {})}
        columns = Columns(None if name == "classify" else name if name == "tokens" else "pairs")
        given.setdefault("held_out", str(data[f"{name}-test"]))
        return finetune(
            model, [str(data[name])], tmp_path / out, columns=columns, settings=settings, threads=1, **given
        )

    return run


def test_texts_are_classified_as_the_pipeline_of_transformers_does(
    tuned: Any, data: dict[str, Path], tmp_path: Path
) -> None:
    report = tuned("classify")
    assert report.task == "classify" and report.labels == ("bad", "good") and report.held_out == 40
    assert report.scores["accuracy"] > 0.8 and report.losses[-1] < report.losses[0]
    examples = read_labeled([str(data["classify-test"])], Columns()).examples
    classify = transformers.pipeline("text-classification", str(tmp_path / "tuned"))
    told = [said["label"] for said in classify([example.texts[0] for example in examples])]
    right = np.mean([said == example.labels[0] for said, example in zip(told, examples, strict=True)])
    assert report.scores["accuracy"] == pytest.approx(right)


def test_tokens_are_tagged_as_the_stock_model_does(tuned: Any, data: dict[str, Path], tmp_path: Path) -> None:
    report = tuned("tokens")
    assert report.scores["token_accuracy"] > 0.9 and report.scores["entity_f1"] > 0.5
    folder = tmp_path / "tuned"
    stock = transformers.AutoModelForTokenClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    examples = read_labeled([str(data["tokens-test"])], Columns("tokens")).examples
    right = []
    for example in examples:
        text = " ".join(example.texts)
        given = tokenizer(text, return_tensors="pt", return_offsets_mapping=True)
        offsets = given.pop("offset_mapping")[0].tolist()
        with torch.no_grad():
            told = stock(**given).logits[0].argmax(-1).tolist()
        end = 0
        for word, tag in zip(example.texts, example.labels, strict=True):
            start, end = text.index(word, end), text.index(word, end) + len(word)
            first = next(i for i, (a, b) in enumerate(offsets) if a < b and start < b <= end)
            right.append(stock.config.id2label[told[first]] == tag)
    assert report.scores["token_accuracy"] == pytest.approx(np.mean(right))


def stock_pairs(folder: Path, data: Path) -> tuple[Any, list[str]]:
    stock = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    examples = read_labeled([str(data)], Columns("pairs")).examples
    logits = []
    for example in examples:
        given = tokenizer(*example.texts, return_tensors="pt")
        assert ("token_type_ids" in given) == (stock.config.model_type == "bert")
        with torch.no_grad():
            logits.append(stock(**given).logits[0].numpy())
    return np.array(logits), [example.labels[0] for example in examples]


def test_pairs_get_scores_as_the_stock_model_gives(tuned: Any, data: dict[str, Path], tmp_path: Path) -> None:
    from scipy import stats

    report = tuned("scores")
    told, wanted = stock_pairs(tmp_path / "tuned", data["scores-test"])
    assert report.labels == () and told.shape == (40, 1)
    numbers = [float(score) for score in wanted]
    assert report.scores["pearson"] == pytest.approx(stats.pearsonr(numbers, told[:, 0]).statistic, abs=1e-4)
    assert report.scores["spearman"] == pytest.approx(stats.spearmanr(numbers, told[:, 0]).statistic, abs=1e-2)
    assert report.scores["pearson"] > 0.5
    score = transformers.pipeline("text-classification", str(tmp_path / "tuned"))
    examples = read_labeled([str(data["scores-test"])], Columns("pairs")).examples
    said = score({"text": examples[0].texts[0], "text_pair": examples[0].texts[1]})
    # Not squashed to a share: scores lie where the examples had them.
    assert (said if isinstance(said, dict) else said[0])["score"] == pytest.approx(told[0, 0], abs=1e-4)


def test_pairs_get_labels_that_may_depend_on_which_text_is_which(
    tuned: Any, data: dict[str, Path], tmp_path: Path
) -> None:
    report = tuned("pairs", settings={"epochs": 24})
    told, wanted = stock_pairs(tmp_path / "tuned", data["pairs-test"])
    right = np.mean([report.labels[row.argmax()] == label for row, label in zip(told, wanted, strict=True)])
    assert report.labels == ("no", "yes") and report.scores["accuracy"] == pytest.approx(right)
    assert right > 0.6


@pytest.mark.parametrize("model", ["bert"], indirect=True)
def test_the_same_seed_gives_the_same_bytes(tuned: Any, tmp_path: Path) -> None:
    settings = {"dropout": 0.1, "epochs": 1}
    for out, seed in (("a", 0), ("b", 0), ("c", 1)):
        tuned("classify", out, settings=settings, seed=seed)
    files = [json.loads((tmp_path / out / "tokit.json").read_text("utf-8"))["files"] for out in ("a", "b", "c")]
    assert files[0] == files[1] and files[0]["model.safetensors"] != files[2]["model.safetensors"]


@pytest.mark.parametrize("model", ["foreign"], indirect=True)
def test_frozen_layers_stay_and_the_folder_goes_on(tuned: Any, model: Path, tmp_path: Path, cli: Any) -> None:
    report = tuned("classify", freeze=["embeddings", "encoder.layer.0"])
    before, after = load_file(model / "model.safetensors"), load_file(tmp_path / "tuned" / "model.safetensors")
    stayed = {name for name in before if np.array_equal(before[name], after[f"bert.{name}"])}
    assert stayed == {name for name in before if name.startswith(("embeddings.", "encoder.layer.0."))}
    assert report.frozen == sum(before[name].size for name in stayed)
    # A folder for a task is a language model still, and may be taught another one.
    assert cli("embed", "-e", tmp_path / "tuned", stdin=b"the sea\n").code == 0
    three = tmp_path / "three.tsv"
    three.write_text("".join(f"{number % 3}\ttext {number}\n" for number in range(60)), encoding="utf-8")
    again = finetune(tmp_path / "tuned", [str(three)], tmp_path / "again", settings=FAST, threads=1)
    assert again.labels == ("0", "1", "2") and (tmp_path / "again" / "config.json").is_file()


@pytest.mark.parametrize("model", ["bert"], indirect=True)
def test_some_examples_are_held_out_by_a_hash_of_their_text(tuned: Any, data: dict[str, Path]) -> None:
    from tokit.arrays import Block
    from tokit.corpus import split_mask

    report = tuned("classify", held_out=None, validation=0.3, settings={"epochs": 1})
    texts = [line.split("\t")[1].encode() for line in data["classify"].read_text("utf-8").splitlines()]
    out = split_mask(Block.of(texts), 0.3)
    assert report.held_out == out.sum() and report.examples == (~out).sum() and 15 < out.sum() < 45


@pytest.mark.parametrize("model", ["bert"], indirect=True)
def test_long_texts_are_cut_and_long_sentences_parted(model: Path, tmp_path: Path) -> None:
    (tmp_path / "long.tsv").write_text("".join(f"{n % 2}\t{'sea ' * 100}\n" for n in range(20)), encoding="utf-8")
    report = finetune(model, [str(tmp_path / "long.tsv")], tmp_path / "a", settings={"epochs": 1}, threads=1)
    assert report.truncated == 20
    # All words are told, those behind the model's 96 tokens too.
    long = "\n".join(f"{word}\t{'B' if word == 'sun' else 'O'}" for word in ["sun", "river", "music"] * 40)
    (tmp_path / "long.conll").write_text(f"{long}\n\n" * 4, encoding="utf-8")
    report = finetune(
        model, [str(tmp_path / "long.conll")], tmp_path / "b", columns=Columns("tokens"),
        held_out=str(tmp_path / "long.conll"), settings={**FAST, "epochs": 20}, threads=1,
    )  # fmt: skip
    assert report.truncated == 8 and report.scores["token_accuracy"] == 1


@pytest.mark.parametrize("model", ["bert", "foreign"], indirect=True)
def test_long_pairs_are_cut_and_counted(model: Path, cli: Any, tmp_path: Path) -> None:
    sizes = [(100, 2), (2, 100), (100, 100), (2, 2), (10, 10)] * 4
    lines = [f"{'sea ' * one}\t{'day ' * two}\t{number % 2}\n" for number, (one, two) in enumerate(sizes)]
    (tmp_path / "long.tsv").write_text("".join(lines), encoding="utf-8")
    ran = cli(
        "finetune", "-m", model, tmp_path / "long.tsv", "-o", tmp_path / "a", "--epochs", "1", "--threads", "1",
        "--json",
    )  # fmt: skip
    assert ran.code == 0 and json.loads(ran.out)["truncated"] == 12 and "which were truncated: 12" in ran.err


@pytest.mark.parametrize("model", ["bert"], indirect=True)
def test_a_pair_is_cut_from_one_token_too_many_on(model: Path) -> None:
    tokenizer = load_tokenizer(model)
    assert isinstance(tokenizer, LibraryTokenizer)
    whole, framed = (
        tokenizer.encode_pairs([("the sea", "a day by the river")], EncodeOptions(add_special=True, max_length=96))[0],
        3,
    )
    assert not whole.truncated and len(whole.ids) == len(whole.types) > 6 + framed
    for size in (len(whole.ids), len(whole.ids) - 1, 6):
        pair = tokenizer.encode_pairs(
            [("the sea", "a day by the river")], EncodeOptions(add_special=True, max_length=size)
        )[0]
        assert len(pair.ids) == size and pair.truncated == (size < len(whole.ids))


def test_words_are_found_by_the_ends_of_tokens() -> None:
    # "the cat's": " cat" begins at the space; "'s" is of the same word.
    assert first_tokens(["the", "cat's"], [(0, 3), (3, 7), (7, 9)]) == [0, 1]
    # A space alone is of no word, a word without a token has none.
    assert first_tokens(["a", "b", "c"], [(0, 1), (1, 2), (2, 3)]) == [0, 2, NONE]
    # Two words in one token: it is the second one's.
    assert first_tokens(["a", "b"], [(0, 3)]) == [NONE, 0]


def test_parts_end_between_words() -> None:
    assert parts([0, 2, 5, 9], 12, 12) == [(0, 12)]
    assert parts([0, 2, 5, 9], 12, 6) == [(0, 5), (5, 9), (9, 12)]
    assert parts([0], 10, 4) == [(0, 4), (4, 8), (8, 10)]


def test_every_example_comes_once_an_epoch_with_others_of_its_length() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    batches = list(shuffled(lengths, 16, 0, 0))
    assert sorted(np.concatenate(batches).tolist()) == list(range(1000))
    padding = sum(lengths[some].max() * len(some) for some in batches) / lengths.sum()
    assert padding < 1.1
    assert [some.tolist() for some in batches] == [some.tolist() for some in shuffled(lengths, 16, 0, 0)]
    assert [some.tolist() for some in batches] != [some.tolist() for some in shuffled(lengths, 16, 0, 1)]


def test_rows_are_padded_to_the_longest() -> None:
    data, ends = np.arange(1, 7), np.array([1, 1, 4, 6])
    rows, real = padded(data, ends, np.array([2, 0, 1]), 0)
    assert rows.tolist() == [[2, 3, 4], [1, 0, 0], [0, 0, 0]]
    assert real.sum(axis=1).tolist() == [3, 1, 0]
    assert padded(data, ends, np.array([2]), 0, 4)[0].tolist() == [[2, 3, 4, 0]]
    assert [some.tolist() for some in by_length(np.array([3, 1, 2, 9]), 6)] == [[1, 2, 0][:2], [0], [3]]


@pytest.mark.parametrize("model", ["bert"], indirect=True)
@pytest.mark.parametrize(
    ("given", "text", "code", "said"),
    [
        (["--task", "clasify"], "a\tb\n", 2, "did you mean 'classify'?"),
        (["--freeze", "encodr"], "a\tb\nb\tc\n" * 9, 2, "did you mean encoder"),
        (["--epochs", "0"], "a\tb\n", 2, "epochs"),
        (["--dropuot", "0"], "a\tb\n", 2, "did you mean --dropout?"),
        (["--validation", "0.2", "--held-out", "x"], "a\tb\n", 2, "leave one of them out"),
        (["--validation", "1.5"], "a\tb\n", 2, "--validation 1.5"),
        ([], "a\tb\na\tc\n", 1, "every example has the label 'a'"),
        ([], "".join(f"sentence {n}\t{n % 2}\n" for n in range(25)), 1, "column 1 has 25 labels in 25 examples"),
        ([], "sentence\tlabel\nthe sea\tgood\n", 1, "the header names it 'sentence'"),
        ([], "", 1, "no example in it"),
        (["--held-out", "nowhere.tsv"], "a\tb\nc\td\n", 1, "nowhere.tsv"),
        (
            ["--learning-rate", "1e30", "--max-grad-norm", "0", "--epochs", "30"],
            "a\tb\nb\tc\n" * 9,
            1,
            "the loss of step",
        ),
    ],
)
def test_what_cannot_be_meant_is_named(
    model: Path, cli: Any, tmp_path: Path, given: list[str], text: str, code: int, said: str
) -> None:
    (tmp_path / "data.tsv").write_text(text, encoding="utf-8")
    ran = cli("finetune", "-m", model, tmp_path / "data.tsv", "-o", tmp_path / "out", "--threads", "1", *given)
    assert ran.code == code and said in ran.err and ran.err.splitlines()[-2].startswith("error:"), ran.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ["bert"], indirect=True)
def test_the_command_reads_a_pipe_and_reports(model: Path, cli: Any, data: dict[str, Path], tmp_path: Path) -> None:
    ran = cli(
        "finetune", "-m", model, "-o", tmp_path / "out", "--epochs", "1", "--threads", "1", "--json",
        stdin=data["classify"].read_bytes(),
    )  # fmt: skip
    report = json.loads(ran.out)
    assert ran.code == 0 and report["labels"] == ["bad", "good"] and set(report["scores"]) == {"accuracy", "macro_f1"}
    ran = cli("inspect", tmp_path / "out", "--check")
    assert ran.code == 0 and "name: classify" in ran.out.decode()
    ran = cli("finetune", "-m", model, data["classify"], "-o", tmp_path / "out")
    assert ran.code == 1 and "pass --overwrite" in ran.err


def test_a_static_embedding_cannot_be_fine_tuned(corpus_file: Path, bpe_folder: Path, tmp_path: Path, cli: Any) -> None:
    assert cli("fit", "svd", corpus_file, "-t", bpe_folder, "-d", "8", "-o", tmp_path / "static").code == 0
    ran = cli("finetune", "-m", tmp_path / "static", "@lee", "-o", tmp_path / "out")
    assert ran.code == 1 and "no language model" in ran.err
