"""Other libraries that read a tokit tokenizer folder: one function each, from texts to ids."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

Ids = list[list[int]]
ENCODE_IN_NODE = Path(__file__).with_name("encode.cjs")
# Where the package lies already: a folder with `node_modules` in it.
NODE_FOLDER = "TOKIT_TEST_NODE"
NODE_PACKAGE = "@huggingface/tokenizers@0.2.0"


def tokenizers_ids(folder: Path, texts: list[str]) -> Ids:
    """Hugging Face tokenizers, without transformers' settings."""
    import tokenizers

    library = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    return [encoding.ids for encoding in library.encode_batch(texts, add_special_tokens=False)]


def gigatoken_ids(folder: Path, texts: list[str]) -> Ids:
    """gigatoken."""
    tokenizer = pytest.importorskip("gigatoken").Tokenizer(str(folder / "tokenizer.json"))
    return [[int(i) for i in tokenizer.encode(text)] for text in texts]


def tokie_ids(folder: Path, texts: list[str]) -> Ids:
    """tokie."""
    tokenizer = pytest.importorskip("tokie").Tokenizer.from_json(str(folder / "tokenizer.json"))
    return [list(tokenizer.encode(text, add_special_tokens=False).ids) for text in texts]


def kitoken_ids(folder: Path, texts: list[str]) -> Ids:
    """kitoken; its second argument asks for special tokens in the text."""
    tokenizer = pytest.importorskip("kitoken").Kitoken.from_file(str(folder / "tokenizer.json"))
    return [list(tokenizer.encode(text, True)) for text in texts]


def snaptokens_ids(folder: Path, texts: list[str]) -> Ids:
    """snaptokens."""
    tokenizer = pytest.importorskip("snaptokens").Tokenizer.from_file(str(folder / "tokenizer.json"))
    return [list(tokenizer.encode(text).ids) for text in texts]


def javascript_ids(folder: Path, texts: list[str]) -> Ids:
    """The tokenizers of transformers.js, in Node."""
    job: dict[str, Any] = {"package": str(node_folder()), "folder": str(folder), "texts": texts}
    ran = subprocess.run(
        ["node", str(ENCODE_IN_NODE)], input=json.dumps(job), capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise RuntimeError(ran.stderr)
    return list(json.loads(ran.stdout))


def node_folder() -> Path:
    """The folder of the JavaScript package; skips the test where it cannot be had."""
    if NODE_FOLDER in os.environ:
        return Path(os.environ[NODE_FOLDER])
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip(f"needs Node and npm, or {NODE_FOLDER} with {NODE_PACKAGE} in its node_modules")
    folder, trouble = installed_package()
    if trouble:
        pytest.skip(f"npm cannot install {NODE_PACKAGE}: {trouble}")
    return folder


@cache
def installed_package() -> tuple[Path, str]:
    """A new folder with the package, and why npm could not install it; asked for once, as npm may wait for long."""
    folder = Path(tempfile.mkdtemp(prefix="tokit-node-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "package.json").write_text("{}")
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder), NODE_PACKAGE]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return folder, "no answer"
    return folder, ran.stderr.strip()[-200:] if ran.returncode else ""


# Name in the table of docs/interchange.md → ids with special tokens in the text parsed.
READERS: dict[str, Callable[[Path, list[str]], Ids]] = {
    "tokenizers": tokenizers_ids,
    "transformers.js": javascript_ids,
    "gigatoken": gigatoken_ids,
    "tokie": tokie_ids,
    "kitoken": kitoken_ids,
    "snaptokens": snaptokens_ids,
}
