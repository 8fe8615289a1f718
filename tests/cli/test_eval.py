"""`tokit eval` from the command line, held against gensim on the same vectors."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.support.packages import file_of_gensim
from tests.support.program import Ran, assert_error
from tests.support.vectors import replace_vectors
from tokit.cli.eval import COLUMNS
from tokit.corpus import open_corpus
from tokit.embedding.words.word_space import open_space
from tokit.evaluation.task_files import read_task
from tokit.ops.fit import fit_embedding
from tokit.ops.train import train_tokenizer
from tokit.text.pipeline import PipelineOptions

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

Cli = Callable[..., Ran]
Maker = Callable[..., Path]
WORDSIM, SIMLEX = "wordsim353.tsv", "simlex999.txt"
DIM = 8


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """An embedding of a word tokenizer over WordSim's words; every tenth is missing, and vectors are random."""
    root = tmp_path_factory.mktemp("eval")
    words = [word for i, word in enumerate(read_task(file_of_gensim(WORDSIM), "").words) if i % 10]
    text = root / "text.txt"
    text.write_text(" ".join(words * 3) + "\n", encoding="utf-8")
    corpus = open_corpus([str(text)])
    pipeline = PipelineOptions(pre_tokenizer="whitespace-split")
    train_tokenizer(corpus, root / "tok", family="word", vocab_sizes=(len(words) + 6,), pipeline=pipeline)
    fit_embedding(corpus, root / "tok", root / "base", dim=DIM, threads=1)

    def embedding(name: str, seed: int, noise: float = 1) -> Path:
        folder = root / name
        if not folder.exists():
            shutil.copytree(root / "base", folder)
            shape = load_file(folder / "model.safetensors")["embeddings"].shape
            same, own = (np.random.default_rng(each).normal(size=shape) for each in (99, seed))
            replace_vectors(folder, same + noise * own)
        return folder

    return embedding


def keyed(folder: Path) -> KeyedVectors:
    """gensim's view of an embedding folder."""
    from gensim.models import KeyedVectors

    space = open_space(folder)
    vectors = KeyedVectors(DIM)
    known = np.flatnonzero(space.known)
    vectors.add_vectors([space.texts[i].strip() for i in known], space.vectors[known])
    return vectors


def rows(ran: Ran, task: int = 0) -> list[dict[str, Any]]:
    assert ran.code == 0, ran.err
    found: list[dict[str, Any]] = json.loads(ran.text)["tasks"][task]["rows"]
    return found


@pytest.mark.parametrize("rule", ["skip", "zero"])
def test_word_pairs_are_gensims(cli: Cli, make: Maker, rule: str) -> None:
    emb = make("one", 1)
    _, expected, missing = keyed(emb).evaluate_word_pairs(
        str(file_of_gensim(WORDSIM)), case_insensitive=False, dummy4unknown=rule == "zero"
    )
    (row,) = rows(cli("eval", "-e", emb, "--task", "wordsim353", "--oov", rule, "--resamples", 20, "--json"))
    assert row["score"] == pytest.approx(expected.statistic, abs=1e-5)
    assert row["found"] == round(353 * (1 - missing / 100))
    assert 0 < row["found"] < 353
    assert row["interval"]["low"] < row["score"] < row["interval"]["high"]


@pytest.mark.parametrize("rule", ["skip", "zero"])
def test_analogies_are_gensims(cli: Cli, make: Maker, tmp_path: Path, rule: str) -> None:
    emb = make("one", 1)
    vectors = keyed(emb)
    draw = np.random.default_rng(7)
    names = vectors.index_to_key
    questions = []
    for _ in range(60):
        a, b, c = (names[i] for i in draw.choice(len(names), 3, replace=False))
        best = vectors.most_similar(positive=[b, c], negative=[a], topn=2)
        questions.append((a, b, c, best[int(draw.integers(2))][0]))
    path = tmp_path / "questions.txt"
    path.write_text(": one\n" + "".join(f"{' '.join(each)}\n" for each in [*questions, ("tiger", "x", "y", "z")]))
    expected, _ = vectors.evaluate_word_analogies(str(path), case_insensitive=False, dummy4unknown=rule == "zero")
    (row,) = rows(cli("eval", "-e", emb, "--task", path, "--oov", rule, "--resamples", 20, "--json"))
    assert row["score"] == pytest.approx(expected)
    assert row["sections"] == {"one": pytest.approx(expected)}
    assert (row["found"], 0.1 < expected < 0.9) == (60, True)


def test_words_are_composed_as_near_does(cli: Cli, bpe_folder: Path, corpus_file: Path, tmp_path: Path) -> None:
    fit_embedding(open_corpus([str(corpus_file)]), bpe_folder, tmp_path / "emb", dim=DIM, threads=1)
    pairs = [("the", "water", 3), ("thewater", "the", 2), ("children", "waterand", 4), ("a", "the", 1)]
    (tmp_path / "pairs.tsv").write_text("".join(f"{a}\t{b}\t{score}\n" for a, b, score in pairs))
    space = open_space(tmp_path / "emb")
    queries = [[space.look_up(word) for word in pair[:2]] for pair in pairs]
    composed = sum(any(query.composed for query in pair) for pair in queries)
    arguments = ("eval", "-e", tmp_path / "emb", "--task", tmp_path / "pairs.tsv", "--resamples", 9, "--json")
    (row,) = rows(cli(*arguments))
    assert (row["found"], row["composed"]) == (4, composed)
    assert 0 < composed < 4
    (row,) = rows(cli(*arguments, "--oov", "skip"))
    assert (row["found"], row["composed"]) == (4 - composed, 0)


def test_composed_words_take_part_in_analogies(cli: Cli, bpe_folder: Path, corpus_file: Path, tmp_path: Path) -> None:
    fit_embedding(open_corpus([str(corpus_file)]), bpe_folder, tmp_path / "emb", dim=DIM, threads=1)
    (tmp_path / "questions").write_text("the a water thewaterand\nthewaterand water a the\n")
    for method in ("3cosadd", "3cosmul"):
        ran = cli("eval", "-e", tmp_path / "emb", "--task", tmp_path / "questions", "--method", method, "--json")
        (row,) = rows(ran)
        assert (row["found"], row["composed"]) == (2, 2)


def test_the_other_spelling_of_a_word_is_no_answer(
    cli: Cli, bpe_folder: Path, corpus_file: Path, tmp_path: Path
) -> None:
    emb = tmp_path / "emb"
    fit_embedding(open_corpus([str(corpus_file)]), bpe_folder, emb, dim=DIM, threads=1)
    space = open_space(emb)
    spaced = {text: i for i, text in enumerate(space.texts) if space.known[i]}
    twice = [text for text in spaced if text.isascii() and text.isalpha() and f" {text}" in spaced]
    word, other, answer = twice[:3]
    vectors = load_file(emb / "model.safetensors")["embeddings"].copy()
    # Both spellings lie where the question points, the answer a little beside.
    vectors[spaced[word]] = vectors[spaced[f" {word}"]] = 1
    vectors[spaced[f" {answer}"]] = [2, *[1] * (DIM - 1)]
    replace_vectors(emb, vectors)
    (tmp_path / "questions").write_text(f"{other} {word} {other} {answer}\n")
    (row,) = rows(cli("eval", "-e", emb, "--task", tmp_path / "questions", "--json"))
    assert row["score"] == 1


def test_the_table_has_the_rows_and_what_is_noise(cli: Cli, make: Maker) -> None:
    ran = cli(
        "eval",
        "-e",
        make("one", 1),
        "-e",
        make("one", 1),
        "-e",
        make("far", 2, 50),
        "--task",
        "wordsim353",
        "--task",
        file_of_gensim(SIMLEX),
    )
    assert ran.code == 0, ran.err
    head, *lines = ran.text.splitlines()
    columns = [
        "task",
        "embedding",
        "measure",
        "score",
        "95 %",
        "found",
        "oov",
        "composed",
        "difference",
        "95 %",
        "verdict",
    ]
    assert head.split() == " ".join(columns).split()
    assert [line.split()[0] for line in lines] == ["wordsim353"] * 3 + ["simlex999"] * 3
    assert [line.partition("spearman")[0].split(maxsplit=1)[1].strip() for line in lines[:3]] == [
        "one",
        "one (2)",
        "far",
    ]
    assert lines[0].endswith("first")
    # The same vectors cannot differ.
    assert lines[1].endswith("noise")
    assert "+0.000" in lines[1]
    assert "noise has zero in its interval" in ran.err


def test_words_with_a_part_of_speech_are_found_and_that_is_said(cli: Cli, make: Maker, tmp_path: Path) -> None:
    (tmp_path / "men.csv").write_text(",word1,word2,similarity\n0,love-n,sex-n,1\n1,cat-n,law-j,3\n2,plane-n,car-n,2\n")
    (tmp_path / "bare.csv").write_text("love,sex,1\ncat,law,3\nplane,car,2\n")
    said = "men: its words end in a part of speech (-n, -v, -j), which is removed"
    tagged = cli("eval", "-e", make("one", 1), "--task", tmp_path / "men.csv", "--csv", "--oov", "skip")
    bare = cli("eval", "-e", make("one", 1), "--task", tmp_path / "bare.csv", "--csv", "--oov", "skip")
    assert tagged.text.replace("men,", "bare,") == bare.text
    assert ",skip," in tagged.text
    assert (said in tagged.err, "part of speech" in bare.err) == (True, False)


def test_a_real_difference_is_no_noise(cli: Cli, make: Maker, tmp_path: Path) -> None:
    good, bad = make("one", 1), make("far", 2, 50)
    task = read_task(file_of_gensim(WORDSIM), "")
    known = set(keyed(good).index_to_key)
    vectors = keyed(good)
    lines = [
        f"{task.words[a]},{task.words[b]},{vectors.similarity(task.words[a], task.words[b]):.6f}"
        for a, b in task.items
        if {task.words[a], task.words[b]} <= known and a != b
    ]
    (tmp_path / "own.csv").write_text("\n".join(lines))
    first, second = rows(cli("eval", "-e", good, "-e", bad, "--task", tmp_path / "own.csv", "--json"))
    assert first["score"] == pytest.approx(1)
    assert first["difference"] is None
    assert second["difference"]["verdict"] == "worse"
    assert second["difference"]["value"] == pytest.approx(second["score"] - 1)
    assert second["difference"]["interval"]["high"] < 0
    first, second = rows(cli("eval", "-e", bad, "-e", good, "--task", tmp_path / "own.csv", "--json"))
    assert second["difference"]["verdict"] == "better"


@pytest.mark.parametrize(("right", "verdict"), [(5, "noise"), (12, "better")])
def test_a_difference_of_a_few_items_is_noise(cli: Cli, make: Maker, tmp_path: Path, right: int, verdict: str) -> None:
    """Drawn again, five right answers are there nearly every time: their interval leaves zero out."""
    good, bad = make("one", 1), make("far", 2, 50)
    spaces, draw = [keyed(good), keyed(bad)], np.random.default_rng(7)
    names = spaces[0].index_to_key
    lines = []
    while len(lines) < 500:
        a, b, c, other = (names[i] for i in draw.choice(len(names), 4, replace=False))
        best, worst = (each.most_similar(positive=[b, c], negative=[a], topn=1)[0][0] for each in spaces)
        if len({best, worst, other}) == 3:
            lines.append(f"{a} {b} {c} {best if len(lines) < right else other}\n")
    (tmp_path / "questions").write_text("".join(lines))
    ran = cli("eval", "-e", bad, "-e", good, "--task", tmp_path / "questions", "--json")
    difference = rows(ran)[1]["difference"]
    assert (difference["verdict"], difference["interval"]["low"] > 0) == (verdict, True)
    assert difference["different"] == right
    table = cli("eval", "-e", bad, "-e", good, "--task", tmp_path / "questions").text.splitlines()
    assert table[2].endswith(verdict)
    # What is not zero is not shown as zero.
    assert "0.000..+0" not in table[2]


def test_seeds_are_one_row_with_their_spread(cli: Cli, make: Maker) -> None:
    folders = [make(f"seed{i}", i) for i in range(3)]
    joined = ",".join(map(str, folders))
    options = ("--task", "wordsim353", "--resamples", 50, "--json")
    alone = [rows(cli("eval", "-e", folder, *options))[0]["score"] for folder in folders]
    (row,) = rows(cli("eval", "-e", joined, *options))
    assert row["scores"] == alone
    assert row["score"] == pytest.approx(np.mean(alone))
    assert row["spread"] == pytest.approx(np.std(alone, ddof=1))
    assert (row["name"], row["paths"]) == ("seed0,seed1,seed2", [str(folder) for folder in folders])
    table = cli("eval", "-e", joined, "-e", folders[0], "--task", "wordsim353")
    assert f"±{row['spread']:.3f}" in table.text
    assert "spread" in table.text.splitlines()[0]


def test_csv_has_every_column(cli: Cli, make: Maker) -> None:
    ran = cli(
        "eval",
        "-e",
        make("one", 1),
        "-e",
        make("far", 2, 50),
        "--task",
        "wordsim353",
        "--task",
        file_of_gensim(SIMLEX),
        "--csv",
    )
    head, *lines = csv.reader(io.StringIO(ran.text))
    assert head == list(COLUMNS)
    assert [line[:3] for line in lines] == [
        [task, "spearman", name] for task in ("wordsim353", "simlex999") for name in ("one", "far")
    ]
    assert lines[0][-1] == ""
    assert lines[1][-1] in ("noise", "worse", "better")


def test_the_same_seed_gives_the_same_bytes(cli: Cli, make: Maker) -> None:
    def run(seed: int) -> bytes:
        ran = cli(
            "eval", "-e", make("one", 1), "-e", make("far", 2, 50), "--task", "wordsim353", "--seed", seed, "--json"
        )
        return ran.out

    assert run(3) == run(3) != run(4)


def test_lowercase_finds_what_is_written_small(cli: Cli, make: Maker, tmp_path: Path) -> None:
    (tmp_path / "big.csv").write_text("LOVE,SEX,1\nCAT,LAW,3\nPLANE,CAR,2\n")
    arguments = ("eval", "-e", make("one", 1), "--task", tmp_path / "big.csv", "--json")
    assert_error(cli(*arguments), 1, "no item of big", "--lowercase")
    assert rows(cli(*arguments, "--lowercase"))[0]["found"] > 0


def test_a_task_without_its_words_is_a_warning_beside_others(cli: Cli, make: Maker, tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text("qqq,www,1\neee,rrr,3\n")
    for rule in ("compose", "skip", "zero"):
        ran = cli("eval", "-e", make("one", 1), "--task", "wordsim353", "--task", tmp_path / "none.csv", "--oov", rule)
        assert ran.code == 0
        assert "none of the 2 items of none is covered" in ran.err
        assert ran.text.splitlines()[-1].split()[3:6] == ["-", "-", "0/2"]


def test_a_name_with_a_comma_is_one_folder(cli: Cli, make: Maker, tmp_path: Path) -> None:
    shutil.copytree(make("one", 1), tmp_path / "a,b")
    (row,) = rows(cli("eval", "-e", tmp_path / "a,b", "--task", "wordsim353", "--resamples", 9, "--json"))
    assert row["name"] == "a,b"


@pytest.mark.parametrize(
    ("options", "code", "part"),
    [
        (["--task", "wordsim"], 2, "did you mean 'wordsim353'?"),
        (["--task", "none/pairs.csv"], 1, "none/pairs.csv: no such file"),
        (["--task", "."], 1, "directory"),
        (["--oov", "skipp"], 2, "did you mean 'skip'?"),
        (["--method", "3cosad"], 2, "did you mean '3cosadd'?"),
        (["--resamples", "0"], 2, "--resamples 0"),
        (["--resamples", "9" * 30], 2, "1,000,000"),
        (["--seed", "-1"], 2, "--seed -1"),
        (["--json", "--csv"], 2, "exclude each other"),
    ],
)
def test_what_cannot_be_meant_is_refused(cli: Cli, make: Maker, options: list[str], code: int, part: str) -> None:
    assert_error(cli("eval", "-e", make("one", 1), *options), code, part)


def test_what_is_no_embedding_is_an_error(cli: Cli, make: Maker, bpe_folder: Path, tmp_path: Path) -> None:
    assert_error(cli("eval"), 2, "no embedding")
    assert_error(cli("eval", "-e", ","), 1, "no such file or folder")
    assert_error(cli("eval", "-e", tmp_path / "none"), 1, "no such file or folder")
    assert_error(cli("eval", "-e", f"{make('one', 1)},{bpe_folder}"), 1, "holds a tokenizer, not an embedding")


def test_a_file_without_pairs_is_an_error(cli: Cli, make: Maker, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("word1,word2,score\n")
    assert_error(cli("eval", "-e", make("one", 1), "--task", tmp_path / "empty.csv"), 1, "no pair in it")


def test_evaluating_loads_no_trainer(make: Maker) -> None:
    script = (
        "import sys\nfrom tokit.cli.main import main\n"
        "code = main(sys.argv[1:])\n"
        "heavy = {'gensim', 'scipy', 'numba', 'torch', 'transformers'} & set(sys.modules)\n"
        "sys.exit(f'{code} {heavy}' if code or heavy else 0)\n"
    )
    command = [sys.executable, "-c", script, "eval", "-e", str(make("one", 1)), "--task", "wordsim353", "-q"]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, b"")
