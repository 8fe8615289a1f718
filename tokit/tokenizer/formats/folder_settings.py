"""Settings files that lie beside a tokenizer: its class, its special tokens, and tokens that it has besides.

They are read as transformers 5 reads them: what `added_tokens_decoder` of tokenizer_config.json holds counts alone,
else special_tokens_map.json and added_tokens.json are read too.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokit.errors import ArtifactError
from tokit.storage.folder import read_json
from tokit.tokenizer.formats.setting_forms import setting_of
from tokit.tokenizer.specification_faults import LARGEST_ID

if TYPE_CHECKING:
    from tokenizers import AddedToken

CONFIG, MODEL_CONFIG = "tokenizer_config.json", "config.json"
SPECIAL_MAP, ADDED = "special_tokens_map.json", "added_tokens.json"
NAMED = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")

Token = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """Content of the settings files of a folder.

    Attributes:
        config: tokenizer_config.json; None if there is none.
        tokenizer_class: The class that they name, without "Fast"; empty if they name none.
        model_type: The `model_type` of config.json, or empty.
        named: transformers' name of a role, such as `eos_token` → the token, as a dict of `AddedToken`'s arguments;
            None where a file says that there is none.
        extra: Special tokens without a role.
        added: Id → token, for those that have an id of their own in these files.
    """

    config: dict[str, Any] | None = None
    tokenizer_class: str = ""
    model_type: str = ""
    named: Mapping[str, Token | None] = field(default_factory=dict)
    extra: tuple[Token, ...] = ()
    added: Mapping[int, Token] = field(default_factory=dict)

    def setting(self, name: str, form: Any, default: Any = None, *, least: int | None = None) -> Any:
        """A setting of tokenizer_config.json; null where it is the default.

        Raises:
            ArtifactError: it is not of this form.
        """
        return setting_of(self.config or {}, name, form | None, CONFIG, default=default, least=least, most=LARGEST_ID)

    def switch(self, name: str, *, default: bool = False) -> bool:
        """A setting that is on or off; null is off.

        Raises:
            ArtifactError: it is neither.
        """
        return bool(self.setting(name, bool, default))

    def text(self, name: str) -> str:
        """Text of a named special token; empty if there is none."""
        token = self.named.get(name)
        return str(token["content"]) if token else ""

    def with_defaults(self, defaults: Mapping[str, Token]) -> FolderSettings:
        """These with the special tokens that a class has where the files name none."""
        return FolderSettings(
            self.config, self.tokenizer_class, self.model_type, {**defaults, **self.named}, self.extra, self.added
        )

    def tokens(self, present: Container[str]) -> list[AddedToken]:
        """Tokens that a tokenizer gets from the settings, in the order in which transformers adds them.

        Args:
            present: Texts of the added tokens that it has.
        """
        from tokenizers import AddedToken

        overriding = "added_tokens_decoder" in (self.config or {})
        listed = [token for _, token in sorted(self.added.items()) if overriding or token["content"] not in present]
        known = {token["content"] for token in listed}
        for token in (*self.named.values(), *self.extra):
            if token and token["content"] not in known and token["content"] not in present:
                known.add(token["content"])
                listed.append({**token, "special": True})
        special = {token["content"] for token in self.named.values() if token}
        return [AddedToken(**{**token, "special": _special(token, special)}) for token in listed if token["content"]]


def _special(token: Token, named: set[str]) -> bool:
    return bool(token.get("special")) or token["content"] in named


def read_settings(folder: Path) -> FolderSettings:
    """Read the settings files of a folder; all of them may be missing.

    Raises:
        ArtifactError: a file is damaged, or is no object of settings.
    """
    try:
        return _settings(folder)
    except (AttributeError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"{folder}: its settings hold special tokens of an unknown form: {error}",
            hint=f"fetch {CONFIG}, {SPECIAL_MAP} and {ADDED} again",
        ) from error


def _settings(folder: Path) -> FolderSettings:
    config = _read(folder / CONFIG)
    model = _read(folder / MODEL_CONFIG) or {}
    named_class, model_class = (
        setting_of(content, "tokenizer_class", str | None, folder / name, default="")
        for content, name in ((config or {}, CONFIG), (model, MODEL_CONFIG))
    )
    model_type = setting_of(model, "model_type", str | None, folder / MODEL_CONFIG, default="")
    values = dict(config or {})
    if not values.get("extra_special_tokens"):
        values["extra_special_tokens"] = values.get("additional_special_tokens")
    decoder = values.get("added_tokens_decoder")
    if not isinstance(decoder, dict | None):
        raise TypeError(f"'added_tokens_decoder' is {decoder!r}, not an object")
    if decoder is None:
        values |= _legacy_values(_read(folder / SPECIAL_MAP) or {}, values)
    added = {_id(i): _token(token) for i, token in (decoder or {}).items()}
    by_text = {token["content"]: token for token in added.values()}
    named = {name: _named(values[name], by_text) for name in _names(values)}
    extra = _extra(values)
    if decoder is None:
        added = _legacy_added(_read(folder / ADDED) or {}, named, extra)
    return FolderSettings(
        config, (named_class or model_class or "").removesuffix("Fast"), model_type or "", named, extra, added
    )


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    content = read_json(path)
    if not isinstance(content, dict):
        raise ArtifactError(f"{path}: not a JSON object", hint="fetch it again, or remove it")
    return content


def _names(values: Mapping[str, Any]) -> list[str]:
    """Names of settings that are a special token: those of the roles, and a model's own such as `image_token`."""
    own = [name for name, value in values.items() if name.endswith("_token") and isinstance(value, (str, dict))]
    return [name for name in NAMED if name in values] + [
        name for name in own if name not in NAMED and isinstance(values[name], str)
    ]


def _named(value: Any, by_text: Mapping[str, Token]) -> Token | None:
    token = _token(value) if value else None
    return by_text.get(token["content"], token) if token else None


def _extra(values: Mapping[str, Any]) -> tuple[Token, ...]:
    listed = values.get("extra_special_tokens") or ()
    if isinstance(listed, str):
        raise TypeError(f"the special tokens are {listed!r}, not a list")
    return tuple(_token(token) for token in (listed.values() if isinstance(listed, dict) else listed))


def _id(i: object) -> int:
    """An id, which is a text where it is a key.

    Raises:
        TypeError: it is none.
    """
    number = int(i) if isinstance(i, str) and i.isdecimal() else i
    if type(number) is not int or not 0 <= number <= LARGEST_ID:
        raise TypeError(f"{i!r} is no id")
    return number


def _token(value: Any) -> Token:
    """The arguments of an `AddedToken`."""
    if isinstance(value, dict):
        for flag in FLAGS:
            if not isinstance(value.get(flag, False), bool):
                raise TypeError(f"'{flag}' is {value[flag]!r}, not true or false")
        if not isinstance(value.get("content", ""), str):
            raise TypeError(f"'content' is {value['content']!r}, not a text")
        return {"content": value.get("content", ""), **{flag: value[flag] for flag in FLAGS if flag in value}}
    if not isinstance(value, str):
        raise TypeError(f"a special token is {value!r}, not a text or an object")
    return {"content": value}


def _legacy_values(special_map: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    extra = special_map.get("extra_special_tokens") or special_map.get("additional_special_tokens")
    named = {name: token for name, token in special_map.items() if name.endswith("_token")}
    return {**named, "extra_special_tokens": values["extra_special_tokens"] or extra}


def _legacy_added(
    listed: Mapping[str, int], named: Mapping[str, Token | None], extra: tuple[Token, ...]
) -> dict[int, Token]:
    special = {token["content"] for token in (*named.values(), *extra) if token}
    return {
        _id(i): {"content": text, "normalized": text not in special, "special": text in special}
        for text, i in listed.items()
    }
