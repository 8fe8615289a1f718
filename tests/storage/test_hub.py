"""Names on the Hub, against a Hub on the loopback interface: real requests of huggingface_hub, and their faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.hub import Files, Hub, serving
from tests.support.program import LIMIT, Ran, assert_error

pytestmark = pytest.mark.slow
TEXT = b"the cat sat on the mat\nrivers run\n"
RunOnHub = Callable[..., Ran]


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub that stops with the test."""
    with serving() as server:
        yield server


@pytest.fixture
def run(hub: Hub, tmp_path: Path) -> RunOnHub:
    """Run a command with that Hub and an empty cache, and record its requests anew."""
    unset = ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE")
    settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_XET": "1"}
    kept = {name: value for name, value in os.environ.items() if name not in unset}

    def run(*arguments: str | Path, stdin: bytes = TEXT, **environment: str) -> Ran:
        hub.requests.clear()
        done = subprocess.run(
            [sys.executable, "-m", "tokit", *map(str, arguments)],
            env={**kept, **settings, **environment},
            input=stdin,
            capture_output=True,
            timeout=LIMIT,
            check=False,
            cwd=tmp_path,
        )
        return Ran(done.returncode, done.stdout, done.stderr.decode())

    return run


@pytest.fixture(scope="session")
def tokenizer_files(bpe_folder: Path) -> Files:
    """Files of a tokenizer as transformers saves one: without tokit's manifest."""
    return {name: (bpe_folder / name).read_bytes() for name in ("tokenizer.json", "tokenizer_config.json")}


def cached(tmp_path: Path) -> list[str]:
    """Names of files that could be opened from the cache."""
    return sorted(path.name for path in (tmp_path / "cache").glob("hub/*/snapshots/*/*"))


def test_tokenizer_by_name(run: RunOnHub, hub: Hub, tokenizer_files: Files, bpe_folder: Path, tmp_path: Path) -> None:
    extra = {"vocab.json": b"{}", "merges.txt": b"", "model.safetensors": b"\0" * 1000, "pytorch_model.bin": b"pickle"}
    commit = hub.add("org/tok", {**tokenizer_files, **extra})
    expected = run("encode", "-t", bpe_folder)
    assert hub.requests == []
    assert run("encode", "-t", "org/tok") == expected
    assert expected.code == 0
    assert cached(tmp_path) == sorted(tokenizer_files)
    assert run("encode", "-t", "org/tok") == expected
    assert len(hub.requests) == 1
    assert run("encode", "-t", f"org/tok@{commit}") == expected
    assert hub.requests == []
    assert run("encode", "-t", "org/tok", HF_HUB_OFFLINE="1") == expected
    assert hub.requests == []
    unreachable = run("encode", "-t", "hf://org/tok", HF_ENDPOINT="http://127.0.0.1:9")
    assert (unreachable.code, unreachable.out) == (0, expected.out)
    assert "did not answer; using the copy in the cache" in unreachable.err


def test_revision_that_moved_is_fetched(run: RunOnHub, hub: Hub, tokenizer_files: Files, tmp_path: Path) -> None:
    first = hub.add("org/tok", tokenizer_files)
    run("encode", "-t", "org/tok", "-o", "one")
    second = hub.add("org/tok", {**tokenizer_files, "tokenizer.json": tokenizer_files["tokenizer.json"] + b"\n"})
    run("encode", "-t", "org/tok", "-o", "two")
    made_from = [json.loads((tmp_path / name / "tokit.json").read_text())["sources"] for name in ("one", "two")]
    assert made_from == [[f"hf://org/tok@{first}"], [f"hf://org/tok@{second}"]]


def test_tokenizer_of_other_files(run: RunOnHub, hub: Hub, tmp_path: Path) -> None:
    hub.add("org/bert", {"vocab.txt": b"[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\ncat\n", "pytorch_model.bin": b"pickle"})
    ran = run("encode", "-t", "org/bert", "--as", "tokens")
    assert ran.text.splitlines()[0].startswith("the cat [UNK]")
    assert cached(tmp_path) == ["vocab.txt"]


def test_repository_without_a_tokenizer(run: RunOnHub, hub: Hub) -> None:
    hub.add("org/pictures", {"cat.png": b"png"})
    assert_error(run("encode", "-t", "org/pictures"), 1, "hf://org/pictures", "none of the files")


def test_what_is_not_there(run: RunOnHub, hub: Hub, tokenizer_files: Files) -> None:
    hub.add("org/tok", tokenizer_files)
    assert_error(run("encode", "-t", "org/tik"), 1, "org/tik: no such path here, and no such repository at", hub.url)
    assert_error(run("encode", "-t", "org/tok@v9"), 1, "no revision 'v9'")
    assert_error(run("encode", "-t", "org/tik", HF_HUB_OFFLINE="1"), 1, "HF_HUB_OFFLINE is set", "give its path")
    nowhere = "http://127.0.0.1:9"
    assert_error(run("encode", "-t", "org/tik", HF_ENDPOINT=nowhere), 1, f"{nowhere} did not answer", "give its path")


def test_mistyped_folder_is_sent_nowhere(run: RunOnHub, hub: Hub) -> None:
    assert_error(run("encode", "-t", "tokk"), 1, "tokk: no such file or folder")
    assert hub.requests == []


def test_download_that_breaks_off_leaves_nothing(
    run: RunOnHub, hub: Hub, tokenizer_files: Files, tmp_path: Path
) -> None:
    hub.add("org/tok", tokenizer_files)
    hub.cut_after = 100
    assert_error(run("encode", "-t", "org/tok"), 1, "hf://org/tok", "closed connection", "try again")
    assert cached(tmp_path) == []
    assert list((tmp_path / "cache").glob("hub/*/blobs/*")) == []
    assert_error(run("encode", "-t", "org/tok", HF_HUB_OFFLINE="1"), 1, "does not hold it")
    hub.cut_after = None
    assert run("encode", "-t", "org/tok").code == 0


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer.model"])
def test_content_of_another_hash_is_refused(
    run: RunOnHub, hub: Hub, tokenizer_files: Files, tmp_path: Path, name: str
) -> None:
    """One is stored under git's hash, the other under its sha256."""
    hub.add("org/tok", {name: tokenizer_files["tokenizer.json"]})
    hub.corrupt = True
    assert_error(run("encode", "-t", "org/tok"), 1, f"{name} does not have the hash that the Hub announced")
    assert cached(tmp_path) == []
    assert list((tmp_path / "cache").glob("hub/*/blobs/*")) == []


def test_token_opens_private_repositories_and_is_never_shown(run: RunOnHub, hub: Hub, tokenizer_files: Files) -> None:
    hub.add("org/tok", tokenizer_files)
    hub.token = "hf_secret"
    assert run("encode", "-t", "org/tok", HF_TOKEN="hf_secret").code == 0
    for token in ("", "hf_wrong"):
        ran = run("inspect", "org/other", **({"HF_TOKEN": token} if token else {}))
        assert_error(ran, 1, "org/other", "hf auth login")
        assert "hf_" not in ran.err


def test_corpora(run: RunOnHub, hub: Hub, bpe_folder: Path, tmp_path: Path) -> None:
    records = b'{"text": "the cat"}\n{"text": "rivers run"}\n'
    files = {"a.jsonl": records, "b.jsonl": records, "c.txt": b"the sea\n", "README.md": b"---\n---\n# About\n"}
    commit = hub.add("org/data", files, kind="datasets")
    one = run("encode", "hf://datasets/org/data/a.jsonl", "-t", bpe_folder, "-o", "one")
    assert one.code == 0, one.err
    manifest = json.loads((tmp_path / "one" / "tokit.json").read_text())
    assert (manifest["documents"], manifest["sources"]) == (2, [f"hf://datasets/org/data@{commit}"])
    assert [request for request in hub.requests if request.startswith("GET") and "/resolve/" in request] == [
        f"GET /datasets/org/data/resolve/{commit}/a.jsonl"
    ]
    both = run("wc", "hf://datasets/org/data/*.jsonl", "--json")
    assert json.loads(both.text)["total"]["documents"] == 4
    assert "hf://datasets/org/data/b.jsonl" in both.text
    assert_error(run("wc", "hf://datasets/org/data/z.jsonl"), 1, "hf://datasets/org/data/z.jsonl")
    assert_error(run("wc", "hf://org/data/a.jsonl"), 1, "hf://datasets/ORG/NAME/FILE")


def test_push_and_open_again(run: RunOnHub, hub: Hub, bpe_folder: Path) -> None:
    hub.token = "hf_secret"
    planned = run("push", bpe_folder, "org/mine", HF_TOKEN="hf_secret")
    assert planned.code == 0
    assert hub.requests == []
    assert "tokenizer.json" in planned.text
    assert "--yes" in planned.err
    pushed = run("push", bpe_folder, "org/mine", "--yes", "--json", HF_TOKEN="hf_secret")
    report = json.loads(pushed.text)
    repository = hub.repositories["models/org/mine"]
    assert report["commit_url"].endswith(repository.branches["main"])
    uploaded = repository.commits[repository.branches["main"]]
    assert uploaded == {name: (bpe_folder / name).read_bytes() for name in report["files"]}
    assert {"tokit.json", "tokenizer.json"} <= set(uploaded)
    assert uploaded["README.md"].startswith(b"---\n"), "the Hub reads the front matter of the card"
    assert run("encode", "-t", "org/mine", HF_TOKEN="hf_secret") == run("encode", "-t", bpe_folder)


def test_push_to_a_branch_of_a_dataset(run: RunOnHub, hub: Hub, bpe_folder: Path, tmp_path: Path) -> None:
    assert run("encode", "-t", bpe_folder, "-o", "shards").code == 0
    assert run("push", "shards", "org/ids@v1", "--yes").code == 0
    repository = hub.repositories["datasets/org/ids"]
    assert repository.commits[repository.branches["v1"]]["ids.bin"] == (tmp_path / "shards" / "ids.bin").read_bytes()
    assert repository.commits[repository.branches["main"]] == {}


def test_push_refuses_what_it_should(run: RunOnHub, hub: Hub, bpe_folder: Path, tmp_path: Path) -> None:
    assert_error(run("push", tmp_path, "org/mine", "--yes"), 1, "is not an artifact of tokit")
    assert_error(run("push", bpe_folder, "mine", "--yes"), 2, "mine: not a name on the Hub", "ORG/NAME")
    hub.token = "hf_secret"
    assert_error(run("push", bpe_folder, "org/mine", "--yes"), 1, "org/mine", "hf auth login")
    changed = tmp_path / "changed"
    run("encode", "-t", bpe_folder, "-o", changed)
    (changed / "ids.bin").write_bytes(b"\0\0")
    assert_error(run("push", changed, "org/mine", "--yes"), 1, "ids.bin is missing or not as it was written")
