"""`tokit fit`: from text and a tokenizer to a static embedding or a language model.

Static embeddings and language models take one road: settings are checked, the text is encoded once into a stream of
ids, a training reads the stream and keeps checkpoints, and the folder is written.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokit.corpus import Corpus
from tokit.embedding.fit_run import check_run, run_fit, tokenizer_for
from tokit.progress import Tick, silent
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.training_text import ShardsText

if TYPE_CHECKING:
    from tokit.embedding.static_fit import FitReport
    from tokit.lm.plan import InitOptions
    from tokit.lm.pretraining_fit import PretrainReport


def fit_embedding(
    text: Corpus | ShardsText,
    tokenizer: str | Path | Tokenizer | None,
    out: str | Path,
    *,
    family: str = "skipgram",
    dim: int | None = None,
    settings: Mapping[str, Any] | None = None,
    warm_start: str | Path | None = None,
    seed: int = 0,
    threads: int | None = None,
    deterministic: bool = False,
    checkpoint_every: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    tick: Tick = silent,
) -> FitReport:
    """Fit a static embedding on the ids of a corpus and write it.

    Args:
        text: A corpus, which is read once, or shards.
        tokenizer: A tokenizer or its path; None takes that of the shards or of `warm_start`.
        out: The folder to write.
        family: A name out of `tokit.embedding.EMBEDDINGS`.
        dim: Dimension of the vectors; None takes that of `warm_start`, or 128.
        settings: The family's own parameters, by name.
        warm_start: An embedding folder, fitted or imported, that the vectors are initialized from.
        seed: Random seed.
        threads: Threads to train with; None takes all processors. Only one gives the same bytes every time,
        deterministic: or this does, for any `threads`: then one thread trains.
        checkpoint_every: Save the state to `OUT.checkpoint` each time this many tokens were trained on.
        resume: Continue from that checkpoint, when there is one; with one thread, or `deterministic`, to the same
            bytes as a run that was never killed.
        overwrite: Replace an existing artifact.
        tick: Progress.

    Raises:
        UsageError: settings that contradict each other or are out of range.
        CorpusError: text that cannot be read, or none.
        TrainingError: no token has a neighbor or a vector in `warm_start`, or the training diverged.
        ArtifactError: the tokenizer or `warm_start` cannot be opened, or the folder not be written.
    """
    from tokit.embedding.static_fit import open_static_fit

    check_run(out, seed, checkpoint_every, resume=resume, overwrite=overwrite)
    fit = open_static_fit(
        family,
        tokenizer_for(text, tokenizer),
        dim=dim,
        settings=settings,
        warm_start=warm_start,
        seed=seed,
        threads=threads,
        deterministic=deterministic,
    )
    return run_fit(fit, text, out, checkpoint_every=checkpoint_every, resume=resume, overwrite=overwrite, tick=tick)


def pretrain(
    text: Corpus | ShardsText,
    tokenizer: str | Path | Tokenizer | None,
    out: str | Path,
    *,
    family: str = "bert",
    size: str | None = None,
    settings: Mapping[str, Any] | None = None,
    init: InitOptions | None = None,
    sentence: str | None = None,
    minutes: float | None = None,
    seed: int = 0,
    threads: int | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    tick: Tick = silent,
) -> PretrainReport:
    """Pre-train a language model on a corpus and write it.

    Args:
        text: A corpus, which is read once, or shards.
        tokenizer: A tokenizer or its path; special tokens that the model needs are added to a copy. None takes that
            of the shards or of `init`.
        out: The folder to write.
        family: A name out of `tokit.lm.LANGUAGE_MODELS`.
        size: "tiny", "mini", "small" or "base"; None is "mini", or the size of a checkpoint.
        settings: The family's own parameters, by name.
        init: A checkpoint or vectors to initialize from, and layers to freeze.
        sentence: "simcse" trains a checkpoint on vectors of documents, and predicts no tokens.
        minutes: Time for the whole training; the number of steps is measured once, and kept in the checkpoint.
        seed: Random seed.
        threads: Threads that torch computes with; None takes all processors. The same number gives the same bytes.
        checkpoint_every: Save the state to `OUT.checkpoint` each time this many tokens were trained on.
        resume: Continue from that checkpoint, when there is one, to the same weights as a run that was never killed.
        overwrite: Replace an existing artifact.
        tick: Progress.

    Raises:
        UsageError: settings that contradict each other or are out of range.
        MissingExtraError: torch or transformers is not installed.
        CorpusError: text that cannot be read, or none.
        TrainingError: too little text, a loss that is not finite, or no token with a vector to initialize from.
        ArtifactError: the tokenizer or `init` cannot be opened, or the folder not be written.
    """
    from tokit.lm.plan import plan_pretraining
    from tokit.lm.pretraining_fit import open_pretraining

    started = time.monotonic()
    check_run(out, seed, checkpoint_every, resume=resume, overwrite=overwrite)
    plan = plan_pretraining(family, size, settings, init, sentence, minutes=minutes, seed=seed, threads=threads)
    fit = open_pretraining(plan, tokenizer_for(text, tokenizer), started)
    return run_fit(fit, text, out, checkpoint_every=checkpoint_every, resume=resume, overwrite=overwrite, tick=tick)
