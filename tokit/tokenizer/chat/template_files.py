"""Chat templates in the folder of a tokenizer, where transformers looks for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokit.errors import ArtifactError
from tokit.storage.folder import read_json
from tokit.tokenizer.formats.setting_forms import has_form

DEFAULT = "default"
# Transformers 4.43 and later read the file, all read the entry of the config.
TEMPLATE_FILE = "chat_template.jinja"
MORE_TEMPLATES = "additional_chat_templates"
CONFIG = "tokenizer_config.json"


def read_chat_templates(folder: Path) -> dict[str, str]:
    """Name → template of a folder; the one for ordinary conversations is "default".

    Raises:
        ArtifactError: a file that is not UTF-8.
    """
    if not folder.is_dir():
        return {}
    files = {DEFAULT: folder / TEMPLATE_FILE} if (folder / TEMPLATE_FILE).is_file() else {}
    files |= {path.stem: path for path in sorted((folder / MORE_TEMPLATES).glob("*.jinja"))}
    if files:
        return {name: _read(path) for name, path in files.items()}
    return config_templates(read_json(folder / CONFIG)) if (folder / CONFIG).is_file() else {}


def config_templates(config: Any) -> dict[str, str]:
    """Name → template of a tokenizer_config.json."""
    templates = config.get("chat_template") if isinstance(config, dict) else None
    if isinstance(templates, str):
        return {DEFAULT: templates}
    if isinstance(templates, list) and all(map(_is_named, templates)):
        return {entry["name"]: entry["template"] for entry in templates}
    if templates is None or has_form(templates, dict[str, str]):
        return templates or {}
    raise ArtifactError(
        f"{CONFIG}: 'chat_template' is neither a text nor a list of names and templates",
        hint="mend it, or fetch it again",
    )


def _is_named(entry: object) -> bool:
    return has_form(entry, dict[str, str]) and {"name", "template"} <= set(entry)  # type: ignore[call-overload]


def write_chat_templates(templates: Mapping[str, str], folder: Path) -> None:
    """Write the templates of a tokenizer into its folder."""
    for name, source in templates.items():
        path = folder / TEMPLATE_FILE if name == DEFAULT else folder / MORE_TEMPLATES / f"{name}.jinja"
        path.parent.mkdir(exist_ok=True)
        path.write_text(source, encoding="utf-8", newline="")


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except UnicodeDecodeError as error:
        raise ArtifactError(f"{path}: byte {error.start} is not UTF-8", hint="is it the right file?") from error
