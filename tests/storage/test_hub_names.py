"""Names of repositories on the Hub, and paths that look like them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokit.errors import UsageError
from tokit.storage.hub_names import HubName, hub_name, hub_sources, origin_of

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "repository"),
    [
        ("Qwen/Qwen3-0.6B", HubName("Qwen/Qwen3-0.6B")),
        ("Qwen/Qwen2.5@v1.0", HubName("Qwen/Qwen2.5", "v1.0")),
        ("gpt2", HubName("gpt2")),
        ("gpt2@main", HubName("gpt2", "main")),
        ("somebody@main", HubName("somebody", "main")),
        ("hf://gpt2", HubName("gpt2")),
        ("hf://org/name", HubName("org/name")),
        ("hf:/org/name", HubName("org/name")),
        ("hf://org/name@abc/sub/folder", HubName("org/name", "abc", path="sub/folder")),
        ("hf://datasets/org/name/data/*.parquet", HubName("org/name", dataset=True, path="data/*.parquet")),
        ("hf://datasets/org/name@v2/a.jsonl", HubName("org/name", "v2", dataset=True, path="a.jsonl")),
    ],
)
def test_names(name: str, repository: HubName) -> None:
    assert hub_name(name) == repository
    assert hub_name(str(repository)) == repository


@pytest.mark.parametrize(
    "path",
    [
        "tok", "toke", "./org/name", "../org/name", "/org/name", "org/name/tokenizer", "org/tokenizer.json",
        "org/name.gguf", "words.txt", "~/tok", "org/", "org//name", "-", "", "gpt2@", "@lee", "org/na me",
    ],
)  # fmt: skip
def test_paths(path: str) -> None:
    assert hub_name(path) is None


def test_path_that_exists_wins() -> None:
    Path("org/name").mkdir(parents=True)
    Path("gpt2").mkdir()
    assert hub_name("org/name") is None
    assert hub_name("gpt2") is None
    assert hub_name("hf://gpt2") == HubName("gpt2")


def test_mistyped_path_in_a_folder_that_exists_is_not_sent_anywhere() -> None:
    Path("models").mkdir()
    assert hub_name("models/brt") is None


@pytest.mark.parametrize("uri", ["hf://", "hf://org/", "hf://datasets/org", "hf://org/name@/x", "hf://../etc/passwd"])
def test_broken_uri_is_refused(uri: str) -> None:
    with pytest.raises(UsageError, match="not a name on the Hub"):
        hub_name(uri)


@pytest.mark.parametrize(
    ("path", "origin"),
    [
        (f"cache/models--org--name/snapshots/{COMMIT}", f"hf://org/name@{COMMIT}"),
        (f"cache/models--gpt2/snapshots/{COMMIT}/tokenizer.json", f"hf://gpt2@{COMMIT}"),
        (f"cache/datasets--org--na--me/snapshots/{COMMIT}/a/b.txt", f"hf://datasets/org/na--me@{COMMIT}"),
        ("snapshots/today/tok", ""),
        ("tok", ""),
        ("models--org--name/snapshots", ""),
    ],
)
def test_origin(path: str, origin: str) -> None:
    assert origin_of(path) == origin


def test_sources_name_each_origin_once() -> None:
    assert hub_sources("hf://a/b@1", "", "hf://c/d@2", "hf://a/b@1") == ("hf://a/b@1", "hf://c/d@2")
