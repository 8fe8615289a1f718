"""Properties of every tokenizer; each registered family is tested without being named here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.program import folder_bytes
from tests.support.texts import ANY_TEXT, HOSTILE_TEXTS, TEXTS
from tests.support.variants import VARIANTS
from tokit.arrays import Block
from tokit.errors import ArtifactError, UsageError
from tokit.storage.folder import changed_files, read_manifest
from tokit.storage.manifests import TokenizerManifest
from tokit.tokenizer import FAMILIES
from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.special_tokens import DEFAULT_ROLES, SpecialTokens

LOSSLESS = {"char", "byte", "bpe", "unigram", "word-bytes", "unigram-chars"}
PARSED = EncodeOptions(parse_special=True)


def special_ids(tokenizer: Tokenizer) -> set[int]:
    """Ids that ordinary text must not give; it may give the unknown token."""
    return set(tokenizer.special_ids.values()) - {tokenizer.unknown_id}


# --- lossless


def assert_round_trip(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert all(0 <= i < tokenizer.vocab_size for i in ids)
    assert not special_ids(tokenizer) & set(ids)
    if tokenizer.lossless:
        assert tokenizer.decode(ids) == text


@given(TEXTS)
def test_any_text_is_decoded_again(trained: Tokenizer, text: str) -> None:
    assert_round_trip(trained, text)


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_hostile_text_is_decoded_again(trained: Tokenizer, text: str) -> None:
    assert_round_trip(trained, text)


def test_lossless_families(variant_folder: Path, trained: Tokenizer) -> None:
    manifest = read_manifest(variant_folder, TokenizerManifest)
    assert trained.lossless == (variant_folder.name in LOSSLESS)
    assert manifest.lossless == trained.lossless
    assert bool(trained.identity.lossy_because) != trained.lossless
    assert manifest.lossy_because == trained.identity.lossy_because


@pytest.mark.parametrize(
    ("variant", "text"),
    [
        ("word", "a  b"),
        ("wordpiece", "a  b"),
        ("spm", "a▁b"),
        ("unigram-metaspace", "a▁b"),
        ("spm-unigram", "a▁b"),
        ("char-unknown", "\U00010fff"),
        ("bpe-lowercase", "Ab"),
    ],
)
def test_lossy_family_has_a_reason(trained_folder: Callable[[str], Path], variant: str, text: str) -> None:
    tokenizer = load_tokenizer(trained_folder(variant))
    assert tokenizer.decode(tokenizer.encode(text)) != text


def test_every_family_has_a_variant() -> None:
    assert set(FAMILIES) <= set(VARIANTS)
    assert set(VARIANTS) >= LOSSLESS


# --- special tokens


def test_special_tokens_are_the_first_ids_in_order(trained: Tokenizer) -> None:
    roles = [*DEFAULT_ROLES, "unk"] if trained.unknown_id is not None else list(DEFAULT_ROLES)
    assert trained.special_ids == {role: i for i, role in enumerate(roles)}
    assert trained.pieces.names[: len(roles)] == tuple(f"<|{role}|>" for role in roles)
    assert trained.pieces.special.tolist() == [i < len(roles) for i in range(trained.vocab_size)]


def test_special_text_is_a_token_only_when_asked(trained: Tokenizer) -> None:
    text = "a<|pad|>b <|endoftext|>"
    plain, parsed = trained.encode(text), trained.encode(text, PARSED)
    assert not special_ids(trained) & set(plain)
    assert [i for i in parsed if i in special_ids(trained)] == [trained.special_ids["pad"], 0]
    # The option of one call does not leak into the next.
    assert trained.encode(text) == plain


def test_decode_can_skip_special_tokens(trained: Tokenizer) -> None:
    ids = trained.encode("a<|pad|>b", PARSED)
    if trained.lossless:
        assert trained.decode(ids) == "a<|pad|>b"
        assert trained.decode(ids, skip_special=True) == "ab"
    else:
        assert "<|pad|>" in trained.decode(ids)
        assert "<|pad|>" not in trained.decode(ids, skip_special=True)


SPECIALS = [
    ("pad=PAD",),
    ("pad=[PAD]",),
    ("pad=aa", "cls=ab", "sep=aba"),
    ("pad= the", "user=12"),
    ("pad=the cat", "cls=\n\n"),
    ("pad=▁the", "sep=▁▁"),
]
SENTENCES = [
    "the cat xPADx PAD PAD PADPAD",
    "sing [PAD] x[PAD]x song 12 1212",
    "aab aaa abab ab aa",
    "  the  the cat\n\nthe",
]


@pytest.mark.parametrize("specials", SPECIALS, ids=lambda specials: ",".join(specials).replace("\n", "\\n"))
@pytest.mark.parametrize("variant", list(VARIANTS))
def test_custom_special_text_stays_text(
    train: Callable[..., Tokenizer], variant: str, specials: tuple[str, ...]
) -> None:
    options = VARIANTS[variant]
    size = None if options["family"] in ("byte", "char") else 400
    tokenizer = train(SENTENCES * 20, size=size, special_tokens=specials, **options)
    texts = [setting.partition("=")[2] for setting in specials]
    for text in texts:
        assert text in tokenizer.pieces.names[: len(tokenizer.special_ids)]
        for similar in (text, f"x{text}x", f" {text} ", text * 3, f"[{text}", f"{text[0]}{text}", f"{text}{text[-1]}"):
            assert not special_ids(tokenizer) & set(tokenizer.encode(similar)), similar
            if tokenizer.lossless:
                assert tokenizer.decode(tokenizer.encode(similar)) == similar
        assert tokenizer.encode(text, PARSED) == [tokenizer.pieces.names.index(text)]

    @settings(max_examples=15)
    @given(st.lists(st.sampled_from([*texts, *"aPbt e12", "the", "▁", "["]), max_size=12).map("".join))
    def no_text_gives_a_special_id(text: str) -> None:
        assert not special_ids(tokenizer) & set(tokenizer.encode(text))

    no_text_gives_a_special_id()


@pytest.mark.parametrize("text", ["x", "", "<0x41>", "##ing", "Ġthe", "Ã©", "éé"])
def test_special_text_in_the_form_of_a_piece_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        SpecialTokens.parse([f"pad={text}"])


@pytest.mark.parametrize("settings", [["pad"], ["=x1"], ["pad=<s>", "cls=<s>"], ["user=<|pad|>"]])
def test_invalid_special_token_settings_are_refused(settings: list[str]) -> None:
    with pytest.raises(UsageError):
        SpecialTokens.parse(settings)


def test_special_tokens_are_renamed_in_place_and_added_at_the_end() -> None:
    special = SpecialTokens.parse(["pad=[PAD]", "user=<|user|>", "user=<|human|>"])
    assert special.texts == ["<|endoftext|>", "[PAD]", "<|cls|>", "<|sep|>", "<|mask|>", "<|human|>"]
    assert special.with_unknown().texts[5:] == ["<|unk|>", "<|human|>"]
    assert SpecialTokens.parse(["unk=[UNK]"]).with_unknown().texts[5:] == ["[UNK]"]


def test_text_of_a_byte_token_is_not_encoded_as_the_byte(trained: Tokenizer) -> None:
    """A model with byte fallback has `<0x41>` among its pieces, and text may hold it."""
    for text in ("<0x41>", "a<0x41>b", "<0xE2><0x96><0x81>"):
        ids = trained.encode(text)
        assert not {"<0x41>", "<0xE2>"} & {trained.pieces.names[i] for i in ids}


@pytest.mark.parametrize(
    "variant", ["unigram-metaspace", "unigram-chars", "spm", "spm-unigram", "char", "bpe", "word-bytes"]
)
def test_text_of_byte_tokens_in_the_corpus_is_learned_as_text(train: Callable[..., Tokenizer], variant: str) -> None:
    size = None if variant == "char" else 400
    tokenizer = train(["<0x41> a<0x41>b the <0x0A> " * 4] * 50, size=size, **VARIANTS[variant])
    assert len(set(tokenizer.pieces.names)) == tokenizer.vocab_size
    assert "" not in tokenizer.pieces.names
    for text in ("<0x41>", "a<0x41>b", "the <0x0A>"):
        assert tokenizer.decode(tokenizer.encode(text)) == text


# --- template and length


def test_template_goes_around_the_text(trained: Tokenizer, variant_folder: Path) -> None:
    plain, framed = trained.encode("hello there"), trained.encode("hello there", EncodeOptions(add_special=True))
    if read_manifest(variant_folder, TokenizerManifest).template == "bert":
        assert framed == [trained.special_ids["cls"], *plain, trained.special_ids["sep"]]
    else:
        assert framed == plain


@pytest.mark.parametrize("variant", list(VARIANTS))
@pytest.mark.parametrize(
    ("template", "front", "back"),
    [
        ("bert", ["cls"], ["sep"]),
        ("eos", [], ["endoftext"]),
        ("cls cls $A sep", ["cls", "cls"], ["sep"]),
        ("<|mask|> $A", ["mask"], []),
        ("none", [], []),
    ],
)
def test_template_of_the_user(
    train: Callable[..., Tokenizer], variant: str, template: str, front: list[str], back: list[str]
) -> None:
    size = None if VARIANTS[variant]["family"] in ("byte", "char") else 300
    tokenizer = train(["a b a b ab"], size=size, template=template, **VARIANTS[variant])
    ids = tokenizer.special_ids
    framed = tokenizer.encode("a b a", EncodeOptions(add_special=True))
    assert framed == [*(ids[role] for role in front), *tokenizer.encode("a b a"), *(ids[role] for role in back)]
    added = len(front) + len(back)
    for length in range(max(1, added), 7):
        truncated = tokenizer.encode("a b a", EncodeOptions(add_special=True, max_length=length))
        plain = tokenizer.encode("a b a")[: length - added]
        assert truncated == [*(ids[role] for role in front), *plain, *(ids[role] for role in back)]


@pytest.mark.parametrize("template", ["cls sep", "clss $A", "cls $A sepp", "$A <|end|>"])
def test_invalid_template_is_refused(train: Callable[..., Tokenizer], template: str) -> None:
    with pytest.raises(UsageError):
        train(["a"], size=300, family="bpe", template=template)


def test_max_length_truncates_one_call(trained: Tokenizer) -> None:
    text = "one two three four"
    whole = trained.encode(text)
    for length in (1, 2, len(whole), len(whole) + 1):
        assert trained.encode(text, EncodeOptions(max_length=length)) == whole[:length]
    assert trained.encode(text) == whole


def test_max_length_below_the_template_is_an_error(trained_folder: Callable[[str], Path]) -> None:
    tokenizer = load_tokenizer(trained_folder("wordpiece"))
    with pytest.raises(ArtifactError, match="below the 2 tokens"):
        tokenizer.encode("hello", EncodeOptions(add_special=True, max_length=1))


# --- pieces and offsets


@given(ANY_TEXT)
@settings(max_examples=30)
def test_texts_of_whole_pieces_join_to_the_text(trained: Tokenizer, text: str) -> None:
    if not trained.lossless:
        return
    joined = "".join([trained.pieces.texts[i] for i in trained.encode(text)])
    if "\ufffd" not in joined:
        assert joined == text


def test_texts_of_pieces(trained: Tokenizer) -> None:
    pieces = trained.pieces
    assert len(pieces) == len(pieces.texts) == trained.vocab_size
    assert len(set(pieces.names)) == trained.vocab_size
    joined = "".join([pieces.texts[i] for i in trained.encode("you the")])
    assert joined.replace(" ", "") == "youthe"


def test_offsets_lie_in_the_text(trained: Tokenizer, lines: list[str]) -> None:
    for text, spans in zip(lines[::20], trained.offsets_batch(lines[::20]), strict=True):
        assert len(spans) == len(trained.encode(text))
        assert all(0 <= start <= end <= len(text) for start, end in spans)
        assert spans == sorted(spans)


# --- batches, files


def test_batch_and_block_equal_one_by_one(trained: Tokenizer, lines: list[str]) -> None:
    texts = [*lines[::11], ""]
    ids = [trained.encode(text) for text in texts]
    assert trained.encode_batch(texts) == ids
    block = Block.of(text.encode("utf-8") for text in texts)
    encoded = trained.encode_block(block)
    assert encoded.lists() == ids
    assert trained.decode_batch(ids) == [trained.decode(row) for row in ids]
    if trained.lossless:
        assert trained.decode_batch(encoded.lists()) == block.texts()


def test_saved_copy_has_the_same_bytes(
    trained: Tokenizer, variant_folder: Path, lines: list[str], tmp_path: Path
) -> None:
    trained.save_files(tmp_path)
    again = load_tokenizer(tmp_path)
    before, after = folder_bytes(variant_folder), folder_bytes(tmp_path)
    assert all(content == before[name] for name, content in after.items())
    assert again.sha256 == trained.sha256 == read_manifest(variant_folder, TokenizerManifest).files["tokenizer.json"]
    assert again.special_ids == trained.special_ids
    assert (again.lossless, again.vocab_size) == (trained.lossless, trained.vocab_size)
    assert again.encode_batch(lines) == trained.encode_batch(lines)


def test_manifest_describes_the_tokenizer(variant_folder: Path) -> None:
    manifest = read_manifest(variant_folder, TokenizerManifest)
    assert changed_files(variant_folder) == []
    assert manifest.family == VARIANTS[variant_folder.name]["family"]
    assert manifest.seed == 0
    assert manifest.corpus.documents > 400
    assert {"pipeline", "params", "template", "versions", "special_tokens"} <= set(manifest.as_json())
    assert manifest.reproducible or manifest.not_reproducible_because
    config = json.loads((variant_folder / "tokenizer_config.json").read_bytes())
    assert config["clean_up_tokenization_spaces"] is False
    # Pipelines, chat templates and trainers need the tokens themselves.
    assert "split_special_tokens" not in config


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in ("byte", "char", "unigram")])
def test_order_of_documents_does_not_change_the_bytes(
    train: Callable[..., Tokenizer], lines: list[str], tmp_path: Path, family: str
) -> None:
    first, second = (train(texts, size=2500, family=family) for texts in (lines, lines[::-1]))
    first.save_files(tmp_path)
    assert first.sha256 == second.sha256


@pytest.mark.parametrize("family", list(FAMILIES))
def test_vocabulary_below_the_alphabet_is_an_error(train: Callable[..., Tokenizer], family: str) -> None:
    from tokit.errors import TrainingError

    with pytest.raises(TrainingError, match=r"pass -v|below|refused"):
        train(["a b c"], size=3, family=family)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_vocabulary_has_the_size_asked_for(train: Callable[..., Tokenizer], lines: list[str], family: str) -> None:
    size = {"byte": 300, "char": 800}.get(family, 2300)
    tokenizer = train(lines, size=size, family=family)
    assert tokenizer.vocab_size == (261 if family == "byte" else size)
