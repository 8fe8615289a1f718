"""Exported word vectors hold words, whatever the tokenizer: gensim, spaCy and the projector find `river`."""

from __future__ import annotations

import csv
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tokit
from tests.support.packages import needs_gensim
from tests.support.program import Ran, assert_error
from tokit.embedding.embedding_folder import load_embedding
from tokit.embedding.words.word_space import open_space
from tokit.errors import TokitError
from tokit.ops.fit import fit_embedding
from tokit.tokenizer.load import load_tokenizer

Cli = Callable[..., Ran]
SENTENCES = ["the river runs to the sea", "a café by the river, naïve riverside", "größe 日本語 driver rivers the end"]
SIZES = {"word": None, "bpe": 330, "wordpiece": 80, "unigram": 340, "spm": 330}
FAMILIES = [*SIZES, "clip"]
# A word that is one token.
COMMON = {**dict.fromkeys(FAMILIES, "the"), "unigram": "a"}


def clip_tokenizer(path: Path) -> Path:
    """A tokenizer with marks behind its words, as CLIP's."""
    words = sorted({word for line in SENTENCES for word in line.replace(",", "").split()})
    vocab = ["<unk>", *dict.fromkeys("".join(words)), *(f"{letter}</w>" for letter in dict.fromkeys("".join(words)))]
    merges: list[list[str]] = []
    for word in words:
        left = word[0]
        for i, letter in enumerate(word[1:], 1):
            right = letter + ("</w>" if i == len(word) - 1 else "")
            if [left, right] not in merges:
                merges.append([left, right])
                vocab.append(left + right)
            left += right
    spec = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None,
        "decoder": {"type": "BPEDecoder", "suffix": "</w>"},
        "model": {
            "type": "BPE", "vocab": {token: i for i, token in enumerate(dict.fromkeys(vocab))}, "merges": merges,
            "unk_token": "<unk>", "end_of_word_suffix": "</w>", "continuing_subword_prefix": None,
            "dropout": None, "fuse_unk": False, "byte_fallback": False,
        },
    }  # fmt: skip
    path.write_text(json.dumps(spec), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A small embedding, fitted when first asked for."""
    root = tmp_path_factory.mktemp("words")
    text = root / "text.txt"
    text.write_text("\n".join(SENTENCES * 20) + "\n", encoding="utf-8")

    def fitted(tokenizer: str, family: str = "skipgram") -> Path:
        out, tok = root / f"{family}-{tokenizer}", root / f"tok-{tokenizer}"
        if tokenizer == "clip" and not tok.exists():
            tok.mkdir()
            clip_tokenizer(tok / "tokenizer.json")
        if not tok.exists():
            size = SIZES[tokenizer]
            corpus = tokit.open_corpus([str(text)])
            tokit.train_tokenizer(corpus, tok, family=tokenizer, vocab_sizes=() if size is None else (size,))
        if not out.exists():
            settings = {"bucket": 2000} if family == "fasttext" else {}
            fit_embedding(
                tokit.open_corpus([str(text)]), tok, out, family=family, dim=6, threads=1,
                settings={"sample": 0, "epochs": 3, **settings},
            )  # fmt: skip
        return out

    return fitted


def read_text(path: Path) -> dict[str, list[float]]:
    lines = path.read_text(encoding="utf-8").split("\n")[1:-1]
    return {line.split(" ")[0]: [float(x) for x in line.split(" ")[1:]] for line in lines}


@pytest.mark.parametrize("tokenizer", FAMILIES)
def test_a_word_has_the_vector_that_near_looks_up(
    cli: Cli, folder: Callable[..., Path], tmp_path: Path, tokenizer: str
) -> None:
    emb = folder(tokenizer)
    assert cli("export", emb, "--to", "word2vec", "-o", tmp_path / "v.vec", "-q").code == 0
    vectors, space = read_text(tmp_path / "v.vec"), open_space(emb)
    assert COMMON[tokenizer] in vectors
    assert not any(mark in word for word in vectors for mark in ("Ġ", "▁", "##", "</w>", "Ã"))
    checked = 0
    for vector, query in zip(vectors.values(), space.look_up_all([*vectors]), strict=True):
        # What `near` splits, or does not know, is a piece inside of words.
        if not isinstance(query, TokitError) and not query.composed:
            checked += 1
            np.testing.assert_allclose(space.vector(query), vector, rtol=1e-6)
    assert checked > 5


@pytest.mark.parametrize("tokenizer", ["bpe", "wordpiece", "clip"])
def test_tokens_that_are_the_same_word_are_said(
    cli: Cli, folder: Callable[..., Path], tmp_path: Path, tokenizer: str
) -> None:
    emb = folder(tokenizer)
    report = json.loads(cli("export", emb, "--to", "glove", "-o", tmp_path / "v", "--json").text)
    embedding = load_embedding(emb)
    tokens = int((embedding.seen & embedding.ordinary).sum())
    skipped = report["duplicates"]["count"] + report["partial"] + report["unwritable"]["count"]
    assert (report["words"] + skipped, report["named_by"]) == (tokens, "words")
    assert (report["duplicates"]["count"] > 0) == (tokenizer != "wordpiece")
    report = json.loads(cli("export", emb, "--to", "glove", "-o", tmp_path / "t", "--names", "tokens", "--json").text)
    assert (report["words"], report["named_by"], report["partial"]) == (tokens, "tokens", 0)
    names = load_tokenizer(embedding.tokenizer).pieces.names
    assert {line.split(" ")[0] for line in (tmp_path / "t").read_text("utf-8").split("\n")[:-1]} <= {*names}


@needs_gensim
@pytest.mark.parametrize("tokenizer", FAMILIES)
def test_gensim_finds_words(cli: Cli, folder: Callable[..., Path], tmp_path: Path, tokenizer: str) -> None:
    from gensim.models import KeyedVectors

    path = tmp_path / "v.bin"
    assert cli("export", folder(tokenizer), "--to", "word2vec-binary", "-o", path, "--verify", "-q").code == 0
    vectors = KeyedVectors.load_word2vec_format(str(path), binary=True)
    word, space = COMMON[tokenizer], open_space(folder(tokenizer))
    assert word in vectors
    np.testing.assert_allclose(vectors[word], space.vector(space.look_up(word)), rtol=1e-6)


@needs_gensim
@pytest.mark.parametrize("tokenizer", ["bpe", "wordpiece", "word"])
def test_words_of_a_bin_have_their_vector(
    cli: Cli, folder: Callable[..., Path], tmp_path: Path, tokenizer: str
) -> None:
    """The n-grams of "river" are not those of " river", and yet the libraries give the token's vector."""
    library = pytest.importorskip("fasttext")
    path, emb = tmp_path / "v.bin", folder(tokenizer, "fasttext")
    ran = cli("export", emb, "--to", "fasttext", "-o", path, "--verify")
    assert (ran.code, "equal in gensim and fasttext" in ran.err) == (0, True)
    model, space = library.load_model(str(path)), open_space(emb)
    assert "the" in model.get_words()
    words = model.get_words()
    for word, query in zip(words, space.look_up_all(words), strict=True):
        if not isinstance(query, TokitError) and not query.composed:
            np.testing.assert_allclose(model.get_word_vector(word), space.vector(query), atol=2e-6)


@pytest.mark.slow
@pytest.mark.parametrize("tokenizer", ["bpe", "wordpiece"])
def test_spacy_finds_words(cli: Cli, folder: Callable[..., Path], tmp_path: Path, tokenizer: str) -> None:
    spacy = pytest.importorskip("spacy")
    path = tmp_path / "v.vec"
    assert cli("export", folder(tokenizer), "--to", "word2vec", "-o", path, "-q").code == 0
    # The work of `spacy init vectors`.
    pipeline = spacy.blank("xx")
    importlib.import_module("spacy.training.initialize").convert_vectors(pipeline, path, truncate=0, prune=-1)
    token = pipeline("the river")[0]
    space = open_space(folder(tokenizer))
    assert token.has_vector
    np.testing.assert_allclose(token.vector, space.vector(space.look_up("the")), rtol=1e-5)


def test_exported_words_initialize_another_training(cli: Cli, folder: Callable[..., Path], tmp_path: Path) -> None:
    """Words come back as words, and are matched by their text to the tokens that they were."""
    emb, back, out = folder("bpe"), tmp_path / "back", tmp_path / "out"
    assert cli("export", emb, "--to", "word2vec", "-o", tmp_path / "v.vec", "-q").code == 0
    assert cli("import", tmp_path / "v.vec", "-o", back, "-q").code == 0
    text = tmp_path / "text.txt"
    text.write_text("zzz qqq\n" * 9, encoding="utf-8")
    ran = cli("fit", "skipgram", text, "--from", back, "-t", emb.parent / "tok-bpe", "-o", out, "--json")
    assert ran.code == 0, ran.err
    before, after = open_space(emb), open_space(out)
    for word in ("the", "river"):
        query = before.look_up(word)
        if not query.composed:
            np.testing.assert_allclose(after.vector(after.look_up(word)), before.vector(query), rtol=1e-6)
    assert json.loads((out / "tokit.json").read_text())["warm_start"]["matched"] == "text"


def parsed_by_the_projector(tensors: str, metadata: str) -> tuple[list[list[float]], list[dict[str, str]]]:
    """TensorBoard's data-provider.ts: parseTensors and parseMetadata, line by line."""
    rows = [[float(x) for x in line.strip().split("\t")] for line in tensors.split("\n") if line.strip()]
    lines = [line for line in metadata.split("\n") if line.strip()]
    columns = lines[0].split("\t") if "\t" in lines[0] else ["label"]
    entries = lines[1:] if "\t" in lines[0] else lines
    return rows, [dict(zip(columns, line.split("\t"), strict=True)) for line in entries]


@pytest.mark.parametrize("tokenizer", ["bpe", "word"])
def test_the_projector_reads_the_pair(cli: Cli, folder: Callable[..., Path], tmp_path: Path, tokenizer: str) -> None:
    out = tmp_path / "projector"
    ran = cli("export", folder(tokenizer), "--to", "projector", "-o", out)
    assert ran.code == 0, ran.err
    assert sorted(file.name for file in out.iterdir()) == ["metadata.tsv", "tensors.tsv"]
    tensors, metadata = ((out / name).read_text("utf-8") for name in ("tensors.tsv", "metadata.tsv"))
    rows, entries = parsed_by_the_projector(tensors, metadata)
    assert len(rows) == len(entries) > 5
    space = open_space(folder(tokenizer))
    for row, entry in zip(rows, entries, strict=True):
        query = space.look_up(entry["word"])
        if not query.composed:
            np.testing.assert_allclose(row, space.vector(query), rtol=1e-6)
    with (out / "metadata.tsv").open(encoding="utf-8", newline="") as file:
        assert len([*csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)]) == len(rows) + 1


def test_words_that_would_break_a_line_are_escaped(cli: Cli, tmp_path: Path) -> None:
    words = ["The", "a\tb", "\u2028", "\u3000", "x\x85y", '"', "café"]
    np.save(tmp_path / "m.npy", np.eye(len(words), dtype=np.float32))
    (tmp_path / "w.txt").write_bytes("\n".join(words).encode())
    assert cli("import", tmp_path / "m.npy", "--words", tmp_path / "w.txt", "-o", tmp_path / "emb", "-q").code == 0
    out = tmp_path / "projector"
    assert cli("export", tmp_path / "emb", "--to", "projector", "-o", out, "-q").code == 0
    texts: list[Any] = [(out / name).read_bytes().decode("utf-8") for name in ("tensors.tsv", "metadata.tsv")]
    rows, entries = parsed_by_the_projector(*texts)
    assert np.array(rows).tolist() == np.eye(len(words)).tolist()
    assert [entry["word"] for entry in entries] == ["The", "a\\tb", "\\u2028", "\u3000", "x\\u0085y", '"', "café"]
    assert len(texts[1].splitlines()) == len(words) + 1


def test_a_projector_folder_is_replaced_only_when_asked(cli: Cli, folder: Callable[..., Path], tmp_path: Path) -> None:
    emb, out = folder("word"), tmp_path / "out"
    assert cli("export", emb, "--to", "projector", "-o", out, "-q").code == 0
    assert_error(cli("export", emb, "--to", "projector", "-o", out), 1, "exists", "--overwrite")
    assert cli("export", emb, "--to", "projector", "-o", out, "--overwrite", "-q").code == 0
    (out / "diary.txt").write_text("mine")
    assert_error(cli("export", emb, "--to", "projector", "-o", out, "--overwrite"), 1, "other files")
    assert_error(cli("export", emb, "--to", "projector", "-o", out / "diary.txt"), 1, "is a file")
