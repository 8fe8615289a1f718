"""Language models of every family, trained for a few steps when first asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tokit.corpus import open_corpus


@pytest.fixture(scope="session")
def model_folder(corpus_file: Path, bpe_folder: Path, tmp_path_factory: Any) -> Callable[[str], Path]:
    """The folder of a tiny model by its family."""
    root: Path = tmp_path_factory.mktemp("models")

    def folder(family: str) -> Path:
        out = root / family
        if not out.exists():
            from tokit.ops.fit import pretrain

            settings = {"max_steps": 5, "context_length": 48, "batch_size": 4}
            if family == "modernbert":
                settings["local_attention"] = 8
            pretrain(open_corpus([str(corpus_file)]), bpe_folder, out, family=family, size="tiny", settings=settings)
        return out

    return folder
