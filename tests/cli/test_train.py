"""`tokit train` and `tokit count` from the command line: what they leave, and what they refuse."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import Ran, assert_error, folder_bytes
from tokit.storage.folder import MANIFEST, read_manifest
from tokit.storage.manifests import TokenizerManifest
from tokit.tokenizer import FAMILIES
from tokit.tokenizer.load import load_tokenizer

Cli = Callable[..., Ran]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def test_train_names_the_family_you_meant(cli: Cli, corpus_file: Path, out: Path) -> None:
    ran = cli("train", "bep", corpus_file, "-o", out)
    assert_error(ran, 2, "did you mean 'bpe'?")
    assert not out.exists()


@pytest.mark.parametrize("family", list(FAMILIES))
def test_every_family_trains_from_a_pipe(cli: Cli, corpus_file: Path, tmp_path: Path, family: str) -> None:
    options = ("-v", "2500")
    assert cli("train", family, corpus_file, "-o", tmp_path / "file", *options).code == 0
    assert cli("train", family, "-o", tmp_path / "pipe", *options, stdin=corpus_file.read_bytes()).code == 0
    file, pipe = folder_bytes(tmp_path / "file"), folder_bytes(tmp_path / "pipe")
    if read_manifest(tmp_path / "file", TokenizerManifest).reproducible:
        assert file == pipe
    else:
        assert file.keys() == pipe.keys()


def test_spm_unigram_reads_the_pipe_more_than_once(cli: Cli, corpus_file: Path, tmp_path: Path) -> None:
    options = ("-v", "2500", "--model-type", "unigram")
    assert cli("train", "spm", corpus_file, "-o", tmp_path / "file", *options).code == 0
    assert cli("train", "spm", "-", "-o", tmp_path / "pipe", *options, stdin=corpus_file.read_bytes()).code == 0
    assert folder_bytes(tmp_path / "file") == folder_bytes(tmp_path / "pipe")


def test_several_sizes_are_folders_in_one(cli: Cli, english_file: Path, tmp_path: Path) -> None:
    ran = cli("train", "bpe", english_file, "-v", "300,330,360", "-o", tmp_path / "toks", "--json")
    assert [row["vocab_size"] for row in json.loads(ran.text)["tokenizers"]] == [300, 330, 360]
    assert sorted(path.name for path in (tmp_path / "toks").iterdir()) == ["300", "330", "360"]
    assert cli("train", "bpe", english_file, "-v", "330", "-o", tmp_path / "one").code == 0
    assert folder_bytes(tmp_path / "toks" / "330") == folder_bytes(tmp_path / "one")


# --- bad input


def test_missing_file(cli: Cli, out: Path) -> None:
    ran = cli("train", "bpe", out.parent / "missing.txt", "-o", out)
    assert ran.code == 1
    assert ran.err.startswith(f"error: {out.parent / 'missing.txt'}: no such file")
    assert not out.exists()


def test_missing_file_names_its_neighbors(cli: Cli, out: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_text("a\n")
    assert_error(cli("train", "bpe", tmp_path / "corpsu.txt", "-o", out), 1, "corpus.txt")


def test_folder_without_text(cli: Cli, out: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert_error(cli("train", "bpe", tmp_path / "empty", "-o", out), 1, str(tmp_path / "empty"))


@pytest.mark.parametrize("verb", ["train bpe", "count"])
def test_empty_corpus(cli: Cli, out: Path, verb: str) -> None:
    assert_error(cli(*verb.split(), "-o", out, stdin=b""), 1, "empty")
    assert not out.exists()


@pytest.mark.parametrize("verb", ["train bpe", "count"])
def test_invalid_utf8(cli: Cli, tmp_path: Path, verb: str) -> None:
    text = tmp_path / "text.txt"
    text.write_bytes(b"good line\nbad \xff\xfe line\ngood line\n")
    assert_error(cli(*verb.split(), text, "-o", tmp_path / "strict"), 1, f"{text}:2", "--errors replace")
    assert not (tmp_path / "strict").exists()
    named = f"note: {text}:2: skipped: not UTF-8\n"
    for errors, documents, said in (("replace", 3, ""), ("skip", 2, named)):
        size = ("-v", "265") if verb != "count" else ()
        ran = cli(*verb.split(), text, "-o", tmp_path / errors, "--errors", errors, *size)
        assert ran.code == 0
        assert ran.err.startswith(f"{said}warning: 1 documents")
        manifest = json.loads((tmp_path / errors / MANIFEST).read_bytes())
        assert manifest["corpus"]["documents"] == documents


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "spm"])
def test_vocabulary_below_the_alphabet(cli: Cli, corpus_file: Path, out: Path, family: str) -> None:
    ran = cli("train", family, corpus_file, "-v", "6", "-o", out)
    assert_error(ran, 1, "vocabulary size 6 is below", "pass -v")
    assert not out.exists()
    # The hint is worth following.
    size = ran.err.split("pass -v ")[1].split()[0]
    assert cli("train", family, corpus_file, "-v", size, "-o", out, "--quiet").code == 0


def test_spm_below_the_alphabet(cli: Cli, corpus_file: Path, out: Path) -> None:
    assert_error(cli("train", "spm", corpus_file, "-v", "6", "-o", out), 1, "SentencePiece")
    assert not out.exists()


def test_vocabulary_that_the_corpus_cannot_fill(cli: Cli, out: Path) -> None:
    ran = cli("train", "bpe", "-v", "5000", "-o", out, stdin=b"to be or not to be\n")
    assert ran.code == 0
    size = read_manifest(out, TokenizerManifest).vocab_size
    assert 261 < size < 300
    assert f"warning: the corpus fills {size} of the 5,000 tokens asked for" in ran.err


@pytest.mark.parametrize("verb", ["train bpe", "count"])
def test_what_is_there_stays(cli: Cli, english_file: Path, tmp_path: Path, verb: str) -> None:
    target = tmp_path / "there"
    assert cli(*verb.split(), english_file, "-o", target).code == 0
    before = folder_bytes(target)
    assert_error(cli(*verb.split(), english_file, "-o", target), 1, f"{target} exists", "--overwrite")
    assert folder_bytes(target) == before
    options = ("-v", "300") if verb != "count" else ("--digits", "single")
    assert cli(*verb.split(), english_file, "-o", target, "--overwrite", *options).code == 0
    assert folder_bytes(target) != before
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_what_is_not_ours_is_never_replaced(cli: Cli, english_file: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("dear diary")
    ran = cli("train", "bpe", english_file, "-o", tmp_path / "mine", "--overwrite")
    assert_error(ran, 1, "so it is not replaced")
    (tmp_path / "file").write_text("a file")
    assert_error(cli("train", "bpe", english_file, "-o", tmp_path / "file", "--overwrite"), 1)
    assert (tmp_path / "mine" / "diary.txt").read_text() == "dear diary"
    assert (tmp_path / "file").read_text() == "a file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_may_not_be_written(cli: Cli, english_file: Path, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert_error(cli("train", "bpe", english_file, "-o", tmp_path / "tok"), 1, str(tmp_path))
    finally:
        tmp_path.chmod(0o700)


def test_path_below_a_file(cli: Cli, english_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    assert_error(cli("train", "bpe", english_file, "-v", "300", "-o", tmp_path / "file" / "tok"), 1, "file")


def test_both_text_and_counts(cli: Cli, english_file: Path, tmp_path: Path) -> None:
    assert cli("count", english_file, "-o", tmp_path / "counts").code == 0
    ran = cli("train", "bpe", english_file, "--counts", tmp_path / "counts", "-o", tmp_path / "tok")
    assert_error(ran, 2, "--counts")


# --- options reach the trainer


def test_options_are_in_the_manifest(cli: Cli, english_file: Path, tmp_path: Path) -> None:
    config = tmp_path / "bpe.toml"
    config.write_text("min_frequency = 7\nmax_token_length = 9\n")
    options = ["--config", config, "--max-token-length", "5", "--normalizer", "nfc,lowercase", "--digits", "single"]
    more = ["--special-token", "pad=[PAD]", "--special-token", "user=<|user|>", "--template", "eos", "--seed", "3"]
    assert cli("train", "bpe", english_file, "-v", "400", "-o", tmp_path / "tok", *options, *more).code == 0
    manifest = read_manifest(tmp_path / "tok", TokenizerManifest)
    assert manifest.params == {"min_frequency": 7, "max_token_length": 5}
    assert manifest.pipeline == {"normalizers": ["nfc", "lowercase"], "pre_tokenizer": "gpt2", "digits": "single"}
    assert manifest.special_tokens["pad"] == "[PAD]"
    assert list(manifest.special_tokens)[-1] == "user"
    assert (manifest.template, manifest.seed) == ("eos", 3)
    names = load_tokenizer(tmp_path / "tok").pieces.names
    # Shorter than five bytes, as the reference counts.
    assert max(len(name) for name in names[261 + 1 :]) < 5


@pytest.mark.parametrize("spelling", ["character_coverage", "character-coverage"])
def test_options_of_a_file_are_those_of_the_command_line(
    cli: Cli, english_file: Path, tmp_path: Path, spelling: str
) -> None:
    (tmp_path / "char.toml").write_text(f"{spelling} = 0.9\nbyte-fallback = false\nmin_frequency = 2\nseed = 4\n")
    for name, options in {
        "line": ("--character-coverage", "0.9", "--no-byte-fallback", "--min-frequency", "2", "--seed", "4"),
        "file": ("--config", tmp_path / "char.toml"),
    }.items():
        assert cli("train", "char", english_file, "-o", tmp_path / name, *options).code == 0
    assert folder_bytes(tmp_path / "line") == folder_bytes(tmp_path / "file")
    manifest = read_manifest(tmp_path / "line", TokenizerManifest)
    assert (manifest.lossless, manifest.seed) == (False, 4)


def test_option_that_the_family_lacks(cli: Cli, english_file: Path, out: Path) -> None:
    assert_error(
        cli("train", "bpe", english_file, "--character-coverage", "0.9", "-o", out),
        2,
        "No such option: --character-coverage",
        "is an option of char, wordpiece, unigram, spm",
    )


@pytest.mark.parametrize("family", list(FAMILIES))
def test_parameters_are_listed(cli: Cli, family: str) -> None:
    listed = cli("train", family, "--help")
    assert (listed.code, listed.err) == (0, "")
    text = " ".join(listed.text.split())
    for field in dataclasses.fields(FAMILIES.get(family).Params):
        assert f"--{field.name.replace('_', '-')} " in text
        assert field.metadata["help"][1:] in text


def test_order_of_the_corpus_does_not_matter(cli: Cli, english_file: Path, tmp_path: Path) -> None:
    backwards = tmp_path / "backwards.txt"
    backwards.write_bytes(b"".join(reversed(english_file.read_bytes().splitlines(keepends=True))))
    assert cli("train", "bpe", english_file, "-v", "400", "-o", tmp_path / "a").code == 0
    assert cli("train", "bpe", backwards, "-v", "400", "-o", tmp_path / "b").code == 0
    assert folder_bytes(tmp_path / "a") == folder_bytes(tmp_path / "b")


@pytest.mark.parametrize("command", ["count", "train bpe -v 500", "train wordpiece -v 500"])
def test_engines_leave_the_same_folder(cli: Cli, english_file: Path, tmp_path: Path, command: str) -> None:
    for name in ("kernels", "reference"):
        assert cli(*command.split(), english_file, "-o", tmp_path / name, "--engine", name).code == 0
    assert folder_bytes(tmp_path / "kernels") == folder_bytes(tmp_path / "reference")


@pytest.mark.parametrize("template", ["$B $A", "$A $A", "cls:x $A", "$C $A", "nobody $A", "cls sep"])
def test_a_template_that_cannot_be_meant(cli: Cli, english_file: Path, tmp_path: Path, template: str) -> None:
    ran = cli("train", "bpe", english_file, "-v", "300", "--template", template, "-o", tmp_path / "tok")
    assert_error(ran, 2, "template")
    assert not (tmp_path / "tok").exists()


@pytest.mark.parametrize("size", ["0", "99999999999999999999999", "2147483648"])
def test_a_size_that_no_engine_takes(cli: Cli, english_file: Path, tmp_path: Path, size: str) -> None:
    assert_error(cli("train", "bpe", english_file, "-v", size, "-o", tmp_path / "tok"), 2, size)


def test_one_size_below_the_alphabet_stops_the_family_before_it_begins(
    cli: Cli, english_file: Path, tmp_path: Path
) -> None:
    assert_error(cli("train", "bpe", english_file, "-v", "300,400,100", "-o", tmp_path / "sizes"), 1, "100")
    assert not (tmp_path / "sizes").exists()


def test_words_with_spaces_in_them_are_no_food_for_wordpiece(cli: Cli, english_file: Path, tmp_path: Path) -> None:
    ran = cli("train", "wordpiece", english_file, "--pre-tokenizer", "gpt2", "-o", tmp_path / "tok")
    assert_error(ran, 2, "--pre-tokenizer bert")
