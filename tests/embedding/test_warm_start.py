"""Going on from an embedding: which rows begin with its vectors, what becomes of the others, and that it helps."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import tokit
from tests.support.engines import engine
from tests.support.packages import file_of_gensim, needs_gensim
from tests.support.program import Ran, assert_error, folder_bytes
from tokit.embedding.embedding_folder import load_embedding, load_ngrams
from tokit.embedding.families.fasttext import FastTextParams
from tokit.embedding.ngrams import ngram_buckets
from tokit.embedding.static_embedder import open_static_embedder
from tokit.embedding.static_fit import FitReport
from tokit.embedding.words.word_space import open_space
from tokit.errors import ArtifactError, TrainingError, UsageError
from tokit.ops.fit import fit_embedding
from tokit.storage.embedding_manifest import EmbeddingManifest
from tokit.storage.folder import read_manifest, sha256_file
from tokit.storage.training_state import Checkpoints
from tokit.text.pipeline import PipelineOptions

Cli = Callable[..., Ran]
FIRST = "the old river runs\nthe cold river sleeps and runs\nold ships sleep\n" * 20
# "ships" and "cold" are gone, "young" and "sea" are new.
SECOND = "the young river runs\nthe old sea sleeps and runs\nyoung river sleeps\n" * 20
STILL: dict[str, dict[str, Any]] = {
    **{
        name: {"learning_rate": 1e-12, "min_learning_rate": 0, "epochs": 1} for name in ("skipgram", "cbow", "fasttext")
    },
    "glove": {"learning_rate": 1e-6, "epochs": 1},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two texts, a word tokenizer that knows both, and an embedding of each family of the first."""
    folder = tmp_path_factory.mktemp("start")
    (folder / "first.txt").write_text(FIRST, encoding="utf-8")
    (folder / "second.txt").write_text(SECOND, encoding="utf-8")
    both = tokit.open_corpus([str(folder / "first.txt"), str(folder / "second.txt")])
    tokit.train_tokenizer(both, folder / "tok", family="word")
    for family in STILL:
        fit(folder / "first.txt", folder / family, tokenizer=folder / "tok", family=family, dim=8)
    return folder


def fit(text: Path, out: Path, *, tokenizer: Path | None = None, **options: Any) -> FitReport:
    return fit_embedding(tokit.open_corpus([str(text)]), tokenizer, out, **{"threads": 1, **options})


def ids_of(emb: Path, *words: str) -> list[int]:
    tokenizer = tokit.load_tokenizer(emb)
    return [tokenizer.encode(word)[0] for word in words]


@pytest.mark.parametrize("family", list(STILL))
def test_training_that_does_nothing_changes_nothing(home: Path, tmp_path: Path, family: str) -> None:
    fit(home / "second.txt", tmp_path / "emb", family=family, warm_start=home / family, settings=STILL[family])
    before, after = load_embedding(home / family), load_embedding(tmp_path / "emb")
    seen = before.seen
    assert 0 < seen.sum() < after.seen.sum()
    # Steps are as small as can be, but GloVe's are not below 1e-6, and rows that are added up are rounded.
    exact = family in ("skipgram", "cbow")
    np.testing.assert_allclose(
        after.vectors[seen], before.vectors[seen], atol=1e-9 if exact else 1e-5, rtol=0 if exact else 1e-5
    )
    new = ids_of(tmp_path / "emb", "young", "sea")
    assert not before.vectors[new].any() and after.vectors[new].any(axis=1).all()


@pytest.mark.parametrize("family", list(STILL))
def test_tokens_that_the_text_lacks_keep_their_vectors_and_stay_known(home: Path, tmp_path: Path, family: str) -> None:
    report = fit(home / "second.txt", tmp_path / "emb", family=family, warm_start=home / family)
    before, after = load_embedding(home / family), load_embedding(tmp_path / "emb")
    gone = ids_of(tmp_path / "emb", "ships", "cold", "sleep")
    assert (after.vectors[gone] == before.vectors[gone]).all()
    outputs = [
        load_file(folder / "training.safetensors")["output"][gone] for folder in (home / family, tmp_path / "emb")
    ]
    assert (outputs[0] == outputs[1]).all()
    there = ids_of(tmp_path / "emb", "river", "runs")
    assert (after.vectors[there] != before.vectors[there]).any(axis=1).all()
    assert "ships" in {each.text for each in open_space(tmp_path / "emb").near("sea", 20).neighbors}
    assert report.warm_start is not None
    # the, river, runs, old, sleeps, and; young, sea; cold, ships, sleep.
    assert (report.warm_start.initialized, report.warm_start.random, report.warm_start.unchanged) == (6, 2, 3)
    assert (report.warm_start.matched, report.warm_start.output) == ("id", True)
    assert report.warm_start.fraction == pytest.approx(1 - 3 / 13, abs=1e-6)


def test_counts_are_of_both_texts(home: Path, tmp_path: Path) -> None:
    fit(home / "second.txt", tmp_path / "emb", warm_start=home / "skipgram")
    fit(home / "second.txt", tmp_path / "alone", tokenizer=home / "tok", dim=8)
    first, second, both = (load_embedding(each) for each in (home / "skipgram", tmp_path / "alone", tmp_path / "emb"))
    assert (both.token_counts == first.token_counts + second.token_counts).all()
    assert (both.document_frequencies == first.document_frequencies + second.document_frequencies).all()
    assert both.documents == 120
    assert both.manifest.fit.tokens == second.manifest.fit.tokens
    assert both.manifest.tokens_seen == 11
    fit(home / "first.txt", tmp_path / "third", warm_start=tmp_path / "emb")
    assert load_embedding(tmp_path / "third").documents == 180
    assert np.isfinite(open_static_embedder(tmp_path / "third", pool="idf").embed(["the ships"])).all()


def test_manifest_names_the_warm_start(home: Path, tmp_path: Path) -> None:
    fit(home / "second.txt", tmp_path / "emb", family="fasttext", warm_start=home / "skipgram")
    manifest = read_manifest(tmp_path / "emb", EmbeddingManifest)
    warm_start = manifest.warm_start
    assert warm_start is not None
    assert (warm_start.source, warm_start.family) == ("embedding", "skipgram")
    assert (warm_start.matched, warm_start.initialized) == ("id", 9)
    for name in ("model.safetensors", "training.safetensors", "tokenizer.json"):
        assert warm_start.files[name] == sha256_file(home / "skipgram" / name)
    assert manifest.dim == 8
    assert read_manifest(home / "skipgram", EmbeddingManifest).warm_start is None


@pytest.mark.parametrize("family", list(STILL))
def test_the_tokenizer_may_be_left_out(home: Path, tmp_path: Path, family: str) -> None:
    fit(home / "second.txt", tmp_path / "given", tokenizer=home / "tok", family=family, warm_start=home / family)
    fit(home / "second.txt", tmp_path / "own", family=family, warm_start=home / family)
    fit(home / "second.txt", tmp_path / "folder", tokenizer=home / family, family=family, warm_start=home / family)
    assert folder_bytes(tmp_path / "own") == folder_bytes(tmp_path / "given")
    assert (tmp_path / "folder" / "model.safetensors").read_bytes() == (
        tmp_path / "own" / "model.safetensors"
    ).read_bytes()


def test_special_and_unknown_tokens_do_not_change(bpe_folder: Path, english_file: Path, tmp_path: Path) -> None:
    fit(english_file, tmp_path / "one", tokenizer=bpe_folder, dim=4, settings={"epochs": 1})
    fit(english_file, tmp_path / "two", warm_start=tmp_path / "one", settings={"epochs": 1})
    one, two = read_manifest(tmp_path / "one", EmbeddingManifest), read_manifest(tmp_path / "two", EmbeddingManifest)
    for name in ("special_ids", "unknown_id", "tokenizer_family", "tokenizer_sha256", "vocab_size"):
        assert getattr(one, name) == getattr(two, name), name
    assert (tmp_path / "one" / "tokenizer.json").read_bytes() == (tmp_path / "two" / "tokenizer.json").read_bytes()


def test_embedding_can_be_replaced_by_its_continuation(home: Path, tmp_path: Path) -> None:
    for out in ("emb", "other"):
        fit(home / "first.txt", tmp_path / out, tokenizer=home / "tok", dim=8)
    fit(home / "second.txt", tmp_path / "emb", warm_start=tmp_path / "emb", overwrite=True)
    fit(home / "second.txt", tmp_path / "new", warm_start=tmp_path / "other")
    assert folder_bytes(tmp_path / "emb") == folder_bytes(tmp_path / "new")


@pytest.fixture(scope="module")
def halves(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two halves of a news text, and a tokenizer of the whole."""
    file_of_gensim("lee_background.cor")
    folder = tmp_path_factory.mktemp("halves")
    text = [line for block in tokit.open_corpus(["@lee"]).blocks() for line in block.texts()]
    for name, part in (("first", text[: len(text) // 2]), ("second", text[len(text) // 2 :])):
        (folder / name).write_text("\n".join(part) + "\n", encoding="utf-8")
    tokit.train_tokenizer(tokit.open_corpus(["@lee"]), folder / "tok", vocab_sizes=[2000])
    return folder


@pytest.mark.parametrize("family", list(STILL))
def test_a_text_is_learned_sooner_after_another(halves: Path, tmp_path: Path, family: str) -> None:
    options = {"tokenizer": halves / "tok", "family": family, "dim": 16}
    fit(halves / "first", tmp_path / "first", **options, settings={"epochs": 3})
    anew = fit(halves / "second", tmp_path / "anew", **options, settings={"epochs": 1})
    on = fit(halves / "second", tmp_path / "on", **options, settings={"epochs": 1}, warm_start=tmp_path / "first")
    assert on.losses[0] < 0.95 * anew.losses[0]


@pytest.mark.parametrize("family", list(STILL))
def test_the_same_bytes_twice_and_for_any_threads(home: Path, tmp_path: Path, family: str) -> None:
    for threads in (1, 3):
        out = tmp_path / str(threads)
        fit(home / "second.txt", out, family=family, warm_start=home / family, threads=threads, deterministic=True)
    for name in ("model.safetensors", "training.safetensors"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "3" / name).read_bytes()


class Killed(Exception):
    """The end of a run."""


@pytest.mark.parametrize("family", ["skipgram", "cbow", "fasttext"])
def test_killed_run_resumes_to_the_same_bytes(
    home: Path, tmp_path: Path, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"family": family, "warm_start": home / family, "settings": {"epochs": 30}}
    fit(home / "second.txt", tmp_path / "whole", **options)
    save = Checkpoints.save

    def save_and_die(checkpoints: Checkpoints, *state: Any) -> None:
        save(checkpoints, *state)
        raise Killed

    for _ in range(2):
        monkeypatch.setattr(Checkpoints, "save", save_and_die)
        with pytest.raises(Killed):
            fit(home / "second.txt", tmp_path / "emb", **options, checkpoint_every=2000, resume=True)
    monkeypatch.undo()
    # Another start makes another training.
    for other in ({"warm_start": home / "glove"}, {"warm_start": None, "tokenizer": home / "tok", "dim": 8}):
        with pytest.raises(ArtifactError, match="another training"):
            fit(home / "second.txt", tmp_path / "emb", **{**options, **other}, resume=True)
    fit(home / "second.txt", tmp_path / "emb", **options, resume=True)
    assert folder_bytes(tmp_path / "emb") == folder_bytes(tmp_path / "whole")


@pytest.mark.parametrize(
    ("family", "of", "goes_on"),
    [
        ("skipgram", "fasttext", True),
        ("fasttext", "skipgram", True),
        ("cbow", "skipgram", False),
        ("skipgram", "cbow", False),
        ("glove", "skipgram", False),
        ("skipgram", "glove", False),
    ],
)
def test_output_matrix_is_initialized_within_a_kind(
    home: Path, tmp_path: Path, family: str, of: str, goes_on: bool
) -> None:
    report = fit(home / "second.txt", tmp_path / "emb", family=family, warm_start=home / of, settings=STILL[family])
    assert report.warm_start is not None and report.warm_start.output is goes_on
    seen = load_embedding(home / of).seen
    np.testing.assert_allclose(
        load_embedding(tmp_path / "emb").vectors[seen], load_embedding(home / of).vectors[seen], atol=1e-5, rtol=1e-5
    )


@needs_gensim
@pytest.mark.parametrize("family", ["skipgram", "cbow"])
def test_reference_engine_is_warm_started(home: Path, tmp_path: Path, family: str) -> None:
    with engine("reference"):
        fit(home / "second.txt", tmp_path / "emb", family=family, warm_start=home / family, settings=STILL[family])
        fit(home / "second.txt", tmp_path / "on", family=family, warm_start=home / family)
    before, still, on = (load_embedding(each) for each in (home / family, tmp_path / "emb", tmp_path / "on"))
    np.testing.assert_allclose(still.vectors[before.seen], before.vectors[before.seen], atol=1e-9)
    gone, there = ids_of(home / family, "ships", "cold"), ids_of(home / family, "river", "runs")
    assert (on.vectors[gone] == before.vectors[gone]).all()
    assert (on.vectors[there] != before.vectors[there]).any(axis=1).all()
    outputs = [load_file(each / "training.safetensors")["output"] for each in (home / family, tmp_path / "on")]
    assert (outputs[0][gone] == outputs[1][gone]).all() and outputs[0][gone].any()


# Words and vectors of another tool.
WORDS = {"the": [1, 0, 0, 0], "river": [0, 1, 0, 0], "ships": [0, 0, 1, 0], "q": [0, 0, 0, 1], "nothing": [0, 0, 0, 0]}


def imported(folder: Path, **options: Any) -> Path:
    lines = [" ".join([word, *map(str, vector)]) for word, vector in WORDS.items()]
    (folder / "glove.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    tokit.import_vectors(folder / "glove.txt", folder / "glove", overwrite=True, **options)
    return folder / "glove"


def test_imported_vectors_begin_the_pieces_of_another_tokenizer(home: Path, tmp_path: Path) -> None:
    glove = imported(tmp_path)
    text = tmp_path / "text.txt"
    text.write_text("see the river\nThe river runs\n" * 30, encoding="utf-8")
    tokit.train_tokenizer(tokit.open_corpus([str(text)]), tmp_path / "bpe", vocab_sizes=[400])
    report = fit(text, tmp_path / "emb", tokenizer=tmp_path / "bpe", warm_start=glove, settings=STILL["skipgram"])
    assert report.warm_start is not None and report.warm_start.matched == "text" and not report.warm_start.output
    assert report.dim == 4
    after = load_embedding(tmp_path / "emb")
    tokenizer = tokit.load_tokenizer(tmp_path / "bpe")
    for text_of, vector in ((" the", WORDS["the"]), (" river", WORDS["river"])):
        [token] = tokenizer.encode(text_of)
        np.testing.assert_allclose(after.vectors[token], vector, atol=1e-9)
    # "The" is another word, and its vector is drawn.
    [token] = tokenizer.encode("The")
    assert 0 < np.abs(after.vectors[token]).max() <= 1 / 8
    # A piece that the text never has begins with the vector of its text, and counts as the word does.
    kept = tokenizer.pieces.texts.index("q")
    assert after.vectors[kept].tolist() == WORDS["q"]
    assert after.token_counts[kept] > 0


def test_a_word_is_looked_up_as_near_does(home: Path, tmp_path: Path) -> None:
    """Words of a list begin with the piece of a word after a space, and with the artifact's lower case."""
    fit(home / "first.txt", tmp_path / "bpe-emb", tokenizer=bpe_of(home / "first.txt", tmp_path), dim=4)
    report = fit(home / "second.txt", tmp_path / "emb", tokenizer=home / "tok", warm_start=tmp_path / "bpe-emb",
                 settings=STILL["skipgram"])  # fmt: skip
    space = open_space(tmp_path / "bpe-emb")
    after, tokenizer = load_embedding(tmp_path / "emb"), tokit.load_tokenizer(home / "tok")
    query = space.look_up("river")
    assert not query.composed and query.tokens == ("Ġriver",)
    np.testing.assert_allclose(after.vectors[tokenizer.encode("river")[0]], space.vector(query), atol=1e-9)
    assert report.warm_start is not None and report.warm_start.initialized > 0

    lower = imported(tmp_path, pipeline=PipelineOptions(normalizers=("lowercase",)))
    upper = tmp_path / "upper.txt"
    upper.write_text("The River\nthe river\n" * 20, encoding="utf-8")
    tokit.train_tokenizer(tokit.open_corpus([str(upper)]), tmp_path / "words", family="word")
    fit(upper, tmp_path / "cased", tokenizer=tmp_path / "words", warm_start=lower, settings=STILL["skipgram"])
    ids = ids_of(tmp_path / "cased", "River", "river")
    np.testing.assert_allclose(load_embedding(tmp_path / "cased").vectors[ids], [WORDS["river"]] * 2, atol=1e-9)


def bpe_of(text: Path, folder: Path) -> Path:
    tokit.train_tokenizer(tokit.open_corpus([str(text)]), folder / "bpe-of", vocab_sizes=[350])
    return folder / "bpe-of"


def test_continued_pieces_begin_with_their_like(english_file: Path, tmp_path: Path) -> None:
    """`##ing` is not the word `ing`: two tokenizers that write alike are matched by what they write."""
    for size in (500, 700):
        tokit.train_tokenizer(
            tokit.open_corpus([str(english_file)]), tmp_path / str(size), family="wordpiece", vocab_sizes=[size]
        )
    fit(english_file, tmp_path / "one", tokenizer=tmp_path / "500", dim=4, settings={"epochs": 1})
    fit(
        english_file,
        tmp_path / "two",
        tokenizer=tmp_path / "700",
        warm_start=tmp_path / "one",
        settings=STILL["skipgram"],
    )
    one, two = load_embedding(tmp_path / "one"), load_embedding(tmp_path / "two")
    names = {name: i for i, name in enumerate(tokit.load_tokenizer(tmp_path / "500").pieces.names)}
    alike = [
        (names[name], i)
        for i, name in enumerate(tokit.load_tokenizer(tmp_path / "700").pieces.names)
        if name in names and one.seen[names[name]] and not one.special[names[name]]
    ]
    assert sum(1 for i, _ in alike if tokit.load_tokenizer(tmp_path / "500").pieces.names[i].startswith("##")) > 50
    old, new = np.array(alike).T
    np.testing.assert_allclose(two.vectors[new], one.vectors[old], atol=1e-9)


def test_a_vector_of_zeros_is_no_start(tmp_path: Path) -> None:
    glove = imported(tmp_path)
    (tmp_path / "text.txt").write_text("nothing runs\nthe nothing\n" * 20, encoding="utf-8")
    report = fit(tmp_path / "text.txt", tmp_path / "emb", warm_start=glove)
    after = load_embedding(tmp_path / "emb")
    assert report.warm_start is not None and report.warm_start.initialized == 1
    assert after.vectors[ids_of(tmp_path / "emb", "nothing")].any()


def test_an_embedding_that_has_ngrams_gives_them(home: Path, tmp_path: Path) -> None:
    """A token that is new begins with the n-grams that others left."""
    folder = tmp_path / "emb"
    shutil.copytree(home / "fasttext", folder)
    arrays = load_file(folder / "training.safetensors")
    buckets = np.unique(ngram_buckets(["young"], FastTextParams()).rows)
    ngrams = {"ngrams": np.full((len(buckets), 8), 5, dtype=np.float32), "ngram_buckets": buckets}
    save_file({**arrays, **ngrams}, folder / "training.safetensors")
    fit(home / "second.txt", tmp_path / "on", family="fasttext", warm_start=folder, settings=STILL["fasttext"])
    young, sea = load_embedding(tmp_path / "on").vectors[ids_of(folder, "young", "sea")]
    np.testing.assert_allclose(young, 5 * len(buckets) / (len(buckets) + 1), atol=0.01)
    assert np.abs(sea).max() < 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 5}, "--dim 5.*have 8 dimensions"),
        ({"family": "svd"}, "svd cannot be warm-started"),
        ({"family": "skipgarm"}, "unknown embedding"),
    ],
)
def test_invalid_warm_start_options(home: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        fit(home / "second.txt", tmp_path / "emb", warm_start=home / "skipgram", **options)
    assert caught.value.hint and not (tmp_path / "emb").exists()


def test_folders_that_are_no_embedding(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds a tokenizer, not an embedding"):
        fit(home / "second.txt", tmp_path / "emb", warm_start=home / "tok")
    with pytest.raises(UsageError, match="no tokenizer given"):
        fit(home / "second.txt", tmp_path / "emb")
    with engine("reference"), pytest.raises(UsageError, match="cannot warm-start fasttext"):
        fit(home / "second.txt", tmp_path / "emb", family="fasttext", warm_start=home / "fasttext")
    (tmp_path / "greek.txt").write_text("ένα δύο\n" * 5, encoding="utf-8")
    tokit.train_tokenizer(tokit.open_corpus([str(tmp_path / "greek.txt")]), tmp_path / "greek", family="word")
    with pytest.raises(TrainingError, match="no token of the tokenizer has a vector") as caught:
        fit(tmp_path / "greek.txt", tmp_path / "emb", tokenizer=tmp_path / "greek", warm_start=home / "skipgram")
    assert "tokit near" in caught.value.hint


def test_idf_needs_to_know_of_documents(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not know how many documents"):
        open_static_embedder(imported(tmp_path), pool="idf")


def test_command_names_the_warm_start(cli: Cli, home: Path, tmp_path: Path) -> None:
    ran = cli("fit", "cbow", "--from", home / "skipgram", "-o", tmp_path / "emb", stdin=SECOND.encode())
    assert (ran.code, ran.out) == (0, b"")
    assert "6 of the text's tokens have a vector there (76.9 % of the text), 2 are random; 3 others keep" in ran.err
    ran = cli("fit", "cbow", home / "second.txt", "--from", home / "skipgram", "-t", home / "tok", "-o",
              tmp_path / "two", "--json")  # fmt: skip
    report = json.loads(ran.text)
    assert (report["dim"], report["warm_start"]["matched"], report["warm_start"]["unchanged"]) == (8, "id", 3)
    foreign = b"uno due\ntre uno\n" * 9
    ran = cli("fit", "cbow", "--from", home / "skipgram", "-o", tmp_path / "none", stdin=foreign)
    assert ran.code == 1 and "no two tokens that the tokenizer knows" in ran.err
    assert cli("train", "word", "-o", tmp_path / "words", stdin=foreign + SECOND.encode()).code == 0
    ran = cli(
        "fit", "cbow", "--from", home / "skipgram", "-t", tmp_path / "words", "-o", tmp_path / "none", stdin=foreign
    )
    assert ran.code == 0 and "warning: no token of the text has a vector" in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        (["--from", "nosuch"], 1, "nosuch: no such file"),
        (["--from", "EMB", "--dim", "5"], 2, "leave out --dim"),
        (["--fron", "EMB"], 2, "--from"),
        ([], 2, "-t tok"),
    ],
)
def test_the_command_refuses(cli: Cli, home: Path, tmp_path: Path, arguments: list[str], code: int, part: str) -> None:
    given = [str(home / "skipgram") if each == "EMB" else each for each in arguments]
    assert_error(cli("fit", "skipgram", home / "second.txt", "-o", tmp_path / "emb", *given), code, part)


def test_continued_ngrams_fit_their_vectors(home: Path, tmp_path: Path) -> None:
    """Those of the earlier text too: each vector is the mean of the rows that the folder has."""
    fit(home / "second.txt", tmp_path / "emb", family="fasttext", warm_start=home / "fasttext")
    table, after = load_ngrams(tmp_path / "emb"), load_embedding(tmp_path / "emb")
    assert table is not None
    pieces = tokit.load_tokenizer(tmp_path / "emb").pieces
    for i in np.flatnonzero(after.seen).tolist():
        rows = table.ngrams[table.rows_of(ngram_buckets([pieces.texts[i]], table).rows)]
        np.testing.assert_allclose(np.vstack([table.own[i], rows]).mean(axis=0), after.vectors[i], atol=1e-6)
    assert np.flatnonzero(table.own[:].any(axis=1)).tolist() == np.flatnonzero(after.seen).tolist()
