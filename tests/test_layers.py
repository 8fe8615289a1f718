"""Who may import whom, and what no module of ours does. The files are read, not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tokit

ROOT = Path(tokit.__file__).parent
BOTTOM = {
    "arrays", "artifact", "checkpoint", "composing", "cuts", "errors", "kernels", "normalizing", "params", "progress",
    "registry", "rules", "stream", "tensors",
}  # fmt: skip
MIDDLE = {
    "contextual", "corpus", "counts", "embedding", "export", "ids", "measure", "report", "retrieval", "runner",
    "tokenizer",
}  # fmt: skip
# Packages in the middle do not import each other, but for these arrows; each says why.
ARROWS: dict[tuple[str, str], str] = {
    ("export", "embedding"): "it writes the formats that embedding reads, with the same layout",
}
# Modules at the bottom that build on others there.
BOTTOM_ARROWS = {
    "artifact": {"errors", "registry"},
    "checkpoint": {"errors", "tensors"},
    "composing": {"arrays", "cuts"},
    "cuts": {"arrays", "rules"},
    "kernels": {"errors", "registry"},
    "normalizing": {"arrays", "composing", "kernels", "rules"},
    "params": {"errors", "registry"},
    "registry": {"errors"},
    "rules": {"errors", "registry"},
    "stream": {"arrays", "kernels"},
    "tensors": {"arrays", "errors"},
}
MODULES = {
    ".".join(("tokit", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def layer(module: str) -> str:
    """The package or bottom module that a module belongs to: tokit.tokenizer.bpe → tokenizer."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it, as an absolute name."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield str(node.module)
            # `from tokit.cli import render` imports a module too.
            yield from (
                f"{node.module}.{alias.name}" for alias in node.names if f"{node.module}.{alias.name}" in MODULES
            )


def allowed(source: str, target: str) -> bool:
    if source == target or target == "" or source in ("", "__main__"):
        return True
    if source == "cli":
        # Parsing and rendering need names and errors, opening a corpus or tokenizer; the work is one op.
        return True
    if source == "ops":
        return target not in ("cli",)
    if source in MIDDLE:
        return target in BOTTOM or (source, target) in ARROWS
    if source in BOTTOM:
        return target in BOTTOM_ARROWS.get(source, set())
    return False


@pytest.mark.parametrize("module", list(MODULES))
def test_imports_point_one_way(module: str) -> None:
    source = layer(module)
    wrong = {
        name for name in imports(MODULES[module]) if name.split(".")[0] == "tokit" and not allowed(source, layer(name))
    }
    assert not wrong


def test_every_module_has_a_place() -> None:
    known = {"", "__main__", "cli", "ops"} | MIDDLE | BOTTOM
    assert {layer(module) for module in MODULES} <= known


def test_arrows_are_used() -> None:
    used = {(layer(module), layer(name)) for module, path in MODULES.items() for name in imports(path)}
    assert set(ARROWS) <= used
    assert {(source, target) for source, targets in BOTTOM_ARROWS.items() for target in targets} <= used


@pytest.mark.parametrize(
    ("packages", "place"),
    [
        ({"typer", "rich"}, {"cli"}),
        ({"torch"}, {"contextual"}),
        ({"gensim"}, {"embedding", "export", "measure", "corpus"}),
        ({"fasttext"}, {"export"}),
        ({"sentencepiece"}, {"tokenizer"}),
        ({"transformers"}, {"contextual"}),
        ({"onnx", "onnxruntime"}, {"contextual"}),
        ({"pyarrow"}, {"corpus", "embedding", "ids"}),
        ({"numba", "llvmlite"}, {"kernels"}),
        ({"click", "pickle", "dill", "joblib", "cloudpickle", "shelve", "marshal"}, set()),
    ],
    ids=lambda value: ",".join(sorted(value)),
)
def test_where_libraries_are_imported(packages: set[str], place: set[str]) -> None:
    importers = {
        layer(module) for module, path in MODULES.items() for name in imports(path) if name.split(".")[0] in packages
    }
    assert importers <= place


@pytest.mark.parametrize("module", list(MODULES))
def test_library_code_neither_asserts_nor_prints_nor_exits(module: str) -> None:
    for node in ast.walk(tree(MODULES[module])):
        assert not isinstance(node, ast.Assert), f"{module}:{node.lineno}: assert is gone under python -O"
        if isinstance(node, ast.Call) and layer(module) != "cli":
            assert ast.unparse(node.func) not in ("print", "exit", "quit", "sys.exit", "os._exit"), (
                f"{module}:{node.lineno}"
            )


@pytest.mark.parametrize("module", list(MODULES))
def test_every_module_says_what_it_is(module: str) -> None:
    path = MODULES[module]
    assert ast.get_docstring(tree(path)) or not path.read_text("utf-8").strip()
