"""The bench of rated sentences: what it prints is the correlation of cosines and ratings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr

from tests.bench import sts
from tokit.corpus import open_corpus
from tokit.ops.fit import fit_embedding


def test_the_correlation_is_scipys(
    corpus_file: Path, bpe_folder: Path, tmp_path: Path, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    fit_embedding(open_corpus([str(corpus_file)]), bpe_folder, tmp_path / "emb", family="svd", dim=8)
    texts = [line for line in lines if 10 < len(line) < 80 and '"' not in line and "\r" not in line][:40]
    first, second = texts[:20], texts[20:]
    ratings = np.random.default_rng(0).integers(0, 6, 20)
    rows = (f'"{a}","{b}",{r}\n' for a, b, r in zip(first, second, ratings, strict=True))
    (tmp_path / "rated.csv").write_text("".join(rows), encoding="utf-8", newline="\n")
    found = sts.cosines(tmp_path / "emb", first, second)
    assert np.abs(found).max() <= 1 + 1e-9
    assert sts.main(["--data", str(tmp_path / "rated.csv"), "-e", str(tmp_path / "emb")]) == 0
    assert f"{spearmanr(found, ratings).statistic:.3f}" in capsys.readouterr().out
