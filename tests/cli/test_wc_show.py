"""`tokit wc` against the real wc; `tokit show`: every byte of a text in sight, and where it came from."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.program import Ran, assert_error
from tests.support.texts import HOSTILE_TEXTS, PARALLEL, TEXTS
from tokit.cli.show import readable
from tokit.ops.show import ShownToken, show
from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.readable_token import half_character, message_text

Cli = Callable[..., Ran]
needs_wc = pytest.mark.skipif(shutil.which("wc") is None, reason="no wc here")


def real_wc(*files: Path, stdin: bytes | None = None) -> str:
    environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        ["wc", "-lwc", *files], input=stdin, capture_output=True, check=True, env=environment
    ).stdout.decode("utf-8")


@needs_wc
@pytest.mark.parametrize("names", [["en"], ["en", "fr"], ["ja", "th", "ar", "ka"]])
def test_files_are_counted_as_wc_does(cli: Cli, names: list[str]) -> None:
    files = [PARALLEL / f"{name}.txt" for name in names]
    ran = cli("wc", *files)
    assert ran.code == 0 and ran.err == ""
    assert ran.text == real_wc(*files)


@needs_wc
@pytest.mark.parametrize("text", [b"", b"\n", b"a\n", b"a b\r\n\n  c\t d\n", "ä\u2003b\n".encode()])
def test_a_pipe_is_counted_as_wc_does(cli: Cli, text: bytes) -> None:
    assert cli("wc", stdin=text).text == real_wc(stdin=text)


@needs_wc
def test_widths_grow_with_the_total_as_in_wc(cli: Cli, tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"a\n")
    large.write_bytes(b"a b c\n" * 20_000)
    assert cli("wc", small, large, small).text == real_wc(small, large, small)


def test_a_last_line_without_an_end_is_a_document_and_has_no_byte_more(cli: Cli) -> None:
    assert cli("wc", stdin=b"a b\nc").text.split() == ["2", "3", "5"]


def test_tokens_stand_before_the_name(cli: Cli, trained_folder: Callable[[str], Path], tmp_path: Path) -> None:
    text = "héllo wörld\nagain\n"
    path = tmp_path / "text.txt"
    path.write_text(text, encoding="utf-8")
    ran = cli("wc", path, path, "-t", trained_folder("byte"))
    size = len(text.encode("utf-8"))
    one = f" 2  3 {size} {size - 2} {path}\n"
    assert ran.text == one * 2 + f" 4  6 {2 * size} {2 * size - 4} total\n"


def test_wc_of_records_counts_their_text(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text('{"text": "a b"}\n{"text": "c\\nd"}\n', encoding="utf-8")
    report = json.loads(cli("wc", path, "--json").out)
    assert report["sources"] == [{"name": str(path), "documents": 2, "words": 4, "bytes": 6, "tokens": None}]


@pytest.mark.parametrize(("unit", "documents", "size"), [("line", 4, 7), ("file", 1, 7), ("blank", 2, 4)])
def test_wc_by_unit(cli: Cli, unit: str, documents: int, size: int) -> None:
    report = json.loads(cli("wc", "--unit", unit, "--json", stdin=b"a\nb\n\nc\n").out)
    assert (report["total"]["documents"], report["total"]["bytes"]) == (documents, size)
    assert report["sources"][0]["name"] is None and report["piped"] is True


def test_wc_mistakes(cli: Cli, tmp_path: Path) -> None:
    assert_error(cli("wc", "-t", tmp_path / "nothing", stdin=b"a\n"), 1, "nothing")
    assert_error(cli("wc", "--unit", "lines", stdin=b"a\n"), 2, "did you mean 'line'?")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """GPT-2's form: bytes, two merges, and the end of a text."""
    from tokit.tokenizer.byte_alphabet import byte_alphabet

    folder = tmp_path_factory.mktemp("gpt2")
    tokens = [*byte_alphabet(), "th", "the", "âĺ", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nth e\nâ ĺ\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "GPT2Tokenizer"}', encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("the cat", "the| |c|a|t"),
        ("☃", "<0xE2><0x98>|<0x83>"),
        ("\n\t\r", r"\n|\t|\r"),
        ("a|b\\", r"a|\||b|\\"),
        ("[/b]:x:", "[|/|b|]|:|x|:"),
        ("<|endoftext|>", r"<|\||e|n|d|o|f|t|e|x|t|\||>"),
    ],
)
def test_show_on_a_pipe(cli: Cli, small: Path, text: str, line: str) -> None:
    ran = cli("show", text, "-t", small)
    assert (ran.code, ran.text) == (0, line + "\n")
    assert ran.err.endswith(" bytes per token\n") and ran.err.count("\n") == 1


def test_show_ids_and_lines_of_standard_input(cli: Cli, small: Path) -> None:
    ran = cli("show", "-t", small, "--ids", stdin=b"the\n\nat")
    assert ran.text == "the\n257\n\n\na|t\n97 116\n"


def test_special_tokens_are_told_from_text(cli: Cli, small: Path) -> None:
    ran = cli("show", "the<|endoftext|>", "-t", small, "--parse-special")
    assert ran.text == "the|«<|endoftext|>»\n"


def test_show_json_has_offsets_in_bytes(cli: Cli, small: Path) -> None:
    shown = json.loads(cli("show", "é☃<|endoftext|>the", "-t", small, "--json", "--parse-special").out)
    assert shown["text"] == "é☃<|endoftext|>the"
    assert [(token["token"], token["start"], token["end"], token["special"]) for token in shown["tokens"]] == [
        ("Ã", 0, 1, False),
        ("©", 1, 2, False),
        ("âĺ", 2, 4, False),
        ("ĥ", 4, 5, False),
        ("<|endoftext|>", 5, 18, True),
        ("the", 18, 21, False),
    ]
    assert [token["text"] for token in shown["tokens"]] == ["�", "�", "�", "�", "<|endoftext|>", "the"]
    assert shown["tokens"][-1]["id"] == 257


def test_tokens_of_the_template_stand_for_nothing(trained_folder: Callable[[str], Path]) -> None:
    tokenizer = load_tokenizer(trained_folder("wordpiece"))
    tokens = show(tokenizer, "is é", EncodeOptions(add_special=True)).tokens
    assert [token.id for token in tokens] == tokenizer.encode("is é", EncodeOptions(add_special=True))
    assert tokens[0].special and (tokens[0].start, tokens[0].end) == (0, 0)
    assert tokens[-1].special and (tokens[-1].start, tokens[-1].end) == (5, 5)
    assert [token.start is not None and not token.special for token in tokens[1:-1]] == [True] * (len(tokens) - 2)


def test_a_piece_that_goes_on_a_word_keeps_its_mark(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nplay\n##ing\n", encoding="utf-8")
    ran = cli("show", "playing zzz", "-t", path, "--add-special")
    assert ran.text == "«[CLS]»|play|##ing|«[UNK]»|«[SEP]»\n"


def check_places(tokenizer: Tokenizer, text: str, options: EncodeOptions) -> None:
    tokens = show(tokenizer, text, options).tokens
    assert [token.id for token in tokens] == tokenizer.encode(text, options)
    raw = text.encode("utf-8")
    for token in tokens:
        assert token.start is None or (token.end is not None and 0 <= token.start <= token.end <= len(raw))
        assert "\n" not in readable(token)
    # What keeps every byte shows every byte: no gap, no overlap, and each token its own bytes.
    if tokenizer.lossless:
        assert b"".join(raw[token.start : token.end] for token in tokens) == raw
        for token in tokens:
            assert raw[token.start : token.end] == (token.half or token.text.encode("utf-8"))


@pytest.mark.parametrize(
    "options", [EncodeOptions(), EncodeOptions(parse_special=True), EncodeOptions(add_special=True)]
)
def test_places_of_hostile_texts(trained: Tokenizer, options: EncodeOptions) -> None:
    for text in HOSTILE_TEXTS:
        check_places(trained, text, options)


def test_places_of_any_text(trained: Tokenizer) -> None:
    @settings(max_examples=25)
    @given(TEXTS, st.booleans())
    def check(text: str, parse: bool) -> None:
        check_places(trained, text, EncodeOptions(parse_special=parse))

    check()


def test_plain_tokens_always_have_a_place(trained: Tokenizer) -> None:
    for text in HOSTILE_TEXTS:
        assert all(token.start is not None for token in show(trained, text).tokens)


@pytest.mark.parametrize(
    ("name", "text", "half"),
    [
        ("âĺ", "�", b"\xe2\x98"),
        ("<0xE2>", "�", b"\xe2"),
        ("the", "the", b""),
        # The character U+FFFD itself, in bytes and in letters.
        ("ï¿½", "�", b""),
        ("�", "�", b""),
        ("Ã©", "é", b""),
    ],
)
def test_half_characters(name: str, text: str, half: bytes) -> None:
    assert half_character(name, text) == half


def test_messages_show_text_and_not_the_byte_alphabet() -> None:
    assert [
        message_text("Ã©", "é"),
        message_text("Ġæĺ", "\ufffd"),
        message_text("##ing", "ing"),
        message_text("x", ""),
    ] == [
        "é",
        "<0x20><0xE6><0x98>",
        "ing",
        "x",
    ]


@pytest.mark.parametrize(
    ("token", "seen"),
    [
        (ShownToken(1, "x", "a\u200d\x00\u3000é", 0, 1, False), "a\\u200d\\x00\\u3000é"),
        (ShownToken(1, "x", " �", 0, 1, False, b" \xe2\x98a\xff"), " <0xE2><0x98>a<0xFF>"),
        (ShownToken(1, "##s", "s", 0, 1, False), "##s"),
    ],
)
def test_readable(token: ShownToken, seen: str) -> None:
    assert readable(token) == seen


def on_a_terminal(*arguments: object, **environment: str) -> str:
    """What a command writes when a terminal takes it."""
    ours, theirs = os.openpty()
    variables = {**os.environ, "TERM": "xterm-256color", **environment}
    for name in {"NO_COLOR", "FORCE_COLOR"} - set(environment):
        variables.pop(name, None)
    program = [sys.executable, "-m", "tokit.cli.main", *map(str, arguments)]
    subprocess.run(program, stdout=theirs, stderr=subprocess.DEVNULL, env=variables, check=True, timeout=60)
    os.close(theirs)
    with open(ours, "rb", buffering=0) as terminal:  # noqa: PTH123 - a descriptor
        return terminal.read(1 << 16).decode("utf-8")


def test_show_on_a_terminal_has_colours_and_reads_no_markup(small: Path) -> None:
    seen = on_a_terminal("show", "the[/b]:cat:<|endoftext|>", "-t", small, "--parse-special")
    parts = [part for part in re.split(r"\x1b\[[0-9;]*m", seen.strip()) if part]
    styles = re.findall(r"\x1b\[([0-9;]+)m(?=[^\x1b])", seen.strip())
    assert parts == ["the", *"[/b]:cat:", "<|endoftext|>"]
    assert len(styles) == len(parts) and len(set(styles)) == 3
    assert styles[0] != styles[1] and styles[0] == styles[2] and styles.count(styles[-1]) == 1


def test_show_on_a_terminal_without_colours_is_as_on_a_pipe(small: Path) -> None:
    assert on_a_terminal("show", "the cat", "-t", small, NO_COLOR="1") == "the| |c|a|t\r\n"


def test_a_text_that_is_not_utf8_is_refused(cli: Cli, small: Path) -> None:
    assert_error(cli("show", "a\udcff", "-t", small), 2, "not UTF-8")
    assert_error(cli("show", "-t", small, stdin=b"\xff\n"), 1, "<stdin>:1")
