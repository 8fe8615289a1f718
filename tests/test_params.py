"""Parameters: what a user types becomes what a family takes, or an error that says why not."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tokit.errors import UsageError
from tokit.params import describe, fill, param, parse_settings, read_toml
from tokit.registry import Registry, did_you_mean
from tokit.tokenizer import FAMILIES


@dataclass(frozen=True)
class Example:
    count: int = param(3, "how many", minimum=1)
    share: float = param(0.5, "how much", minimum=0)
    flag: bool = param(True, "whether")
    limit: int | None = param(None, "at most", minimum=2)
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
        ("limit", "none", None),
        ("limit", "5", 5),
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
        ("limit", "1"),
        ("limit", "few"),
        ("kind", "c"),
        ("kind", 1),
        ("conut", "1"),
    ],
)
def test_values_that_do_not_fit(name: str, typed: Any) -> None:
    with pytest.raises(UsageError) as caught:
        fill(Example, {name: typed})
    assert name in caught.value.message
    assert caught.value.hint


def test_defaults() -> None:
    assert fill(Example, {}) == Example()


def test_nearest_name_is_told() -> None:
    with pytest.raises(UsageError) as caught:
        fill(Example, {"conut": "1"})
    assert caught.value.hint == "did you mean 'count'?"
    assert did_you_mean("zzz", ["a", "b"]) == "known: a, b"


def test_settings_of_the_command_line() -> None:
    assert parse_settings(["a=1", "max-length=x=y", "b=", "a=2"]) == {"a": "2", "max_length": "x=y", "b": ""}
    with pytest.raises(UsageError):
        parse_settings(["a"])


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


def test_description() -> None:
    assert describe(Example) == [
        ("count", "int", "3", "how many"),
        ("share", "float", "0.5", "how much"),
        ("flag", "bool", "true", "whether"),
        ("limit", "int|none", "none", "at most"),
        ("kind", "a|bee", "a", "which"),
    ]


@pytest.mark.parametrize("family", list(FAMILIES))
def test_what_help_lists_can_be_typed(family: str) -> None:
    kind = FAMILIES.get(family)
    assert kind.name == family
    shown = {name: default for name, _, default, _ in describe(kind.Params)}
    assert fill(kind.Params, shown) == kind.Params()
    assert all(help_text for _, _, _, help_text in describe(kind.Params))
    assert dataclasses.is_dataclass(kind.Params)


@pytest.mark.parametrize(
    ("family", "setting"),
    [
        ("char", "character_coverage=1.5"),
        ("char", "character_coverage=-1"),
        ("wordpiece", "character_coverage=nan"),
        ("spm", "character_coverage=2"),
        ("unigram", "shrinking_factor=0"),
        ("unigram", "shrinking_factor=1"),
        ("unigram", "shrinking_factor=2"),
    ],
)
def test_shares_lie_between_nought_and_one(family: str, setting: str) -> None:
    """A share over one would go through without a word; a factor of one prunes nothing and never ends."""
    with pytest.raises(UsageError):
        fill(FAMILIES.get(family).Params, parse_settings([setting]))


def test_registry() -> None:
    registry: Registry[Any] = Registry("thing", {"path": "pathlib:Path"})
    assert registry.get("path") is Path
    assert list(registry) == ["path"]
    assert "path" in registry
    with pytest.raises(UsageError, match="unknown thing 'pth'"):
        registry.get("pth")
