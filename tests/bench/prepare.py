"""Preparation of a task for the peers: `python -m tests.bench.prepare TASK.json` completes a task, in place.

The tokenizer is trained by tokit when none was given, and left in the forms that the peers open; for `decode` it
makes the shards. None of this is measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

from tests.bench.answers import byte_of_letter
from tests.bench.task import GPT2_PATTERN, Task

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def main(path: str) -> None:
    """Read the task, do what is missing, write it back."""
    task = Task.load(path)
    work = Path(task.work)
    if task.job in ("encode", "decode"):
        task = with_tokenizer(task, work)
    if task.job == "decode":
        task = task._replace(shards=str(work / "shards"))
        tokit("encode", task.corpus, "-t", task.tokenizer, "-o", task.shards, "-q")
    task.save(Path(path))


def with_tokenizer(task: Task, work: Path) -> Task:
    """The task with its tokenizer in every form."""
    folder = Path(task.tokenizer or work / "tokenizer")
    if not task.tokenizer:
        tokit("train", "bpe", task.corpus, "-v", str(task.vocab_size), "-o", str(folder), "-q")
    definition = json.loads((folder / "tokenizer.json").read_bytes())
    special = {token["content"]: token["id"] for token in definition["added_tokens"]}
    vocab = definition["model"]["vocab"]
    pattern = pattern_of(definition)
    if pattern == GPT2_PATTERN:
        definition["pre_tokenizer"] = BYTE_LEVEL
    (work / "tokenizer.json").write_text(json.dumps(definition), encoding="utf-8")
    write_ranks({piece: i for piece, i in vocab.items() if piece not in special}, work / "bench.tiktoken")
    return task._replace(
        tokenizer=str(folder),
        tokenizer_json=str(work / "tokenizer.json"),
        ranks=str(work / "bench.tiktoken"),
        pattern=pattern,
        special=special,
        dtype="uint16" if max([*vocab.values(), *special.values()]) < 1 << 16 else "uint32",
        newline=vocab["Ċ"],
    )


def pattern_of(definition: dict[str, Any]) -> str:
    """The pattern of a byte-level tokenizer.json.

    Raises:
        SystemExit: it is none.
    """
    step = definition["pre_tokenizer"] or {}
    for part in step.get("pretokenizers", [step]):
        if part["type"] == "Split" and "Regex" in part["pattern"]:
            return str(part["pattern"]["Regex"])
        if part["type"] == "ByteLevel" and part["use_regex"]:
            return GPT2_PATTERN
    raise SystemExit("--tokenizer: not a byte-level BPE with a pattern")


def write_ranks(vocab: dict[str, int], path: Path) -> None:
    """The vocabulary in tiktoken's format; an id is a rank."""
    byte_of = byte_of_letter()
    ranked = sorted(vocab.items(), key=lambda item: item[1])
    path.write_bytes(b"".join(b"%s %d\n" % (b64encode(bytes(byte_of[c] for c in piece)), i) for piece, i in ranked))


def tokit(*arguments: str) -> None:
    """Run a command of tokit.

    Raises:
        SystemExit: it failed, with what it said.
    """
    done = subprocess.run([sys.executable, "-m", "tokit", *arguments], capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"tokit {arguments[0]}: {done.stderr.decode('utf-8', 'replace').strip()}")


if __name__ == "__main__":
    main(sys.argv[1])
