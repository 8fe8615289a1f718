"""Encodings whose ranks are published without pattern and special tokens: tiktoken's, Qwen's, Whisper's and Llama's.

Sources: https://github.com/openai/tiktoken (tiktoken_ext/openai_public.py), https://github.com/openai/whisper
(tokenizer.py), https://huggingface.co/Qwen/Qwen-7B (tokenization_qwen.py), https://github.com/meta-llama/llama-models
(models/llama3/tokenizer.py, models/llama4/tokenizer.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tokit.errors import ArtifactError
from tokit.storage.folder import read_json
from tokit.text.pipeline import PATTERNS, REGEX_PREFIX
from tokit.tokenizer.formats.setting_forms import has_form

END = "<|endoftext|>"
FIM = ("<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")


@dataclass(frozen=True, slots=True)
class Encoding:
    """Pattern and special tokens, which a file of ranks lacks.

    Attributes:
        pattern: Name of a pattern, or "regex:" and one in the syntax of the `tokenizers` library.
        special: Text → id.
        ranks: Number of ranks; None for settings that a user gives.
        nfc: Text is composed first.
        note: What its files leave open; empty for nothing.
    """

    pattern: str
    special: Mapping[str, int] = field(default_factory=dict)
    ranks: int | None = None
    nfc: bool = False
    note: str = ""


def _numbered(start: int, texts: list[str] | tuple[str, ...]) -> dict[str, int]:
    return {text: start + n for n, text in enumerate(texts)}


def _harmony() -> dict[str, int]:
    named = {
        "<|startoftext|>": 199998, END: 199999, "<|return|>": 200002, "<|constrain|>": 200003, "<|channel|>": 200005,
        "<|start|>": 200006, "<|end|>": 200007, "<|message|>": 200008, "<|call|>": 200012, "<|endofprompt|>": 200018,
    }  # fmt: skip
    # tiktoken has <|reserved_200018|> too, with the id of <|endofprompt|>: the named one is decoded.
    taken = set(named.values())
    return {**named, **{f"<|reserved_{i}|>": i for i in range(200000, 201088) if i not in taken}}


def _llama3() -> dict[str, int]:
    named = [
        "<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
        "<|finetune_right_pad_id|>", "<|reserved_special_token_2|>", "<|start_header_id|>", "<|end_header_id|>",
        "<|eom_id|>", "<|eot_id|>", "<|python_tag|>",
    ]  # fmt: skip
    return _numbered(128000, [*named, *(f"<|reserved_special_token_{n}|>" for n in range(3, 248))])


WHISPER = "the ids of its languages, tasks and timestamps depend on the model: they are not in the ranks"
ENCODINGS: dict[str, Encoding] = {
    "cl100k_base": Encoding("cl100k", {**_numbered(100257, (END, *FIM)), "<|endofprompt|>": 100276}, ranks=100256),
    "o200k_base": Encoding("o200k", {END: 199999, "<|endofprompt|>": 200018}, ranks=199998),
    "o200k_harmony": Encoding("o200k", _harmony(), ranks=199998),
    "r50k_base": Encoding("gpt2", {END: 50256}, ranks=50256),
    "p50k_base": Encoding("gpt2", {END: 50256}, ranks=50280),
    "p50k_edit": Encoding("gpt2", {END: 50256, **_numbered(50281, FIM)}, ranks=50280),
    "gpt2": Encoding("gpt2", {END: 50256}, ranks=50256),
    "multilingual": Encoding("gpt2", {END: 50257, "<|startoftranscript|>": 50258}, ranks=50257, note=WHISPER),
    "qwen": Encoding(
        "qwen2",
        _numbered(151643, [END, "<|im_start|>", "<|im_end|>", *(f"<|extra_{n}|>" for n in range(205))]),
        ranks=151643,
        nfc=True,
    ),
    "llama3": Encoding("llama3", _llama3(), ranks=128000, note="special tokens are named as in Llama 3.1 to 3.3"),
    "llama4": Encoding(
        "o200k",
        {
            **_numbered(200000, ("<|begin_of_text|>", "<|end_of_text|>", *FIM, "<|header_start|>", "<|header_end|>")),
            **_numbered(200007, ("<|eom|>", "<|eot|>", "<|step|>")),
        },
        ranks=200000,
        note="of Llama 4's special tokens the ids of text alone are known",
    ),
}
# sha256 of published files.
HASHES = {
    "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7": "cl100k_base",
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d": "o200k_base",
    "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930": "r50k_base",
    "94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069": "p50k_base",
}
# Numbers of ranks that one model of the field has.
BY_NUMBER = {128000: "llama3", 200000: "llama4", 151643: "qwen"}
SETTINGS = '{"pat_str": "gpt2", "special_tokens": {"<|endoftext|>": 50256}}'


def encoding_of(path: Path, ranks: int, sha256: str) -> tuple[Encoding, tuple[str, ...]]:
    """The encoding of a file of ranks, and notes on what was assumed.

    It is what the settings in `FILE.json` beside it say, else what its name or its hash is known for, else the one
    model that has this number of ranks.

    Raises:
        ArtifactError: the encoding is not known, or the number of ranks is not its own.
    """
    beside = path.with_name(path.name + ".json")
    if beside.is_file():
        return _read_encoding(beside, ranks), ()
    name = path.stem if path.suffix == ".tiktoken" else ""
    if name in ENCODINGS:
        encoding = ENCODINGS[name]
        if ranks != encoding.ranks:
            raise ArtifactError(
                f"{path}: {ranks:,} ranks, and {name} has {encoding.ranks:,}",
                hint=f"if it is another encoding, say its pattern and special tokens in {beside}: {SETTINGS}",
            )
        return encoding, (encoding.note,) if encoding.note else ()
    known = HASHES.get(sha256) or BY_NUMBER.get(ranks)
    if known is None:
        raise ArtifactError(
            f"{path}: a file of {ranks:,} tiktoken ranks, which hold no pattern and no special tokens",
            hint=f"use the tokenizer.json of the model, or say both in {beside}: {SETTINGS}",
        )
    assumed = f"read as {known}, which has its {ranks:,} ranks"
    note = ENCODINGS[known].note
    return ENCODINGS[known], (assumed, *([note] if note else []))


def _read_encoding(path: Path, ranks: int) -> Encoding:
    content = read_json(path)
    settings = content if isinstance(content, dict) else {}
    pattern, special = settings.get("pat_str"), settings.get("special_tokens", {})
    numbers = has_form(special, dict[str, int]) and all(text and i >= 0 for text, i in special.items())
    named = has_form(settings.get("name", ""), str)
    size = settings.get("explicit_n_vocab")
    unknown = sorted(set(settings) - {"name", "pat_str", "special_tokens", "explicit_n_vocab"})
    if not isinstance(pattern, str) or not numbers or not named or unknown:
        raise ArtifactError(
            f"{path}: not the settings of an encoding" + (f" ({', '.join(unknown)})" if unknown else ""),
            hint=f"as tiktoken.Encoding takes them: {SETTINGS}",
        )
    if size is not None and size != (total := ranks + len(special)):
        raise ArtifactError(
            f"{path}: 'explicit_n_vocab' is {size!r}, and there are {total:,} ranks and special tokens",
            hint="say the number of both, or leave it out",
        )
    return Encoding(pattern if pattern in PATTERNS else library_pattern(pattern, path), special)


def library_pattern(pattern: str, path: Path) -> str:
    r"""A pattern of tiktoken in the syntax of the `tokenizers` library.

    There `{1,3}+` is a repeated group and `$` the end of any line; outside of a class both are written otherwise.

    Raises:
        ArtifactError: the library cannot read it.
    """
    from tokenizers import Regex

    from tokit.text.library_failures import library_opens

    adapted = _adapted(pattern, path)
    with library_opens(path, "its pattern cannot be read", refusal=(ValueError,)):
        Regex(adapted)
    named = [name for name, known in PATTERNS.items() if known == adapted]
    return named[0] if named else REGEX_PREFIX + adapted


def _adapted(pattern: str, path: Path) -> str:
    out: list[str] = []
    at = depth = 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            out.append(pattern[at : at + 2])
            at += 2
            continue
        depth += (sign == "[") - (sign == "]" and depth > 0)
        if not depth and sign == "+" and out and out[-1] == "}" and not _is_class_name(out):
            # Possessive, which makes no difference where nothing follows.
            if pattern[at + 1 : at + 2] not in ("", "|"):
                raise ArtifactError(f"{path}: its pattern has '}}+' before more", hint="use the model's tokenizer.json")
            at += 1
            continue
        out.append({"$": r"\z", "^": r"\A"}.get(sign, sign) if not depth else sign)
        at += 1
    return "".join(out)


def _is_class_name(signs: list[str]) -> bool:
    """True for the end of `\\p{L}` and not of `{1,3}`."""
    opened = len(signs) - 1 - signs[::-1].index("{")
    return opened > 0 and signs[opened - 1] in (r"\p", r"\P", r"\x")
