"""`tokit train FAMILY`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli import completion
from tokit.cli.card_options import writes_card
from tokit.cli.corpus_options import CorpusOptions, takes_corpus
from tokit.cli.families import FamilyGroup, FamilyOptions, takes_parameters
from tokit.cli.formatting import human_bytes
from tokit.cli.options import (
    CommandFunction,
    DigitsOpt,
    EngineOpt,
    NormalizerOpt,
    OutOpt,
    OverwriteOpt,
    PreTokenizerOpt,
    SeedOpt,
    SpecialOpt,
    ThreadsOpt,
    normalizer_names,
    set_up,
    writes_output,
)
from tokit.cli.output import Output, warn, warn_of_bad_text
from tokit.errors import UsageError
from tokit.tokenizer import FAMILIES

if TYPE_CHECKING:
    from tokit.ops.train import TrainedTokenizer, TrainReport

# SentencePiece keeps a size in 32 bits with a sign.
MAX_VOCAB_SIZE = (1 << 31) - 1
SizesOpt = Annotated[
    str | None,
    typer.Option(
        "-v",
        "--vocab-size",
        metavar="N[,N]...",
        help="Vocabulary size, special tokens included; several with commas, each in a folder of its own below -o.",
        show_default="32000",
    ),
]
CountsOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--counts", metavar="DIR", help="Train from counts of `tokit count`; may be repeated.", show_default=False
    ),
]
TemplateOpt = Annotated[
    str | None,
    typer.Option(
        "--template",
        metavar="TEMPLATE",
        help="Special tokens around a text: none, bert, eos, or a template such as 'cls $A sep'.",
        show_default=False,
    ),
]
ChatTemplateOpt = Annotated[
    str | None,
    typer.Option(
        "--chat-template",
        metavar="NAME",
        help="Chat template: chatml, llama3, or a Jinja file.",
        show_default=False,
        autocompletion=completion.words("chatml", "llama3"),
    ),
]


def train_family(
    *,
    corpus: CorpusOptions,
    vocab_size: SizesOpt = None,
    out: OutOpt,
    family: FamilyOptions,
    counts: CountsOpt = None,
    normalizer: NormalizerOpt = None,
    pre_tokenizer: PreTokenizerOpt = None,
    digits: DigitsOpt = None,
    special_token: SpecialOpt = None,
    template: TemplateOpt = None,
    chat_template: ChatTemplateOpt = None,
    seed: SeedOpt = 0,
    threads: ThreadsOpt = None,
    engine: EngineOpt = None,
    overwrite: OverwriteOpt = False,
    output: Output,
) -> None:
    """Train a tokenizer of one family."""
    set_up(threads, engine)
    sizes = parse_sizes(vocab_size)
    from tokit.ops.train import train_tokenizer
    from tokit.text.pipeline import PipelineOptions

    with output.progress() as tick:
        report = train_tokenizer(
            corpus.open_beside(counts),
            out,
            family=family.family,
            vocab_sizes=sizes,
            pipeline=PipelineOptions(normalizer_names(normalizer), pre_tokenizer, digits),
            counts=counts or (),
            special_tokens=special_token or (),
            template=template,
            chat_template=chat_template,
            settings=family.settings,
            seed=seed,
            overwrite=overwrite,
            tick=tick,
        )
    show(report, output)


def show(report: TrainReport, output: Output) -> None:
    """Write the result of a training."""
    for tokenizer in report.tokenizers:
        if tokenizer.fell_short:
            warn(f"the corpus fills {tokenizer.vocab_size:,} of the {tokenizer.requested:,} tokens asked for")
    warn_of_bad_text(report)
    for message in report.notes:
        warn(message)
    output.result(report)
    for tokenizer in report.tokenizers:
        output.note(describe_tokenizer(tokenizer))
    output.note(
        f"from {report.documents:,} documents, {human_bytes(report.bytes)}, {report.words:,} distinct words,"
        f" in {report.seconds:.1f} s"
    )


def describe_tokenizer(tokenizer: TrainedTokenizer) -> str:
    """One line about a trained tokenizer."""
    fidelity = "lossless" if tokenizer.lossless else f"lossy: {tokenizer.lossy_because}"
    return f"{tokenizer.path}  {tokenizer.family}, {tokenizer.vocab_size:,} tokens, {fidelity}"


def parse_sizes(value: str | None) -> tuple[int, ...]:
    """`"8000,16000"` → its numbers.

    Raises:
        UsageError: not numbers, or out of range.
    """
    if value is None:
        return ()
    try:
        sizes = tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise UsageError(f"--vocab-size {value}: not a number", hint="-v 32000, or -v 8000,16000,32000") from error
    if not 1 <= min(sizes) <= max(sizes) <= MAX_VOCAB_SIZE:
        raise UsageError(f"--vocab-size {value}: not between 1 and {MAX_VOCAB_SIZE:,}", hint="-v 32000")
    return sizes


def train_command(family: str) -> CommandFunction:
    """The function of `tokit train FAMILY`."""
    command = takes_parameters(
        writes_card(writes_output(takes_corpus(train_family))),
        family,
        FAMILIES.get(family).Params,
        f"Parameters of {family}",
    )
    command.__doc__ = f"""{FAMILIES.summary(family)}.

    $ tokit train {family} text/ -v 32000 -o tok
    """
    return command


train = FamilyGroup(
    "train",
    kind="tokenizer",
    families={"Families": FAMILIES},
    command=train_command,
    help="""Train a tokenizer on a corpus, or on its counts.

    $ tokit train bpe text/ -v 32000 -o tok
    $ tokit train unigram --help
    """,
)
