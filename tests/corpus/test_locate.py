"""Files, folders, globs, URIs and lists of names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.corpora import documents, standard_input
from tokit.corpus import open_corpus
from tokit.errors import CorpusError, TokitError, UsageError


def test_folder_gives_its_text_files_sorted(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/.hidden.txt", ".git/c.txt", "plain", "x.bin", "a/d.jsonl", "e.txt.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x\n")
    names = [source.name for source in open_corpus([str(tmp_path)]).sources]
    assert names == [str(tmp_path / name) for name in ("a/d.jsonl", "a/z.md", "b.txt", "e.txt.gz", "plain")]


def test_folder_without_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"")
    with pytest.raises(CorpusError, match="holds no file of a known format"):
        open_corpus([str(tmp_path)])


def test_globs_and_literal_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.txt", "a.txt", "[a].txt", "c.py"):
        Path(name).write_bytes(name.encode())
    assert [source.name for source in open_corpus(["?.txt"]).sources] == ["a.txt", "b.txt"]
    assert documents(open_corpus(["[a].txt"])) == [b"[a].txt"]
    assert documents(open_corpus(["*.py"])) == [b"c.py"]
    with pytest.raises(CorpusError, match="no file matches"):
        open_corpus(["*.rs"])


def test_missing_file_hints_at_similar_names(tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"corpsu.txt: no such file") as caught:
        open_corpus([str(tmp_path / "corpsu.txt")])
    assert "corpus.txt" in caught.value.hint


def test_dangling_link_and_a_closed_file_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link.txt").symlink_to(tmp_path / "gone")
    with pytest.raises(CorpusError, match=r"link.txt: no such file"):
        open_corpus([str(tmp_path / "link.txt")])
    (tmp_path / "shut.txt").write_bytes(b"a")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CorpusError, match=r"shut.txt: permission denied"):
        open_corpus([str(tmp_path / "shut.txt")])


def test_file_removed_before_reading_is_an_error(file: Path) -> None:
    file.write_bytes(b"a")
    corpus = open_corpus([str(file)])
    file.unlink()
    with pytest.raises(CorpusError, match=r"text.txt: no such file"):
        list(corpus.sources[0].blocks())


def test_file_replaced_by_a_folder_is_an_error(file: Path) -> None:
    file.write_bytes(b"a")
    corpus = open_corpus([str(file)])
    file.unlink()
    file.mkdir()
    with pytest.raises(CorpusError, match=r"text.txt: is a directory"):
        documents(corpus)


def test_files_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "abc":
        Path(name).write_bytes(name.encode())
    Path("list").write_bytes(b"b\r\n\nc")
    assert documents(open_corpus(["a"], files_from="list")) == [b"a", b"b", b"c"]
    Path("list").write_bytes(b"\n")
    with pytest.raises(CorpusError, match="names no file"):
        open_corpus(files_from="list")
    with pytest.raises(CorpusError, match="lits: no such file"):
        open_corpus(files_from="lits")
    with standard_input(monkeypatch) as pipe:
        os.write(pipe, b"c\nb\n")
        os.close(pipe)
        assert documents(open_corpus(files_from="-")) == [b"c", b"b"]


def test_standard_input_twice_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="named twice"):
        open_corpus(["-", "-"])
    with pytest.raises(UsageError, match="named twice"):
        open_corpus(["-"], files_from="-")
    (tmp_path / "list").write_bytes(b"-\n-\n")
    with pytest.raises(UsageError, match="named twice"):
        open_corpus(files_from=str(tmp_path / "list"))


def test_uris(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_bytes(b"x")
    assert documents(open_corpus([f"file://{tmp_path}/a%20b.txt"])) == [b"x"]
    for uri in ("s3://bucket/key", "https://host/file.txt", "file://host/x"):
        with pytest.raises(TokitError, match="'remote'"):
            open_corpus([uri])


def test_empty_name_does_not_mean_this_folder() -> None:
    with pytest.raises(CorpusError, match="empty"):
        open_corpus([""])


def test_byte_order_mark_is_no_part_of_a_list_of_names(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x\n", encoding="utf-8")
    (tmp_path / "list").write_bytes(b"\xef\xbb\xbf" + str(tmp_path / "a.txt").encode() + b"\r\n")
    assert documents(open_corpus(files_from=str(tmp_path / "list"))) == [b"x"]
