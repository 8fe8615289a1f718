"""`tokit near`."""

from __future__ import annotations

from typing import Annotated

import typer

from tokit.cli.near_context import (
    ContextOpt,
    LayerOpt,
    PerWordOpt,
    check_context,
    near_in_context,
    refuse_model,
)
from tokit.cli.neighbors import Answers, CountOpt, MethodOpt, show_all, words_missing
from tokit.cli.options import CorpusOptions, EmbeddingOpt, takes_corpus_option, writes_output
from tokit.cli.output import Output

WordsArg = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="WORD",
        help="Words, each looked up alone, or together with --minus. Without any, each line of standard input is a"
        " query; there signs combine words: king -man +woman.",
        show_default=False,
    ),
]
MinusOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--minus",
        metavar="WORD",
        help="Subtract a word from the sum of the others: king woman --minus man; may be repeated.",
        show_default=False,
    ),
]


@takes_corpus_option
@writes_output
def near(
    *,
    words: WordsArg = None,
    embedding: EmbeddingOpt,
    minus: MinusOpt = None,
    k: CountOpt = 10,
    method: MethodOpt = "add",
    context: ContextOpt = None,
    corpus: CorpusOptions,
    layer: LayerOpt = None,
    per_word: PerWordOpt = None,
    output: Output,
) -> None:
    """Print the tokens nearest to a word, or to a sum of words, by cosine.

    $ tokit near king -e emb
    $ tokit near king woman --minus man -e emb
    $ cut -f1 words.tsv | tokit near -e emb -k 3

    With --context: the words nearest to a word as it is used in a text, by the vectors of a language model.

    $ tokit near bank --context "the bank of the river" -e bert -c news.txt
    """
    from tokit.embedding.words.query import WordQuery, check_k, check_method
    from tokit.embedding.words.word_space import open_space

    check_k(k)
    check_method(method)
    check_context(context=context, minus=minus, corpus=corpus, layer=layer, per_word=per_word, method=method)
    if context is not None:
        near_in_context(embedding, words or (), context, corpus, k, layer, per_word, output)
        return
    questions = WordQuery.from_words(words or (), minus or ()) if words or minus else None
    if questions is None:
        words_missing("WORD...", "tokit near king -e emb")
    refuse_model(embedding)
    answers = Answers(open_space(embedding), k, method)
    results = answers.of_lines(WordQuery.of_line) if questions is None else answers.of_words(questions)
    show_all("queries", results, method, output)
    answers.finish()
