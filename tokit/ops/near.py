"""`tokit near` and `tokit analogy`: nearest neighbors of words, of sums of words, and of a word in a text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tokit.corpus import Corpus
from tokit.embedding.words.query import DEFAULT_K, WordQuery, analogy_of, check_k, check_method
from tokit.embedding.words.results import Analogy, CombinedWords, LookedUpWord, Nearest, as_analogy, unanswered
from tokit.embedding.words.word_space import UnknownWordError, open_space
from tokit.errors import TokitError, UsageError
from tokit.lm.context_space import DEFAULT_PER_WORD, open_context_space
from tokit.lm.contextual_embedder import is_language_model
from tokit.lm.word_in_context import InContext, NearContext
from tokit.progress import Tick, silent
from tokit.storage.hub_names import local_path

NumberedLines = Iterable[list[tuple[int, str]]]


class WordSearch:
    """Nearest neighbors in a static embedding.

    Args:
        embedding: Its folder.
        k: Number of neighbors.
        method: Score of several words: "add" (3CosAdd) or "mul" (3CosMul).

    Raises:
        UsageError: a number below one, an unknown method, or the folder of a language model.
        ArtifactError: a folder that is no embedding.
    """

    def __init__(self, embedding: str | Path, k: int = DEFAULT_K, method: str = "add") -> None:
        embedding = local_path(embedding)
        if is_language_model(embedding):
            raise UsageError(
                f"{embedding} is a language model, in which a word's vector depends on the text",
                hint="give it one: --context 'by the river bank' bank",
            )
        self._space = open_space(embedding)
        self._k = k
        self._method = method
        self._asked = self._unknown = 0

    def of_words(self, words: Sequence[str], minus: Sequence[str] = ()) -> list[Nearest]:
        """Neighbors of each word; with `minus` of the sum of the words less those.

        Raises:
            UsageError: `minus` without words.
            UnknownWordError: a word that is unknown.
        """
        questions = WordQuery.from_words(words, minus)
        return [self._space.answer(question, self._k, self._method) for question in questions]

    def of_analogy(self, a: str, b: str, c: str) -> Nearest:
        """The tokens nearest to b - a + c."""
        return self._space.answer(analogy_of(a, b, c), self._k, self._method)

    def of_lines(
        self, lines: NumberedLines, warn: Callable[[str], None], *, analogies: bool = False
    ) -> Iterator[Nearest]:
        """The answers to queries, a line each, in their order; lines that come together are searched together.

        Args:
            lines: Lines with their numbers, those that have come so far in one list.
            warn: Takes a warning of a line with an unknown word, which has no neighbors.
            analogies: A line is the three words of an analogy.

        Raises:
            UsageError: a line that is no query; the answers to those before it have come.
            UnknownWordError: at the end, when a line had a word that is unknown.
        """
        parse = _analogy_of_line if analogies else WordQuery.of_line
        for batch in lines:
            numbers, questions, wrong = [], [], None
            for number, line in batch:
                try:
                    questions.append(parse(line))
                except UsageError as error:
                    wrong = _in_line(number, error)
                    break
                numbers.append(number)
            yield from self._answers(numbers, questions, warn)
            if wrong is not None:
                raise wrong
        if self._unknown:
            raise UnknownWordError(
                f"{self._unknown:,} of {self._asked:,} lines have a word that is unknown",
                hint="the warnings name them; all others were answered",
            )

    def _answers(
        self, numbers: list[int], questions: list[WordQuery], warn: Callable[[str], None]
    ) -> Iterator[Nearest]:
        answers = self._space.answers(questions, self._k, self._method)
        for number, question, answer in zip(numbers, questions, answers, strict=True):
            self._asked += 1
            if isinstance(answer, UnknownWordError):
                self._unknown += 1
                warn(f"line {number}: {answer.message}")
                yield unanswered(question)
            elif isinstance(answer, TokitError):
                raise _in_line(number, answer)
            else:
                yield answer


def check_search(k: int, method: str) -> None:
    """Check the options of a search before an embedding is opened.

    Raises:
        UsageError: a number below one, or an unknown method.
    """
    check_k(k)
    check_method(method)


def near_in_context(
    embedding: str | Path,
    word: str,
    context: str,
    *,
    corpus: Corpus | None = None,
    k: int = DEFAULT_K,
    layer: str | None = None,
    per_word: int | None = None,
    tick: Tick = silent,
) -> NearContext:
    """Neighbors of a word as a text uses it, by the vectors of a language model.

    Args:
        embedding: Folder of the model.
        word: The word.
        context: The text.
        corpus: Documents whose words are compared; None compares the model's vocabulary.
        k: Number of neighbors.
        layer: Layer of the model, 0 to -1, or "last4"; None is the last.
        per_word: Number of neighbors in a corpus that may be the same word.
        tick: Progress.

    Raises:
        UsageError: the word is not in the text, or one of them is not UTF-8.
    """
    for name, text in (("the word", word), ("--context", context)):
        _check_utf8(name, text)
    query = InContext.of(word, context)
    space = open_context_space(local_path(embedding), layer=layer)
    if corpus is None:
        return space.near_in_vocabulary([query], k)[0]
    return space.near_in_corpus([query], corpus, k, DEFAULT_PER_WORD if per_word is None else per_word, tick)[0]


def analogy_record(result: Nearest) -> Analogy:
    """The answer to an analogy as JSON has it."""
    return as_analogy(result)


def words_of(result: Nearest) -> tuple[LookedUpWord, ...]:
    """Each word of a query."""
    query = result.query
    return (*query.plus, *query.minus) if isinstance(query, CombinedWords) else (query,)


def _check_utf8(name: str, text: str) -> None:
    # A command line holds other bytes as lone surrogates.
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(f"{name} is not UTF-8", hint="convert it first: iconv -t utf-8") from error


def _analogy_of_line(line: str) -> WordQuery:
    words = line.split()
    if len(words) != 3:
        raise UsageError(f"'{line}' is not three words", hint="man king woman")
    return analogy_of(*words)


def _in_line(number: int, error: TokitError) -> TokitError:
    return type(error)(f"line {number}: {error.message}", hint=error.hint)
