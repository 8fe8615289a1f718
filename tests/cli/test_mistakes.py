"""Command lines that cannot be meant: what was meant is said, and nothing is imported or written before."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.program import LIMIT, ROOT, Ran, assert_error

Cli = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text").write_text("some text\n")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("train bep text -o tok", "did you mean 'bpe'?"),
        ("fit skipgrm text -t tok -o emb", "did you mean 'skipgram'?"),
        ("fit bret text", "did you mean 'bert'?"),
        ("train text -o tok", "name a family before the corpus: tokit train word text -o tok"),
        ("fit news.txt", "name a family before the corpus: tokit fit skipgram news.txt"),
        ("fit news.txt -t tok", "tokit fit skipgram news.txt -t tok"),
        ("fit @lee -o emb", "name a family before the corpus: tokit fit skipgram @lee -o emb"),
        ("fit 'a folder/*' -o emb", "tokit fit skipgram 'a folder/*' -o emb"),
        ("fit -t tok skipgram text", "tokit fit skipgram -t tok text"),
        ("fit -t tok text", "tokit fit FAMILY -t tok text, with FAMILY one of skipgram, cbow"),
        ("train", "with FAMILY one of word, char"),
        ("train skipgram text -o emb", "tokit fit skipgram text -o emb"),
        ("fit bpe text -o tok", "tokit train bpe text -o tok"),
    ],
)
def test_family_mistyped_or_forgotten(cli: Cli, tmp_path: Path, line: str, hint: str) -> None:
    ran = cli(*_words(line))
    assert_error(ran, 2, hint)
    assert "famil" in ran.err.splitlines()[0]
    assert [path.name for path in tmp_path.iterdir()] == ["text"]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("fit skipgram text -t tok -o emb --epoch 3", "did you mean --epochs?"),
        ("fit bert text -t tok -o m --learing-rate 3", "did you mean --learning-rate?"),
        ("train bpe text -o tok --min-frequncy 3", "did you mean --min-frequency?"),
        ("fit skipgram text -t tok -o emb --size mini", "--size is an option of bert, llama, lstm, modernbert"),
        ("fit bert text -t tok -o emb --dim 3", "--dim is an option of skipgram, cbow, fasttext, glove, svd"),
        ("train bpe text -o tok --window", "tokit train bpe --help"),
        ("fit skipgram text -t tok -o emb --window", "tokit fit skipgram --help"),
        ("near -m emb cat", "-e names the embedding"),
        ("embed text -m emb", "-e names the embedding"),
        ("embed -t tok", "-e names the embedding"),
        ("encode text", "tokit encode -t tok"),
        ("export emb --to glove", "-o emb"),
        ("count text", "-o counts"),
        ("attention x -m bert --html", "tokit attention --help"),
        ("train bpe text -o x -vocab 1000", "-v 32000"),
        ("help", "tokit --help"),
        ("help fit", "tokit fit --help"),
        ("version", "tokit --version"),
        ("inspect @foo", "tokit inspect @ lists the texts"),
        ("encode text -m tok", "-t names the tokenizer"),
        ("near cat -e emb -n 0", "tokit near --help"),
        ("fit bert text -t tok -o m --objective maskd", "did you mean 'masked'?"),
        ("fit svd text -t tok -o emb --weighting flatt", "did you mean 'flat'?"),
        ("fit bert text -t tok -o m --size mni", "did you mean 'mini'?"),
        ("encode text -t tok --format jsnol", "did you mean 'jsonl'?"),
        ("import text --format glov -o emb", "did you mean 'glove'?"),
        ("export emb --to fastext -o emb.bin", "did you mean 'fasttext'?"),
        ("train bpe text", "tokit train bpe text/ -v 32000 -o tok"),
        ("fit bert text -t tok", "tokit fit bert text/ -t tok --size mini"),
        ("finetune text -o m", "-m model"),
        ("near king", "tokit near king -e emb"),
    ],
)
def test_option_choice_or_format_mistyped_or_forgotten(
    cli: Cli, tmp_path: Path, bpe_folder: Path, line: str, hint: str
) -> None:
    (tmp_path / "tok").symlink_to(bpe_folder)
    assert_error(cli(*_words(line)), 2, hint)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text", "tok"]


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("train text -m bpe -v 300 -o tok", "tokit train bpe text -v 300 -o tok"),
        ("train -m unigram text -o tok", "tokit train unigram text -o tok"),
        ("train --counts counts --model word -o tok", "tokit train word --counts counts -o tok"),
        ("train bpe text -o tok --set min_frequency=3", "--min-frequency 3"),
        ("train bpe text -o tok --set=min-frequency=3", "--min-frequency 3"),
        ("fit skipgram text -t tok -o emb --set negatives=7", "--negative 7"),
        ("finetune text -m model -o m --set learning_rate=1e-3", "--learning-rate 1e-3"),
        ("train bpe --help-params", "tokit train bpe --help"),
        ("fit glove --help-params", "tokit fit glove --help"),
        ("inspect --family bpe", "tokit train bpe --help"),
        ("distil -e bert -o static", "tokit distill -m bert -o static"),
        ("finetune -e bert text -o m", "tokit finetune -m bert"),
        ("attention text --embedding bert", "tokit attention -m bert"),
        ("distill -e bert -o static", "tokit distill -m bert"),
        ("near king -man -e emb", "--minus man"),
        ("eval emb", "tokit eval -e emb"),
    ],
)
def test_old_spelling_is_answered_with_the_new_one(cli: Cli, line: str, hint: str) -> None:
    assert_error(cli(*_words(line)), 2, hint)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("fit skipgram missing -t tok -o emb --learning-rate nan", "--learning-rate nan: less than 0"),
        ("fit bert missing -t tok -o m --learning-rate nan", "--learning-rate nan: less than 0"),
        ("fit bert missing -t tok -o m --mlm-probability 2", "--mlm-probability 2.0: more than 0.9"),
        ("finetune missing -m model -o m --epochs many", "--epochs many: not a whole number"),
    ],
)
def test_options_are_checked_before_torch_or_a_corpus(line: str, message: str) -> None:
    script = (
        "import sys\nfrom tokit.cli.main import main\ncode = main(sys.argv[1:])\n"
        'sys.exit(f\'{code} {sorted({"torch", "transformers", "gensim", "numba"} & set(sys.modules))}\')\n'
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *_words(line)], capture_output=True, timeout=LIMIT, check=False, cwd=ROOT
    )
    assert done.stderr.decode().splitlines()[0] == f"error: {message}"
    assert done.stderr.decode().splitlines()[-1] == "2 []"


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("epoch = 3\n", "did you mean 'epochs'?"),
        ("learning-rat = 0.1\n", "did you mean 'learning-rate'?"),
        ("[training]\nepochs = 3\n", "unknown key 'training'"),
        ("epochs = {a = 1}\n", "'epochs' is a table"),
        ("epochs = 1.5\n", "--epochs 1.5: not a whole number"),
        ("epochs = true\n", "options.toml: 'epochs' is true"),
        ("overwrite = 'yes'\n", "options.toml: 'overwrite' is yes"),
        ("tokenizer = ['a', 'b']\n", "options.toml: 'tokenizer' is a list"),
        ("config = 'x'\n", "unknown key 'config'"),
    ],
)
def test_mistake_in_a_file_of_options(cli: Cli, tmp_path: Path, content: str, part: str) -> None:
    (tmp_path / "options.toml").write_text(content)
    assert_error(cli("fit", "skipgram", "text", "-t", "tok", "-o", "emb", "--config", "options.toml"), 2, part)


def test_byte_order_mark_in_a_file_of_options(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "options.toml").write_bytes(b"\xef\xbb\xbfepochs = 1.5\n")
    ran = cli("fit", "skipgram", "text", "-t", "tok", "-o", "emb", "--config", "options.toml")
    assert_error(ran, 2, "--epochs 1.5: not a whole number")


def _words(line: str) -> list[str]:
    import shlex

    return shlex.split(line)


@pytest.mark.parametrize(
    "command", ["train bpe tok -o x", "encode tok -t tok", "fit skipgram tok -t tok -o x", "wc tok -t tok"]
)
def test_artifact_in_place_of_text(cli: Cli, bpe_folder: Path, tmp_path: Path, command: str) -> None:
    (tmp_path / "tok").symlink_to(bpe_folder)
    assert_error(cli(*_words(command)), 1, "tok is an artifact of tokit (kind 'tokenizer'), not text", "name text")


def test_shards_in_place_of_text(cli: Cli, bpe_folder: Path) -> None:
    assert cli("encode", "text", "-t", bpe_folder, "-o", "shards").code == 0
    assert_error(cli("wc", "shards", "-t", bpe_folder), 1, "tokit fit reads shards")


@pytest.mark.parametrize("out", [".", "/"])
def test_embed_into_a_folder(cli: Cli, bpe_folder: Path, out: str) -> None:
    assert cli("fit", "svd", "text", "-t", bpe_folder, "--dim", "2", "-o", "emb").code == 0
    for more in ((), ("--tokens",)):
        assert_error(cli("embed", "text", "-e", "emb", "-o", out, *more), 1, "is a folder")


def test_byte_order_mark_in_a_list_of_words(cli: Cli, bpe_folder: Path) -> None:
    assert cli("fit", "svd", "text", "-t", bpe_folder, "--dim", "2", "-o", "emb").code == 0
    plain, marked = (
        cli("near", "-e", "emb", "--json", stdin=mark + b"text\nsome\n") for mark in (b"", b"\xef\xbb\xbf")
    )
    assert plain.code == 0 and plain.out == marked.out and plain.err == marked.err


@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        ("wc text -t one -t two", "-t/--tokenizer is given twice", "tokit compare A B -c CORPUS"),
        ("encode text -t one --tokenizer two", "-t/--tokenizer is given twice", "tokit compare A B -c CORPUS"),
        ("decode -tone -ttwo", "-t/--tokenizer is given twice", "give it once"),
        ("near cat -e one -e two", "-e/--embedding is given twice", "tokit eval -e A -e B"),
        ("embed text -e one --embedding=two", "-e/--embedding is given twice", "give it once"),
        ("predict text -m one -m two", "-m/--model is given twice", "give it once"),
        ("train bpe text -o tok -o other --out third", "-o/--out is given 3 times", "give it once"),
        ("fit bert text -t tok -o model --seed 1 --seed 2", "--seed is given twice", "give it once"),
        ("import text -o emb --ngrams --no-ngrams", "--ngrams/--no-ngrams is given twice", "give it once"),
        ("train bpe text --config one.toml --config two.toml", "--config is given twice", "give it once"),
    ],
)
def test_option_with_one_value_given_twice(cli: Cli, tmp_path: Path, line: str, said: str, hint: str) -> None:
    ran = cli(*_words(line))
    assert_error(ran, 2, hint)
    assert said in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["text"]


@pytest.mark.parametrize("line", ["wc text --json --json", "wc text text", "wc -t one -t two --help"])
def test_what_may_be_given_twice(cli: Cli, line: str) -> None:
    assert cli(*_words(line)).code == 0
