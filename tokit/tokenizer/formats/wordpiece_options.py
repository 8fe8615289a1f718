"""Settings of BERT's normalizer in tokenizer_config.json."""

from __future__ import annotations

from typing import Any

from tokit.tokenizer.formats.folder_settings import FolderSettings


def normalizer_options(settings: FolderSettings) -> dict[str, Any]:
    """Arguments of the library's BertNormalizer, with the defaults of transformers.

    Raises:
        ArtifactError: a setting is neither true, false nor null.
    """
    return {
        "lowercase": settings.switch("do_lower_case", default=True),
        "strip_accents": settings.setting("strip_accents", bool),
        "handle_chinese_chars": settings.switch("tokenize_chinese_chars", default=True),
    }
