"""`tokit near`."""

from __future__ import annotations

from typing import Annotated

import typer

from tokit.cli.corpus_options import CorpusOptions, takes_corpus_option
from tokit.cli.near_context import ContextOpt, LayerOpt, PerWordOpt, check_context, show_in_context
from tokit.cli.neighbors import CountOpt, MethodOpt, numbered_lines, show_all, words_missing
from tokit.cli.options import EmbeddingOpt, writes_output
from tokit.cli.output import Output, warn

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

    With --context: the words nearest to a word as a text uses it, by the vectors of a language model.

    $ tokit near bank --context "the bank of the river" -e bert -c news.txt
    """
    from tokit.ops.near import WordSearch, check_search

    check_search(k, method)
    check_context(
        context=context, words=words, minus=minus, corpus=corpus, layer=layer, per_word=per_word, method=method
    )
    if words and context is not None:
        show_in_context(embedding, words[0], context, corpus, k, layer, per_word, output)
        return
    if not words and not minus:
        words_missing("WORD...", "tokit near king -e emb")
    search = WordSearch(embedding, k, method)
    results = search.of_words(words or (), minus or ()) if words or minus else search.of_lines(numbered_lines(), warn)
    show_all("queries", results, method, output)
