"""What every tokenizer keeps to, whatever its family; a family that is registered is tested here by itself."""

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
    """The ids that no text may give; the unknown token is one that text may."""
    return set(tokenizer.special_ids.values()) - {tokenizer.unknown_id}


# --- lossless


@given(TEXTS)
def test_lossless_family_gives_any_text_back(trained: Tokenizer, text: str) -> None:
    ids = trained.encode(text)
    assert all(0 <= i < trained.vocab_size for i in ids)
    assert not special_ids(trained) & set(ids)
    if trained.lossless:
        assert trained.decode(ids) == text


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_hostile_text(trained: Tokenizer, text: str) -> None:
    ids = trained.encode(text)
    assert all(0 <= i < trained.vocab_size for i in ids)
    assert not special_ids(trained) & set(ids)
    if trained.lossless:
        assert trained.decode(ids) == text


def test_which_families_are_lossless(variant_folder: Path, trained: Tokenizer) -> None:
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


def test_every_variant_is_told_lossless_or_lossy() -> None:
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
    # What was asked for once stays asked for once.
    assert trained.encode(text) == plain


def test_decode_can_leave_special_tokens_out(trained: Tokenizer) -> None:
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
    ("pad= the", "mine=12"),
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
        for near in (text, f"x{text}x", f" {text} ", text * 3, f"[{text}", f"{text[0]}{text}", f"{text}{text[-1]}"):
            assert not special_ids(tokenizer) & set(tokenizer.encode(near)), near
            if tokenizer.lossless:
                assert tokenizer.decode(tokenizer.encode(near)) == near
        assert tokenizer.encode(text, PARSED) == [tokenizer.pieces.names.index(text)]

    @settings(max_examples=15)
    @given(st.lists(st.sampled_from([*texts, *"aPbt e12", "the", "▁", "["]), max_size=12).map("".join))
    def no_text_gives_a_special_id(text: str) -> None:
        assert not special_ids(tokenizer) & set(tokenizer.encode(text))

    no_text_gives_a_special_id()


@pytest.mark.parametrize("text", ["x", "", "<0x41>", "##ing", "Ġthe", "Ã©", "éé"])
def test_special_text_that_a_vocabulary_would_hold_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        SpecialTokens.parse([f"pad={text}"])


@pytest.mark.parametrize("settings", [["pad"], ["=x1"], ["pad=<s>", "cls=<s>"], ["mine=<|pad|>"]])
def test_special_token_settings_that_cannot_be_meant(settings: list[str]) -> None:
    with pytest.raises(UsageError):
        SpecialTokens.parse(settings)


def test_special_tokens_are_renamed_in_place_and_added_behind() -> None:
    special = SpecialTokens.parse(["pad=[PAD]", "user=<|user|>", "user=<|human|>"])
    assert special.texts == ["<|endoftext|>", "[PAD]", "<|cls|>", "<|sep|>", "<|mask|>", "<|human|>"]
    assert special.with_unknown().texts[5:] == ["<|unk|>", "<|human|>"]
    assert SpecialTokens.parse(["unk=[UNK]"]).with_unknown().texts[5:] == ["[UNK]"]


def test_text_of_a_byte_token_is_no_byte(trained: Tokenizer) -> None:
    """A model with byte fallback has `<0x41>` among its pieces, and text may spell it."""
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
def test_chosen_template(
    train: Callable[..., Tokenizer], variant: str, template: str, front: list[str], back: list[str]
) -> None:
    size = None if VARIANTS[variant]["family"] in ("byte", "char") else 300
    tokenizer = train(["a b a b ab"], size=size, template=template, **VARIANTS[variant])
    ids = tokenizer.special_ids
    framed = tokenizer.encode("a b a", EncodeOptions(add_special=True))
    assert framed == [*(ids[role] for role in front), *tokenizer.encode("a b a"), *(ids[role] for role in back)]
    added = len(front) + len(back)
    for length in range(max(1, added), 7):
        cut = tokenizer.encode("a b a", EncodeOptions(add_special=True, max_length=length))
        plain = tokenizer.encode("a b a")[: length - added]
        assert cut == [*(ids[role] for role in front), *plain, *(ids[role] for role in back)]


@pytest.mark.parametrize("template", ["cls sep", "clss $A", "cls $A sepp", "$A <|end|>"])
def test_template_that_cannot_be_meant(train: Callable[..., Tokenizer], template: str) -> None:
    with pytest.raises(UsageError):
        train(["a"], size=300, family="bpe", template=template)


def test_max_length_cuts_and_is_forgotten(trained: Tokenizer) -> None:
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
    spelled = "".join([pieces.texts[i] for i in trained.encode("you the")])
    assert spelled.replace(" ", "") == "youthe"


def test_offsets_lie_in_the_text(trained: Tokenizer, lines: list[str]) -> None:
    for text, spans in zip(lines[::20], trained.offsets_batch(lines[::20]), strict=True):
        assert len(spans) == len(trained.encode(text))
        assert all(0 <= start <= end <= len(text) for start, end in spans)
        assert spans == sorted(spans)


# --- batches, files


def test_batch_and_block_equal_one_by_one(trained: Tokenizer, lines: list[str]) -> None:
    some = [*lines[::11], ""]
    ids = [trained.encode(text) for text in some]
    assert trained.encode_batch(some) == ids
    block = Block.of(text.encode("utf-8") for text in some)
    encoded = trained.encode_block(block)
    assert encoded.lists() == ids
    assert trained.decode_batch(ids) == [trained.decode(row) for row in ids]
    if trained.lossless:
        assert trained.decode_batch(encoded.lists()) == block.texts()


def test_saved_again_it_is_the_same(trained: Tokenizer, variant_folder: Path, lines: list[str], tmp_path: Path) -> None:
    trained.save_files(tmp_path)
    again = load_tokenizer(tmp_path)
    before, after = folder_bytes(variant_folder), folder_bytes(tmp_path)
    assert all(content == before[name] for name, content in after.items())
    assert again.sha256 == trained.sha256 == read_manifest(variant_folder, TokenizerManifest).files["tokenizer.json"]
    assert again.special_ids == trained.special_ids
    assert (again.lossless, again.vocab_size) == (trained.lossless, trained.vocab_size)
    assert again.encode_batch(lines) == trained.encode_batch(lines)


def test_manifest_is_enough_to_know_it(variant_folder: Path) -> None:
    manifest = read_manifest(variant_folder, TokenizerManifest)
    assert changed_files(variant_folder) == []
    assert manifest.family == VARIANTS[variant_folder.name]["family"]
    assert manifest.seed == 0
    assert manifest.corpus.documents > 400
    assert {"pipeline", "params", "template", "versions", "special_tokens"} <= set(manifest.as_json())
    assert manifest.reproducible or manifest.not_reproducible_because
    config = json.loads((variant_folder / "tokenizer_config.json").read_bytes())
    assert config["clean_up_tokenization_spaces"] is False
    assert config["split_special_tokens"] is True


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in ("byte", "char", "unigram")])
def test_same_training_same_bytes(
    train: Callable[..., Tokenizer], lines: list[str], tmp_path: Path, family: str
) -> None:
    first, second = (train(some, size=2500, family=family) for some in (lines, lines[::-1]))
    first.save_files(tmp_path)
    assert first.sha256 == second.sha256


@pytest.mark.parametrize("family", list(FAMILIES))
def test_vocabulary_below_the_alphabet_is_an_error(train: Callable[..., Tokenizer], family: str) -> None:
    from tokit.errors import TrainingError

    with pytest.raises(TrainingError, match=r"pass -v|below|refused"):
        train(["a b c"], size=3, family=family)


@pytest.mark.parametrize("family", list(FAMILIES))
def test_size_is_kept_or_all_is_taken(train: Callable[..., Tokenizer], lines: list[str], family: str) -> None:
    size = {"byte": 300, "char": 800}.get(family, 2300)
    tokenizer = train(lines, size=size, family=family)
    assert tokenizer.vocab_size == (261 if family == "byte" else size)
