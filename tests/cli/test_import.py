"""import from the command line: the folder is an embedding like those that are fitted."""

from __future__ import annotations

import gzip
import json
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.packages import needs_gensim
from tests.support.program import Ran, assert_error, folder_bytes
from tokit.embedding.embedding_folder import load_embedding
from tokit.embedding.static_embedder import open_static_embedder
from tokit.ops.embed import embed
from tokit.storage.embedding_manifest import EmbeddingManifest
from tokit.storage.folder import changed_files, read_manifest

Cli = Callable[..., Ran]
# Capital letters, so that no word is said about them.
GLOVE = b"the 1 0 0.5\nKing 0.5 1 0\nqueen 0.5 0.9 0.1\ncat -1 0 0\n"
SPECIAL = 6


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "glove.txt"
    path.write_bytes(GLOVE)
    return path


def test_import_writes_an_embedding(cli: Cli, file: Path, tmp_path: Path) -> None:
    ran = cli("import", file, "-o", tmp_path / "emb")
    assert (ran.code, ran.out) == (0, b"")
    assert "glove, 4 words, 3 dimensions; counts by rank" in ran.err
    assert "warning" not in ran.err
    manifest = read_manifest(tmp_path / "emb", EmbeddingManifest)
    assert (manifest.family, manifest.vocab_size, manifest.token_counts) == ("import", SPECIAL + 4, "rank")
    assert manifest.imported.file["name"] == "glove.txt"
    assert manifest.tokenizer_sha256 == manifest.files["tokenizer.json"]
    assert changed_files(tmp_path / "emb") == []
    embedding = load_embedding(tmp_path / "emb")
    np.testing.assert_array_equal(embedding.vectors[:SPECIAL], 0)
    np.testing.assert_array_equal(embedding.vectors[SPECIAL], [1, 0, 0.5])
    assert embedding.token_counts.tolist() == [0] * SPECIAL + [4, 2, 1, 1]
    assert embedding.unknown_id == SPECIAL - 1
    assert embedding.special.tolist() == [True] * SPECIAL + [False] * 4


def test_the_other_commands_open_it(cli: Cli, file: Path, tmp_path: Path) -> None:
    emb = tmp_path / "emb"
    assert cli("import", file, "-o", emb).code == 0
    assert cli("near", "King", "-e", emb, "-k", 1).text.splitlines()[1].startswith("queen")
    assert_error(cli("near", "nosuchword", "-e", emb), 1, "is unknown")
    ran = cli("embed", "-e", emb, stdin=b"the nosuchword King <|pad|>\n")
    np.testing.assert_allclose(json.loads(ran.text)["vector"], [0.75, 0.5, 0.25])
    assert cli("inspect", emb, "--check").code == 0


def test_the_libraries_open_it(cli: Cli, file: Path, tmp_path: Path) -> None:
    from model2vec import StaticModel

    texts = ["the King", "queen. cat the", "<|pad|> the", "", "nosuchword cat"]
    assert cli("import", file, "-o", tmp_path / "emb").code == 0
    mine = embed(texts, tmp_path / "emb")
    np.testing.assert_allclose(StaticModel.from_pretrained(tmp_path / "emb").encode(texts), mine, atol=1e-6)


def test_the_same_file_gives_the_same_bytes(cli: Cli, file: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert cli("import", file, "-o", tmp_path / name).code == 0
    assert folder_bytes(tmp_path / "one") == folder_bytes(tmp_path / "two")


def test_nothing_is_lost_silently(cli: Cli, file: Path, tmp_path: Path) -> None:
    file.write_bytes(GLOVE + b"the 9 9 9\n. . . 1 1 1\nn't 1 2 3\n<|pad|> 5 5 5\nKing 0 0 0\n")
    ran = cli("import", file, "-o", tmp_path / "emb", "--json")
    report = json.loads(ran.text)
    assert report["words"] == 6
    assert report["duplicates"] == {"count": 2, "examples": ["the", "King"]}
    assert report["unusable"] == {"count": 1, "examples": ["<|pad|>"]}
    assert report["spaced"] == {"count": 1, "examples": [". . ."]}
    assert report["unreachable"] == {"count": 1, "examples": ["n't"]}
    assert ran.err.count("warning:") == 4
    embedding = load_embedding(tmp_path / "emb")
    # The first of two wins, and what text does not reach has its row.
    np.testing.assert_array_equal(embedding.vectors[SPECIAL], [1, 0, 0.5])
    np.testing.assert_array_equal(embedding.vectors[SPECIAL + 4 :], [[1, 1, 1], [1, 2, 3]])
    assert read_manifest(tmp_path / "emb", EmbeddingManifest).imported.words["duplicates"]["count"] == 2


def test_rules_decide_what_text_reaches(cli: Cli, file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"do 1 2\nn't 3 4\n")
    plain = cli("import", file, "-o", tmp_path / "plain")
    assert "--normalizer lowercase" in plain.err
    ran = cli(
        "import", file, "-o", tmp_path / "emb", "--pre-tokenizer", "whitespace-split", "--normalizer", "lowercase"
    )
    assert (ran.code, "warning" in ran.err) == (0, False)
    np.testing.assert_array_equal(embed(["DO n't"], tmp_path / "emb"), [[2, 3]])
    assert read_manifest(tmp_path / "emb", EmbeddingManifest).imported.pipeline["normalizers"] == ["lowercase"]


def test_a_matrix_needs_its_words(cli: Cli, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.eye(2))
    (tmp_path / "w.txt").write_text("A\nb\n")
    assert_error(cli("import", tmp_path / "v.npy", "-o", tmp_path / "emb"), 2, "without words", "--words")
    # As gensim saves a large matrix beside the pickle that names its words.
    np.save(tmp_path / "x.kv.vectors.npy", np.eye(2))
    (tmp_path / "x.kv").write_bytes(b"\x80\x04")
    ran = cli("import", tmp_path / "x.kv.vectors.npy", "-o", tmp_path / "emb")
    assert_error(ran, 2, "without words", "part of x.kv: load that in gensim")
    ran = cli("import", tmp_path / "v.npy", "--words", tmp_path / "w.txt", "-o", tmp_path / "emb")
    assert (ran.code, "every word counts once" in ran.err) == (0, True)
    assert load_embedding(tmp_path / "emb").token_counts.tolist() == [0] * SPECIAL + [1, 1]
    assert load_file(tmp_path / "emb" / "model.safetensors")["embeddings"].dtype == np.float32


@pytest.mark.parametrize(
    "array",
    [
        np.array([{}, []], dtype=object),
        np.array(["a", None], dtype=object).reshape(1, 2),
        np.array([(1.0, "a")], dtype=[("number", "f4"), ("word", "O")]),
    ],
)
def test_python_objects_are_named_before_words_are_asked_for(cli: Cli, tmp_path: Path, array: Any) -> None:
    np.save(tmp_path / "v.npy", array, allow_pickle=True)
    assert_error(cli("import", tmp_path / "v.npy", "-o", tmp_path / "emb"), 1, "Python objects", "numpy.save")


@pytest.mark.parametrize(
    "array", [np.array(["a", "b"]), np.zeros(3), np.zeros((2, 2, 2)), np.zeros((2, 2), dtype=bool)]
)
def test_no_matrix_is_said_before_words_are_asked_for(cli: Cli, tmp_path: Path, array: Any) -> None:
    np.save(tmp_path / "v.npy", array)
    assert_error(cli("import", tmp_path / "v.npy", "-o", tmp_path / "emb"), 1, "not a matrix of numbers", "one row")


def test_rare_words_weigh_more_only_where_it_is_known_which_are(cli: Cli, file: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.eye(2))
    (tmp_path / "w.txt").write_text("A\nb\n")
    assert cli("import", tmp_path / "v.npy", "--words", tmp_path / "w.txt", "-o", tmp_path / "ones").code == 0
    for pool in ("sif", "idf"):
        ran = cli("embed", "-e", tmp_path / "ones", "--pool", pool, stdin=b"A b\n")
        assert_error(ran, 2, f"--pool {pool}", "does not know how", "leave it out")
    assert cli("import", file, "-o", tmp_path / "ranked").code == 0
    assert cli("embed", "-e", tmp_path / "ranked", "--pool", "sif", stdin=b"the King\n").code == 0


def test_errors(cli: Cli, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "emb"
    assert_error(cli("import", tmp_path / "glove.text", "-o", out), 1, "no such file", "glove.txt")
    assert_error(cli("import", tmp_path, "-o", out), 1, "is a folder")
    assert_error(cli("import", "/dev/null", "-o", out), 1, "the file is empty")
    assert_error(cli("import", file, "-o", out, "--format", "glov"), 2, "did you mean 'glove'?")
    assert_error(cli("import", file, "-o", out, "--words", file), 2, "--words")
    assert_error(cli("import", file, "-o", out, "-d", 0), 2, "--dim 0")
    assert_error(cli("import", file, "-o", out, "-d", 10**19), 2, "65,536")
    for dim in (2, 4):
        assert_error(cli("import", file, "-o", out, "-d", dim), 1, f"3 numbers, not {dim}", f"leave out --dim {dim}")
    file.write_bytes(GLOVE + b"cut 1 2")
    assert_error(cli("import", file, "-o", out), 1, "glove.txt:5: 2 numbers, not 3")
    file.write_bytes(b"<|pad|> 1 2\n")
    assert_error(cli("import", file, "-o", out), 1, "no usable word")
    file.write_bytes(b"0 3\n")
    assert_error(cli("import", file, "-o", out), 1, "no words")
    assert not out.exists()


def test_a_file_that_says_its_columns_has_no_others(cli: Cli, file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"4 3\n" + GLOVE)
    np.save(tmp_path / "v.npy", np.eye(3))
    (tmp_path / "w.txt").write_text("A\nb\nc\n")
    for number, arguments in enumerate(((file,), (tmp_path / "v.npy", "--words", tmp_path / "w.txt"))):
        out = tmp_path / str(number)
        assert_error(cli("import", *arguments, "-o", out, "-d", 2), 2, "--dim 2", "have 3 dimensions")
        assert not out.exists()
        assert cli("import", *arguments, "-o", out, "-d", 3, "-q").code == 0


def test_a_folder_is_replaced_only_when_told(cli: Cli, file: Path, tmp_path: Path) -> None:
    assert cli("import", file, "-o", tmp_path / "emb").code == 0
    assert_error(cli("import", file, "-o", tmp_path / "emb"), 1, "exists", "--overwrite")
    assert cli("import", file, "-o", tmp_path / "emb", "--overwrite", "-q").err == ""


def test_import_loads_no_trainer(file: Path, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom tokit.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "heavy = {'gensim', 'scipy', 'numba', 'torch', 'transformers'} & set(sys.modules)\n"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)\n"
    )
    arguments = [sys.executable, "-c", script, "import", str(file), "-o", str(tmp_path / "emb"), "-q"]
    ran = subprocess.run(arguments, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_sentence_transformers_opens_it(cli: Cli, file: Path, tmp_path: Path) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    import warnings

    assert cli("import", file, "-o", tmp_path / "emb").code == 0
    embedder = open_static_embedder(tmp_path / "emb")
    with warnings.catch_warnings():
        # What it and torch import warns of things that are none of ours.
        warnings.simplefilter("ignore")
        model = sentence_transformers.SentenceTransformer(str(tmp_path / "emb"), device="cpu")
        vectors = model.encode(["the King", "cat"])
    np.testing.assert_allclose(vectors, embedder.embed(["the King", "cat"]), atol=1e-6)


# floret can train as itself, with two rows a word, or as fastText does.
@pytest.mark.parametrize(("mode", "hashes"), [(2, 2), (1, 1)])
def test_a_model_of_floret_is_refused_by_its_name(cli: Cli, tmp_path: Path, mode: int, hashes: int) -> None:
    """As floret 0.10 writes one: fastText's number and version, and two arguments more behind the longest n-gram."""
    words, buckets, dim = [b"the", b"cat", b"sat"], 20, 4
    content = struct.pack("<2i", 793712314, 12)
    content += struct.pack("<11i", dim, 5, 1, 1, 5, 1, 2, 1, buckets, 3, 4) + struct.pack("<2i", mode, hashes)
    content += struct.pack("<id", 100, 1e-4) + struct.pack("<3i2q", len(words), len(words), 0, 500, -1)
    content += b"".join(word + b"\0" + struct.pack("<qb", 50, 0) for word in words)
    for rows in (len(words) + buckets, len(words)):
        content += struct.pack("<?2q", False, rows, dim) + np.ones((rows, dim), dtype="<f4").tobytes()
    (tmp_path / "model.bin").write_bytes(content)
    for options in ((), ("--format", "fasttext-bin")):
        ran = cli("import", tmp_path / "model.bin", "-o", tmp_path / "emb", *options)
        assert_error(ran, 1, "a model of floret, not of fastText", "save_vectors")
    assert not (tmp_path / "emb").exists()
    # Without the two it is one of fastText's.
    (tmp_path / "model.bin").write_bytes(content[:52] + content[60:])
    assert cli("import", tmp_path / "model.bin", "-o", tmp_path / "emb", "-q").code == 0


def test_standard_input_and_a_limit(cli: Cli, tmp_path: Path) -> None:
    ran = cli("import", "-", "-o", tmp_path / "emb", "--limit", 2, stdin=gzip.compress(GLOVE))
    assert (ran.code, ran.out) == (0, b"")
    facts = read_manifest(tmp_path / "emb", EmbeddingManifest).imported
    assert (facts.limit, facts.file["name"], facts.words["duplicates"]["count"]) == (2, "<stdin>", 0)
    np.testing.assert_array_equal(load_embedding(tmp_path / "emb").vectors[SPECIAL:], [[1, 0, 0.5], [0.5, 1, 0]])
    assert_error(cli("import", "-", "-o", tmp_path / "x", "--limit", 0, stdin=GLOVE), 2, "--limit 0")
    assert_error(cli("import", "-", "-o", tmp_path / "x", stdin=b""), 1, "<stdin>: the file is empty")


def test_bad_rows_are_said_and_counted(cli: Cli, file: Path, tmp_path: Path) -> None:
    file.write_bytes(GLOVE + b"the 1 2 3\ncut 1 2\nbad nan 1 2\nna\xc3 1 2 3\n")
    assert_error(cli("import", file, "-o", tmp_path / "emb"), 1, "glove.txt:6: 2 numbers", "--errors skip")
    assert_error(cli("import", file, "-o", tmp_path / "emb", "--errors", "skp"), 2, "did you mean 'skip'?")
    ran = cli("import", file, "-o", tmp_path / "emb", "--errors", "skip", "--json")
    report = json.loads(ran.text)
    assert {reason: rows["count"] for reason, rows in report["bad_rows"].items()} == {
        "wrong_length": 1,
        "not_utf8": 1,
        "not_finite": 1,
    }
    assert report["duplicates"]["count"] == 1
    assert "1 row skipped: the number of values is wrong: line 6" in ran.err
    words = read_manifest(tmp_path / "emb", EmbeddingManifest).imported.words
    assert (words["not_finite"]["count"], words["not_finite"]["examples"]) == (1, ["line 7"])
    file.write_bytes(GLOVE + b"na\xc3 1 2 3\n")
    ran = cli("import", file, "-o", tmp_path / "emb", "--errors", "replace", "--overwrite", "--json")
    assert json.loads(ran.text)["replaced"] == {"count": 1, "examples": ["na\ufffd"]}
    assert "became U+FFFD in 1 word" in ran.err


@needs_gensim
def test_a_space_in_a_word_of_a_binary_file_is_said(cli: Cli, tmp_path: Path) -> None:
    """Its readers end a word at the space: what gensim writes for one, nobody can read."""
    from gensim.models import KeyedVectors

    vectors = KeyedVectors(3)
    vectors.add_vectors(["the", "new york", "king"], np.eye(3, dtype=np.float32))
    vectors.save_word2vec_format(str(tmp_path / "words.bin"), binary=True)
    assert_error(cli("import", tmp_path / "words.bin", "-o", tmp_path / "emb"), 1, "cannot hold a word with a space")
