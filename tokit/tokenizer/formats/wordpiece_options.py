"""Settings of BERT's normalizer in tokenizer_config.json."""

from __future__ import annotations

from typing import Any

from tokit.errors import ArtifactError
from tokit.tokenizer.formats.folder_settings import FolderSettings


def normalizer_options(settings: FolderSettings) -> dict[str, Any]:
    """Arguments of the library's BertNormalizer, with the defaults of transformers.

    Raises:
        ArtifactError: a setting is neither true, false nor null.
    """
    for name in ("do_lower_case", "strip_accents", "tokenize_chinese_chars"):
        value = settings.setting(name)
        if not isinstance(value, bool | None):
            raise ArtifactError(
                f"tokenizer_config.json: {name} is {value!r}, not true, false or null",
                hint="mend it, or fetch it again",
            )
    return {
        "lowercase": bool(settings.setting("do_lower_case", True)),
        "strip_accents": settings.setting("strip_accents"),
        "handle_chinese_chars": bool(settings.setting("tokenize_chinese_chars", True)),
    }
