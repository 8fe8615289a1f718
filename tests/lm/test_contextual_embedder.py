"""`tokit fit bert`, `tokit embed` of the model, on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("transformers", reason="needs the extra 'contextual'")

from tests.support.program import assert_error
from tokit.arrays import Ids
from tokit.lm import LANGUAGE_MODELS
from tokit.lm.contextual_embedder import context_of, open_contextual_embedder

SETTINGS = ["--size", "tiny", "--max-steps", "3", "--context-length", "32", "--batch-size", "2"]


@pytest.fixture(scope="module", params=list(LANGUAGE_MODELS))
def model(request: pytest.FixtureRequest, corpus_file: Path, bpe_folder: Path, tmp_path_factory: Any) -> Path:
    from tokit.cli.main import main

    out: Path = tmp_path_factory.mktemp("contextual") / request.param
    assert main(["fit", request.param, str(corpus_file), "-t", str(bpe_folder), "-o", str(out), *SETTINGS]) == 0
    return out


def test_embed_gives_the_same_in_any_order_and_batch(model: Path, cli: Any, tmp_path: Path) -> None:
    lines = ["the sea", "", "rivers run to the sea", "a", "music " * 100]
    (tmp_path / "text.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ran = cli("embed", tmp_path / "text.txt", "-e", model)
    assert ran.code == 0 and "which were truncated: 1" in ran.err
    rows = [json.loads(line)["vector"] for line in ran.out.splitlines()]
    embedder = open_contextual_embedder(model)
    for line, row in zip(lines, rows, strict=True):
        assert np.allclose(embedder.embed([line])[0], row, atol=1e-5)


def test_tokens_have_vectors_that_change_with_the_text(model: Path, cli: Any, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("the sea\nby the sea\n", encoding="utf-8")
    ran = cli("embed", tmp_path / "text.txt", "-e", model, "--tokens")
    assert ran.code == 0
    first, second = (json.loads(line) for line in ran.out.splitlines())
    assert len(first["tokens"]) == len(first["vectors"])
    assert not np.allclose(first["vectors"][-1], second["vectors"][-1], atol=1e-4)
    assert cli("embed", tmp_path / "text.txt", "-e", model, "--tokens", "-o", tmp_path / "v.npy").code == 0
    vectors, ends = np.load(tmp_path / "v.npy"), np.load(tmp_path / "v.ends.npy")
    assert ends.tolist() == [len(first["tokens"]), len(first["tokens"]) + len(second["tokens"])]
    assert np.allclose(vectors, first["vectors"] + second["vectors"], atol=1e-5)


def test_layers_are_chosen(model: Path, cli: Any, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("by the sea\n", encoding="utf-8")
    vectors = {}
    for layer in ("0", "1", "-1", "last4"):
        ran = cli("embed", tmp_path / "text.txt", "-e", model, "--layer", layer)
        vectors[layer] = json.loads(ran.out)["vector"]
    assert np.allclose(vectors["last4"], np.mean([vectors["0"], vectors["1"], vectors["-1"]], axis=0), atol=1e-5)
    ran = cli("embed", tmp_path / "text.txt", "-e", model, "--layer", "7")
    assert ran.code == 2 and "--layer 7" in ran.err


def test_an_empty_corpus_is_an_error(cli: Any, bpe_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    ran = cli("fit", "bert", tmp_path / "empty.txt", "-t", bpe_folder, "-o", tmp_path / "m", *SETTINGS)
    assert ran.code == 1 and "empty" in ran.err and not (tmp_path / "m").exists()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--size", "tinny"], "did you mean 'tiny'?"),
        (["--max-stepps", "3"], "did you mean --max-steps?"),
        (["--minutes", "0"], "--minutes 0"),
        (["-d", "100"], "No such option: -d"),
        (["--num-attention-heads", "3"], "no multiple"),
        (["--minutes", "1", "--max-steps", "2"], "leave one of them out"),
    ],
)
def test_wrong_options_are_named(cli: Any, bpe_folder: Path, tmp_path: Path, given: list[str], said: str) -> None:
    ran = cli("fit", "bert", "@lee", "-t", bpe_folder, "-o", tmp_path / "m", *given)
    assert ran.code == 2 and said in ran.err, ran.err


@pytest.mark.parametrize(("pool", "said"), [("meen", "did you mean 'mean'?"), ("sif", "is for static embeddings")])
def test_a_pool_that_a_model_does_not_have_is_refused(cli: Any, model: Path, pool: str, said: str) -> None:
    ran = cli("embed", "-e", model, "--pool", pool, stdin=b"the sea\n")
    assert ran.code == 2 and said in ran.err, ran.err


def test_static_families_do_not_take_a_model_s_options(cli: Any, bpe_folder: Path, tmp_path: Path) -> None:
    ran = cli("fit", "svd", "@lee", "-t", bpe_folder, "-o", tmp_path / "m", "--size", "tiny")
    assert ran.code == 2 and "--size" in ran.err
    ran = cli("fit", "bret", "@lee", "-t", bpe_folder, "-o", tmp_path / "m")
    assert ran.code == 2 and "did you mean 'bert'?" in ran.err


# --- models of others


@pytest.fixture
def foreign(bpe_folder: Path, tmp_path: Path) -> Any:
    """Makes a tiny model of any type at random in a folder, with a tokenizer."""
    import shutil

    import torch
    import transformers

    def make(kind: str = "bert", **changes: Any) -> Path:
        torch.manual_seed(3)
        out = tmp_path / kind
        config = transformers.AutoConfig.for_model(kind, **{**SHAPES.get(kind, SHAPE), **changes})
        transformers.AutoModel.from_config(config).save_pretrained(out)
        for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
            shutil.copy(bpe_folder / name, out)
        return out

    return make


COMMON = {"vocab_size": 600, "pad_token_id": 1}
SHAPE = COMMON | {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 40, "initializer_range": 0.5,
}  # fmt: skip
SHAPES = {"gpt2": COMMON | {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 40}}
LONG = "the sea " * 100


def said(path: Path, **entries: Any) -> None:
    """Change entries of a JSON file, or begin one."""
    before = json.loads(path.read_bytes()) if path.is_file() else {}
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({**before, **entries}), encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "most"),
    [("bert", 40), ("gpt2", 40), ("roberta", 38), ("xlm-roberta", 38), ("camembert", 38), ("mpnet", 38)],
)
def test_a_document_is_cut_to_the_positions_of_a_model(kind: str, most: int, foreign: Any, cli: Any) -> None:
    folder = foreign(kind)
    ran = cli("embed", "-e", folder, "--tokens", stdin=f"{LONG}\nsea\n".encode())
    assert ran.code == 0 and "which were truncated: 1" in ran.err
    assert len(json.loads(ran.out.splitlines()[0])["vectors"]) == most == context_of(folder)


def test_padding_of_another_id_takes_other_positions(foreign: Any) -> None:
    assert context_of(foreign("roberta", pad_token_id=5)) == 34


@pytest.mark.parametrize(
    ("tokenizer", "sentences", "most"),
    [(20, None, 20), (10**30, None, 38), (1e30, None, 38), (64, None, 38), (20, 30, 30), (10**30, 64, 38)],
)
def test_a_document_is_as_long_as_the_folder_s_files_let_it_be(
    tokenizer: float, sentences: int | None, most: int, foreign: Any
) -> None:
    folder = foreign("roberta")
    said(folder / "tokenizer_config.json", model_max_length=tokenizer)
    if sentences is not None:
        said(folder / "sentence_bert_config.json", max_seq_length=sentences)
    assert context_of(folder) == most == open_contextual_embedder(folder).encoder.context


def test_weights_that_do_not_fit_are_refused(foreign: Any, cli: Any) -> None:
    import shutil

    folder = foreign("bert")
    shutil.copy(foreign("gpt2") / "model.safetensors", folder / "model.safetensors")
    assert_error(cli("embed", "@lee", "-e", folder), 1, "its weights lack", "and 3", "of the same model?")
    said(foreign("bert") / "config.json", intermediate_size=12)
    assert_error(cli("embed", "@lee", "-e", folder), 1, "another shape to encoder.layer.0.intermediate.dense.bias")


def test_pickled_weights_are_not_read(foreign: Any, cli: Any) -> None:
    import torch
    from safetensors.torch import load_file

    folder = foreign("bert")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert_error(cli("embed", "@lee", "-e", folder), 1, "no weights in safetensors")


def test_a_model_without_its_pooler_is_whole(foreign: Any) -> None:
    from safetensors.torch import load_file, save_file

    folder = foreign("bert")
    before = open_contextual_embedder(folder).embed(["the sea"])
    weights = {name: each for name, each in load_file(folder / "model.safetensors").items() if "pooler" not in name}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    assert np.array_equal(open_contextual_embedder(folder).embed(["the sea"]), before)


@pytest.mark.parametrize(
    "given",
    [
        ["embed", "@lee", "-e", "MODEL"],
        ["near", "sea", "--context", "the sea", "-e", "MODEL"],
        ["attention", "the sea", "-m", "MODEL"],
        ["distill", "-m", "MODEL", "-o", "OUT"],
        ["finetune", "@lee", "-m", "MODEL", "-o", "OUT"],
        ["export", "MODEL", "--to", "onnx", "-o", "OUT"],
        ["fit", "lstm", "@lee", "--from", "MODEL", "-o", "OUT"],
    ],
    ids=lambda given: given[0],
)
def test_a_config_that_is_no_object_is_an_error(given: list[str], foreign: Any, cli: Any, tmp_path: Path) -> None:
    folder = foreign("bert")
    (folder / "config.json").write_text("[]", encoding="utf-8")
    places = {"MODEL": str(folder), "OUT": str(tmp_path / "out")}
    assert_error(cli(*[places.get(word, word) for word in given]), 1, "config.json: not a JSON object")


def test_settings_that_are_no_object_are_an_error(foreign: Any, cli: Any) -> None:
    folder = foreign("bert")
    (folder / "sentence_bert_config.json").write_text("[]", encoding="utf-8")
    assert_error(cli("embed", "@lee", "-e", folder), 1, "sentence_bert_config.json: not a JSON object")


MODES = {
    "cls": {"pooling_mode": "cls"},
    "mean": {"pooling_mode": "mean"},
    "old cls": {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False},
    "old mean": {"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True},
    "list": {"pooling_mode": ["cls"]},
    "none": {"pooling_mode_cls_token": False},
}
OLD, NEW = "sentence_transformers.models", "sentence_transformers.sentence_transformer.modules.x"


def as_sentences(folder: Path, mode: dict[str, Any], *others: str, package: str = OLD) -> Path:
    """Make a model a sentence encoder."""
    kinds = ["Transformer", "Pooling", *others]
    modules = [
        {"idx": i, "name": str(i), "path": f"{i}_{kind}" if i else "", "type": f"{package}.{kind}"}
        for i, kind in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    said(folder / "sentence_bert_config.json", max_seq_length=30, do_lower_case=False)
    said(folder / "1_Pooling" / "config.json", word_embedding_dimension=16, **mode)
    for i, kind in enumerate(others, 2):
        (folder / f"{i}_{kind}").mkdir()
    return folder


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("others", [(), ("Normalize",)], ids=["plain", "normalized"])
def test_documents_are_pooled_as_sentence_transformers_does(mode: str, others: tuple[str, ...], foreign: Any) -> None:
    sentences = pytest.importorskip("sentence_transformers", reason="needs sentence-transformers")
    folder = as_sentences(foreign("bert"), MODES[mode], *others)
    texts = ["the sea", "rivers run to the sea", LONG, "größe 日本語"]
    theirs = sentences.SentenceTransformer(str(folder), local_files_only=True).encode(texts)
    assert np.abs(theirs - open_contextual_embedder(folder).embed(texts)).max() < 1e-5
    # A test that would hold for every pooling says nothing.
    means = open_contextual_embedder(folder).encoder.pool(framed(folder, texts))
    plain = mode in ("mean", "old mean", "none") and not others
    assert plain == (np.abs(means - theirs).max() < 0.01)


def framed(folder: Path, texts: list[str]) -> Any:
    embedder = open_contextual_embedder(folder)
    return embedder.within(embedder.tokenizer.encode_batch(texts, embedder.options))


@pytest.mark.parametrize(
    ("mode", "others", "named"),
    [
        ({"pooling_mode": "max"}, (), "unsupported pooling: max"),
        ({"pooling_mode_weightedmean_tokens": True}, (), "unsupported pooling: weightedmean"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}, (), "unsupported pooling: cls+mean"),
        ({"pooling_mode": ["mean", "max"]}, ("Normalize",), "unsupported pooling: mean+max, normalize"),
        ({"pooling_mode": "mean"}, ("Dense", "Normalize"), "unsupported pooling: mean, Dense, normalize"),
    ],
)
def test_other_ways_to_pool_are_refused(
    mode: dict[str, Any], others: tuple[str, ...], named: str, foreign: Any, cli: Any, tmp_path: Path
) -> None:
    folder = as_sentences(foreign("bert"), mode, *others, package=NEW)
    assert_error(cli("embed", "-e", folder, "-o", tmp_path / "v.npy", stdin=b"the sea\n"), 1, named, str(folder))
    assert not (tmp_path / "v.npy").exists()
    ran = cli("embed", "-e", folder, "--tokens", stdin=b"the sea\n")
    assert ran.code == 0 and json.loads(ran.out)["vectors"]


def test_modules_that_are_no_list_are_an_error(foreign: Any, cli: Any) -> None:
    folder = foreign("bert")
    (folder / "modules.json").write_text("{}", encoding="utf-8")
    assert_error(cli("embed", "@lee", "-e", folder), 1, "modules.json: not a list of modules")


# --- how documents go through


def test_a_component_is_no_reason_to_count_twice(foreign: Any, cli: Any) -> None:
    texts = f"{LONG}\nthe sea\nrivers run to the sea\n{LONG}\n".encode()
    ran = cli("embed", "-e", foreign("bert"), "--remove-component", "all", stdin=texts)
    assert ran.code == 0 and "which were truncated: 2\n" in ran.err


def test_token_vectors_are_made_some_documents_at_a_time(foreign: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokit.lm import contextual_embedder

    embedder = open_contextual_embedder(foreign("bert"))
    texts = ["the sea", "", LONG, "a", "rivers run to the sea"]
    ids = embedder.tokenizer.encode_batch(texts, embedder.options)
    whole = [(data.tolist(), np.concatenate(list(parts))) for data, parts in embedder.tokens(ids)]
    asked: list[int] = []
    tokens = type(embedder.encoder).tokens

    def counted(self: Any, some: Ids) -> Any:
        asked.append(len(some))
        return tokens(self, some)

    monkeypatch.setattr(type(embedder.encoder), "tokens", counted)
    monkeypatch.setattr(contextual_embedder, "DOCUMENTS_AT_ONCE", 2)
    apart = [(data.tolist(), np.concatenate(list(parts))) for data, parts in embedder.tokens(ids)]
    assert asked == [2, 2, 1] and len(whole) == len(apart) == 5 and embedder.truncated == 2
    for (data, rows), (again, others) in zip(whole, apart, strict=True):
        assert data == again and np.allclose(rows, others, atol=1e-5)
