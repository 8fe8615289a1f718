"""What a language model begins with: checkpoints of transformers, vectors of tokens, frozen layers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'contextual'")

from safetensors.numpy import load_file  # noqa: E402

from tokit.corpus import open_corpus  # noqa: E402
from tokit.errors import ArtifactError, UsageError  # noqa: E402
from tokit.lm.checkpoint import Vectors, placed, principal  # noqa: E402
from tokit.lm.plan import InitOptions  # noqa: E402
from tokit.lm.pretraining_fit import PretrainReport  # noqa: E402
from tokit.ops.fit import fit_embedding, pretrain  # noqa: E402
from tokit.tokenizer.load import load_tokenizer  # noqa: E402

pytestmark = pytest.mark.slow

TINY = {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2}
# A step that moves nothing: what the folder holds is what the training began with.
STILL = {"max_steps": 1, "learning_rate": 0, "context_length": 24, "batch_size": 2}
BERT_TABLE = "bert.embeddings.word_embeddings.weight"


@pytest.fixture
def fitted(corpus_file: Path, bpe_folder: Path, tmp_path: Path) -> Callable[..., tuple[PretrainReport, dict[str, Any]]]:
    def fit(out: str = "model", **given: Any) -> tuple[PretrainReport, dict[str, Any]]:
        start = given.get("init", InitOptions())
        shape = {} if start.checkpoint else TINY
        settings = {**shape, **STILL, **given.pop("settings", {})}
        given.setdefault("tokenizer", None if start.checkpoint else bpe_folder)
        report = pretrain(
            open_corpus([str(corpus_file)]),
            given.pop("tokenizer"),
            tmp_path / out,
            settings=settings,
            threads=1,
            **given,
        )
        return report, load_file(tmp_path / out / "model.safetensors")

    return fit


@pytest.fixture(scope="module")
def static(corpus_file: Path, bpe_folder: Path, tmp_path_factory: Any) -> Callable[[int], Path]:
    root = tmp_path_factory.mktemp("static")

    def folder(dim: int) -> Path:
        out: Path = root / str(dim)
        if not out.exists():
            fit_embedding(open_corpus([str(corpus_file)]), bpe_folder, out, family="svd", dim=dim)
        return out

    return folder


def test_vectors_of_model2vec_are_taken_as_tokits_own(
    fitted: Any, static: Callable[[int], Path], tmp_path: Path
) -> None:
    model2vec = pytest.importorskip("model2vec")
    model2vec.StaticModel.from_pretrained(static(16)).save_pretrained(tmp_path / "saved")
    report, found = fitted("own", init=InitOptions(vectors=static(16)))
    again, same = fitted("theirs", init=InitOptions(vectors=tmp_path / "saved"))
    # The library writes the tokenizer anew, and so has another hash of it.
    assert (report.init.matched, again.init.matched) == ("id", "text")
    equal = (found[BERT_TABLE] == same[BERT_TABLE]).all(axis=1)
    assert equal.sum() >= again.init.initialized > 200


@pytest.fixture(scope="module")
def foreign(bpe_folder: Path, tmp_path_factory: Any) -> Callable[[str], Path]:
    """Folders that transformers wrote: `bert` as sentence encoders come, without a head, and an untied `llama`."""
    root = tmp_path_factory.mktemp("foreign")

    def folder(kind: str) -> Path:
        out: Path = root / kind
        if not out.exists():
            torch.manual_seed(3)
            tokenizer = transformers.AutoTokenizer.from_pretrained(bpe_folder)
            common = {"vocab_size": len(tokenizer), "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
            if kind == "bert":
                config = transformers.BertConfig(**common, intermediate_size=32, max_position_embeddings=40)
                model = transformers.BertModel(config)
            else:
                config = transformers.LlamaConfig(
                    **common, intermediate_size=32, max_position_embeddings=40, tie_word_embeddings=False
                )
                model = transformers.LlamaForCausalLM(config)
            model.save_pretrained(out)
            tokenizer.save_pretrained(out)
        return out

    return folder


def test_vectors_take_the_mean_norm_of_the_rows_they_replace_and_keep_their_proportions() -> None:
    random = np.random.default_rng(0)
    table = random.normal(0, 0.02, (50, 12)).astype(np.float32)
    vectors = Vectors(random.normal(0, 3, (50, 12)).astype(np.float32), np.arange(50) % 3 > 0)
    filled = placed(table, vectors)
    given = vectors.known
    assert np.array_equal(filled[~given], table[~given])
    norms = np.linalg.norm(filled[given], axis=1)
    assert norms.mean() == pytest.approx(np.linalg.norm(table[given], axis=1).mean(), rel=1e-5)
    assert np.allclose(
        norms / norms[0], np.linalg.norm(vectors.rows[given], axis=1) / np.linalg.norm(vectors.rows[given][0])
    )


def test_fewer_columns_are_filled_up_by_those_of_the_table() -> None:
    random = np.random.default_rng(0)
    table = random.normal(0, 0.02, (50, 12)).astype(np.float32)
    rows = random.normal(0, 3, (50, 5)).astype(np.float32)
    filled = placed(table, Vectors(rows, np.ones(50, dtype=np.bool_)))
    assert np.array_equal(filled[:, 5:], table[:, 5:])
    assert np.linalg.norm(filled[:, :5], axis=1).mean() == pytest.approx(
        np.linalg.norm(table[:, :5], axis=1).mean(), rel=1e-5
    )


def test_more_columns_become_principal_components() -> None:
    random = np.random.default_rng(0)
    rows = (random.normal(size=(200, 9)) * [9, 8, 7, 1, 1, 1, 1, 1, 1]).astype(np.float32)
    projected = principal(rows, 3)
    left, sizes, _ = np.linalg.svd(rows - rows.mean(axis=0), full_matrices=False)
    expected = left[:, :3] * sizes[:3]
    assert np.allclose(np.abs(projected), np.abs(expected), atol=1e-3)
    assert np.array_equal(principal(rows, 9), rows)


@pytest.mark.parametrize("dim", [16, 24, 8])
def test_static_vectors_are_in_the_table_that_the_stock_model_loads(
    dim: int, fitted: Any, static: Callable[[int], Path], tmp_path: Path
) -> None:
    _, plain = fitted("plain")
    report, found = fitted("given", init=InitOptions(vectors=static(dim)))
    model = transformers.AutoModel.from_pretrained(tmp_path / "given")
    table, fresh = model.get_input_embeddings().weight.detach().numpy(), plain[BERT_TABLE]
    assert np.array_equal(table, found[BERT_TABLE])
    vectors = load_file(static(dim) / "model.safetensors")["embeddings"]
    given = vectors.any(axis=1)
    assert (
        report.init.initialized == given.sum() and report.init.matched == "id" and report.init.random == (~given).sum()
    )
    assert np.array_equal(table[~given], fresh[~given])
    columns = min(dim, 16)
    expected = principal(vectors[given], columns)
    cosines = (table[given, :columns] * expected).sum(1)
    cosines /= np.linalg.norm(table[given, :columns], axis=1) * np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.9999
    assert np.array_equal(table[:, columns:], fresh[:, columns:])
    # Nothing else has changed.
    assert all(np.array_equal(found[name], plain[name]) for name in found if name != BERT_TABLE)


def test_rows_of_another_tokenizer_are_found_by_text(
    fitted: Any, static: Callable[[int], Path], trained_folder: Callable[[str], Path]
) -> None:
    other = trained_folder("wordpiece")
    report, found = fitted(tokenizer=other, init=InitOptions(vectors=static(16)))
    assert report.init.matched == "text" and 0 < report.init.initialized < report.vocab_size
    vectors = load_file(static(16) / "model.safetensors")["embeddings"]
    there, words = load_tokenizer(static(16)), load_tokenizer(other)
    row = found[BERT_TABLE][words.encode("the")[0]]
    expected = vectors[there.encode(" the")[0]]
    assert row @ expected / np.linalg.norm(row) / np.linalg.norm(expected) > 0.9999


def test_a_foreign_encoder_goes_on_with_its_weights_and_a_head_at_random(
    fitted: Any, foreign: Callable[[str], Path], tmp_path: Path
) -> None:
    report, found = fitted(init=InitOptions(checkpoint=foreign("bert")))
    before = load_file(foreign("bert") / "model.safetensors")
    kept = [name for name in before if not name.startswith("pooler")]
    assert len(kept) > 40 and all(np.array_equal(found[f"bert.{name}"], before[name]) for name in kept)
    assert report.init.missing and all(name.startswith("cls.") for name in report.init.missing)
    assert report.layers == 3 and report.init.matched == "id"
    ours, theirs = (transformers.AutoModel.from_pretrained(f).eval() for f in (tmp_path / "model", foreign("bert")))
    ids = torch.arange(5, 20)[None]
    assert torch.allclose(ours(ids).last_hidden_state, theirs(ids).last_hidden_state, atol=1e-6)


def test_a_foreign_decoder_goes_on_with_both_of_its_tables(fitted: Any, foreign: Callable[[str], Path]) -> None:
    report, found = fitted(family="llama", init=InitOptions(checkpoint=foreign("llama")))
    before = load_file(foreign("llama") / "model.safetensors")
    assert set(before) == set(found) and "lm_head.weight" in found
    assert all(np.array_equal(found[name], before[name]) for name in before)
    assert report.init.missing == ()


def test_training_goes_on_where_it_ended(fitted: Any, tmp_path: Path) -> None:
    first, _ = fitted("first", settings={"max_steps": 60, "learning_rate": 0.01, "validation_fraction": 0.2})
    more, _ = fitted("more", init=InitOptions(tmp_path / "first"), settings={"validation_fraction": 0.2})
    assert more.init.missing == () and more.init.random == 0
    assert more.evaluations[-1]["loss"] == pytest.approx(first.evaluations[-1]["loss"], abs=0.02)


@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_a_checkpoint_takes_another_tokenizer(
    kind: str, fitted: Any, foreign: Callable[[str], Path], trained_folder: Callable[[str], Path]
) -> None:
    other = trained_folder("wordpiece")
    report, found = fitted(family=kind, tokenizer=other, init=InitOptions(checkpoint=foreign(kind)))
    before = load_file(foreign(kind) / "model.safetensors")
    there, words = load_tokenizer(foreign(kind)), load_tokenizer(other)
    tables = {"bert": [("embeddings.word_embeddings.weight", BERT_TABLE)]}.get(
        kind, [(name, name) for name in ("model.embed_tokens.weight", "lm_head.weight")]
    )
    for old, new in tables:
        assert len(found[new]) == words.vocab_size == report.vocab_size
        assert np.array_equal(found[new][words.encode("the")[0]], before[old][there.encode(" the")[0]])
        assert np.array_equal(found[new][words.special_ids["mask"]], before[old][there.special_ids["mask"]])
        assert found[new].std() == pytest.approx(0.02, rel=0.05)
    assert report.init.matched == "text" and report.init.initialized > 50


@pytest.mark.parametrize(
    ("kind", "patterns", "frozen"),
    [
        ("bert", ("embeddings", "encoder.layer.0"), ("bert.embeddings.", "bert.encoder.layer.0.")),
        (
            "bert",
            ("bert.encoder.*.attention.*",),
            ("bert.encoder.layer.0.attention.", "bert.encoder.layer.1.attention."),
        ),
        ("llama", ("layers.1",), ("model.layers.1.",)),
        ("llama", ("model",), ("model.",)),
    ],
)
def test_frozen_layers_stay_as_they_were(kind: str, patterns: Any, frozen: Any, fitted: Any) -> None:
    if patterns == ("model",):
        # The head is tied to the table below it.
        with pytest.raises(UsageError, match="nothing to train"):
            fitted("after", family=kind, init=InitOptions(freeze=patterns))
        return
    _, before = fitted("before", family=kind)
    settings = {"max_steps": 3, "learning_rate": 0.01}
    report, after = fitted("after", family=kind, settings=settings, init=InitOptions(freeze=patterns))
    stayed = {name for name in before if np.array_equal(before[name], after[name])}
    assert stayed == {name for name in before if name.startswith(frozen)}
    assert report.frozen == sum(before[name].size for name in stayed)


def test_a_head_learns_alone(fitted: Any, foreign: Callable[[str], Path]) -> None:
    settings = {"max_steps": 3, "learning_rate": 0.01}
    start = InitOptions(checkpoint=foreign("llama"), freeze=("model",))
    _, found = fitted("head", family="llama", settings=settings, init=start)
    before = load_file(foreign("llama") / "model.safetensors")
    assert [name for name in before if not np.array_equal(before[name], found[name])] == ["lm_head.weight"]


def test_a_stopped_run_begins_again_with_the_same_start_only(
    fitted: Any, static: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokit.lm.train import pretraining_loop

    start = InitOptions(vectors=static(8), freeze=("encoder.layer.0",))
    settings = {"max_steps": 6, "learning_rate": 0.01}
    _, whole = fitted("whole", settings=settings, init=start)
    learn = pretraining_loop.PretrainingLoop._learn

    def killed(self: pretraining_loop.PretrainingLoop, batch: Any) -> None:
        if self._step == 4:
            raise KeyboardInterrupt
        learn(self, batch)

    monkeypatch.setattr(pretraining_loop.PretrainingLoop, "_learn", killed)
    with pytest.raises(KeyboardInterrupt):
        fitted("halves", settings=settings, init=start, checkpoint_every=1)
    monkeypatch.undo()
    for other in (InitOptions(vectors=static(8)), InitOptions(freeze=start.freeze), InitOptions(static(24))):
        with pytest.raises((ArtifactError, UsageError)):
            fitted("halves", settings=settings, init=other, resume=True)
    _, halves = fitted("halves", settings=settings, init=start, resume=True)
    assert all(np.array_equal(whole[name], halves[name]) for name in whole)
    said = json.loads((tmp_path / "halves" / "tokit.json").read_text("utf-8"))
    assert said["freeze"] == ["encoder.layer.0"] and said["warm_start"]["resized"] == "padded"


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["--from", "BERT", "--freeze", "encoder.layr.0"], 2, "encoder.layer.0"),
        (["--freeze", "encodr", "-t", "TOK"], 2, "did you mean encoder"),
        (["--freeze", "*", "-t", "TOK"], 2, "nothing to train"),
        (["--from", "LLAMA"], 2, "tokit fit llama"),
        (["--from", "BERT", "--size", "mini"], 2, "--size does not go with --from"),
        (["--from", "BERT", "--num-hidden-layers", "3"], 2, "--num-hidden-layers does not go with --from"),
        (["--from", "BERT", "--context-length", "41"], 2, "takes 40 tokens"),
        (["--from", "BERT", "--init-embeddings", "STATIC"], 2, "leave one of them out"),
        (["--from", "STATIC"], 1, "STATIC"),
        (["--from", "CUT"], 1, "weights cannot be loaded"),
        (["--from", "PICKLED"], 1, "no weights in safetensors"),
        (["--from", "NOWHERE"], 1, "no such file"),
    ],
)
def test_a_start_that_cannot_be_one_is_named(
    given: list[str], code: int, said: str, cli: Any, foreign: Any, static: Any, bpe_folder: Path, tmp_path: Path
) -> None:
    import shutil

    places = {"BERT": foreign("bert"), "LLAMA": foreign("llama"), "STATIC": static(8), "TOK": bpe_folder}
    for name in ("CUT", "PICKLED"):
        places[name] = Path(shutil.copytree(foreign("bert"), tmp_path / name))
    weights = places["CUT"] / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    (places["PICKLED"] / "model.safetensors").rename(places["PICKLED"] / "pytorch_model.bin")
    arguments = [str(places.get(word, word)) for word in given]
    steps = [] if "--context-length" in given else ["--context-length", "24"]
    ran = cli("fit", "bert", "@parallel/en", "-o", tmp_path / "out", "--max-steps", "1", *steps, *arguments)
    assert ran.code == code, ran.err
    assert said.replace("STATIC", str(places["STATIC"])) in ran.err and ran.err.startswith("error:")
    assert not (tmp_path / "out").exists()


def test_static_families_have_no_freeze(cli: Any, bpe_folder: Path, tmp_path: Path) -> None:
    ran = cli("fit", "svd", "@lee", "-t", bpe_folder, "-o", tmp_path / "m", "--freeze", "embeddings")
    assert ran.code == 2 and "No such option: --freeze" in ran.err


# --- weights that are not all there


def without(folder: Path, place: Path, part: str) -> Path:
    """A copy of a folder whose weights lack those with a part of a name."""
    import shutil

    from safetensors.numpy import save_file

    shutil.copytree(folder, place)
    weights = {name: each for name, each in load_file(folder / "model.safetensors").items() if part not in name}
    assert len(weights) < len(load_file(folder / "model.safetensors"))
    save_file(weights, place / "model.safetensors", {"format": "pt"})
    return place


@pytest.fixture(scope="module")
def examples(tmp_path_factory: Any) -> Path:
    path: Path = tmp_path_factory.mktemp("examples") / "examples.tsv"
    path.write_text("sea\tby the sea\nriver\tthe river\n" * 4, encoding="utf-8")
    return path


@pytest.mark.parametrize("command", ["finetune", "fit"])
def test_a_layer_at_random_is_refused(command: str, examples: Path, cli: Any, foreign: Any, tmp_path: Path) -> None:
    folder = without(foreign("bert"), tmp_path / "broken", "encoder.layer.1.")
    given = {
        "finetune": ["finetune", examples, "-m", folder, "--validation", 0],
        "fit": ["fit", "bert", "@parallel/en", "--from", folder, "--max-steps", "1", "--context-length", "24"],
    }
    ran = cli(*given[command], "-o", tmp_path / "out")
    assert ran.code == 1 and "its weights lack bert.encoder.layer.1." in ran.err and "and 15 more" in ran.err
    assert not (tmp_path / "out").exists()


def test_a_layer_of_another_shape_is_refused(examples: Path, cli: Any, foreign: Any, tmp_path: Path) -> None:
    folder = without(foreign("bert"), tmp_path / "broken", "pooler")
    config = json.loads((folder / "config.json").read_bytes())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 24}), encoding="utf-8")
    ran = cli("finetune", examples, "-m", folder, "--validation", 0, "-o", tmp_path / "out")
    assert ran.code == 1 and "gives another shape to bert.encoder.layer.0.intermediate" in ran.err


def test_a_pooler_and_a_head_may_begin_at_random(examples: Path, cli: Any, foreign: Any, tmp_path: Path) -> None:
    folder = without(foreign("bert"), tmp_path / "bare", "pooler")
    given = ["--validation", 0, "--epochs", "1"]
    assert cli("finetune", examples, "-m", folder, *given, "-o", tmp_path / "one").code == 0
    # Another number of labels is another shape of the head.
    more = examples.with_name("more.tsv")
    more.write_text(examples.read_text("utf-8") + "day\tthe day\n", encoding="utf-8")
    ran = cli("finetune", more, "-m", tmp_path / "one", *given, "-o", tmp_path / "two")
    assert ran.code == 0, ran.err
    assert load_file(tmp_path / "two" / "model.safetensors")["classifier.weight"].shape[0] == 3
