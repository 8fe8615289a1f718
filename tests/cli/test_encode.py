"""`tokit encode` and `tokit decode`: text → ids → the same bytes, on pipes and as shards."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.program import Ran, assert_error, folder_bytes
from tests.support.texts import TEXTS
from tokit.storage.data_manifests import ShardsManifest
from tokit.storage.folder import read_manifest
from tokit.tokenizer.load import load_tokenizer

Cli = Callable[..., Ran]
FILES = {
    "empty": b"",
    "one empty line": b"\n",
    "empty lines": b"\n\n\n",
    "no final newline": b"a\nb",
    "final newline": b"a\nb\n",
    "CRLF": b"a\r\nb\r\n\r\nc\r",
    "carriage return alone": b"a\rb\r",
    "byte-order mark": b"\xef\xbb\xbfa\n\xef\xbb\xbfb",
    "NUL": b"a\x00b\n\x00\n\x00",
    "white space": b" \n  a  \n\t\n\x0b\x0c\n",
    "other line ends": "a\u2028b\u2029c\x85d\n\x1c\x1d\x1e\n".encode(),
    "tokens": b"<|endoftext|>\n<0x41><|pad|>\n[UNK] </s>\n",
    "metaspace": "▁a ▁\n▁▁".encode(),
    "digits": b"1 2 3\n4\n",
}


# --- round trip


@pytest.mark.parametrize("data", FILES.values(), ids=list(FILES))
def test_encode_then_decode_gives_the_bytes_back(cli: Cli, trained_folder: Callable[[str], Path], data: bytes) -> None:
    for variant in ("bpe", "char", "byte", "unigram", "word-bytes", "unigram-chars"):
        folder = trained_folder(variant)
        for form in ("ids", "jsonl"):
            ids = cli("encode", "-t", folder, "--as", form, stdin=data)
            assert (ids.code, ids.err) == (0, "")
            text = cli("decode", "-t", folder, stdin=ids.out)
            assert (text.code, text.err) == (0, "")
            # JSON lines always end.
            whole = data if form == "ids" or not data or data.endswith(b"\n") else data + b"\n"
            assert text.out == whole, (variant, form)


@settings(max_examples=60)
@given(text=st.lists(TEXTS, max_size=4).map("\n".join))
def test_any_text_survives_the_pipe(cli: Cli, bpe_folder: Path, text: str) -> None:
    data = text.encode("utf-8")
    ids = cli("encode", "-t", bpe_folder, stdin=data)
    assert ids.out.count(b"\n") == data.count(b"\n")
    assert cli("decode", "-t", bpe_folder, stdin=ids.out).out == data


@pytest.mark.parametrize("name", ["CRLF", "no final newline", "empty", "empty lines"])
def test_real_pipeline(shell: Callable[..., Ran], bpe_folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "text").write_bytes(FILES[name])
    ran = shell(f"tokit encode -t {bpe_folder} < text | tokit decode -t {bpe_folder} | cmp - text")
    assert (ran.code, ran.out, ran.err) == (0, b"", "")


def test_real_pipeline_with_a_long_corpus(shell: Callable[..., Ran], bpe_folder: Path, corpus_file: Path) -> None:
    command = "tokit encode {0} {0} {0} -t {1} | tokit decode -t {1} | cmp - <(cat {0} {0} {0})"
    ran = shell(command.format(corpus_file, bpe_folder))
    assert (ran.code, ran.out, ran.err) == (0, b"", "")


def test_files_without_a_final_newline_stay_apart(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_bytes(name.encode())
    paths = [tmp_path / f"{name}.txt" for name in ("a", "b", "c")]
    ids = cli("encode", *paths, "-t", bpe_folder)
    assert ids.out.count(b"\n") == 2
    assert cli("decode", "-t", bpe_folder, stdin=ids.out).out == b"a\nb\nc"


# --- forms of output


def test_forms(cli: Cli, bpe_folder: Path) -> None:
    tokenizer = load_tokenizer(bpe_folder)
    text = "the cat\\ \n\n\tzebra"
    ids = cli("encode", "-t", bpe_folder, stdin=text.encode()).text.split("\n")
    assert [[int(word) for word in line.split()] for line in ids] == [
        tokenizer.encode(part) for part in text.split("\n")
    ]
    names = cli("encode", "-t", bpe_folder, "--as", "tokens", stdin=text.encode()).text.split("\n")
    assert [line.replace(" ", "").replace("\\\\", "\\") for line in names] == ["theĠcat\\Ġ", "", "ĉzebra"]
    objects = cli("encode", "-t", bpe_folder, "--as", "jsonl", stdin=text.encode()).text.splitlines()
    assert [json.loads(line)["input_ids"] for line in objects] == [tokenizer.encode(part) for part in text.split("\n")]


def test_tokens_never_break_a_line(cli: Cli, trained_folder: Callable[[str], Path]) -> None:
    for variant in ("char", "unigram-chars", "spm"):
        ran = cli("encode", "-t", trained_folder(variant), "--as", "tokens", stdin=b"a b\tc\rd\x00e\n")
        ids = cli("encode", "-t", trained_folder(variant), stdin=b"a b\tc\rd\x00e\n")
        assert ran.out.count(b"\n") == 1
        assert len(ran.text.split(" ")) == len(ids.text.split(" "))


def test_json_lines_keep_their_other_fields(cli: Cli, bpe_folder: Path) -> None:
    records = [{"id": 7, "text": "the cat", "tags": ["é", None]}, {"text": "a\nb", "nested": {"x": 1.5}}]
    data = "".join(json.dumps(record) + "\n" for record in records).encode()
    ran = cli("encode", "-t", bpe_folder, "--format", "jsonl", "--as", "jsonl", stdin=data)
    tokenizer = load_tokenizer(bpe_folder)
    expected = [{**record, "input_ids": tokenizer.encode(str(record["text"]))} for record in records]
    assert [json.loads(line) for line in ran.text.splitlines()] == expected


def test_special_tokens_only_when_asked(cli: Cli, trained_folder: Callable[[str], Path]) -> None:
    folder = trained_folder("wordpiece")
    tokenizer = load_tokenizer(folder)
    special = tokenizer.special_ids

    def ids(*options: str) -> list[int]:
        return [int(word) for word in cli("encode", "-t", folder, *options, stdin=b"the <|mask|> cat").text.split()]

    plain = ids()
    assert not set(plain) & {special["mask"], special["cls"], special["sep"]}
    assert ids("--add-special") == [special["cls"], *plain, special["sep"]]
    assert special["mask"] in ids("--parse-special")
    assert ids("--max-length", "2") == plain[:2]
    assert ids("--add-special", "--max-length", "3") == [special["cls"], plain[0], special["sep"]]
    assert_error(cli("encode", "-t", folder, "--add-special", "--max-length", "1", stdin=b"x"), 1, "--max-length 1")


def test_decode_skip_special(cli: Cli, bpe_folder: Path) -> None:
    ids = cli("encode", "-t", bpe_folder, "--parse-special", stdin=b"a<|pad|>b\n<|cls|>\n").out
    assert cli("decode", "-t", bpe_folder, stdin=ids).out == b"a<|pad|>b\n<|cls|>\n"
    assert cli("decode", "-t", bpe_folder, "--skip-special", stdin=ids).out == b"ab\n\n"


@pytest.mark.parametrize(("unit", "documents"), [("line", 5), ("blank", 2), ("file", 1)])
def test_units(cli: Cli, bpe_folder: Path, unit: str, documents: int) -> None:
    ran = cli("encode", "-t", bpe_folder, "--unit", unit, "--as", "jsonl", stdin=b"a\nb\n\nc\nd\n")
    assert len(ran.out.splitlines()) == documents


# --- bad input


@pytest.mark.parametrize("errors", ["strict", "replace", "skip"])
def test_invalid_utf8(cli: Cli, bpe_folder: Path, errors: str) -> None:
    ran = cli("encode", "-t", bpe_folder, "--errors", errors, stdin=b"a\n\xffb\nc\n")
    if errors == "strict":
        assert ran.code == 1
        assert "<stdin>:2" in ran.err
        return
    assert ran.code == 0
    named = "note: <stdin>:2: skipped: not UTF-8\n" if errors == "skip" else ""
    assert ran.err.startswith(f"{named}warning: 1 document")
    expected = b"a\n\xef\xbf\xbdb\nc\n" if errors == "replace" else b"a\nc\n"
    assert cli("decode", "-t", bpe_folder, stdin=ran.out).out == expected


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (b"5 6\n7 600 8\n", "<stdin>:2:3"),
        (b"5\n\n  99999999999999999999999\n", "<stdin>:3:3"),
        (b"5 " + b"9" * 5000, "<stdin>:1:3"),
        (b"5 -1\n", "<stdin>:1:3"),
        (b"5 6.5\n", "<stdin>:1:3"),
        (b"5 6 x7\n", "<stdin>:1:5"),
        ("5 ٣\n".encode(), "<stdin>:1:3"),
        (b"5 +6\n", "<stdin>:1:3"),
        (b"5 1_0\n", "<stdin>:1:3"),
        (b'{"input_ids": [5, 600]}\n', "<stdin>:1, input_ids[1]"),
        (b'{"input_ids": [5, true]}\n', "<stdin>:1"),
        (b'{"input_ids": 5}\n', "<stdin>:1"),
        (b'{"ids": [5]}\n', "<stdin>:1"),
        (b'{"input_ids": [5\n', "<stdin>:1"),
        (b'{"input_ids": ' + b"[" * 200_000, "<stdin>:1"),
    ],
)
def test_ids_that_are_none_name_their_place(cli: Cli, bpe_folder: Path, line: bytes, place: str) -> None:
    assert_error(cli("decode", "-t", bpe_folder, stdin=line), 1, f"error: {place}")


def test_bytes_that_are_no_ids_get_a_hint_for_decode(cli: Cli, bpe_folder: Path) -> None:
    ran = cli("decode", "-t", bpe_folder, stdin=b"5 6\n5 \xff\n")
    assert_error(ran, 1, "<stdin>:2", "decode reads what tokit encode writes")
    assert "--errors" not in ran.err
    # A hint that helps decode too is kept.
    assert_error(cli("decode", "-t", bpe_folder, stdin=gzip.compress(b"5 6\n")), 1, "zcat")


def test_lines_of_several_files_stay_apart(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.ids").write_bytes(b"38")
    (tmp_path / "b.ids").write_bytes(b"39\n")
    (tmp_path / "c.ids").write_bytes(b"40")
    ran = cli("decode", tmp_path / "a.ids", tmp_path / "b.ids", tmp_path / "c.ids", "-t", bpe_folder)
    assert (ran.code, ran.out) == (0, b"B\nC\nD")


def test_ids_in_a_file_name_the_file(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "good.ids").write_bytes(b"5 6\n")
    (tmp_path / "bad.ids").write_bytes(b"5 6\n\n5 600\n")
    ran = cli("decode", tmp_path / "good.ids", tmp_path / "bad.ids", "-t", bpe_folder)
    assert ran.code == 1
    assert f"{tmp_path / 'bad.ids'}:3:3: id 600 is outside the vocabulary of 600" in ran.err


@pytest.mark.parametrize("kept", [0.5, 0.999, 0])
def test_tokenizer_cut_in_half(cli: Cli, bpe_folder: Path, tmp_path: Path, kept: float) -> None:
    data = (bpe_folder / "tokenizer.json").read_bytes()
    for target in (tmp_path / "tokenizer.json", tmp_path / "tok" / "tokenizer.json"):
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data[: int(len(data) * kept)])
    (tmp_path / "tok" / "tokit.json").write_bytes((bpe_folder / "tokit.json").read_bytes())
    assert_error(cli("encode", "-t", tmp_path / "tokenizer.json", stdin=b"a"), 1, "tokenizer.json")
    assert_error(cli("encode", "-t", tmp_path / "tok", stdin=b"a"), 1, "tokenizer.json")


def test_manifest_cut_in_half(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    for name, data in folder_bytes(bpe_folder).items():
        (tmp_path / name).write_bytes(data[: len(data) // 2] if name == "tokit.json" else data)
    assert_error(cli("encode", "-t", tmp_path, stdin=b"a"), 1, "tokit.json")
    assert_error(cli("inspect", tmp_path), 1, "tokit.json")


@pytest.mark.parametrize("what", ["missing", "folder", "text"])
def test_no_tokenizer_there(cli: Cli, tmp_path: Path, what: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("hello")
    assert_error(cli("encode", "-t", tmp_path / what, stdin=b"a"), 1, str(tmp_path / what))


# --- shards


@pytest.mark.parametrize("format_", ["bin", "npy", "parquet"])
@pytest.mark.parametrize("name", [name for name in FILES if name != "empty"])
def test_shards_give_the_bytes_back(cli: Cli, bpe_folder: Path, tmp_path: Path, format_: str, name: str) -> None:
    made = cli(
        "encode", "-t", bpe_folder, "-o", tmp_path / "shards", "--to", format_, "--keep-empty", stdin=FILES[name]
    )
    assert (made.code, made.out) == (0, b"")
    assert cli("decode", tmp_path / "shards").out == FILES[name]
    assert cli("inspect", tmp_path / "shards", "--check").code == 0


@pytest.mark.parametrize(
    ("unit", "data"), [("file", b"a\r\nb\n\nc\n"), ("blank", b"a\nb\n\nc\n"), ("line", b"a\n\nb\n")]
)
def test_shards_of_other_units_give_the_bytes_back(
    cli: Cli, bpe_folder: Path, tmp_path: Path, unit: str, data: bytes
) -> None:
    made = cli("encode", "-t", bpe_folder, "-o", tmp_path / "shards", "--unit", unit, "--keep-empty", stdin=data)
    assert made.code == 0
    assert cli("decode", tmp_path / "shards").out == data


def test_empty_corpus_makes_no_shards(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    assert_error(cli("encode", "-t", bpe_folder, "-o", tmp_path / "shards", stdin=b""), 1, "empty")
    assert list(tmp_path.iterdir()) == []


def test_existing_shards_stay(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "shards"
    assert cli("encode", "-t", bpe_folder, "-o", target, stdin=b"a\n").code == 0
    before = folder_bytes(target)
    assert_error(cli("encode", "-t", bpe_folder, "-o", target, stdin=b"b\n"), 1, "exists")
    assert folder_bytes(target) == before
    assert cli("encode", "-t", bpe_folder, "-o", target, "--overwrite", stdin=b"b\n").code == 0
    assert cli("decode", target).out == b"b\n"


def test_parts_of_a_split(cli: Cli, bpe_folder: Path, corpus_file: Path, tmp_path: Path) -> None:
    target = tmp_path / "shards"
    ran = cli("encode", corpus_file, "-t", bpe_folder, "-o", target, "--split", "val=0.2", "--keep-empty", "--json")
    parts = json.loads(ran.text)["parts"]
    assert list(parts) == ["train", "val"]
    lines = corpus_file.read_bytes().splitlines(keepends=True)
    assert parts["train"]["documents"] + parts["val"]["documents"] == len(lines)
    train, val = (cli("decode", target, "--part", part).out for part in ("train", "val"))
    assert cli("decode", target).out == train + val
    assert sorted(train.splitlines() + val.splitlines()) == sorted(corpus_file.read_bytes().splitlines())
    assert_error(cli("decode", target, "--part", "vla"), 1, "did you mean 'val'?")


def test_shards_refuse_another_tokenizer(
    cli: Cli, bpe_folder: Path, trained_folder: Callable[[str], Path], tmp_path: Path
) -> None:
    assert cli("encode", "-t", bpe_folder, "-o", tmp_path / "shards", stdin=b"a\n").code == 0
    assert cli("decode", tmp_path / "shards", "-t", bpe_folder).out == b"a\n"
    assert_error(cli("decode", tmp_path / "shards", "-t", trained_folder("byte")), 1, "another tokenizer")


@pytest.mark.parametrize("damage", ["cut", "missing", "empty"])
@pytest.mark.parametrize(
    ("format_", "file"), [("bin", "ids.bin"), ("npy", "ids.npy"), ("npy", "ends.npy"), ("parquet", "ids.parquet")]
)
def test_damaged_shards(cli: Cli, bpe_folder: Path, tmp_path: Path, format_: str, file: str, damage: str) -> None:
    target = tmp_path / "shards"
    assert cli("encode", "-t", bpe_folder, "-o", target, "--to", format_, stdin=b"some text\nand more\n").code == 0
    path = target / file
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-4] if damage == "cut" else b"")
    assert_error(cli("decode", target), 1, str(target))
    ran = cli("inspect", target, "--check")
    assert ran.code == 3
    assert f"error: {file} is missing or not as it was written" in ran.err


def test_shards_name_their_tokenizer(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    assert cli("encode", "-t", bpe_folder, "-o", tmp_path / "a", stdin=b"one two\n").code == 0
    manifest = read_manifest(tmp_path / "a", ShardsManifest)
    assert manifest.tokenizer_sha256 == load_tokenizer(bpe_folder).sha256
    assert manifest.files["tokenizer/tokenizer.json"] == manifest.tokenizer_sha256
    # Shards stand for their tokenizer.
    assert cli("encode", "-t", tmp_path / "a", stdin=b"one two\n") == cli(
        "encode", "-t", bpe_folder, stdin=b"one two\n"
    )


def test_two_threads_give_the_same_shards(
    shell: Callable[..., Ran], bpe_folder: Path, corpus_file: Path, tmp_path: Path
) -> None:
    for threads in (1, 2):
        command = f"tokit encode {corpus_file} -t {bpe_folder} -o shards{threads} --threads {threads} --split val=0.1"
        assert shell(command).code == 0
    assert folder_bytes(tmp_path / "shards1") == folder_bytes(tmp_path / "shards2")
    ids = np.fromfile(tmp_path / "shards1" / "train.bin", dtype="<u2")
    assert ids.max() < 600


@pytest.fixture
def vocabulary_with_a_gap(tmp_path: Path) -> Path:
    """A foreign tokenizer whose ids 3 to 5 are of no token."""
    parts = dict.fromkeys(("truncation", "padding", "normalizer", "post_processor", "decoder"))
    model = {"type": "WordLevel", "vocab": {"[UNK]": 0, "the": 1, "cat": 2, "</s>": 6, "sea": 7}, "unk_token": "[UNK]"}
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    end = {"id": 6, "content": "</s>", "special": True, **flags}
    spec = {
        "version": "1.0",
        **parts,
        "added_tokens": [end],
        "pre_tokenizer": {"type": "WhitespaceSplit"},
        "model": model,
    }
    path = tmp_path / "gap.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("ids", "place"),
    [(b"1 2\n1 5 2\n", "-:2: id 5"), (b'1 2 7\n{"input_ids": [2, 3]}\n', "-:2: id 3"), (b"\n\n\n4", "-:4: id 4")],
)
def test_an_id_in_a_gap_is_refused(cli: Cli, vocabulary_with_a_gap: Path, ids: bytes, place: str) -> None:
    ran = cli("decode", "-t", vocabulary_with_a_gap, stdin=ids)
    assert ran.code == 1 and "in a gap of the vocabulary" in ran.err
    assert place.removeprefix("-") in ran.err


def test_shards_with_an_id_in_a_gap_are_refused(cli: Cli, vocabulary_with_a_gap: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the cat\nthe sea sea\n", encoding="utf-8")
    shards = tmp_path / "shards"
    assert cli("encode", text, "-t", vocabulary_with_a_gap, "-o", shards).code == 0
    assert cli("decode", shards).text == "the cat\nthe sea sea\n"
    ids = next(iter(shards.glob("*.bin")))
    raw = ids.read_bytes()
    ids.write_bytes(raw.replace((7).to_bytes(2, "little"), (4).to_bytes(2, "little"), 1))
    ran = cli("decode", shards)
    assert ran.code == 1
    assert "document 2, position 2: id 4" in ran.err
