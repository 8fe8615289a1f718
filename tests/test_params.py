"""Parameters: what a user types becomes what a family takes, or an error that says why not."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tokit.errors import UsageError
from tokit.params import LARGEST_TOML, fill, option_name, param, read_toml
from tokit.registry import Registry, did_you_mean
from tokit.tokenizer import FAMILIES


@dataclass(frozen=True)
class Example:
    count: int = param(3, "how many", minimum=1)
    share: float = param(0.5, "how much", minimum=0)
    flag: bool = param(True, "whether")
    top_k: int | None = param(None, "at most", minimum=2)
    kind: str = param("a", "which", choices=("a", "bee"))


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("count", "7", 7),
        ("count", 7, 7),
        ("share", "1e-3", 0.001),
        ("share", "2", 2.0),
        ("share", 2, 2),
        ("flag", "no", False),
        ("flag", "FALSE", False),
        ("flag", "0", False),
        ("flag", "On", True),
        ("flag", False, False),
        ("top_k", "none", None),
        ("top_k", "5", 5),
        ("kind", "bee", "bee"),
    ],
)
def test_values_are_read_by_type(name: str, typed: Any, value: Any) -> None:
    filled = getattr(fill(Example, {name: typed}), name)
    assert filled == value
    assert isinstance(filled, bool) == isinstance(value, bool)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("count", "many"),
        ("count", "1.5"),
        ("count", 1.5),
        ("count", True),
        ("count", "none"),
        ("count", "0"),
        ("count", ""),
        ("share", "half"),
        ("share", "nan"),
        ("share", "-1"),
        ("share", True),
        ("flag", "maybe"),
        ("flag", 1),
        ("top_k", "1"),
        ("top_k", "few"),
        ("kind", "c"),
        ("kind", 1),
        ("conut", "1"),
    ],
)
def test_values_that_do_not_fit(name: str, typed: Any) -> None:
    with pytest.raises(UsageError) as caught:
        fill(Example, {name: typed})
    assert option_name(name) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    "content",
    [
        "count = " + "[" * 100_000,
        "count = " + "{a=" * 100_000,
        "a" + ".a" * 100_000 + " = 1",
        "count = {a" + ".a" * 100_000 + " = 1}",
        "count = " + "9" * 5000,
        "count = 0x" + "F" * 5000,
        "count = 9999-99-99",
        "count = 1\x00",
        "# " + "a" * LARGEST_TOML,
    ],
    ids=["brackets", "braces", "dotted", "dotted-inside", "digits", "hexadecimal", "date", "nul", "long"],
)
def test_files_that_are_no_toml_of_ours(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.toml").write_text(content, encoding="utf-8")
    with pytest.raises(UsageError):
        fill(Example, read_toml(tmp_path / "x.toml"))


def test_defaults() -> None:
    assert fill(Example, {}) == Example()


def test_names_may_have_dashes() -> None:
    assert fill(Example, {"top-k": "3"}) == fill(Example, {"top_k": 3}) == Example(top_k=3)


def test_nearest_name_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        fill(Example, {"conut": "1"})
    assert caught.value.message == "unknown option '--conut'"
    assert caught.value.hint == "did you mean '--count'?"
    assert did_you_mean("zzz", ["a", "b"]) == "known: a, b"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"share": "nan"}, "--share nan: less than 0"),
        ({"top_k": "1"}, "--top-k 1: less than 2"),
        ({"count": "many"}, "--count many: not a whole number"),
        ({"top_k": "few"}, "--top-k few: not a whole number or none"),
        ({"flag": "maybe"}, "--flag maybe: not yes or no"),
        ({"kind": "c"}, "--kind c: unknown value"),
    ],
)
def test_errors_name_the_option(values: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        fill(Example, values)
    assert caught.value.message == message


def test_toml(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("count = 4\nflag = false\n")
    assert fill(Example, read_toml(path)) == Example(count=4, flag=False)
    path.write_text("count = \n")
    with pytest.raises(UsageError, match="not TOML"):
        read_toml(path)
    with pytest.raises(UsageError):
        read_toml(tmp_path / "missing.toml")


def test_toml_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b'kind = "\xff"\n')
    with pytest.raises(UsageError):
        read_toml(tmp_path / "a.toml")


@pytest.mark.parametrize("family", list(FAMILIES))
def test_defaults_can_be_typed(family: str) -> None:
    kind = FAMILIES.get(family)
    assert kind.name == family
    assert dataclasses.is_dataclass(kind.Params)
    fields = dataclasses.fields(kind.Params)
    assert fill(kind.Params, {field.name: str(field.default) for field in fields}) == kind.Params()
    assert all(field.metadata["help"] for field in fields)


@pytest.mark.parametrize(
    ("family", "name", "value"),
    [
        ("char", "character_coverage", "1.5"),
        ("char", "character_coverage", "-1"),
        ("wordpiece", "character_coverage", "nan"),
        ("spm", "character_coverage", "2"),
        ("unigram", "shrinking_factor", "0"),
        ("unigram", "shrinking_factor", "1"),
        ("unigram", "shrinking_factor", "2"),
    ],
)
def test_fractions_lie_between_zero_and_one(family: str, name: str, value: str) -> None:
    """The libraries accept a fraction over one in silence, and with a factor of one they never end."""
    with pytest.raises(UsageError):
        fill(FAMILIES.get(family).Params, {name: value})


def test_registry() -> None:
    registry: Registry[Any] = Registry("thing", {"path": "pathlib:Path"})
    assert registry.get("path") is Path
    assert list(registry) == ["path"]
    assert "path" in registry
    with pytest.raises(UsageError, match="unknown thing 'pth'"):
        registry.get("pth")
