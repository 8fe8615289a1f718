"""Word-in-Context: places of words, thresholds, and vectors that the stock model gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.bench.wic import (
    IN_CONTEXT,
    SENTENCE,
    Place,
    best_threshold,
    contextual_vectors,
    place_of,
    read_pairs,
    static_vectors,
)
from tokit.corpus import open_corpus
from tokit.ops.fit import fit_embedding

pytestmark = pytest.mark.slow

LINES = ["T\tbank\tN\t1-3\tThe bank closed .\tHe robbed the bank .", "F\tbank\tN\t0-2\tBank left !\tto the banks"]


def test_words_are_found_by_their_number(tmp_path: Path) -> None:
    (tmp_path / "train.tsv").write_text("\n".join(LINES) + "\n")
    pairs = read_pairs(tmp_path / "train.tsv")
    assert pairs.same.tolist() == [True, False]
    words = [place.text[place.start : place.end] for place in (*pairs.first, *pairs.second)]
    assert words == ["bank", "Bank", "bank", "banks"]


def test_the_threshold_is_the_best_of_all() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        scores, same = random.integers(0, 6, 12) / 5, random.random(12) < 0.5
        threshold, right = best_threshold(scores, same)
        assert right == ((scores > threshold) == same).mean()
        assert right == max(((scores > edge) == same).mean() for edge in (-1, 0.1, 0.3, 0.5, 0.7, 0.9, 2))


def test_static_vectors_of_a_word_are_the_same_everywhere(corpus_file: Path, bpe_folder: Path, tmp_path: Path) -> None:
    fit_embedding(open_corpus([str(corpus_file)]), bpe_folder, tmp_path / "emb", dim=8, threads=1)
    places = [place_of("The water is cold", 1), place_of("In the water , there", 2), place_of("The water is cold", 3)]
    (_, _, words), (_, _, sentences) = static_vectors(tmp_path / "emb", places)
    assert np.abs(words[0]).max() > 0
    assert np.array_equal(words[0], words[1]) and not np.allclose(words[0], words[2])
    assert np.array_equal(sentences[0], sentences[2]) and not np.allclose(sentences[0], sentences[1])


def test_vectors_in_context_are_those_of_the_stock_model(corpus_file: Path, bpe_folder: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")
    transformers = pytest.importorskip("transformers", reason="needs the extra 'contextual'")
    from tokit.ops.fit import pretrain

    settings = {
        "num_hidden_layers": 2,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "max_steps": 3,
        "context_length": 24,
        "batch_size": 2,
    }
    out = tmp_path / "bert"
    pretrain(open_corpus([str(corpus_file)]), bpe_folder, out, size="tiny", settings=settings, threads=1)
    text = "In the waters , there"
    place = Place(text, 7, 13)
    found = {(kind, layer): each for kind, layer, each in contextual_vectors(out, [place, place_of("The cat", 1)])}
    layers = ["layer 0", "layer 1", "layer 2"]
    assert list(found) == [(kind, layer) for layer in layers for kind in (IN_CONTEXT, SENTENCE)]
    tokenizer, model = transformers.AutoTokenizer.from_pretrained(out), transformers.AutoModel.from_pretrained(out)
    given = tokenizer(text, return_tensors="pt", return_offsets_mapping=True)
    offsets = given.pop("offset_mapping")[0].tolist()
    inside = [i for i, (start, end) in enumerate(offsets) if start < 13 and end > 7]
    assert inside and all(0 < i < len(offsets) - 1 for i in inside)
    with torch.no_grad():
        states = model.eval()(**given, output_hidden_states=True).hidden_states
    for layer, name in enumerate(layers):
        word, sentence = found[IN_CONTEXT, name], found[SENTENCE, name]
        assert np.allclose(word[0], states[layer][0, inside].mean(dim=0).numpy(), atol=1e-5)
        assert np.allclose(sentence[0], states[layer][0, 1:-1].mean(dim=0).numpy(), atol=1e-5)


def test_the_table_has_a_row_for_each(corpus_file: Path, bpe_folder: Path, tmp_path: Path) -> None:
    from tests.support.program import bench

    fit_embedding(open_corpus([str(corpus_file)]), bpe_folder, tmp_path / "emb", dim=8, threads=1)
    for name in ("train", "dev"):
        (tmp_path / f"{name}.tsv").write_text("\n".join(LINES) + "\n")
    done = bench("wic", "-e", str(tmp_path / "emb"), "--data", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Word-in-Context, 2 pairs" in done.stdout and done.stdout.count("emb ") == 2
    # The word has one vector, but for its other forms.
    assert "always the same answer: 0.500" in done.stdout
