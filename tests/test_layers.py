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
# A command parses, calls one op and renders. Beside ops and the modules at the bottom it imports what names families
# and formats, what opens a corpus or an artifact, groups of options that it hands to an op, and settings of the
# process.
CLI_LAYERS = {"", "cli", "ops", "errors", "registry", "params", "progress"}
CLI_MODULES = {
    "tokit.tokenizer", "tokit.embedding", "tokit.lm", "tokit.lm.pretrain_params", "tokit.corpus.bundled",
    "tokit.corpus.formats", "tokit.embedding.formats",
    "tokit.corpus", "tokit.tokenizer.load", "tokit.tokenizer.training_text", "tokit.storage.folder",
    "tokit.text.pipeline", "tokit.tokenizer.base", "tokit.lm.plan", "tokit.corpus.labeled", "tokit.ids.parts_writer",
    "tokit.runtime.engine", "tokit.runtime.threads", "tokit.runtime.address_space", "tokit.kernels",
    "tokit.tokenizer.notes", "tokit.storage.model_card", "tokit.storage.recorded_request",
}  # fmt: skip
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


def run_time_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Every node but those below `if TYPE_CHECKING`."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from run_time_nodes(child)


def imports(path: Path, *, at_run_time: bool = False) -> Iterator[str]:
    """Every module that a file imports, wherever in it, as an absolute name; `at_run_time` not those for types."""
    for node in run_time_nodes(tree(path)) if at_run_time else ast.walk(tree(path)):
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


@pytest.mark.parametrize("module", [module for module in MODULES if layer(module) == "cli"])
def test_commands_leave_the_work_to_ops(module: str) -> None:
    names = {name for name in imports(MODULES[module], at_run_time=True) if name.split(".")[0] == "tokit"}
    assert {name for name in names if layer(name) not in CLI_LAYERS} <= CLI_MODULES


def test_every_module_that_commands_may_import_is_imported() -> None:
    used = {name for module in MODULES if layer(module) == "cli" for name in imports(MODULES[module])}
    assert used >= CLI_MODULES


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
        ({"transformers"}, {"lm", "tokenizer"}),
        ({"jinja2"}, {"tokenizer"}),
        ({"huggingface_hub"}, {"storage"}),
        ({"tiktoken", "tiktoken_ext"}, {"tokenizer"}),
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
