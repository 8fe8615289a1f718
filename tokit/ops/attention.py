"""`tokit attention`: which token of a text looks at which, and what the heads of a model are like over a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tokit.arrays import Block, FloatArray, Ids
from tokit.corpus import Corpus
from tokit.corpus.corpus_progress import empty_corpus
from tokit.embedding.ngrams import ngram_text
from tokit.errors import ArtifactError, UsageError
from tokit.lm.contextual_embedder import ContextualEmbedder, is_language_model, open_contextual_embedder, refuse_missing
from tokit.lm.folder.config import CONFIG, read_config
from tokit.progress import Progress, Tick, silent
from tokit.storage.files import check_file, writing_file
from tokit.storage.folder import kind_of, read_manifest
from tokit.storage.model_manifests import LanguageModelManifest, OnnxManifest
from tokit.tokenizer.encode_corpus import encode_corpus

if TYPE_CHECKING:
    from tokit.lm.attention_weights import Attending

WEIGHTS, PRODUCTS = "weights", "products"
# Families of language models that have no attention.
RECURRENT = ("lstm",)
PAGE = ".html"


@dataclass(frozen=True, slots=True)
class Attention:
    """What the tokens of a text look at.

    Attributes:
        model: The folder.
        tokens: What each of them writes, those of the template included.
        what: "weights"; or "products" of queries and keys, scaled, before the softmax.
        layers: Their numbers, from 1.
        heads: Their numbers, from 1.
        values: Shape (layers, heads, tokens, tokens), who looks before who is looked at; NaN where the model hides one.
        cut: Tokens of the text that were more than the model takes.
    """

    model: str
    tokens: tuple[str, ...]
    what: str
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    values: FloatArray
    cut: int = 0

    def only(self, layer: int | None, head: int | None) -> Attention:
        """One layer, one head, or both.

        Raises:
            UsageError: there is none of this number.
        """
        layers, heads = (
            _chosen(name, number, numbers)
            for name, number, numbers in (("--layer", layer, self.layers), ("--head", head, self.heads))
        )
        values = self.values[np.ix_([i - 1 for i in layers], [i - 1 for i in heads])]
        return Attention(self.model, self.tokens, self.what, layers, heads, values, self.cut)

    def means(self) -> FloatArray:
        """The mean of each layer's heads; shape (layers, tokens, tokens)."""
        means: FloatArray = self.values.mean(axis=1)
        return means


@dataclass(frozen=True, slots=True)
class Head:
    """What a head is like over a corpus: means over all tokens, those of the template included.

    Attributes:
        layer: From 1.
        head: From 1.
        entropy: Of the weights, in bits: 0 looks at one token, log2(n) at n tokens alike.
        distance: Tokens between who looks and who is looked at, by weight.
        special: Share of the weight that special tokens get.
    """

    layer: int
    head: int
    entropy: float
    distance: float
    special: float


@dataclass(frozen=True, slots=True)
class HeadsReport:
    """The heads of a model over a corpus."""

    model: str
    documents: int
    tokens: int
    cut: int
    skipped: int
    replaced: int
    heads: tuple[Head, ...]


class Attentive:
    """A language model that is asked what it attends to.

    >>> open_attention("bert").weights("the bank of the river").values.shape
    (4, 4, 7, 7)
    """

    def __init__(self, folder: str | Path, embedder: ContextualEmbedder, attending: Attending) -> None:
        self._name = str(folder)
        self._embedder = embedder
        self._attending = attending

    def weights(self, text: str) -> Attention:
        """The weights of a text's tokens.

        Raises:
            UsageError: the model does not tell.
        """
        return self._of(text, WEIGHTS)

    def products(self, text: str) -> Attention:
        """The products of queries and keys.

        Raises:
            UsageError: the model does not tell.
        """
        return self._of(text, PRODUCTS)

    def _of(self, text: str, what: str) -> Attention:
        tokenizer = self._embedder.tokenizer
        whole = Ids.of(tokenizer.encode_batch([text], self._embedder.options))
        ids = self._embedder.within(whole).data
        if not len(ids):
            raise UsageError("there is no token in the text", hint="tokit attention -e MODEL 'the bank of the river'")
        found = self._attending.weights(ids) if what == WEIGHTS else self._attending.products(ids)
        layers, heads = (tuple(range(1, count + 1)) for count in found.shape[:2])
        tokens = tuple(ngram_text(tokenizer.pieces, i) for i in ids.tolist())
        return Attention(self._name, tokens, what, layers, heads, found, len(whole.data) - len(ids))

    def heads(self, corpus: Corpus, tick: Tick = silent) -> HeadsReport:
        """What the heads are like over a corpus.

        Raises:
            CorpusError: there is nothing in it.
            UsageError: the model does not tell.
        """
        embedder, special = self._embedder, self._embedder.tokenizer.pieces.special
        documents = tokens = 0
        sums = np.zeros((3, 0, 0))
        for ids in encode_corpus(corpus, embedder.tokenizer, _ids_of, embedder.options, tick):
            documents += len(ids)
            for part in self._attending.sums(embedder.within(ids), special):
                found = np.stack([part.entropy, part.distance, part.special])
                sums = found if not tokens else sums + found
                tokens += part.tokens
                tick(Progress("attending", tokens, unit="tokens"))
        if not tokens:
            raise empty_corpus()
        _, layers, heads = sums.shape
        rows = tuple(
            Head(layer + 1, head + 1, *(float(each) / tokens for each in sums[:, layer, head]))
            for layer in range(layers)
            for head in range(heads)
        )
        return HeadsReport(self._name, documents, tokens, embedder.cut, corpus.skipped, corpus.replaced, rows)


def _ids_of(_block: Block, ids: Ids) -> Ids:
    return ids


def open_attention(folder: str | Path) -> Attentive:
    """Open a language model to ask what it attends to.

    Args:
        folder: Ours, or one that transformers loads and whose tokenizer is a tokenizer.json.

    Raises:
        MissingExtraError: torch or transformers is not installed.
        ArtifactError: no such folder, or a damaged one.
        UsageError: it holds a model without attention.
    """
    require_attention(folder)
    embedder = open_contextual_embedder(folder)
    from tokit.lm.attention_weights import Attending
    from tokit.lm.torch_encoder import TorchEncoder

    if not isinstance(embedder.encoder, TorchEncoder):
        raise UsageError(f"{folder} is a model in ONNX, which keeps its attention to itself", hint="give its folder")
    return Attentive(folder, embedder, Attending(embedder.encoder))


def require_attention(folder: str | Path) -> None:
    """Refuse a folder whose model has no attention.

    Raises:
        UsageError: it is one.
    """
    if not is_language_model(folder):
        refuse_missing(folder)
        if kind_of(folder) is None and not (Path(folder) / CONFIG).is_file():
            raise ArtifactError(f"{folder}: no language model there", hint="tokit fit bert makes one")
        raise UsageError(f"{folder} is no language model, so it has no attention", hint="tokit fit bert makes one")
    if kind_of(folder) == OnnxManifest.kind:
        raise UsageError(
            f"{folder} is a model in ONNX, which does not give its attention", hint="give the model it was made of"
        )
    if family_of(folder) in RECURRENT:
        raise UsageError(
            f"{folder} is an lstm, which has no attention", hint="give a model of bert, modernbert or llama"
        )


def family_of(folder: str | Path) -> str:
    """The family of a language model: by our manifest, or as transformers calls its type."""
    if kind_of(folder) == LanguageModelManifest.kind:
        return read_manifest(folder, LanguageModelManifest).family
    return str(read_config(folder).get("model_type", ""))


def _chosen(name: str, number: int | None, numbers: Sequence[int]) -> tuple[int, ...]:
    if number is None:
        return tuple(numbers)
    count = len(numbers)
    if not (1 <= number <= count or -count <= number <= -1):
        raise UsageError(f"{name} {number}: the model has 1 to {count}", hint=f"{name} {count}")
    return (number if number > 0 else count + 1 + number,)


def write_attention_page(attention: Attention, names: Sequence[str], out: str | Path, *, overwrite: bool) -> None:
    """Write a page that shows all layers and heads.

    Args:
        attention: Of a text.
        names: What the tokens are called on it.
        out: The file; it appears whole or not at all.
        overwrite: Replace a page that is there.

    Raises:
        ArtifactError: a file is there.
    """
    from tokit.report.attention_page import attention_page

    check_file(out, overwrite=overwrite, kind=PAGE)
    numbers = attention.layers, attention.heads
    page = attention_page(Path(attention.model).name, names, numbers, attention.values, attention.what)
    with writing_file(out) as file:
        file.write(page.encode("utf-8"))
