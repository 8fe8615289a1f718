"""Sources whose content is not what their name says."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import tarfile
import threading
import zipfile
from pathlib import Path

import pytest

from tests.support.corpora import documents, standard_input
from tokit.corpus import open_corpus
from tokit.errors import CorpusError

RECORDS = b'{"text": "the cat", "id": 1}\n{"text": "caf\\u00e9", "id": 2}\n'
TEXTS = [b"the cat", "café".encode()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("c4.json", RECORDS),
        ("c4.json.gz", gzip.compress(RECORDS)),
        ("C4.JSON", b"\xef\xbb\xbf" + RECORDS),
        ("c4.json.bz2", bz2.compress(b"\n" + RECORDS)),
        ("one.json", RECORDS.replace(b"\n{", b"\n\n{")),
    ],
)
def test_json_lines_called_json(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    said: list[str] = []
    corpus = open_corpus([str(tmp_path / name)], tell=said.append)
    assert documents(corpus) == TEXTS
    assert said == [f"{tmp_path / name}: read as JSON lines, by its first line"]
    assert documents(open_corpus([str(tmp_path / name)], format="text.bz2" if name.endswith("bz2") else None)) != []


@pytest.mark.parametrize(
    ("value", "what", "hint"),
    [
        ([{"text": "a"}], "one JSON array", "jq -c '.[]'"),
        ({"text": "a"}, "one JSON object", "jq -c ."),
    ],
)
def test_json_of_one_value_is_refused(tmp_path: Path, value: object, what: str, hint: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps(value, indent=2), encoding="utf-8")
    with pytest.raises(CorpusError, match=what) as caught:
        open_corpus([str(tmp_path / "a.json")])
    assert hint in caught.value.hint
    assert documents(open_corpus([str(tmp_path / "a.json")], format="text"))[0] in (b"[", b"{")


def test_long_first_record(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(json.dumps({"text": "x" * 500_000}).encode() + b"\n" + RECORDS)
    assert [len(document) for document in documents(open_corpus([str(tmp_path / "a.json")]))] == [500_000, 7, 5]


def test_folder_takes_json_lines_and_leaves_settings(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(RECORDS)
    (tmp_path / "b.txt").write_bytes(b"the sea\n")
    for name, value in {"dataset_info.json": {"features": {}}, "state.json": {"_split": None}}.items():
        (tmp_path / name).write_text(json.dumps(value, indent=1), encoding="utf-8")
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    (tmp_path / "x.pdf").write_bytes(b"%PDF-1.7")
    said: list[str] = []
    assert documents(open_corpus([str(tmp_path)], tell=said.append)) == [*TEXTS, b"the sea"]
    assert any("no text: 4" in note and "config.json" in note for note in said)


def archive(kind: str) -> bytes:
    """An archive with one text."""
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as zipped:
            zipped.writestr("a.txt", "the cat\n")
    else:
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            info = tarfile.TarInfo("a.txt")
            info.size = 8
            tar.addfile(info, io.BytesIO(b"the cat\n"))
    return buffer.getvalue()


def old_tar() -> bytes:
    """An archive as tar wrote it before POSIX: its headers have a checksum, and no magic."""
    content = bytearray(archive("tar"))
    content[257:512] = bytes(255)
    field = slice(148, 156)
    content[field] = b" " * 8
    content[field] = b"%06o\0 " % sum(content[:512])
    return bytes(content)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.tar", archive("tar"), "a tar archive"),
        ("a.tar.gz", gzip.compress(archive("tar")), "a tar archive"),
        ("a.txt", archive("tar"), "a tar archive"),
        ("a.zip", archive("zip"), "a zip archive"),
        ("a.docx", archive("zip"), "a zip archive"),
        ("a.pdf", b"%PDF-1.4\n1 0 obj\n", "a PDF document"),
        ("a.csv", archive("zip"), "a zip archive"),
        ("a.jsonl", b"PAR1\0\0", "a Parquet table"),
        ("a.rtf", b"{\\rtf1 the cat}", "a document in RTF"),
        ("a.db", b"SQLite format 3\0", "a database"),
        ("utf16.txt", "hello\nworld\n".encode("utf-16"), "text in UTF-16,"),
        ("utf16be.txt", b"\xfe\xff" + "hello\n".encode("utf-16-be"), "text in UTF-16,"),
        ("utf16le.csv", "text\nhello\n".encode("utf-16-le"), "text in UTF-16LE"),
        ("cyrillic.txt", "Привет мир\nвторая строка — «да»\n".encode("utf-16-le"), "text in UTF-16LE"),
        ("greek.txt", "αβγ δε\nζηθ\n".encode("utf-16-be"), "text in UTF-16BE"),
        ("arabic.tsv", "text\nسلام دنيا\n".encode("utf-16-le"), "text in UTF-16LE"),
        ("latvian.txt", "Āda un āda\n".encode("utf-16-le"), "text in UTF-16LE"),
        ("utf32.txt", "hello\n".encode("utf-32"), "text in UTF-32"),
        ("utf32le.txt", "hello\n".encode("utf-32-le"), "text in UTF-32LE"),
        ("utf32be.csv", "text\n北京 🙂\n".encode("utf-32-be"), "text in UTF-32BE"),
        ("eastern.jsonl", '{"text": "北京"}\n'.encode("utf-32-le"), "text in UTF-32LE"),
        ("v7.tar", old_tar(), "a tar archive"),
        ("v7.tar.gz", gzip.compress(old_tar()), "a tar archive"),
        ("v7.jsonl", old_tar(), "a tar archive"),
        ("x.deb", b"!<arch>\ndebian-binary   ", "an archive of ar"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=what) as caught:
        documents(open_corpus([str(tmp_path / name)]))
    assert "|" in caught.value.hint or "--format" in caught.value.hint


def test_archive_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with standard_input(monkeypatch) as pipe:
        os.write(pipe, archive("tar"))
        os.close(pipe)
        with pytest.raises(CorpusError, match="a tar archive") as caught:
            documents(open_corpus())
    assert caught.value.hint.startswith("tar -xOf FILE |")


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe not sixteen",
        b"PK is short for",
        b"%PDF",
        b"a\0b\0c",
        b"\0" * 20,
        b"ustar",
        b"the\0cat\0sat\0on\0a\0mat\0",
        b"[1] a footnote",
        b"[Chorus]",
        b'["hello", she said',
        b"{{template}}",
        b"[]",
        b"the cat sat ".ljust(148) + b"0012345 " + b"x" * 400,
    ],
)
def test_text_that_only_looks_so_is_read(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert len(documents(open_corpus([str(tmp_path / "a.txt")], errors="replace"))) == 1


def test_records_in_plain_text_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(RECORDS)
    said: list[str] = []
    corpus = open_corpus([str(tmp_path / "a.txt")], tell=said.append)
    assert documents(corpus) == RECORDS.splitlines()
    assert len(said) == 1
    assert "--format jsonl" in said[0]


def test_linked_folders_are_searched_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_bytes(b"a\n")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "b.txt").write_bytes(b"b\n")
    (tmp_path / "corpus" / "link").symlink_to("../real")
    (tmp_path / "real" / "circle").symlink_to("../corpus")
    (tmp_path / "corpus" / "dangling.txt").symlink_to("gone")
    said: list[str] = []
    assert documents(open_corpus([str(tmp_path / "corpus")], tell=said.append)) == [b"b", b"a"]
    assert said == [f"{tmp_path / 'corpus'}: links that lead nowhere: 1 ({tmp_path / 'corpus' / 'dangling.txt'})"]


@pytest.mark.parametrize("link", ["folder", "sub/deep.txt", "a.pdf", "b.json"])
def test_links_that_lead_nowhere_are_said(tmp_path: Path, link: str) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.txt").write_bytes(b"a\n")
    (tmp_path / link).symlink_to("../gone/anything")
    said: list[str] = []
    assert documents(open_corpus([str(tmp_path)], tell=said.append)) == [b"a"]
    assert said == [f"{tmp_path}: links that lead nowhere: 1 ({tmp_path / link})"]


ARRAY = [{"text": "the cat"}, {"text": "the sea"}]


@pytest.mark.parametrize("name", ["a.txt", "plain", "a.json", "a.jsonl", "a.txt.gz"])
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (ARRAY, "jq -c '.[]' "),
        (ARRAY * 9000, "jq -c '.[]' "),
        ([{"text": "long " * 80_000}], "jq -c '.[]' "),
        (["the cat", "the sea"], "jq -c '.[] | {text: .}' "),
    ],
)
def test_json_array_is_no_text(tmp_path: Path, name: str, indent: int | None, value: object, hint: str) -> None:
    content = json.dumps(value, indent=indent).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    with pytest.raises(CorpusError, match="one JSON array") as caught:
        documents(open_corpus([str(tmp_path / name)]))
    assert caught.value.hint.startswith(hint)
    assert ("--format text" in caught.value.hint) == ("json" not in name)
    assert documents(open_corpus([str(tmp_path / name)], format="text"))


@pytest.mark.parametrize("name", ["a.txt", "plain", "a.json", "a.jsonl"])
def test_object_over_several_lines_is_no_text(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(json.dumps({"text": "the cat", "id": 1}, indent=2), encoding="utf-8")
    with pytest.raises(CorpusError, match="one JSON object") as caught:
        documents(open_corpus([str(tmp_path / name)]))
    assert caught.value.hint.startswith("jq -c . ")


def test_json_array_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with standard_input(monkeypatch) as pipe:
        os.write(pipe, json.dumps(ARRAY).encode())
        os.close(pipe)
        with pytest.raises(CorpusError, match="one JSON array") as caught:
            documents(open_corpus())
    assert caught.value.hint.startswith("jq -c '.[]' FILE |")


def test_json_that_is_no_object_a_line(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "strings.json").write_bytes(b'"the cat"\n"the sea"\n')
    with pytest.raises(CorpusError, match="a JSON string a line") as caught:
        open_corpus([str(tmp_path / "strings.json")])
    assert "jq -c '{text: .}'" in caught.value.hint
    (tmp_path / "rows.json").write_bytes(b'["the", "cat"]\n["the", "sea"]\n')
    with pytest.raises(CorpusError, match="no object a line"):
        open_corpus([str(tmp_path / "rows.json")])
    (tmp_path / "text.json").write_bytes(b"the cat\n")
    assert documents(open_corpus([str(tmp_path / "text.json")], tell=said.append)) == [b"the cat"]
    assert said == [f"{tmp_path / 'text.json'}: read as plain text, as its first line is no JSON object"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-16"])
@pytest.mark.parametrize("text", ["北京大学的学生在读书", "東京は日本の首都です。", "서울은 한국의 수도이다"])
def test_eastern_text_of_16_bits_is_guessed(tmp_path: Path, encoding: str, text: str) -> None:
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    with pytest.raises(CorpusError) as caught:
        documents(open_corpus([str(tmp_path / "a.txt")]))
    assert "iconv -f UTF-16" in caught.value.hint
    assert "latin1" not in caught.value.hint


@pytest.mark.parametrize(
    ("text", "encoding"), [("un café, déjà vu, naïve", "latin-1"), ("Привет, мир", "cp1251"), ("北京大学", "gb18030")]
)
def test_text_of_8_bits_is_not_taken_for_one_of_16(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "a.txt").write_bytes((text * 2).encode(encoding))
    with pytest.raises(CorpusError, match="is not UTF-8") as caught:
        documents(open_corpus([str(tmp_path / "a.txt")]))
    assert "UTF-16" not in caught.value.hint


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_named_pipe_is_not_opened_twice(tmp_path: Path) -> None:
    pipe = tmp_path / "p.json"
    os.mkfifo(pipe)
    feeder = threading.Thread(target=pipe.write_bytes, args=(RECORDS,))
    feeder.start()
    said: list[str] = []
    assert documents(open_corpus([str(pipe)], tell=said.append)) == RECORDS.splitlines()
    feeder.join()
    assert "--format jsonl" in said[0]
