"""Texts that have broken tokenizers, and strategies that draw such texts."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

PARALLEL = Path(__file__).parents[2] / "corpora" / "parallel"

# Texts that have broken tokenizers: white space, controls, marks, joiners, what looks like tokens, the metaspace.
HOSTILE_TEXTS = (
    "",
    " ",
    "   ",
    "\x00",
    "a\x00b",
    "a\r\nb",
    "\r",
    "\n\n",
    "\t x\t",
    "a\u0301",
    "\u0301",
    "e\u0323\u0301 \u0301x",
    "👩‍👩‍👧",
    "🇩🇪🏴\U000e0067\U000e0062\U000e007f",
    "▁",
    "a▁b ▁ c▁",
    "<|endoftext|>",
    "x<|pad|>x <|cls|><|sep|> <|mask|>",
    "<|unk|>",
    "<unk> <s> </s> [UNK] [CLS]",
    "<0x41>",
    "a<0x41>b<0xE2><0x96><0x81> <0x41>",
    "<0x0A>",
    "\ufeff",
    "\ufeffa",
    "a\u2028b\u2029c",
    "a\u00a0b\u3000c\u0085d",
    "𝔘𝔫𝔦 𐍈 😀 𠜎",
    "\U0010ffff\uffff\ufffd",
    "\ue000\ue001\uf8ff",
    "ﬁ ﷺ Ǆ ß İ ſ",
    "'s 'T 'll I'M it’s",
    "1234567 12 ٣٤٥ Ⅷ ½",
    "##ing ## a##b",
    "Ġthe Ċ â",
    "aaaaaaaaaaaaaaaaaaaaaaaaa",
    "  two  spaces   three ",
    "ភាសាខ្មែរ ไทย 日本語 한국어 עִבְרִית العربية",
    "x" * 300,
)
# Documents that surrogates cannot be part of: they have no UTF-8.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
# Pieces that are rare in random text, and whose neighbors matter.
CROWDED_TEXT = st.lists(
    st.sampled_from([
        " ", "  ", "\n", "\r", "\t", "\x00", "\x1c", "\x85", "\u00a0", "\u2028", "\u3000", "▁", "a", "B",
        "the", "x1", "12345", "'s", "'LL", "'", "é", "e\u0301", "\u0301", "日本", "한", "ΑΣ", "İ", "ſ", "ß",
        "👩‍👧", "\u200d", "!", "...", "/", "<|pad|>", "<0x41>", "##", "<",
    ]),
    max_size=30,
).map("".join)  # fmt: skip
TEXTS = st.one_of(ANY_TEXT, CROWDED_TEXT)
# White space of every kind, characters that normalize to white space or away, marks, sigmas, digits, joiners.
SIGNS = [
    *(" " * 8), "  ", "\n", "\r", "\t", "\x00", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x1f", "\x85",
    "\u00a0", "\u1680", "\u180e", "\u2000", "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000",
    "\ufeff", "▁", "a", "B", "the", "1", "12345", "'", "'s", "'LL", "’s", "é", "\u0301", "\u0345",
    "\u0308", "日本", "한", "ᄒ", "ᅡ", "ᆫ", "Σ", "ΑΣ", "İ", "I", "ſ", "'ſ", "ß", "👩", "\u200d", "!", "...",
    "/", "<|pad|>", "ǅ", "ª", "ʰ", "Ⅷ", "½", "٣", "²", "¨", "´", "\u037a", "ﬁ", "ﷺ", "‗", "\u1fbd",
    "\u0e33", "\U0001d15e", "゛", "¯", "\ufe70",
]  # fmt: skip
CROWDED_SIGNS = st.lists(st.sampled_from(SIGNS), max_size=12).map("".join)
