"""Settings of BERT's normalizer in tokenizer_config.json."""

from __future__ import annotations

from typing import Any

from tokit.tokenizer.formats.folder_settings import FolderSettings


def normalizer_options(settings: FolderSettings) -> dict[str, Any]:
    """Arguments of the library's BertNormalizer, with the defaults of transformers."""
    return {
        "lowercase": bool(settings.setting("do_lower_case", True)),
        "strip_accents": settings.setting("strip_accents"),
        "handle_chinese_chars": bool(settings.setting("tokenize_chinese_chars", True)),
    }
