"""Labeled text: files of examples from which a model learns a task.

Three forms: a label and a text a line, two texts and a score or label a line, or a token and its tag a line with an
empty line between sentences (as in the CoNLL shared tasks, https://www.clips.uantwerpen.be/conll2003/ner/). Columns are
separated by tabs, without quoting, and named by their number from 1 on or by the header; records (JSON lines, CSV,
Parquet) have field names. Where columns are named by number, a first line of usual column names is skipped as a header.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from tokit.corpus.conllu import is_comment, is_conllu, is_no_word
from tokit.corpus.corpus import Corpus, CorpusSource
from tokit.corpus.corpus_progress import empty_corpus
from tokit.corpus.labeled_records import read_records
from tokit.corpus.labeled_text import (
    CLASSIFY,
    NAMES,
    NUMBERS,
    PAIRS,
    RECORDS,
    TASKS,
    TOKENS,
    Columns,
    Example,
    LabeledText,
    format_of,
    label_and_texts,
    labeled,
    open_labeled,
    unless_skipped,
)
from tokit.errors import BadRecordError, CorpusError, UsageError
from tokit.registry import did_you_mean

__all__ = ["CLASSIFY", "PAIRS", "TASKS", "TOKENS", "Columns", "Example", "LabeledText", "check_labels", "read_labeled"]

# Usual column names: a first line that holds only these is a header.
LABEL_NAMES = frozenset({
    "label", "labels", "class", "category", "score", "similarity", "sentiment", "target", "tag", "tags", "pos", "ner",
})  # fmt: skip
TEXT_NAMES = frozenset({
    "text", "text1", "text2", "text_a", "text_b", "sentence", "sentence1", "sentence2", "premise", "hypothesis",
    "question", "question1", "question2", "token", "tokens", "word", "words", "form",
})  # fmt: skip
OTHER_NAMES = frozenset({"id", "idx", "index", "lemma"})
# From this number of examples on, labels that mostly occur once are taken for texts.
MIN_EXAMPLES_TO_CHECK = 10
COLUMN_HINT = "name the columns: --label 2 --text 1 by number, or --label label --text sentence by the header"
# Separator of documents in CoNLL 2003.
BOUNDARY = "-DOCSTART-"


def read_labeled(paths: Sequence[str], columns: Columns) -> LabeledText:
    """Read examples.

    Args:
        paths: Files, or "-" for standard input.
        columns: Columns of the label and the texts.

    Raises:
        UsageError: an unknown task, or columns that do not fit it.
        CorpusError: no example, a line with too few columns, an empty text or label, text that cannot be read.
    """
    if columns.task is not None and columns.task not in TASKS:
        raise UsageError(f"unknown --task '{columns.task}'", hint=did_you_mean(columns.task, list(TASKS)))
    if _by_name(paths, columns):
        found = read_records(paths, columns)
    else:
        found = _from_lines(open_labeled(paths, columns, format="text"), columns)
    if not found.examples:
        if found.skip_reasons:
            raise empty_corpus(found.skip_reasons)
        if list(paths) == ["-"]:
            raise CorpusError(
                "no example on standard input", hint="name a file: tokit finetune examples.tsv -m MODEL -o NEW"
            )
        raise CorpusError(f"{', '.join(paths)}: no example in it", hint="is the path right?")
    return found


def check_labels(task: str, paths: Sequence[str], columns: Columns, examples: Sequence[Example]) -> None:
    """Check that the column of labels is not that of the texts.

    Raises:
        CorpusError: more than half as many labels as examples, of which there are at least 10.
    """
    labels = {example.labels[0] for example in examples}
    if len(examples) < MIN_EXAMPLES_TO_CHECK or 2 * len(labels) <= len(examples):
        return
    usual = NAMES[task] if _by_name(paths, columns) else NUMBERS[task]
    column = columns.label or usual[0]
    raise CorpusError(
        f"column {column} has {len(labels)} labels in {len(examples)} examples: is it the text?", hint=COLUMN_HINT
    )


def _by_name(paths: Sequence[str], columns: Columns) -> bool:
    return columns.named or any(format_of(path, columns) in RECORDS for path in paths)


def _from_lines(corpus: Corpus, columns: Columns) -> LabeledText:
    files = [_lines(source) for source in corpus.sources]
    task = columns.task or _task_of([line for lines in files for line in lines])
    label, texts = label_and_texts(task, columns, *NUMBERS[task])
    columns = replace(columns, task=task)
    lines = [line for lines in files for line in _without_header(lines, label, texts, columns)]
    if task == TOKENS:
        words = _words(lines, columns)
        examples = list(_sentences(words, _number(label), _number(texts[0])))
        no_words = sum(is_no_word(line) for _, line in lines) if words is not lines else 0
        return labeled(task, examples, corpus, no_words)
    stats = corpus.sources[0].stats
    optional = [unless_skipped(partial(_example, place, line, label, texts), columns, stats) for place, line in lines]
    return labeled(task, optional, corpus)


def _lines(source: CorpusSource) -> list[tuple[str, str]]:
    """Lines of a file with their places. A byte-order mark is no part of the first one, as in every table."""
    texts = (text.removesuffix("\r") for block in source.blocks() for text in block.texts())
    lines = [(f"{source.name}:{number}", line) for number, line in enumerate(texts, 1)]
    return [(lines[0][0], lines[0][1].removeprefix("\ufeff")), *lines[1:]] if lines else []


def _words(lines: list[tuple[str, str]], columns: Columns) -> list[tuple[str, str]]:
    """Lines of CoNLL-U without comments, ranges and empty nodes; other lines as they are.

    Raises:
        UsageError: CoNLL-U in which the first column, the number of a word, would be the text.
    """
    if not is_conllu([line for _, line in lines]):
        return lines
    if columns.texts in ((), ("1",)):
        raise UsageError(
            f"{lines[0][0]}: CoNLL-U, whose first column is the number of a word", hint="--text 2 --label 4 for UPOS"
        )
    return [(place, line) for place, line in lines if not is_comment(line) and not is_no_word(line)]


def _without_header(
    lines: list[tuple[str, str]], label: str, texts: tuple[str, ...], columns: Columns
) -> list[tuple[str, str]]:
    """Drop the first line of a file when it holds usual column names.

    Raises:
        CorpusError: it names a default column differently: the label a text, or a text a label.
    """
    if not columns.header:
        return lines
    names = _names(lines[0][1], (label, *texts), columns.task) if lines else []
    if not names or not set(names) <= LABEL_NAMES | TEXT_NAMES | OTHER_NAMES:
        return lines
    expected = [("label", label, names[0], LABEL_NAMES)] if columns.label is None else []
    if not columns.texts:
        expected += [("text", *column, TEXT_NAMES) for column in zip(texts, names[1:], strict=True)]
    for role, column, name, usual in expected:
        if name not in usual:
            raise CorpusError(
                f"{lines[0][0]}: column {column} should be the {role}, and the header names it '{name}'",
                hint=COLUMN_HINT,
            )
    return lines[1:]


def _names(line: str, columns: Sequence[str], task: str | None) -> list[str]:
    """The cells of a line in the given columns, in lower case; none when it lacks one of the columns."""
    cells = line.split() if task == TOKENS and "\t" not in line else line.split("\t")
    numbers = [_number(column) for column in columns]
    fits = all(-len(cells) <= number < len(cells) for number in numbers)
    return [cells[number].strip().casefold() for number in numbers] if fits else []


def _task_of(lines: list[tuple[str, str]]) -> str:
    """Infer the task from the first line: two columns are a label and a text, three are a pair.

    Raises:
        UsageError: it has another number of columns.
    """
    cells = lines[0][1].count("\t") + 1 if lines else 2
    if cells not in (2, 3):
        raise UsageError(
            f"{lines[0][0]}: {cells} columns, which no task has by default",
            hint="write a label, a tab and a text; or name the columns: --task classify --label 1 --text 3",
        )
    return CLASSIFY if cells == 2 else PAIRS


def _example(place: str, line: str, label: str, texts: tuple[str, ...]) -> Example:
    if not line.strip():
        hint = "remove the line; for tokens and tags pass --task tokens"
        raise BadRecordError(place, "an empty line", "empty line", hint=hint)
    cells = line.split("\t")
    try:
        label_cell, *text_cells = (_cell(place, cells, column) for column in (label, *texts))
    except CorpusError as error:
        message = error.message.removeprefix(f"{place}: ")
        raise BadRecordError(place, message, "too few columns", hint=error.hint) from error
    if not all(cell.strip() for cell in (label_cell, *text_cells)):
        raise BadRecordError(place, "an empty label or text", "empty label or text", hint="remove the line, or fill it")
    return Example(tuple(text_cells), (label_cell.strip(),))


def _cell(place: str, cells: Sequence[str], column: str) -> str:
    number = _number(column)
    if number >= len(cells) or -number > len(cells):
        raise CorpusError(
            f"{place}: {len(cells)} column{'s' if len(cells) != 1 else ''}, but column {column} is needed",
            hint="columns are separated by tabs; --label and --text name them",
        )
    return cells[number]


def _sentences(lines: list[tuple[str, str]], label: int, text: int) -> Iterator[Example]:
    """Group the lines between empty ones into sentences; comments and separators of documents are left out."""
    tabs = any("\t" in line for _, line in lines)
    words: list[str] = []
    tags: list[str] = []
    for place, line in (*lines, ("", "")):
        if not line.strip():
            if words:
                yield Example(tuple(words), tuple(tags))
            words, tags = [], []
        elif not line.startswith(BOUNDARY) and not (tabs and line.startswith("#") and "\t" not in line):
            cells = line.split("\t") if tabs else line.split()
            if len(cells) < 2:
                raise CorpusError(
                    f"{place}: one column instead of a token and its tag",
                    hint="a line is token, tab, tag",
                )
            word, tag = (_cell(place, cells, str(column + (column >= 0))).strip() for column in (text, label))
            if not word or not tag:
                raise CorpusError(f"{place}: an empty token or tag", hint="remove the line, or fill it")
            words.append(word)
            tags.append(tag)


def _number(column: str) -> int:
    """Turn the number of a column, from 1 on, or from -1 for the last one down, into an index.

    Raises:
        UsageError: the number is 0.
    """
    number = int(column)
    if number == 0:
        raise UsageError("columns are numbered from 1 on", hint="--label 1 --text 2")
    return number - 1 if number > 0 else number
