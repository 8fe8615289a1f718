"""Tokenizer classes of transformers whose files say what the tokens are, but not how text is split.

The class, from the settings beside the files, fixes normalizer, pre-tokenizer, template and special tokens. They are
those of transformers 5 (`models/*/tokenization_*.py`); a class that is not here is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokit.errors import ArtifactError
from tokit.text.pipeline import PATTERNS

if TYPE_CHECKING:
    import tokenizers

    from tokit.tokenizer.formats.folder_settings import FolderSettings

Spec = dict[str, Any]
# Makes the post-processor of a tokenizer from the settings; None leaves it without one.
Template = Callable[["tokenizers.Tokenizer", "FolderSettings"], Any]
CLIP_PATTERN = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
CLIP_SUFFIX = "</w>"
NFC: Spec = {"type": "NFC"}


def byte_level(*, prefix: bool = False, pattern: bool = True) -> Spec:
    """The library's ByteLevel component."""
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": pattern}


def gpt2_split(settings: FolderSettings) -> Spec:
    """GPT-2's pattern; `add_prefix_space` is a setting."""
    return byte_level(prefix=settings.switch("add_prefix_space"))


def blenderbot_split(settings: FolderSettings) -> Spec:
    """GPT-2's pattern, with a space before the text unless the settings say otherwise."""
    return byte_level(prefix=settings.switch("add_prefix_space", default=True))


def qwen2_split(settings: FolderSettings) -> Spec:
    """Qwen2's pattern, and bytes."""
    split = {"type": "Split", "pattern": {"Regex": PATTERNS["qwen2"]}, "behavior": "Isolated", "invert": False}
    prefix = settings.switch("add_prefix_space")
    return {"type": "Sequence", "pretokenizers": [split, byte_level(prefix=prefix, pattern=False)]}


def clip_split(_settings: FolderSettings) -> Spec:
    """CLIP's pattern, which drops the white space between words."""
    split = {"type": "Split", "pattern": {"Regex": CLIP_PATTERN}, "behavior": "Removed", "invert": True}
    return {"type": "Sequence", "pretokenizers": [split, byte_level()]}


def clip_normalizer() -> Spec:
    """NFC, one space for white space, lower case."""
    space = {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "}
    return {"type": "Sequence", "normalizers": [NFC, space, {"type": "Lowercase"}]}


def clip_decoder() -> Spec:
    """A space for each end of a word."""
    space = {"type": "Replace", "pattern": {"String": CLIP_SUFFIX}, "content": " "}
    return {
        "type": "Sequence",
        "decoders": [byte_level(), space, {"type": "Strip", "content": " ", "start": 0, "stop": 1}],
    }


def first_and_last(library: tokenizers.Tokenizer, settings: FolderSettings) -> Any:
    """The `add_bos_token` and `add_eos_token` of the settings."""
    from tokenizers.processors import TemplateProcessing

    front = settings.text("bos_token") if settings.switch("add_bos_token") else ""
    back = settings.text("eos_token") if settings.switch("add_eos_token") else ""
    if not front and not back:
        return None
    single = " ".join(part for part in (front and f"{front}:0", "$A:0", back and f"{back}:0") if part)
    second = " ".join(part for part in (front and f"{front}:1", "$B:1", back and f"{back}:1") if part)
    ids = [(text, library.token_to_id(text)) for text in {front, back} if text]
    return TemplateProcessing(single=single, pair=f"{single} {second}", special_tokens=ids)


def roberta_template(library: tokenizers.Tokenizer, settings: FolderSettings) -> Any:
    """`<s> A </s> </s> B </s>`."""
    from tokenizers.processors import RobertaProcessing

    trim, prefix = settings.switch("trim_offsets", default=True), settings.switch("add_prefix_space")
    ends = _ends(library, settings, "sep_token", "cls_token")
    return RobertaProcessing(ends[0], ends[1], trim, prefix) if ends else None


def clip_template(library: tokenizers.Tokenizer, settings: FolderSettings) -> Any:
    """`<|startoftext|> A <|endoftext|>`."""
    from tokenizers.processors import RobertaProcessing

    ends = _ends(library, settings, "eos_token", "bos_token")
    return RobertaProcessing(ends[0], ends[1], False, False) if ends else None


def bert_template(library: tokenizers.Tokenizer, settings: FolderSettings) -> Any:
    """`[CLS] A [SEP] B [SEP]`."""
    from tokenizers.processors import BertProcessing

    ends = _ends(library, settings, "sep_token", "cls_token")
    return BertProcessing(ends[0], ends[1]) if ends else None


def deberta_template(library: tokenizers.Tokenizer, settings: FolderSettings) -> Any:
    """`[CLS] A [SEP] [SEP] B [SEP]`, all of type 0."""
    from tokenizers.processors import TemplateProcessing

    ends = _ends(library, settings, "sep_token", "cls_token")
    if ends is None:
        return None
    (sep, _), (cls, _) = ends
    return TemplateProcessing(single=f"{cls} $A {sep}", pair=f"{cls} $A {sep} {sep} $B {sep}", special_tokens=ends)


def _ends(
    library: tokenizers.Tokenizer, settings: FolderSettings, last: str, first: str
) -> list[tuple[str, int]] | None:
    """Texts and ids of the last and the first token of a template; None if one is missing."""
    texts = [settings.text(last), settings.text(first)]
    ids = [(text, i) for text in texts if (i := library.token_to_id(text)) is not None]
    return ids if len(ids) == len(texts) else None


@dataclass(frozen=True, slots=True)
class TokenizerClass:
    """Components that a class adds to its files.

    Attributes:
        specials: transformers' name of a role → text, where the settings name none.
        template: Makes the post-processor.
        split: The pre-tokenizer of byte-level BPE.
        normalizer: The normalizer.
        decoder: The decoder.
        model: More entries of the model.
    """

    specials: Mapping[str, Any]
    template: Template = first_and_last
    split: Callable[[FolderSettings], Spec] = gpt2_split
    normalizer: Spec | None = None
    decoder: Spec = field(default_factory=byte_level)
    model: Mapping[str, Any] = field(default_factory=dict)

    def complete(self, settings: FolderSettings) -> FolderSettings:
        """Settings with the special tokens of the class where they name none."""
        tokens = {name: text if isinstance(text, dict) else {"content": text} for name, text in self.specials.items()}
        return settings.with_defaults(tokens)


def _named(text: str, *roles: str) -> dict[str, str]:
    return {f"{role}_token": text for role in roles}


_END = "<|endoftext|>"
_ROBERTA = {**_named("<s>", "bos", "cls"), **_named("</s>", "eos", "sep"), "unk_token": "<unk>", "pad_token": "<pad>"}
_MASK = {"content": "<mask>", "lstrip": True, "normalized": False}
_BERT = {
    "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]", "mask_token": "[MASK]",
}  # fmt: skip
_GPT2_CLASS = TokenizerClass(_named(_END, "unk", "bos", "eos"))
_ROBERTA_CLASS = TokenizerClass({**_ROBERTA, "mask_token": "<mask>"}, roberta_template)
BYTE_LEVEL_CLASSES: dict[str, TokenizerClass] = {
    "GPT2Tokenizer": _GPT2_CLASS,
    "CodeGenTokenizer": _GPT2_CLASS,
    "GPTNeoXTokenizer": TokenizerClass(
        {**_named(_END, "unk", "bos", "eos"), "pad_token": "<|padding|>"}, normalizer=NFC
    ),
    **dict.fromkeys(
        ("RobertaTokenizer", "BartTokenizer", "LongformerTokenizer", "LEDTokenizer", "MvpTokenizer"), _ROBERTA_CLASS
    ),
    "BlenderbotTokenizer": TokenizerClass({**_ROBERTA, "mask_token": _MASK}, split=blenderbot_split),
    "DebertaTokenizer": TokenizerClass({**_BERT, "bos_token": "[CLS]", "eos_token": "[SEP]"}, deberta_template),
    "CLIPTokenizer": TokenizerClass(
        {**_named(_END, "unk", "eos", "pad"), "bos_token": "<|startoftext|>"},
        clip_template, clip_split, clip_normalizer(), clip_decoder(),
        {"end_of_word_suffix": CLIP_SUFFIX, "unk_token": _END},
    ),
    "Qwen2Tokenizer": TokenizerClass(_named(_END, "unk", "eos", "pad"), split=qwen2_split, normalizer=NFC),
}  # fmt: skip
_BERT_CLASS = TokenizerClass(_BERT, bert_template)
_MPNET = {name: {"content": text, "special": True, "normalized": True} for name, text in _ROBERTA.items()}
WORDPIECE_CLASSES: dict[str, TokenizerClass] = {
    **dict.fromkeys(
        (
            "BertTokenizer", "DistilBertTokenizer", "ElectraTokenizer", "MobileBertTokenizer", "SqueezeBertTokenizer",
            "ConvBertTokenizer", "LayoutLMTokenizer", "LxmertTokenizer",
        ),
        _BERT_CLASS,
    ),
    "MPNetTokenizer": TokenizerClass(
        {
            **_MPNET,
            "unk_token": {"content": "[UNK]", "special": True, "normalized": True},
            "mask_token": {"content": "<mask>", "lstrip": True, "special": True, "normalized": True},
        },
        roberta_template,
    ),
}  # fmt: skip
# `model_type` of a config.json → class, where no settings name one.
_TYPES = {
    "GPT2Tokenizer": "gpt2 gpt_neo gptj opt phi codegen starcoder2",
    "GPTNeoXTokenizer": "gpt_neox mamba mamba2 mpt olmo olmoe rwkv",
    "RobertaTokenizer": "roberta bart longformer led mvp ibert data2vec-text lilt roberta-prelayernorm",
    "BlenderbotTokenizer": "blenderbot",
    "DebertaTokenizer": "deberta",
    "CLIPTokenizer": "clip clipseg groupvit owlvit owlv2 xclip",
    "Qwen2Tokenizer": "qwen2 qwen2_moe qwen2_vl qwen2_audio qwen3 qwen3_moe qwen3_vl",
    "BertTokenizer": "bert distilbert electra mobilebert squeezebert convbert layoutlm lxmert megatron-bert nomic_bert",
    "MPNetTokenizer": "mpnet",
}
MODEL_TYPES = {model_type: name for name, types in _TYPES.items() for model_type in types.split()}


def class_of(
    settings: FolderSettings, known: Mapping[str, TokenizerClass], path: Path
) -> tuple[str, TokenizerClass] | None:
    """Name and class of the files beside some settings; None if the settings name neither class nor model.

    Raises:
        ArtifactError: the class is none that tokit knows for these files.
    """
    named = settings.tokenizer_class or MODEL_TYPES.get(settings.model_type, settings.model_type)
    if not named:
        return None
    if named not in known:
        raise ArtifactError(
            f"{path}: tokit does not know how '{named}' splits text",
            hint="let transformers write a tokenizer.json: AutoTokenizer.from_pretrained(DIR).save_pretrained(NEW)",
        )
    return named, known[named]
