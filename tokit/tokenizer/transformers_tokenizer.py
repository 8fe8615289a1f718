"""A tokenizer as an object of transformers, which encodes batches of texts in the kernels.

It is transformers' own fast tokenizer of the same files. Batches of plain texts, with special tokens, truncation and
padding, are encoded in the kernels; all else (pairs, offsets, words, overflow) takes the ordinary way, with the same
result. So does everything once tokens were added to it or a part of it was replaced.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from tokit.errors import MissingExtraError
from tokit.tokenizer.base import EncodeOptions, Tokenizer

# Settings of a call that the kernels do not know.
ORDINARY = (
    "text_pair", "stride", "is_split_into_words", "return_overflowing_tokens", "return_special_tokens_mask",
    "return_offsets_mapping", "return_length", "sanitize_control_tokens",
)  # fmt: skip


def transformers_tokenizer(tokenizer: Tokenizer) -> Any:
    """A fast tokenizer of transformers with the files of a tokenizer.

    Raises:
        MissingExtraError: transformers is not installed.
    """
    try:
        from transformers import AutoTokenizer, PreTrainedTokenizerFast
    except ImportError as error:
        raise MissingExtraError("as_hf()", "chat") from error
    with tempfile.TemporaryDirectory() as folder:
        tokenizer.save_files(Path(folder))
        loaded: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        if _parts(loaded.backend_tokenizer) != _parts(_backend_of(Path(folder))):
            # Some classes build these parts anew, and then give other ids than the file says.
            loaded = PreTrainedTokenizerFast.from_pretrained(folder)
    stock: Any = type(loaded)
    loaded.__class__ = _kernel_class(stock)
    loaded.tokit_tokenizer = tokenizer
    loaded.tokit_state = _state(loaded)
    return loaded


def _backend_of(folder: Path) -> Any:
    from tokenizers import Tokenizer as Library

    return Library.from_file(str(folder / "tokenizer.json"))


def _parts(backend: Any) -> tuple[Any, ...]:
    """The parts of a tokenizer of the library that change text before it is split, or split it."""
    return tuple(part and part.__getstate__() for part in (backend.normalizer, backend.pre_tokenizer))


def _state(hf: Any) -> tuple[Any, ...]:
    """Whatever decides on ids, to see whether it was changed; it takes less than a millisecond."""
    backend = hf.backend_tokenizer
    processor = backend.post_processor
    # Added tokens are equal for the library when their texts are.
    added = repr(sorted(backend.get_added_tokens_decoder().items()))
    dropout, unknown = (getattr(backend.model, name, None) for name in ("dropout", "unk_token"))
    return len(hf), *_parts(backend), processor and processor.__getstate__(), added, dropout, unknown


def _restore(stock: Any, files: dict[str, bytes], attributes: dict[str, Any]) -> Any:
    """The object again; what pickling keeps: its attributes, and the files of the tokenizer."""
    from tokit.tokenizer.load import load_tokenizer

    hf = object.__new__(_kernel_class(stock))
    hf.__dict__.update(attributes)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        hf.tokit_tokenizer = load_tokenizer(folder)
        # The library loads its file when it is first needed.
        hf.tokit_tokenizer.encode_batch(["a"])
    return hf


@cache
def _kernel_class(stock: Any) -> Any:
    """A subclass of a class of transformers, under its name: what it saves is loaded as that class."""

    class KernelTokenizer(stock):  # type: ignore[misc]
        """The class of transformers, with batches of texts encoded in the kernels."""

        # Those that transformers itself makes of this class have no tokenizer of ours.
        tokit_tokenizer: Tokenizer | None = None
        tokit_state: tuple[Any, ...] = ()

        def _encode_plus(self, text: Any, **settings: Any) -> Any:
            ordinary = partial(super()._encode_plus, text, **settings)
            if not _is_plain_batch(self, text, settings):
                return ordinary()
            return _encode(self, text, settings, ordinary)

        def __reduce__(self) -> Any:
            if self.tokit_tokenizer is None:
                return super().__reduce__()
            with tempfile.TemporaryDirectory() as folder:
                self.tokit_tokenizer.save_files(Path(folder))
                files = {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}
            attributes = {name: value for name, value in self.__dict__.items() if name != "tokit_tokenizer"}
            return _restore, (stock, files, attributes)

        def __deepcopy__(self, memo: Any) -> Any:
            rebuild, arguments = self.__reduce__()
            return rebuild(*copy.deepcopy(arguments, memo))

    KernelTokenizer.__name__ = KernelTokenizer.__qualname__ = stock.__name__
    return KernelTokenizer


def _is_plain_batch(hf: Any, text: Any, settings: dict[str, Any]) -> bool:
    plain = isinstance(text, list | tuple) and bool(text) and all(isinstance(one, str) for one in text)
    truncation = getattr(settings.get("truncation_strategy"), "value", "do_not_truncate")
    return (
        plain
        and hf.tokit_tokenizer is not None
        and not any(settings.get(name) for name in ORDINARY)
        and (truncation == "do_not_truncate" or (truncation != "only_second" and hf.truncation_side == "right"))
        and _state(hf) == hf.tokit_state
    )


def _encode(hf: Any, texts: Sequence[str], settings: dict[str, Any], ordinary: Callable[[], Any]) -> Any:
    split = settings.get("split_special_tokens")
    truncates = getattr(settings.get("truncation_strategy"), "value", "do_not_truncate") != "do_not_truncate"
    options = EncodeOptions(
        add_special=settings.get("add_special_tokens", True),
        parse_special=not (hf.split_special_tokens if split is None else split),
        max_length=settings.get("max_length") if truncates else None,
    )
    rows = hf.tokit_tokenizer.encode_batch(texts, options).lists()
    wants_types = settings.get("return_token_type_ids")
    data: dict[str, Any] = {"input_ids": rows}
    if "token_type_ids" in hf.model_input_names if wants_types is None else wants_types:
        data["token_type_ids"] = [[0] * len(row) for row in rows]
    wants_mask = settings.get("return_attention_mask")
    if "attention_mask" in hf.model_input_names if wants_mask is None else wants_mask:
        data["attention_mask"] = [[1] * len(row) for row in rows]
    longest = max(rows, key=len)
    hf._eventual_warn_about_too_long_sequence(longest, settings.get("max_length"), settings.get("verbose", True))
    padded = hf.pad(
        data,
        padding=settings.get("padding_strategy", False),
        max_length=settings.get("max_length"),
        pad_to_multiple_of=settings.get("pad_to_multiple_of"),
        padding_side=settings.get("padding_side"),
        return_attention_mask="attention_mask" in data,
        verbose=False,
    )
    return _lazy_encoding()(dict(padded), tensor_type=settings.get("return_tensors"), ordinary=ordinary)


@cache
def _lazy_encoding() -> Any:
    from transformers import BatchEncoding

    class LazyEncoding(BatchEncoding):  # type: ignore[misc]
        """A result whose places of tokens (`word_ids`, `char_to_token`, …) are computed when they are asked for."""

        def __init__(self, data: Any, *, tensor_type: Any, ordinary: Callable[[], Any]) -> None:
            self._ordinary = ordinary
            self._found: Any = None
            super().__init__(data, tensor_type=tensor_type, n_sequences=1)

        @property
        def _encodings(self) -> Any:
            if self._found is None:
                self._found = self._ordinary().encodings
            return self._found

        @_encodings.setter
        def _encodings(self, value: Any) -> None:
            self._found = value

    return LazyEncoding
