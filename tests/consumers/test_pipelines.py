"""Pipelines and trainers of transformers and sentence-transformers on folders of tokit, and the way back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'contextual'")

from tests.support.program import Ran  # noqa: E402
from tokit.lm.contextual_embedder import open_contextual_embedder  # noqa: E402
from tokit.tokenizer.base import EncodeOptions  # noqa: E402
from tokit.tokenizer.load import load_tokenizer  # noqa: E402

pytestmark = pytest.mark.slow

Cli = Callable[..., Ran]
Folder = Callable[[str], Path]
TEXTS = ["The sea is wide.", "Der Fluss, 日本語 and 12 naïve cafés"]
AS_LOADED = EncodeOptions(add_special=True, parse_special=True)


def succeeded(ran: Ran) -> Ran:
    assert ran.code == 0, ran.err
    return ran


@pytest.mark.parametrize("family", ["bert", "modernbert"])
def test_fill_mask(model_folder: Folder, family: str) -> None:
    folder, text = model_folder(family), "The <|mask|> is wide."
    found = transformers.pipeline("fill-mask", str(folder))(text)
    ids = load_tokenizer(folder).encode(text, AS_LOADED)
    mask = load_tokenizer(folder).special_ids["mask"]
    assert ids.count(mask) == 1
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder).eval()
    with torch.no_grad():
        scores = model(input_ids=torch.tensor([ids])).logits[0, ids.index(mask)].softmax(-1)
    best = scores.topk(5)
    assert [one["token"] for one in found] == best.indices.tolist()
    assert [one["score"] for one in found] == pytest.approx(best.values.tolist(), abs=1e-5)


def test_text_generation(model_folder: Folder) -> None:
    folder = model_folder("llama")
    generate = transformers.pipeline("text-generation", str(folder))
    found = generate("The sea", max_new_tokens=6, do_sample=False, return_full_text=False)[0]["generated_text"]
    tokenizer = load_tokenizer(folder)
    ids = tokenizer.encode("The sea", AS_LOADED)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    for _ in range(6):
        with torch.no_grad():
            ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    assert found == tokenizer.decode(ids[-6:], skip_special=True)


@pytest.mark.parametrize("family", ["bert", "modernbert", "llama"])
def test_feature_extraction(model_folder: Folder, family: str, cli: Cli) -> None:
    folder = model_folder(family)
    extract = transformers.pipeline("feature-extraction", str(folder))
    ran = succeeded(cli("embed", "-e", folder, "--tokens", stdin="".join(f"{text}\n" for text in TEXTS).encode()))
    before, after = load_tokenizer(folder).frame  # type: ignore[attr-defined]
    for text, line in zip(TEXTS, ran.text.splitlines(), strict=True):
        states = np.array(extract(text)[0])
        inside = states[len(before) : len(states) - len(after)]
        assert np.allclose(inside, json.loads(line)["vectors"], atol=1e-4)


@pytest.fixture(scope="module")
def tuned(model_folder: Folder, tmp_path_factory: Any) -> Callable[[str], Path]:
    """The bert, fine-tuned for a task of which it learns little."""
    from tokit.corpus.labeled import Columns
    from tokit.ops.finetune import finetune

    root: Path = tmp_path_factory.mktemp("tuned")
    (root / "classify.tsv").write_text(
        "".join(f"{'good' if n % 2 else 'bad'}\tthe {'sun' if n % 2 else 'rain'} {n}\n" for n in range(60)), "utf-8"
    )
    (root / "tokens.tsv").write_text(
        f"Ada\tB-PER\nLove\tI-PER\nsaw\tO\nRome\tB-LOC\n{'sea O'.replace(' ', chr(9))}\n\n" * 30
    )

    def folder(task: str) -> Path:
        if not (root / task).exists():
            settings = {"epochs": 4, "learning_rate": 0.003, "batch_size": 8}
            columns = Columns("tokens" if task == "tokens" else None)
            finetune(model_folder("bert"), [str(root / f"{task}.tsv")], root / task, columns=columns, settings=settings)
        return root / task

    return folder


def test_text_classification(tuned: Folder, cli: Cli) -> None:
    classify = transformers.pipeline("text-classification", str(tuned("classify")))
    ran = succeeded(cli("predict", "-m", tuned("classify"), stdin="".join(f"{text}\n" for text in TEXTS).encode()))
    for line, theirs in zip(map(json.loads, ran.text.splitlines()), classify(TEXTS), strict=True):
        assert line["label"] == theirs["label"] and line["score"] == pytest.approx(theirs["score"], abs=1e-5)


@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
def test_token_classification(tuned: Folder, cli: Cli) -> None:
    tag = transformers.pipeline("token-classification", str(tuned("tokens")), aggregation_strategy="first")
    texts = ["Ada Love saw Rome sea", "Rome saw Ada"]
    ran = succeeded(
        cli(
            "predict",
            "-m",
            tuned("tokens"),
            "--aggregate",
            "first",
            stdin="".join(f"{text}\n" for text in texts).encode(),
        )
    )
    names = ("entity_group", "word", "start", "end")
    found = [json.loads(line)["entities"] for line in ran.text.splitlines()]
    for ours, theirs in zip(found, tag(texts), strict=True):
        assert [[one[name] for name in names] for one in ours] == [[one[name] for name in names] for one in theirs]
        assert [one["score"] for one in ours] == pytest.approx([float(one["score"]) for one in theirs], abs=1e-5)
    assert any(found)


@pytest.fixture(scope="module")
def resaved(model_folder: Folder, tmp_path_factory: Any) -> Callable[[str], Path]:
    """A model that `Trainer` trained two steps with its collator, and saved with its tokenizer."""
    root: Path = tmp_path_factory.mktemp("resaved")

    def folder(family: str) -> Path:
        out = root / family
        if not out.exists():
            causal = family == "llama"
            kind = transformers.AutoModelForCausalLM if causal else transformers.AutoModelForMaskedLM
            model = kind.from_pretrained(model_folder(family))
            tokenizer = transformers.AutoTokenizer.from_pretrained(model_folder(family))
            collator = transformers.DataCollatorForLanguageModeling(tokenizer, mlm=not causal)
            rows = [tokenizer(text, truncation=True) for text in TEXTS * 4]
            batch = collator([dict(row) for row in rows])
            pads = batch["input_ids"] == tokenizer.pad_token_id
            assert pads.any() and (batch["labels"][pads] == -100).all() and (batch["labels"] != -100).any()
            args = transformers.TrainingArguments(
                str(root / "state"), max_steps=2, per_device_train_batch_size=4, report_to=[], use_cpu=True,
                save_strategy="no", disable_tqdm=True, learning_rate=1e-3,
            )  # fmt: skip
            before = model.get_input_embeddings().weight.detach().clone()
            trainer = transformers.Trainer(model=model, args=args, train_dataset=rows, data_collator=collator)
            assert np.isfinite(trainer.train().training_loss)
            assert not torch.equal(before, model.get_input_embeddings().weight)
            model.save_pretrained(out)
            tokenizer.save_pretrained(out)
        return out

    return folder


@pytest.mark.parametrize("family", ["bert", "modernbert", "llama"])
def test_model_that_a_trainer_saved_opens_again(
    resaved: Folder, model_folder: Folder, cli: Cli, family: str, tmp_path: Path
) -> None:
    folder = resaved(family)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    ours = load_tokenizer(folder)
    for text in [*TEXTS, "a<|mask|>b <|endoftext|>", " ", "\ta\r\n"]:
        assert theirs(text)["input_ids"] == ours.encode(text, AS_LOADED)
        assert ours.encode(text) == load_tokenizer(model_folder(family)).encode(text)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    for text, vector in zip(TEXTS, open_contextual_embedder(folder).embed(TEXTS), strict=True):
        with torch.no_grad():
            states = model(**theirs(text, return_tensors="pt")).last_hidden_state[0]
        assert np.allclose(states.mean(dim=0).numpy(), vector, atol=1e-4)
    shown = json.loads(succeeded(cli("inspect", folder, "--json")).out)
    assert shown["kind"] == "transformers model" and shown["facts"]["model_type"] == family
    assert shown["facts"]["class"] in ("BertForMaskedLM", "ModernBertForMaskedLM", "LlamaForCausalLM")
    near = cli("near", "sea", "--context", TEXTS[0], "-e", folder, "-k", "2")
    assert near.code == 0 and len(near.text.splitlines()) == 3, near.err
    (tmp_path / "text").write_text("the sea is wide\n" * 40, encoding="utf-8")
    further = ["--from", folder, "--context-length", "48", "--max-steps", "2", "-o", tmp_path / "further"]
    succeeded(cli("fit", family, tmp_path / "text", *further))
    (tmp_path / "labels.tsv").write_text("".join(f"{n % 2}\tthe sea {n}\n" for n in range(20)), encoding="utf-8")
    succeeded(cli("finetune", tmp_path / "labels.tsv", "-m", folder, "--epochs", "1", "-o", tmp_path / "tuned"))


# The old place of the losses: versions 3 to 6 know it.
@pytest.mark.filterwarnings("ignore:Importing from 'sentence_transformers.losses'")
def test_sentence_transformer_trainer_and_the_way_back(
    model_folder: Folder, bpe_folder: Path, english_file: Path, cli: Cli, tmp_path: Path
) -> None:
    library = pytest.importorskip("sentence_transformers", reason="needs sentence-transformers")
    datasets = pytest.importorskip("datasets", reason="needs datasets")
    rows = datasets.Dataset.from_dict({"anchor": TEXTS * 4, "positive": TEXTS[::-1] * 4})
    model = library.SentenceTransformer(str(model_folder("bert")), device="cpu")
    before = model.encode(TEXTS)
    args = library.SentenceTransformerTrainingArguments(
        str(tmp_path / "state"), max_steps=2, per_device_train_batch_size=2, report_to=[], use_cpu=True,
        save_strategy="no", disable_tqdm=True, learning_rate=1e-3,
    )  # fmt: skip
    from sentence_transformers.losses import MultipleNegativesRankingLoss

    loss = MultipleNegativesRankingLoss(model)
    library.SentenceTransformerTrainer(model=model, args=args, train_dataset=rows, loss=loss).train()
    model.save_pretrained(str(tmp_path / "saved"))
    after = model.encode(TEXTS)
    assert np.abs(after - before).max() > 1e-4
    assert np.allclose(open_contextual_embedder(tmp_path / "saved").embed(TEXTS), after, atol=1e-4)
    shown = json.loads(succeeded(cli("inspect", tmp_path / "saved", "--json")).out)
    assert shown["kind"] == "sentence-transformers model" and shown["facts"]["pooling"] == "mean"


def test_folders_that_are_no_model_are_none(bpe_folder: Path, tmp_path: Path, cli: Cli) -> None:
    import shutil

    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(bpe_folder / name, tmp_path / name)
    (tmp_path / "config.json").write_text('{"model_type": "bert", "architectures": ["BertModel"]}', encoding="utf-8")
    assert json.loads(succeeded(cli("inspect", tmp_path, "--json")).out)["kind"] == "foreign tokenizer"
    # Weights that tokit does not read are said to be there.
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    shown = json.loads(succeeded(cli("inspect", tmp_path, "--json")).out)
    assert shown["kind"] == "transformers model" and "a pickle" in shown["facts"]["unreadable_weights"]
