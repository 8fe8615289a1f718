"""fit, embed, near and analogy from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.program import Ran, assert_error, folder_bytes
from tokit.embedding.static_embedder import open_static_embedder
from tokit.ops.embed import embed
from tokit.storage.embedding_manifest import EmbeddingManifest
from tokit.storage.folder import read_manifest

pytestmark = pytest.mark.slow

Cli = Callable[..., Ran]
TEXT = b"The water is cold.\n\nchildren <|endoftext|> went home"


@pytest.fixture(scope="module")
def emb(bpe_folder: Path, corpus_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tokit.corpus import open_corpus
    from tokit.ops.fit import fit_embedding

    out = tmp_path_factory.mktemp("embedding") / "emb"
    fit_embedding(open_corpus([str(corpus_file)]), bpe_folder, out, dim=6, threads=1)
    return out


def objects(ran: Ran) -> list[dict[str, Any]]:
    assert (ran.code, ran.err) == (0, "")
    return [json.loads(line) for line in ran.text.splitlines()]


def test_fit_reads_a_pipe_and_says_what_it_did(cli: Cli, bpe_folder: Path, corpus_file: Path, tmp_path: Path) -> None:
    options = ("-t", bpe_folder, "-d", 5, "--threads", 1, "--epochs", "2", "-o")
    out = tmp_path / "emb"
    fitted = cli("fit", "cbow", *options, out, stdin=corpus_file.read_bytes())
    assert (fitted.code, fitted.out) == (0, b"")
    assert "cbow" in fitted.err
    assert "words/s" in fitted.err
    manifest = read_manifest(out, EmbeddingManifest)
    assert (manifest.family, manifest.dim, manifest.params["epochs"]) == ("cbow", 5, 2)
    report = json.loads(cli("fit", "cbow", corpus_file, *options, tmp_path / "two", "--json").text)
    assert report["path"] == str(tmp_path / "two")
    assert report["tokens"] == manifest.fit.tokens
    # A pipe and a file give the same bytes.
    assert folder_bytes(tmp_path / "two") == folder_bytes(out)


def test_fit_lists_its_parameters(cli: Cli) -> None:
    listed = cli("fit", "fasttext", "--help")
    assert listed.code == 0
    for name in (
        "window",
        "negative",
        "epochs",
        "sample",
        "learning_rate",
        "min_learning_rate",
        "minn",
        "maxn",
        "bucket",
    ):
        assert f"--{name.replace('_', '-')} " in listed.text


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["skipgarm"], "did you mean 'skipgram'?"),
        (["skipgram", "--dim", "0"], "--dim 0"),
        (["skipgram", "--seed", "-1"], "--seed -1"),
        (["skipgram", "--windw", "3"], "did you mean --window?"),
        (["skipgram", "--window", "many"], "--window many: not a whole number"),
        (["skipgram", "--learning-rate", "nan"], "--learning-rate nan: less than 0"),
        (["skipgram", "--size", "mini"], "--size"),
        (["svd", "--weighting", "flatt"], "did you mean 'flat'?"),
        (["skipgram", "--threads", "0"], "--threads"),
    ],
)
def test_fit_refuses_what_cannot_be_meant(
    cli: Cli, bpe_folder: Path, corpus_file: Path, tmp_path: Path, arguments: list[str], part: str
) -> None:
    family, *options = arguments
    ran = cli("fit", family, corpus_file, "-t", bpe_folder, "-o", tmp_path / "emb", *options)
    assert_error(ran, 2, part)
    assert not (tmp_path / "emb").exists()


@pytest.mark.parametrize("left_out", ["-t", "-o"])
def test_fit_names_the_missing_option(cli: Cli, left_out: str) -> None:
    options = {"-t": "tok", "-o": "emb"}
    del options[left_out]
    assert_error(cli("fit", "skipgram", *[word for pair in options.items() for word in pair]), 2, f"'{left_out}'")


@pytest.mark.parametrize("stdin", [b"", b"a"])
def test_fit_needs_text_to_learn_from(cli: Cli, bpe_folder: Path, tmp_path: Path, stdin: bytes) -> None:
    ran = cli("fit", "skipgram", "-t", bpe_folder, "-o", tmp_path / "emb", stdin=stdin)
    assert_error(ran, 1, "the corpus is empty" if not stdin else "none has a neighbor")
    assert list(tmp_path.iterdir()) == []


def test_fit_with_many_threads_still_fits(cli: Cli, bpe_folder: Path, corpus_file: Path, tmp_path: Path) -> None:
    assert (
        cli("fit", "fasttext", corpus_file, "-t", bpe_folder, "-d", 4, "-o", tmp_path / "emb", "--threads", 2).code == 0
    )
    assert read_manifest(tmp_path / "emb", EmbeddingManifest).reproducible is False


def test_embed_gives_a_line_for_each_document(cli: Cli, emb: Path) -> None:
    rows = objects(cli("embed", "-e", emb, stdin=TEXT))
    expected = embed(TEXT.decode().split("\n"), emb)
    assert [list(row) for row in rows] == [["vector"]] * 3
    # Nine digits are enough for every float32.
    np.testing.assert_array_equal(np.array([row["vector"] for row in rows], dtype=np.float32), expected)
    assert rows[1]["vector"] == [0] * 6


def test_embed_keeps_the_fields_of_records(cli: Cli, emb: Path) -> None:
    records = [{"id": 7, "text": "the water", "vector": "old"}, {"text": "", "tags": ["ä"]}]
    stdin = "".join(json.dumps(record) + "\n" for record in records).encode()
    rows = objects(cli("embed", "-e", emb, "--format", "jsonl", stdin=stdin))
    assert [list(row) for row in rows] == [["id", "text", "vector"], ["text", "tags", "vector"]]
    np.testing.assert_array_equal(np.float32(rows[0]["vector"]), embed(["the water"], emb)[0])
    assert rows[1]["tags"] == ["ä"]


def test_embed_tokens_gives_each_its_vector(cli: Cli, emb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Small, so that a document's vectors come in several parts.
    monkeypatch.setattr("tokit.embedding.static_embedder.ROWS_AT_ONCE", 3)
    embedder = open_static_embedder(emb)
    for row, text in zip(
        objects(cli("embed", "-e", emb, "--tokens", stdin=TEXT)), TEXT.decode().split("\n"), strict=True
    ):
        ids = embedder.tokenizer.encode(text)
        assert row["tokens"] == [embedder.tokenizer.pieces.names[i] for i in ids]
        vectors = np.array(row["vectors"], dtype=np.float32).reshape(len(ids), 6)
        np.testing.assert_array_equal(vectors, embedder.table[ids])


def test_embed_sif_weighs_by_the_counts(cli: Cli, emb: Path) -> None:
    embedder = open_static_embedder(emb)
    counts = embedder.embedding.token_counts
    weights = 1e-4 / (1e-4 + counts / counts.sum())
    ids = embedder.tokenizer.encode("The water is cold.")
    expected = (embedder.table[ids] * weights[ids, None]).sum(axis=0) / len(ids)
    rows = objects(cli("embed", "-e", emb, "--pool", "sif", "--sif-a", "0.0001", stdin=b"The water is cold.\n"))
    np.testing.assert_allclose(rows[0]["vector"], expected, rtol=1e-5)
    assert not np.allclose(rows[0]["vector"], embed(["The water is cold."], emb)[0])


def test_embed_writes_npy(cli: Cli, emb: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokit.embedding.static_embedder.ROWS_AT_ONCE", 3)
    texts = TEXT.decode().split("\n")
    ran = cli("embed", "-e", emb, "-o", tmp_path / "v.npy", stdin=TEXT)
    assert (ran.code, ran.out) == (0, b"")
    np.testing.assert_array_equal(np.load(tmp_path / "v.npy"), embed(texts, emb))
    ran = cli("embed", "-e", emb, "-o", tmp_path / "t.npy", "--tokens", "--json", stdin=TEXT)
    embedder = open_static_embedder(emb)
    ids = [embedder.tokenizer.encode(text) for text in texts]
    flat = [i for row in ids for i in row]
    assert json.loads(ran.text)["tokens"] == len(flat)
    assert np.load(tmp_path / "t.ends.npy").tolist() == np.cumsum([len(row) for row in ids]).tolist()
    np.testing.assert_array_equal(np.load(tmp_path / "t.npy"), embedder.table[flat])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["t.ends.npy", "t.npy", "v.npy"]


def test_embed_writes_parquet_and_json_lines(cli: Cli, emb: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    expected = embed(TEXT.decode().split("\n"), emb)
    for name in ("v.parquet", "v.jsonl"):
        assert cli("embed", "-e", emb, "-o", tmp_path / name, stdin=TEXT).code == 0
        assert_error(cli("embed", "-e", emb, "-o", tmp_path / name, stdin=TEXT), 1, "exists")
        assert cli("embed", "-e", emb, "-o", tmp_path / name, "--overwrite", stdin=TEXT).code == 0
    column = parquet.read_table(tmp_path / "v.parquet").column("vector")
    np.testing.assert_array_equal(np.array(column.to_pylist(), dtype=np.float32), expected)
    assert (tmp_path / "v.jsonl").read_bytes() == cli("embed", "-e", emb, stdin=TEXT).out
    (tmp_path / "other.jsonl").write_text("mine")
    assert_error(cli("embed", "-e", emb, "-o", tmp_path / "other.jsonl", "--overwrite", stdin=TEXT), 1, "no .jsonl")


def test_embed_of_nothing_gives_no_row(cli: Cli, emb: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for name in ("v.npy", "v.parquet", "v.jsonl"):
        options = ("-o", tmp_path / name, "--remove-component", "all")
        assert cli("embed", "-e", emb, *options, stdin=b"").code == 0
    assert np.load(tmp_path / "v.npy").shape == (0, 6)


def test_embed_idf_weighs_by_the_document_frequencies(cli: Cli, emb: Path) -> None:
    embedder = open_static_embedder(emb)
    documents = embedder.embedding.manifest.corpus.documents
    weights = np.log((1 + documents) / (1 + embedder.embedding.document_frequencies)) + 1
    ids = embedder.tokenizer.encode("The water is cold.")
    rows = objects(cli("embed", "-e", emb, "--pool", "idf", stdin=b"The water is cold.\n"))
    np.testing.assert_allclose(rows[0]["vector"], (embedder.table[ids] * weights[ids, None]).mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("of", ["all", "sample"])
def test_embed_removes_the_first_component(
    cli: Cli, emb: Path, corpus_file: Path, tmp_path: Path, of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokit.embedding.component_removal.SAMPLE_DOCUMENTS", 1)
    options = ("-e", emb, "--pool", "sif", "-o")
    text = corpus_file.read_bytes()
    # A sample is of whole blocks: here there are several.
    text *= 1 if of == "all" else 1 + (5 << 20) // len(text)
    many = tmp_path / "many.txt"
    many.write_bytes(text)
    assert cli("embed", *options, tmp_path / "plain.npy", stdin=text).code == 0
    ran = cli("embed", *options, tmp_path / "less.npy", "--remove-component", of, "--json", stdin=text)
    report = json.loads(ran.text)
    assert report["component"] == of
    assert report["component_documents"] > 0
    assert (report["component_documents"] == report["documents"]) == (of == "all")
    assert ran.err == ""
    said = cli("embed", *options, tmp_path / "less.npy", "--remove-component", of, "--overwrite", stdin=text).err
    assert ("of all" if of == "all" else "of the first") in said
    plain, less = np.load(tmp_path / "plain.npy"), np.load(tmp_path / "less.npy")
    first = np.linalg.svd(plain[: report["component_documents"]].astype(np.float64), full_matrices=False)[2][0]
    np.testing.assert_allclose(less, plain - np.outer(plain @ first, first), atol=1e-5)
    # A pipe and a file give the same.
    assert cli("embed", many, *options, tmp_path / "file.npy", "--remove-component", of).code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "file.npy"), less)


def test_embed_with_many_threads_keeps_the_order(
    cli: Cli, emb: Path, corpus_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokit.embedding.static_embedder.ROWS_AT_ONCE", 7)
    many = tmp_path / "many.txt"
    many.write_bytes(corpus_file.read_bytes() * (1 + (5 << 20) // corpus_file.stat().st_size))
    for threads, ahead in ((1, 1 << 26), (3, 1 << 26), (3, 0)):
        monkeypatch.setattr("tokit.embedding.embed_corpus.AHEAD_BYTES", ahead)
        options = ("-e", emb, "-o", tmp_path / f"{threads}-{ahead}.npy", "--threads", threads)
        assert cli("embed", many, *options).code == 0
    one, *others = [np.load(file) for file in sorted(tmp_path.glob("*.npy"))]
    for other in others:
        np.testing.assert_array_equal(one, other)


def test_embed_replaces_a_file_only_when_told(cli: Cli, emb: Path, tmp_path: Path) -> None:
    target = tmp_path / "v.npy"
    target.write_bytes(b"\x93NUMPY, mine")
    assert_error(cli("embed", "-e", emb, "-o", target, stdin=TEXT), 1, "exists", "--overwrite")
    # A file that cannot be read to its end leaves the old one.
    assert_error(cli("embed", "-e", emb, "-o", target, "--overwrite", stdin=b"a\n\xff\n"), 1, "UTF-8")
    assert target.read_bytes() == b"\x93NUMPY, mine"
    assert cli("embed", "-e", emb, "-o", target, "--overwrite", stdin=TEXT).code == 0
    assert np.load(target).shape == (3, 6)
    assert [file.name for file in tmp_path.iterdir()] == ["v.npy"]


def test_what_fails_leaves_no_folder_on_the_way(cli: Cli, bpe_folder: Path, emb: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for parent in (tmp_path / "new" / "er", tmp_path / "there"):
        for command in (("embed", "-e", emb, "-o", parent / "v.npy"), ("encode", "-t", bpe_folder, "-o", parent / "s")):
            assert_error(cli(*command, stdin=b"a\n\xff\n"), 1, "UTF-8")
            assert [each.name for each in tmp_path.rglob("*")] == ["there"]


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--pool", "max"], "unknown --pool 'max'"),
        (["--tokens", "--pool", "mean"], "--tokens"),
        (["--sif-a", "0.1"], "--pool sif"),
        (["--pool", "sif", "--sif-a", "0"], "--sif-a 0"),
        (["--json"], "--json"),
        (["--remove-component", "al"], "did you mean 'all'?"),
        (["--tokens", "--remove-component", "all"], "--remove-component"),
        (["-o", "v.parqet"], "did you mean '.parquet'?"),
        (["-o", "v.parquet", "--tokens"], ".parquet"),
    ],
)
def test_embed_refuses_what_cannot_be_meant(cli: Cli, emb: Path, options: list[str], part: str) -> None:
    assert_error(cli("embed", "-e", emb, *options, stdin=TEXT), 2, part)


@pytest.mark.parametrize("command", [["embed"], ["near", "king"], ["analogy", "a", "b", "c"]])
def test_what_is_no_embedding_is_an_error(cli: Cli, bpe_folder: Path, tmp_path: Path, command: list[str]) -> None:
    assert_error(cli(*command, "-e", tmp_path / "none"), 1, "no such file or folder")
    assert_error(cli(*command, "-e", bpe_folder), 1, "holds a tokenizer, not an embedding")


def test_embed_answers_line_by_line(emb: Path) -> None:
    command = [sys.executable, "-m", "tokit", "embed", "-e", str(emb)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in (b"the water\n", b"the children\n"):
            process.stdin.write(line)
            process.stdin.flush()
            # The pipe is still open: without a flush this would wait until the test's time is up.
            assert len(json.loads(process.stdout.readline())["vector"]) == 6
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.parametrize("command", [["embed"], ["near", "the"]])
def test_reading_vectors_loads_no_trainer(emb: Path, command: list[str]) -> None:
    script = (
        "import sys\nfrom tokit.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "heavy = {'gensim', 'scipy', 'numba', 'torch', 'transformers'} & set(sys.modules)\n"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)\n"
    )
    arguments = [sys.executable, "-c", script, *command, "-e", str(emb)]
    ran = subprocess.run(arguments, input=b"hi\n", capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_near_prints_a_table(cli: Cli, emb: Path) -> None:
    ran = cli("near", "the", "-e", emb, "-k", 3)
    assert ran.code == 0
    head, *rows = ran.text.splitlines()
    assert head.split() == ["the", "cosine"]
    assert len(rows) == 3
    cosines = [float(row.split()[-1]) for row in rows]
    assert cosines == sorted(cosines, reverse=True)


def test_near_shows_pieces_readably(cli: Cli, emb: Path) -> None:
    ran = cli("near", "the", "-e", emb, "-k", 2000)
    assert "␣an" in ran.text
    assert "Ġ" not in "".join(line for line in ran.text.splitlines() if "␣" in line)
    assert not any(name in ran.text for name in ("<|endoftext|>", "<|pad|>"))


def test_near_gives_one_json_object(cli: Cli, emb: Path) -> None:
    result = json.loads(cli("near", "the", "and", "-e", emb, "-k", 2, "--json").text)
    assert [each["query"]["word"] for each in result["queries"]] == ["the", "and"]
    first = result["queries"][0]
    assert first["query"]["tokens"] == ["Ġthe"]
    assert [list(each) for each in first["neighbors"]] == [["id", "token", "text", "similarity"]] * 2


def test_near_takes_words_from_a_pipe(cli: Cli, emb: Path) -> None:
    piped = cli("near", "-e", emb, "-k", 2, stdin=b"the\n\nand")
    assert (piped.code, piped.out) == (0, cli("near", "the", "and", "-e", emb, "-k", 2).out)
    assert piped.text.count("cosine") == 2


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("method", ["add", "mul"])
def test_near_subtracts_words(cli: Cli, emb: Path, place: str, method: str) -> None:
    words, options = ["the", "a", "--minus", "water"], ["-e", emb, "-k3", "--method", method]
    ran = cli("near", *{"before": [*options, *words], "after": [*words, *options]}[place])
    assert ran.code == 0
    assert len(ran.text.splitlines()) == 4
    # The title alone is another.
    rows = [row.split() for row in ran.text.splitlines()[1:]]
    for other in (
        cli("near", *options, stdin=b"the -water a"),
        cli("analogy", "water", "the", "a", *options),
    ):
        assert [row.split() for row in other.text.splitlines()[1:]] == rows


def test_words_of_a_command_line_have_no_signs(cli: Cli, emb: Path) -> None:
    for word in ("-the", "-k", "-3", "+the"):
        ran = cli("near", "-e", emb, "--json", "the", "--minus", word)
        if ran.code == 0:
            assert json.loads(ran.text)["queries"][0]["query"]["minus"][0]["word"] == word
        else:
            assert f"'{word}' is unknown" in ran.err
    assert cli("near", "the", f"-e{emb}", "-k3").code == 0
    assert cli("near", "-h").text.startswith("Usage")
    assert_error(cli("near", "the", "-e", emb, "--methd", "mul"), 2, "--method")
    assert_error(cli("near", "the", "-e", emb, "-k", "-3"), 2, "-k -3")
    assert_error(cli("near", "the", "-e", emb, "--method", "mull"), 2, "did you mean 'mul'?")
    assert_error(cli("near", "--minus", "the", "-e", emb), 2, "has no positive word")
    assert_error(cli("near", "king", "-man", "-e", emb), 2, "--minus man")


def test_near_says_which_of_several_words_is_put_together(cli: Cli, emb: Path) -> None:
    ran = cli("near", "the", "a", "--minus", "thewaterand", "-e", emb)
    assert ran.code == 0
    assert "'thewaterand' is no single token" in ran.err
    query = json.loads(cli("near", "the", "--minus", "thewaterand", "-e", emb, "--json").text)["queries"][0]["query"]
    assert (query["word"], query["minus"][0]["composed"]) == ("the -thewaterand", True)


def test_analogies_come_from_a_pipe(cli: Cli, emb: Path) -> None:
    lines = b"the a an\n\nand the a"
    ran = cli("analogy", "-e", emb, "-k", 2, stdin=lines)
    one, two = (cli("analogy", *words.split(), "-e", emb, "-k", 2).text for words in lines.decode().split("\n\n"))
    assert (ran.code, ran.text) == (0, f"{one}\n{two}")
    result = json.loads(cli("analogy", "-e", emb, "-k", 2, "--json", stdin=lines).text)
    assert [each["a"]["word"] for each in result["analogies"]] == ["the", "and"]
    assert_error(cli("analogy", "-e", emb, stdin=b"the a\n"), 2, "line 1", "three words")
    assert_error(cli("analogy", "the", "-e", emb), 2, "'B'")
    assert cli("analogy", "-e", emb, "--json", stdin=b"").text == '{"analogies": []}\n'


def test_many_questions_are_answered_in_their_order(cli: Cli, emb: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Small, so that they come in several parts, some of which end within a line.
    monkeypatch.setattr("tokit.cli.neighbors.READ_AT_ONCE", 100)
    monkeypatch.setattr("tokit.embedding.nearest.SCORES_AT_ONCE", 3000)
    lines = [f"{a} -{b} {c}" for a in ("the", "water", "and") for b in ("a", "cold") for c in ("he", "went", "of")] * 9
    result = json.loads(cli("near", "-e", emb, "-k", 2, "--json", stdin="\n".join(lines).encode()).text)
    assert [each["query"]["word"] for each in result["queries"]] == lines
    assert all(len(each["neighbors"]) == 2 for each in result["queries"])


def test_near_answers_line_by_line(emb: Path) -> None:
    command = [sys.executable, "-m", "tokit", "near", "-e", str(emb), "-k", "1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"the -and a\n")
        process.stdin.flush()
        assert process.stdout.readline().split()[:3] == [b"the", b"-and", b"a"]
        process.stdin.close()
        assert process.wait(20) == 0


def test_near_says_when_a_word_is_put_together(cli: Cli, emb: Path) -> None:
    ran = cli("near", "thewaterand", "-e", emb)
    assert ran.code == 0
    assert "no single token" in ran.err
    assert " + " in ran.err


def test_near_refuses_what_it_cannot_look_up(cli: Cli, emb: Path) -> None:
    assert_error(cli("near", "the", "-e", emb, "-k", 0), 2, "-k 0")
    assert_error(cli("near", "-e", emb, stdin=b"\xff\n"), 2, "UTF-8")


@pytest.mark.parametrize(
    ("command", "good", "bad", "part"),
    [("near", b"the\n", b"\xff\n", "UTF-8"), ("analogy", b"the a an\n", b"the a\n", "is not three words")],
)
def test_json_is_whole_where_a_line_ends_the_work(
    cli: Cli, emb: Path, command: str, good: bytes, bad: bytes, part: str
) -> None:
    ran = cli(command, "-e", emb, "-k", 1, "--json", stdin=good * 2 + bad + good)
    assert (ran.code, "line 3: " in ran.err, part in ran.err) == (2, True, True)
    (answers,) = json.loads(ran.text).values()
    assert len(answers) == 2


def test_an_unknown_word_is_an_error(
    cli: Cli, trained_folder: Callable[[str], Path], corpus_file: Path, tmp_path: Path
) -> None:
    assert (
        cli("fit", "cbow", corpus_file, "-t", trained_folder("word"), "-d", 4, "-o", tmp_path / "emb", "-q").code == 0
    )
    assert_error(cli("near", "nosuchword", "-e", tmp_path / "emb"), 1, "'nosuchword' is unknown")
    assert_error(cli("analogy", "the", "nosuchword", "and", "-e", tmp_path / "emb"), 1, "'nosuchword' is unknown")
    # On a pipe the others are answered.
    ran = cli("near", "-e", tmp_path / "emb", "-k", 1, stdin=b"the\nthe -nosuchword\nthe\n")
    assert (ran.code, ran.text.count("cosine")) == (1, 3)
    assert "line 2: 'nosuchword' is unknown" in ran.err
    assert "1 of 3 lines" in ran.err


def test_analogy_prints_what_is_to_c(cli: Cli, emb: Path) -> None:
    ran = cli("analogy", "the", "a", "an", "-e", emb, "-k", 4)
    assert (ran.code, ran.err) == (0, "")
    assert len(ran.text.splitlines()) == 5
    result = json.loads(cli("analogy", "the", "a", "an", "-e", emb, "-k", 4, "--json").text)
    assert [result[name]["word"] for name in "abc"] == ["the", "a", "an"]
    assert len(result["neighbors"]) == 4


@pytest.mark.parametrize("word", ["", "  "])
def test_near_of_nothing_is_an_error(cli: Cli, emb: Path, word: str) -> None:
    assert_error(cli("near", word, "-e", emb), 1, "there is no word in it")


def test_neighbors_that_are_all_alike_are_said_once(cli: Cli, emb: Path) -> None:
    """So little text leaves all vectors of the embedding about alike."""
    for more in ([], ["--json"]):
        ran = cli("near", "the", "and", "-e", emb, "-k", "3", *more)
        assert ran.code == 0 and ran.err.count("the vectors hardly differ") == 1
    assert cli("near", "the", "-e", emb, "-k", "2").err == ""
