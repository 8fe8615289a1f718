"""tokit: train and compare tokenizers, fit embeddings on them, leave on disk what transformer libraries load.

The names below are the Python API; each loads its module when it is first used.

>>> import tokit
>>> corpus = tokit.open_corpus(["corpora/parallel"])
>>> report = tokit.train_tokenizer(corpus, "tok", family="bpe", vocab_sizes=[2000])
>>> tokenizer = tokit.load_tokenizer("tok")
>>> tokenizer.decode(tokenizer.encode("hello world"))
'hello world'
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokit.corpus import open_corpus
    from tokit.lm.load_embedder import load_embedder
    from tokit.ops.compare import compare_tokenizers
    from tokit.ops.count import count_words
    from tokit.ops.distill import distill
    from tokit.ops.embed import embed
    from tokit.ops.export import export_embedding
    from tokit.ops.finetune import finetune
    from tokit.ops.fit import fit_embedding, pretrain
    from tokit.ops.import_vectors import import_vectors
    from tokit.ops.train import train_tokenizer
    from tokit.tokenizer.base import EncodeOptions
    from tokit.tokenizer.load import load_tokenizer

__version__ = "0.1.0"

_API = {
    "compare_tokenizers": "tokit.ops.compare:compare_tokenizers",
    "EncodeOptions": "tokit.tokenizer.base:EncodeOptions",
    "open_corpus": "tokit.corpus:open_corpus",
    "load_embedder": "tokit.lm.load_embedder:load_embedder",
    "load_tokenizer": "tokit.tokenizer.load:load_tokenizer",
    "count_words": "tokit.ops.count:count_words",
    "train_tokenizer": "tokit.ops.train:train_tokenizer",
    "export_embedding": "tokit.ops.export:export_embedding",
    "finetune": "tokit.ops.finetune:finetune",
    "pretrain": "tokit.ops.fit:pretrain",
    "distill": "tokit.ops.distill:distill",
    "fit_embedding": "tokit.ops.fit:fit_embedding",
    "import_vectors": "tokit.ops.import_vectors:import_vectors",
    "embed": "tokit.ops.embed:embed",
}

__all__ = [
    "EncodeOptions",
    "compare_tokenizers",
    "count_words",
    "distill",
    "embed",
    "export_embedding",
    "finetune",
    "fit_embedding",
    "import_vectors",
    "load_embedder",
    "load_tokenizer",
    "open_corpus",
    "pretrain",
    "train_tokenizer",
]


def __getattr__(name: str) -> Any:
    if name not in _API:
        raise AttributeError(f"module 'tokit' has no attribute '{name}'")
    module, _, attribute = _API[name].partition(":")
    return getattr(import_module(module), attribute)
