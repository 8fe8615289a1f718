"""`tokit reproduce`: every artifact of text is made again from its manifest, or it is said why not."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.every_folder import CONTEXTUAL, STATIC, make_all
from tests.support.program import Ran, assert_error
from tests.support.same_folders import differing_files
from tests.support.two_topics import two_topics
from tokit.cli.commands import command_of
from tokit.cli.requests import CORPUS_OF, option_of
from tokit.storage.folder import MANIFEST, dump_json, read_json

Cli = Callable[..., Ran]
FOLDERS = [name for name in STATIC if "." not in name]
MODELS = [name for name in CONTEXTUAL if "." not in name]


def home_of(folder: Path, *, contextual: bool = False) -> Path:
    """A folder with a text, and every artifact that is made of it."""
    (folder / "text.txt").write_text(two_topics(), encoding="utf-8")
    labeled = "".join(f"{'ab'[i % 2]}\t{text}\n" for i, text in enumerate(two_topics(60).splitlines()))
    (folder / "labeled.tsv").write_text(labeled, encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        make_all(2, contextual=contextual)
    finally:
        os.chdir(before)
    return folder


@pytest.fixture(scope="module")
def static_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    return home_of(tmp_path_factory.mktemp("static"))


@pytest.fixture(scope="module")
def model_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch", reason="needs the extra 'contextual'")
    pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    return home_of(tmp_path_factory.mktemp("models"), contextual=True)


@pytest.fixture
def home(static_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, in which the artifacts were made."""
    monkeypatch.chdir(static_home)
    return static_home


def assert_reproduced(cli: Cli, name: str, out: Path) -> None:
    ran = cli("reproduce", name, "-o", out, "-q")
    assert (ran.code, ran.out) == (0, b""), ran.err
    assert differing_files(Path(name), out) in ([], ["README.md"])


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize("name", FOLDERS)
def test_static_artifacts(cli: Cli, tmp_path: Path, name: str) -> None:
    assert_reproduced(cli, name, tmp_path / "again")
    # As good as the first.
    assert_reproduced(cli, str(tmp_path / "again"), tmp_path / "and again")


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_language_models(
    cli: Cli, model_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(model_home)
    assert_reproduced(cli, name, tmp_path / "again")


@pytest.mark.usefixtures("home")
def test_what_is_said(cli: Cli, tmp_path: Path) -> None:
    ran = cli("reproduce", "bpe", "-o", tmp_path / "a")
    assert ran.text == f"{tmp_path / 'a'}: the same tokenizer as bpe, 5 files\n"
    assert "note: running tokit train bpe text.txt --out=" in ran.err
    found = json.loads(cli("reproduce", "bpe", "-o", tmp_path / "b", "--json").text)
    assert (found["kind"], found["differing"], found["causes"]) == ("tokenizer", [], [])


def test_a_changed_text_and_one_that_lies_elsewhere(cli: Cli, home: Path, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text(two_topics() + "one more\n", encoding="utf-8")
    shutil.copy(home / "text.txt", tmp_path / "same.txt")
    for name in ("bpe", "counts", "bin", "svd"):
        changed = cli("reproduce", name, "-c", tmp_path / "other.txt", "-o", tmp_path / f"{name}-1", "-q")
        assert_error(changed, 3, f"differs from {name} in ", MANIFEST, "the text is another one")
        assert cli("reproduce", name, "-c", tmp_path / "same.txt", "-o", tmp_path / f"{name}-2", "-q").code == 0
        assert differing_files(home / name, tmp_path / f"{name}-2") in ([], ["README.md"])


@pytest.mark.usefixtures("home")
def test_text_that_is_missing(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert_error(cli("reproduce", "bpe", "-c", "txet.txt", "-o", out), 1, "txet.txt, which is not here", "text.txt")
    assert cli("train", "word", "-o", tmp_path / "piped", "-q", stdin=b"a b c\n").code == 0
    assert_error(cli("reproduce", tmp_path / "piped", "-o", out), 1, "made of standard input", "-c CORPUS")
    shutil.copytree("bpe", tmp_path / "moved")
    os.chdir(tmp_path)
    assert_error(cli("reproduce", "moved", "-o", out), 1, "text.txt, which is not here", "-c CORPUS")
    assert not out.exists()


@pytest.mark.usefixtures("home")
def test_another_tokenizer_or_version_is_named(cli: Cli, tmp_path: Path) -> None:
    shutil.copytree("svd", tmp_path / "svd")
    manifest = read_json(tmp_path / "svd" / MANIFEST)
    manifest["request"]["options"]["tokenizer"] = "char"
    manifest["versions"]["numpy"] = "1.0"
    dump_json(manifest, tmp_path / "svd" / MANIFEST)
    ran = cli("reproduce", tmp_path / "svd", "-o", tmp_path / "out", "-q")
    assert_error(ran, 3, "model.safetensors, ", "the tokenizer is another one; numpy is ", "and was 1.0")


def test_trainings_that_race_are_said_to(cli: Cli, home: Path, tmp_path: Path) -> None:
    fit = ("fit", "skipgram", home / "text.txt", "-t", home / "word", "-d", "8", "--threads", "2")
    assert cli(*fit, "-o", tmp_path / "racing", "-q").code == 0
    ran = cli("reproduce", tmp_path / "racing", "-o", tmp_path / "out", "-q")
    if ran.code:
        assert_error(ran, 3, "differs", "more than one thread trained at once")


def test_one_of_several_sizes(cli: Cli, home: Path, tmp_path: Path) -> None:
    family = tmp_path / "family"
    assert cli("train", "bpe", home / "text.txt", "-v", "290,300", "-o", family, "-q").code == 0
    for size in ("290", "300"):
        assert_reproduced(cli, str(family / size), tmp_path / size)


def test_settings_of_a_file_are_recorded(cli: Cli, home: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('dim = 6\nepochs = 2\nseed = 0\ntokenizer = "word"\n', encoding="utf-8")
    fit = ("fit", "glove", home / "text.txt", "--config", settings, "--threads", "1")
    assert cli(*fit, "-o", tmp_path / "a").code == 0
    settings.unlink()
    assert_reproduced(cli, str(tmp_path / "a"), tmp_path / "b")


def test_what_cannot_be_reproduced(cli: Cli, home: Path, tmp_path: Path) -> None:
    assert cli("chat-template", "bpe", "chatml", "-o", tmp_path / "chat", "-q").code == 0
    out = tmp_path / "out"
    assert_error(cli("reproduce", tmp_path / "chat", "-o", out), 1, "does not say which command", "conversion")
    assert_error(cli("reproduce", "bep", "-o", out), 1, "bep: no such file or folder", "bpe")
    assert_error(cli("reproduce", home / "text.txt", "-o", out), 1, "is not an artifact")
    assert_error(cli("reproduce", "bpe", "-o", home / "bpe"), 1, "exists")
    shutil.copytree("bpe", tmp_path / "changed")
    (tmp_path / "changed" / "tokenizer.json").write_text("{}", encoding="utf-8")
    assert_error(cli("reproduce", tmp_path / "changed", "-o", out), 1, "tokenizer.json is not as it was", "verify")
    assert not out.exists()


@pytest.mark.parametrize(
    ("entries", "code", "said"),
    [
        ({"command": ["push"]}, 1, "names no command"),
        ({"command": []}, 1, "names no command"),
        ({"command": "train"}, 1, "request.command"),
        ({"command": ["train"]}, 2, "family"),
        ({"command": ["train", "--help"]}, 1, "names no command"),
        ({"options": {"out": "elsewhere", "overwrite": True, "config": "x.toml"}}, 0, ""),
        ({"options": {"vocab-size": "300", "colour": "red"}}, 2, "No such option: --colour"),
        ({"corpus": ["--out=elsewhere"]}, 1, "is not here"),
    ],
)
def test_requests_of_strangers(
    cli: Cli, home: Path, tmp_path: Path, entries: dict[str, object], code: int, said: str
) -> None:
    shutil.copytree(home / "word", tmp_path / "word")
    manifest = read_json(tmp_path / "word" / MANIFEST)
    manifest["request"] |= entries
    dump_json(manifest, tmp_path / "word" / MANIFEST)
    ran = cli("reproduce", tmp_path / "word", "-o", tmp_path / "out", "-q")
    assert ran.code == code, ran.err
    assert said in ran.err
    assert not (home / "elsewhere").exists()


@pytest.mark.parametrize("command", list(CORPUS_OF))
def test_every_option_can_be_asked_for_again(command: str) -> None:
    """Values are strings, lists of them, or flags whose opposite is `--no-`."""
    found = command_of(command)
    leaves = [found.get_command(None, name) for name in found.names] if hasattr(found, "names") else [found]
    for leaf in leaves:
        options = [param for param in leaf.params if param.param_type_name == "option"]
        for param in options:
            assert param.nargs == 1, param.name
            assert param.secondary_opts in ([], [f"--no-{option_of(param)}"]), param.name
        arguments = [param.name for param in leaf.params if param.param_type_name == "argument"]
        assert arguments == ([] if command == "distill" else [CORPUS_OF[command]])
