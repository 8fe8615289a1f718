"""Pre-tokenizers in the form that their owners write, which other readers know: they split text as before."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from tests.support.texts import ANY_TEXT, CROWDED_SIGNS, HOSTILE_TEXTS, PARALLEL, TEXTS
from tokit.text.pipeline import PATTERNS, TextPipeline, join_steps
from tokit.tokenizer.encode.block_encoder import block_encoder_for
from tokit.tokenizer.encode.recognize import recognize_pretokenizer
from tokit.tokenizer.formats.base import make_byte_level
from tokit.tokenizer.load import load_tokenizer

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def split(pattern: str) -> dict[str, Any]:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def byte_level(*, use_regex: bool, trim_offsets: bool = True) -> dict[str, Any]:
    settings_ = {"add_prefix_space": False, "trim_offsets": trim_offsets, "use_regex": use_regex}
    return {"type": "ByteLevel", **settings_}


def sequence(*steps: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": list(steps)}


# As the tokenizer.json files of GPT-2, Llama 3, Qwen2 to Qwen3, and gpt-oss have them.
OWNERS = {
    "gpt2": byte_level(use_regex=True),
    "llama3": sequence(split(LLAMA3), byte_level(use_regex=False)),
    "qwen2": sequence(split(LLAMA3.replace("{1,3}", "")), byte_level(use_regex=False, trim_offsets=False)),
    "o200k": sequence(split(O200K), byte_level(use_regex=False)),
}


def written(pipeline: TextPipeline) -> dict[str, Any]:
    form = join_steps(pipeline.byte_level_splitters())
    assert form is not None
    return dict(json.loads(form.__getstate__()))


@pytest.mark.parametrize("name", list(OWNERS))
def test_pattern_is_written_as_its_owner_writes_it(name: str) -> None:
    assert written(TextPipeline(pre_tokenizer=name)) == OWNERS[name]


@pytest.mark.parametrize("name", list(OWNERS))
@pytest.mark.parametrize("family", ["bpe", "unigram"])
def test_trained_folder_has_the_form(train: Callable[..., Any], name: str, family: str) -> None:
    from tokit.text.pipeline import PipelineOptions

    tokenizer = train(["the water of the sea"], size=270, family=family, pipeline=PipelineOptions(pre_tokenizer=name))
    assert tokenizer.specification()["pre_tokenizer"] == OWNERS[name]


@pytest.mark.parametrize("name", list(OWNERS))
def test_foreign_vocabulary_gets_the_form(name: str) -> None:
    library = Tokenizer(models.BPE())
    make_byte_level(library, name)
    assert json.loads(library.to_str())["pre_tokenizer"] == OWNERS[name]


def earlier_form(pipeline: TextPipeline) -> pre_tokenizers.PreTokenizer:
    """As tokit wrote it before: every pattern as a Split, and words by the library's own pre-tokenizer."""
    steps = [*pipeline.splitters(), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    if pipeline.pre_tokenizer == "whitespace":
        steps[-2] = pre_tokenizers.Whitespace()
    joined = join_steps(steps)
    assert joined is not None
    return joined


def every_character() -> Iterator[str]:
    """Every character between letters, signs, digits and spaces; of the planes without characters, some."""
    points = [
        chr(i) for i in range(0x110000) if not 0xD800 <= i < 0xE000 and (i < 0x34000 or i >> 8 == 0xE01 or i % 997 == 0)
    ]
    for first in range(0, len(points), 64):
        yield "".join(f"a{point}.{point}1{point}{point} {point}'s" for point in points[first : first + 64])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gpt2", "whitespace"])
def test_every_character_is_split_as_before(name: str) -> None:
    pipeline = TextPipeline(pre_tokenizer=name)
    new, old = join_steps(pipeline.byte_level_splitters()), earlier_form(pipeline)
    assert new is not None
    assert all(new.pre_tokenize_str(text) == old.pre_tokenize_str(text) for text in every_character())


@pytest.mark.parametrize("digits", ["keep", "single", "triple"])
@pytest.mark.parametrize("name", [*PATTERNS, "whitespace"])
def test_text_is_split_as_before(name: str, digits: str) -> None:
    pipeline = TextPipeline(pre_tokenizer=name, digits=digits)
    new, old = join_steps(pipeline.byte_level_splitters()), earlier_form(pipeline)
    assert new is not None
    natural = [path.read_text("utf-8") for path in sorted(PARALLEL.glob("*.txt"))]
    for text in [*HOSTILE_TEXTS, *natural]:
        assert new.pre_tokenize_str(text) == old.pre_tokenize_str(text)

    @settings(max_examples=60)
    @given(st.one_of(TEXTS, CROWDED_SIGNS, ANY_TEXT))
    def alike(text: str) -> None:
        assert new.pre_tokenize_str(text) == old.pre_tokenize_str(text)

    alike()


@pytest.mark.parametrize("digits", ["keep", "single"])
@pytest.mark.parametrize("name", [*PATTERNS, "whitespace"])
def test_kernels_know_both_forms(name: str, digits: str) -> None:
    pipeline = TextPipeline(pre_tokenizer=name, digits=digits)
    new, old = written(pipeline), json.loads(earlier_form(pipeline).__getstate__())
    assert new != old or name not in ("gpt2", "whitespace", "qwen2")
    for form in (new, old):
        found = recognize_pretokenizer({"pre_tokenizer": form, "added_tokens": [], "model": {"vocab": {}}})
        assert found is not None
        assert (found.pipeline, found.byte_level, found.guarded) == (pipeline, True, ())


@pytest.mark.parametrize("variant", ["bpe", "word", "bpe-lowercase"])
def test_folder_of_an_earlier_version_gives_the_same_ids(
    trained_folder: Callable[[str], Path], tmp_path: Path, lines: list[str], variant: str
) -> None:
    spec = json.loads((trained_folder(variant) / "tokenizer.json").read_bytes())
    if variant == "word":
        spec["pre_tokenizer"] = {"type": "Whitespace"}
    else:
        name = "gpt2" if variant == "bpe" else "llama3"
        spec["pre_tokenizer"] = json.loads(earlier_form(TextPipeline(pre_tokenizer=name)).__getstate__())
    (tmp_path / "tokenizer.json").write_text(json.dumps(spec))
    new, old = load_tokenizer(trained_folder(variant)), load_tokenizer(tmp_path)
    texts = [*lines, *HOSTILE_TEXTS]
    assert old.encode_batch(texts) == new.encode_batch(texts)
    assert block_encoder_for(old) is not None  # type: ignore[arg-type]


def test_special_token_that_the_pattern_keeps_whole_still_needs_its_guard(train: Callable[..., Any]) -> None:
    tokenizer = train(["hello hello hello"] * 9, size=280, family="bpe", special_tokens=["greeting=hello"])
    greeting = tokenizer.special_ids["greeting"]
    steps = tokenizer.specification()["pre_tokenizer"]["pretokenizers"]
    assert [step["type"] for step in steps] == ["Split", "Split", "ByteLevel"]
    for text in ("hello", " hello", "xhellox", "hellohello"):
        assert greeting not in tokenizer.encode(text)
        assert tokenizer.decode(tokenizer.encode(text)) == text


def test_form_loads_in_the_library() -> None:
    for pattern in OWNERS.values():
        made = Tokenizer(models.BPE())
        spec = {**json.loads(made.to_str()), "pre_tokenizer": pattern}
        again = json.loads(Tokenizer.from_str(json.dumps(spec)).to_str())
        assert again["pre_tokenizer"] == pattern
    assert pre_tokenizers.Split(Regex(LLAMA3), "isolated").pre_tokenize_str("a b")
