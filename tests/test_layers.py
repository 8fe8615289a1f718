"""Who may import whom, and what no module of ours does. The files are read, not run."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tokit

ROOT = Path(tokit.__file__).parent
# From left to right as the data flows: a package may import what stands before it, and nothing else.
ORDER = (
    "arrays", "errors", "progress", "registry", "params", "storage", "runtime", "kernels", "text", "corpus", "ids",
    "counts", "tokenizer", "embedding", "evaluation", "lm", "report", "ops", "cli",
)  # fmt: skip
MODULES = {
    ".".join(("tokit", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def layer(module: str) -> str:
    """The package or bottom module that a module belongs to: tokit.tokenizer.families.bpe → tokenizer."""
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


@pytest.mark.parametrize("module", [module for module in MODULES if layer(module) not in ("", "__main__")])
def test_imports_follow_the_order(module: str) -> None:
    source = layer(module)
    before = {"", source, *ORDER[: ORDER.index(source)]}
    wrong = {name for name in imports(MODULES[module]) if name.split(".")[0] == "tokit" and layer(name) not in before}
    assert not wrong


def test_every_module_has_a_place() -> None:
    assert {layer(module) for module in MODULES} == {"", "__main__", *ORDER}


@pytest.mark.parametrize(
    ("packages", "place"),
    [
        ({"typer", "rich"}, {"cli"}),
        ({"torch"}, {"lm"}),
        ({"gensim"}, {"embedding", "evaluation", "corpus"}),
        ({"fasttext"}, {"embedding"}),
        ({"sentencepiece"}, {"tokenizer"}),
        ({"transformers"}, {"lm"}),
        ({"onnx", "onnxruntime"}, {"lm"}),
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
