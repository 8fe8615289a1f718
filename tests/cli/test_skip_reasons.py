"""`--errors skip` in every command that reads text: the number of bad records, and why each was left out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import Ran

Cli = Callable[..., Ran]
Folders = Callable[[str], Path]
REASONS = {"null": 2, "broken JSON": 1, "missing field": 1}
WARNING = "warning: 4 documents or records were skipped: null (2), broken JSON (1), missing field (1)"
BAD = '{"text":null}\n{"text":null}\n{"text":"b"\n{"id":1}\n'
GOOD = "".join(json.dumps({"text": f"the bank of the river {n} runs to the sea"}) + "\n" for n in range(40))
# What a command is given beside the text; a name in braces is a folder of `folders`.
COMMANDS = {
    "train bpe": ["-v", "270", "-o", "{out}"],
    "train spm": ["-v", "300", "-o", "{out}"],
    "count": ["-o", "{out}"],
    "encode": ["-t", "{bpe}"],
    "encode shards": ["-t", "{bpe}", "-o", "{out}"],
    "wc": ["-t", "{bpe}"],
    "compare": ["{bpe}"],
    "fit skipgram": ["-t", "{bpe}", "--dim", "4", "--epochs", "1", "-o", "{out}"],
    "embed": ["-e", "{static}", "-o", "{file}"],
    "predict": ["-m", "{labels}"],
    "attention": ["-m", "{bert}"],
    "near": ["-e", "{bert}", "--context", "by the river bank", "bank"],
    "distill": ["-m", "{bert}", "--dim", "4", "-o", "{out}"],
}
NEEDS_TORCH = {"predict", "attention", "near", "distill"}
TAKES_OPTION = {"compare", "attention", "near", "distill"}
# Standard output holds the data.
NO_JSON = {"encode", "predict"}
SAY_NOTHING_OF_TEXT = {"near"}


@pytest.fixture(scope="module")
def folders(bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """Folders of a tokenizer, a static embedding and language models at random, each made when first asked for."""
    root = tmp_path_factory.mktemp("folders")

    def folder(name: str) -> Path:
        if name == "bpe" or (root / name).exists():
            return bpe_folder if name == "bpe" else root / name
        if name == "static":
            from tokit.cli.main import main

            text = root / "text.jsonl"
            text.write_text(GOOD)
            assert main(["fit", "skipgram", str(text), "-t", str(bpe_folder), "--dim", "4", "--epochs", "1", "-q",
                         "-o", str(root / name)]) == 0  # fmt: skip
        else:
            from tests.support.contextual_models import save_head, save_model

            if name == "bert":
                save_model("bert", bpe_folder, root / name)
            else:
                save_head("bert", "SequenceClassification", ["no", "yes"], bpe_folder, root / name)
        return root / name

    return folder


def arguments(command: str, text: Path, folders: Folders, out: Path) -> list[object]:
    """The command line for a corpus."""
    places = {"out": out, "file": out.with_suffix(".npy")}
    settings: list[object] = []
    for setting in COMMANDS[command]:
        name = setting[1:-1]
        settings.append((places.get(name) or folders(name)) if setting.startswith("{") else setting)
    named = ["-c", text] if command in TAKES_OPTION else [text]
    return [*command.removesuffix(" shards").split(), *settings, *named, "--errors", "skip"]


@pytest.mark.parametrize("command", COMMANDS)
def test_skipped_records_are_counted_by_reason(cli: Cli, folders: Folders, tmp_path: Path, command: str) -> None:
    if command in NEEDS_TORCH:
        pytest.importorskip("torch", reason="needs the extra 'contextual'")
        pytest.importorskip("transformers", reason="needs the extra 'contextual'")
    text = tmp_path / "text.jsonl"
    text.write_text(BAD + GOOD)
    as_json = [] if command in NO_JSON else ["--json"]
    ran = cli(*arguments(command, text, folders, tmp_path / "out"), *as_json)
    assert ran.code == 0, ran.err
    assert ran.err.splitlines().count(WARNING) == 1, ran.err
    if as_json and command not in SAY_NOTHING_OF_TEXT:
        report = json.loads(ran.out)
        assert (report["skipped"], report["skip_reasons"], report["replaced"]) == (4, REASONS, 0)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in NEEDS_TORCH])
def test_a_clean_corpus_has_no_reasons(cli: Cli, folders: Folders, tmp_path: Path, command: str) -> None:
    text = tmp_path / "text.jsonl"
    text.write_text(GOOD)
    as_json = [] if command in NO_JSON else ["--json"]
    ran = cli(*arguments(command, text, folders, tmp_path / "out"), *as_json)
    assert (ran.code, "skipped" in ran.err) == (0, False)
    if as_json:
        report = json.loads(ran.out)
        assert (report["skipped"], report["skip_reasons"]) == (0, {})


@pytest.mark.parametrize("command", ["train bpe", "count", "encode shards", "compare", "fit skipgram"])
def test_a_corpus_of_which_all_is_skipped_is_not_called_empty(
    cli: Cli, folders: Folders, tmp_path: Path, command: str
) -> None:
    text = tmp_path / "text.jsonl"
    text.write_text(BAD)
    ran = cli(*arguments(command, text, folders, tmp_path / "out"))
    *_, error, hint = ran.err.splitlines()
    assert (ran.code, ran.out, hint) == (1, b"", "hint: omit --errors skip to see the first")
    assert error == "error: all records were skipped: null (2), broken JSON (1), missing field (1)"


def test_finetuning_skips_bad_rows_of_a_table_without_a_header(cli: Cli, folders: Folders, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'contextual'")
    pytest.importorskip("transformers", reason="needs the extra 'contextual'")
    table = tmp_path / "ag.csv"
    rows = [f'"{n % 2}","the bank of river {n}","x"\n' for n in range(6)]
    table.write_text("".join(rows) + '"1","","x"\n"1","one"\n')
    ran = cli("finetune", table, "-m", folders("bert"), "--label", "1", "--text", "2", "--no-header", "--errors",
              "skip", "--epochs", "1", "--validation", "0", "--json", "-o", tmp_path / "out")  # fmt: skip
    assert ran.code == 0, ran.err
    report = json.loads(ran.out)
    assert (report["labels"], report["examples"], report["skipped"]) == (["0", "1"], 6, 2)
    assert report["skip_reasons"] == {"row of another length": 1, "empty label or text": 1}
    reasons = "row of another length (1), empty label or text (1)"
    assert f"warning: 2 documents or records were skipped: {reasons}" in ran.err
    assert f"note: {table}:8: skipped: row of another length" in ran.err
