"""`tokit demo`: from bundled text to an embedding, by the commands that a user would type."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from tokit.cli.formatting import human_bytes
from tokit.cli.options import OverwriteOpt
from tokit.errors import ArtifactError

DemoOutOpt = Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="Folder to write everything to.")]

WITHOUT_GENSIM = (
    "gensim, which ships the articles of @wiki and @lee, is not installed: the text is @parallel, 30 lines in each of\n"
    "16 languages. Vectors of so little text separate languages, not meanings."
)


@dataclass(frozen=True, slots=True)
class DemoText:
    """Text of the demo, and settings for its size.

    Attributes:
        corpora: Bundled corpora that everything is trained on.
        description: Noun phrase for the titles.
        compared: The one on which tokenizers are compared.
        vocab_size: Of the word and the BPE tokenizer.
        epochs: Of the embedding.
        words: Words whose neighbors are shown.
        analogy: Arguments of an analogy; empty where the text is too small for one.
    """

    corpora: tuple[str, ...]
    description: str
    compared: str
    vocab_size: int
    epochs: int
    words: tuple[str, ...]
    analogy: tuple[str, ...] = ()


ARTICLES = DemoText(
    ("@wiki", "@lee"), "Wikipedia articles and news", "@lee", 8000, 10,
    words=("music", "language", "election"), analogy=("Greece", "Greek", "Italy"),
)  # fmt: skip
SENTENCES = DemoText(("@parallel",), "sentences in 16 languages", "@parallel/en", 4000, 40, words=("the", "und"))


def demo(out: DemoOutOpt = Path("tokit-demo"), overwrite: OverwriteOpt = False) -> None:
    """Train tokenizers and fit an embedding on bundled text, in about a minute.

    $ tokit demo

    `tokit inspect @` describes the text.
    """
    from tokit.cli.main import execute

    if out.exists() and not overwrite:
        raise ArtifactError(f"{out} exists", hint="pass --overwrite, or another -o")
    text = bundled_text()
    if text is SENTENCES:
        sys.stdout.write(f"{WITHOUT_GENSIM}\n")
    for title, command in steps(text, out, overwrite=overwrite):
        sys.stdout.write(f"\n{_strong(title)}\n$ tokit {shlex.join(command)}\n")
        sys.stdout.flush()
        execute(command)
    sys.stdout.write(f"\n{_strong('Files written')}\n")
    sys.stdout.writelines(f"{line}\n" for line in tree(out))
    sys.stdout.write(f"\n{_strong('Next commands to try')}\n")
    sys.stdout.writelines(f"  {line}\n" for line in next_commands(text, out))


def bundled_text() -> DemoText:
    """The articles that gensim ships, or without it the sentences that tokit ships."""
    from tokit.corpus.bundled import list_bundled

    present = {f"@{entry.name}" for entry in list_bundled() if entry.path is not None}
    return ARTICLES if present >= set(ARTICLES.corpora) else SENTENCES


def steps(text: DemoText, out: Path, *, overwrite: bool) -> list[tuple[str, list[str]]]:
    """(title, command line) of each step."""
    again = ["--overwrite"] if overwrite else []
    counts, size = ["--counts", f"{out}/counts"], str(text.vocab_size)
    return [
        (f"A word tokenizer, trained on {text.description}",
         ["train", "word", *text.corpora, "-v", size, "-o", f"{out}/word", *again]),
        ("The words of the text counted once, pre-tokenized as for GPT-2, to train more tokenizers from",
         ["count", *text.corpora, "-o", f"{out}/counts", *again]),
        ("A character tokenizer", ["train", "char", *counts, "-o", f"{out}/char", *again]),
        ("A byte-level BPE tokenizer", ["train", "bpe", *counts, "-v", size, "-o", f"{out}/bpe", *again]),
        ("The three side by side (tokit compare --explain defines the columns)",
         ["compare", f"{out}/word", f"{out}/char", f"{out}/bpe", "-c", text.compared]),
        ("The tokens of a text",
         ["show", "Tokenizers split unfamiliar words, such as floccinaucinihilipilification.", "-t", f"{out}/bpe"]),
        ("An embedding of the BPE tokens",
         ["fit", "skipgram", *text.corpora, "-t", f"{out}/bpe", "-d", "100", "--epochs", str(text.epochs),
          "-o", f"{out}/vectors", *again]),
        ("Its neighbors", ["near", *text.words, "-e", f"{out}/vectors", "-k", "5"]),
    ]  # fmt: skip


def tree(folder: Path) -> Iterator[str]:
    """The folder's files with their sizes, as lines."""
    yield f"{folder}/"
    children = sorted(child for child in folder.iterdir() if child.is_dir())
    for child in children:
        last = child == children[-1]
        yield f"{'└──' if last else '├──'} {child.name}/"
        files = sorted(file for file in child.iterdir() if file.is_file())
        for file in files:
            branch = "└──" if file == files[-1] else "├──"
            yield f"{' ' if last else '│'}   {branch} {file.name:<24} {human_bytes(file.stat().st_size):>9}"


def next_commands(text: DemoText, out: Path) -> list[str]:
    """Command lines that use the demo's artifacts."""
    program = Path(sys.argv[0])
    analogy = [f"tokit analogy {shlex.join(text.analogy)} -e {out}/vectors"] if text.analogy else []
    activate = [] if shutil.which("tokit") else [f". {program.parent / 'activate'}"]
    transformers = [
        f"python -c \"from transformers import AutoTokenizer as A; print(A.from_pretrained('{out}/bpe')('Hello'))\""
    ]
    return [
        *activate,
        f"echo 'Hello world' | tokit encode -t {out}/bpe",
        f"echo 'Hello world' | tokit encode -t {out}/bpe | tokit decode -t {out}/bpe",
        f"tokit encode {text.corpora[0]} -t {out}/bpe -o {out}/shards --split val=0.01",
        *analogy,
        f"tokit inspect {out}/bpe",
        *(transformers if find_spec("transformers") else ["pip install transformers", *transformers]),
    ]


def _strong(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else f"# {text}"
