"""Pre-training: what is learned, held against the stock classes, and killed runs that go on."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("transformers", reason="needs the extra 'contextual'")

import torch

from tokit.corpus import open_corpus
from tokit.errors import ArtifactError, TrainingError
from tokit.lm import LANGUAGE_MODELS
from tokit.lm.families.base import ModelInput, attention_mask
from tokit.lm.pretrain_params import PretrainParams, Shape
from tokit.lm.pretraining_fit import PretrainReport
from tokit.lm.train.optimizer import learning_rate_factor
from tokit.ops.fit import pretrain

pytestmark = pytest.mark.slow

TINY = {
    "num_hidden_layers": 2,
    "hidden_size": 16,
    "num_attention_heads": 2,
    "context_length": 24,
    "batch_size": 4,
    "validation_fraction": 0.2,
    "learning_rate": 0.01,
}
SPECIAL = {"endoftext": 0, "pad": 1, "cls": 2, "sep": 3, "mask": 4}
# A window that is narrower than the test's documents.
NARROW = {"modernbert": {"local_attention": 6}}
# Learns at first, then goes astray.
IMPATIENT = {"max_steps": 400, "evaluations": 40, "patience": 2, "learning_rate": 0.3}
TRANSFORMERS_FAMILIES = ["bert", "llama", "modernbert"]


@pytest.fixture
def fitted(corpus_file: Path, bpe_folder: Path, tmp_path: Path) -> Callable[..., PretrainReport]:
    def fit(family: str = "bert", out: str = "model", **given: Any) -> PretrainReport:
        settings = {**TINY, "max_steps": 12, **given.pop("settings", {})}
        return pretrain(
            open_corpus([str(corpus_file)]), bpe_folder, tmp_path / out, family=family, size="tiny",
            settings={name: value for name, value in settings.items() if value is not None}, threads=1, **given,
        )  # fmt: skip

    return fit


def model_of(name: str) -> tuple[Any, Any]:
    family = LANGUAGE_MODELS.get(name)
    torch.manual_seed(5)
    params = dataclasses.replace(family.Params(), context_length=24, **NARROW.get(name, {}))
    model = family.build(family.config(60, SPECIAL, Shape(2, 16, 2), params))
    return family, model.eval()


@pytest.mark.parametrize("name", list(LANGUAGE_MODELS))
def test_documents_in_a_row_do_not_see_each_other(name: str) -> None:
    family, model = model_of(name)
    ids = torch.randint(5, 60, (1, 18))
    documents = torch.tensor([[0] * 7 + [1] * 11])
    positions = torch.tensor([[*range(7), *range(11)]])
    with torch.no_grad():
        packed = family.hidden(model, ModelInput(ids, positions, attention_mask(documents, causal=family.causal)))
        for start, end in ((0, 7), (7, 18)):
            mask = attention_mask(documents[:, start:end], causal=family.causal)
            alone = family.hidden(model, ModelInput(ids[:, start:end], positions[:, start:end], mask))
            assert torch.allclose(packed[:, start:end], alone, atol=1e-5)


@pytest.mark.parametrize("name", TRANSFORMERS_FAMILIES)
def test_what_the_loop_computes_is_what_the_stock_model_computes(name: str) -> None:
    family, model = model_of(name)
    ids = torch.randint(5, 60, (2, 9))
    mask = attention_mask(torch.zeros_like(ids), causal=family.causal)
    row = ModelInput(ids, torch.arange(9).repeat(2, 1), mask)
    with torch.no_grad():
        ours = family.logits(model, family.hidden(model, row).flatten(0, 1)).view(2, 9, -1)
        assert torch.allclose(ours, model(input_ids=ids).logits, atol=1e-5)


@pytest.mark.parametrize("name", list(LANGUAGE_MODELS))
def test_training_lowers_the_loss(name: str, fitted: Callable[..., PretrainReport]) -> None:
    report = fitted(name, settings={"max_steps": 120, "precision": "float32"})
    assert report.evaluations[-1]["loss"] < np.log(600) - 0.3
    assert report.steps == 120 and report.tokens_trained == 120 * 4 * 24


def test_causal_models_are_measured_in_bits_per_byte_and_masked_ones_apart(
    fitted: Callable[..., PretrainReport],
) -> None:
    causal, masked = fitted("llama", "a"), fitted("bert", "b")
    assert causal.bits_per_byte is not None and causal.pseudo_bits_per_byte is None
    assert masked.bits_per_byte is None and masked.pseudo_bits_per_byte is not None
    assert 0.5 < causal.bits_per_byte < 16 and 0.5 < masked.pseudo_bits_per_byte < 16


@pytest.mark.parametrize("family", list(LANGUAGE_MODELS))
def test_nothing_held_out_is_measured_by_nothing(family: str, fitted: Callable[..., PretrainReport]) -> None:
    report = fitted(family, settings={"validation_fraction": 0})
    assert report.steps == 12 and report.losses and not report.evaluations
    assert report.bits_per_byte is None and report.pseudo_bits_per_byte is None


def test_bits_per_byte_are_those_of_the_stock_model(
    fitted: Callable[..., PretrainReport], corpus_file: Path, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tokit.corpus import split_mask

    report = fitted("llama", settings={"context_length": 512, "batch_size": 1, "max_steps": 2, "precision": "float32"})
    block = next(iter(open_corpus([str(corpus_file)]).blocks()))
    texts = [text for text, out in zip(block.texts(), split_mask(block, 0.2), strict=True) if out]
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    nats = 0.0
    for text in texts:
        ids = tokenizer(text, return_tensors="pt").input_ids
        with torch.no_grad():
            logits = model(input_ids=ids).logits
        nats += float(torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:], reduction="sum"))
    bits = nats / np.log(2) / sum(len(text.encode()) for text in texts)
    # A document that a row cuts in two is the difference: its second half does not see the first.
    assert report.bits_per_byte == pytest.approx(bits, rel=0.02)


def weights(folder: Path) -> dict[str, bytes]:
    files = json.loads((folder / "tokit.json").read_text("utf-8"))["files"]
    return {name: files[name] for name in ("model.safetensors", "config.json", "tokenizer.json")}


def test_the_same_seed_gives_the_same_bytes(fitted: Callable[..., PretrainReport], tmp_path: Path) -> None:
    for out in ("a", "b"):
        fitted("bert", out, settings={"dropout": 0.1})
    fitted("bert", "c", settings={"dropout": 0.1}, seed=1)
    assert weights(tmp_path / "a") == weights(tmp_path / "b") != weights(tmp_path / "c")


@pytest.mark.parametrize("name", list(LANGUAGE_MODELS))
@pytest.mark.parametrize("stop", [1, 5, 11])
def test_a_run_that_was_stopped_goes_on_to_the_same_bytes(
    name: str, stop: int, fitted: Callable[..., PretrainReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokit.lm.train import pretraining_loop

    settings = {"dropout": 0.1, "patience": 3, "evaluations": 4}
    fitted(name, "whole", settings=settings)
    learn = pretraining_loop.PretrainingLoop._learn

    def killed(self: pretraining_loop.PretrainingLoop, batch: Any) -> None:
        if self._step == stop:
            raise KeyboardInterrupt
        learn(self, batch)

    monkeypatch.setattr(pretraining_loop.PretrainingLoop, "_learn", killed)
    with pytest.raises(KeyboardInterrupt):
        fitted(name, "halves", settings=settings, checkpoint_every=2 * 4 * 24)
    monkeypatch.undo()
    assert (tmp_path / "halves.checkpoint").exists() and not (tmp_path / "halves").exists()
    report = fitted(name, "halves", settings=settings, checkpoint_every=2 * 4 * 24, resume=True)
    assert weights(tmp_path / "halves") == weights(tmp_path / "whole")
    assert report.losses and not (tmp_path / "halves.checkpoint").exists()


def test_a_checkpoint_of_another_training_is_refused(
    fitted: Callable[..., PretrainReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokit.lm.train import pretraining_loop

    monkeypatch.setattr(
        pretraining_loop.PretrainingLoop, "_finished", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        fitted(checkpoint_every=1)
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match="another training"):
        fitted(resume=True, settings={"learning_rate": 0.02})


def test_minutes_become_steps_that_a_resumed_run_keeps(
    fitted: Callable[..., PretrainReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokit.lm.train import pretraining_loop

    learn, taken = pretraining_loop.PretrainingLoop._learn, []

    def killed(self: pretraining_loop.PretrainingLoop, batch: Any) -> None:
        taken.append(self._steps)
        if self._step == 3 and self._steps:
            raise KeyboardInterrupt
        learn(self, batch)

    monkeypatch.setattr(pretraining_loop.PretrainingLoop, "_learn", killed)
    with pytest.raises(KeyboardInterrupt):
        fitted(settings={"max_steps": None}, minutes=0.05, checkpoint_every=1)
    monkeypatch.undo()
    # The clock is not asked again.
    monkeypatch.setattr(pretraining_loop.StepPlanner, "steps", lambda *_: 1)
    report = fitted(settings={"max_steps": None}, minutes=0.05, checkpoint_every=1, resume=True)
    assert report.steps == taken[-1] > 3


def test_a_busy_moment_does_not_eat_the_minutes(
    fitted: Callable[..., PretrainReport], monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokit.lm.train import pretraining_loop, step_planner

    class Clock:
        now = 0.0
        monotonic = staticmethod(time.monotonic)

        def perf_counter(self) -> float:
            return self.now

    clock, planned = Clock(), []

    def learn(self: pretraining_loop.PretrainingLoop, _batch: Any) -> None:
        if self._steps:
            planned.append(self._steps)
            raise KeyboardInterrupt
        # The machine is busy while the first hundredth of the time is measured.
        clock.now += 0.2 if clock.now < 0.6 else 0.01

    monkeypatch.setattr(step_planner, "time", clock)
    monkeypatch.setattr(pretraining_loop.PretrainingLoop, "_learn", learn)
    monkeypatch.setattr(step_planner.StepPlanner, "_measured_pseudo_seconds", lambda _: 1e6)
    with pytest.raises(KeyboardInterrupt):
        fitted(settings={"max_steps": None}, minutes=1)
    # 60 seconds are 6,000 such steps; the pseudo-likelihood of 2,000 rows takes as long as 500 of them at most.
    assert 4_500 < planned[0] < 5_500


def test_what_cannot_be_good_is_said(fitted: Callable[..., PretrainReport]) -> None:
    few = fitted(settings={"max_steps": None, "batch_size": 64, "context_length": 128}, minutes=0.001)
    assert any("--minutes 0.001" in note for note in few.notes)
    blind = fitted(out="blind", settings={"validation_fraction": 1e-9})
    assert any("nothing says how good" in note for note in blind.notes)
    # The corpus has an empty line, which is said too.
    assert [note for note in fitted(out="usual").notes if "documents are empty" not in note] == []


def test_a_folder_says_what_it_was_made_with_and_may_be_read(
    fitted: Callable[..., PretrainReport], tmp_path: Path
) -> None:
    fitted()
    said = json.loads((tmp_path / "model" / "tokit.json").read_text("utf-8"))["versions"]
    assert said["torch"] == torch.__version__.partition("+")[0] or said["torch"] == torch.__version__
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "model").rglob("*") if path.is_file()}
    assert set(modes.values()) == {tmp_path.joinpath("model").stat().st_mode & 0o666}, modes


def test_a_run_that_is_stopped_while_it_is_timed_leaves_no_plan(
    fitted: Callable[..., PretrainReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokit.lm.train import pretraining_loop

    learn, taken = pretraining_loop.PretrainingLoop._learn, []

    def stopping(self: pretraining_loop.PretrainingLoop, batch: Any) -> None:
        taken.append(self._steps)
        learn(self, batch)
        self._job.stop.set()

    monkeypatch.setattr(pretraining_loop.PretrainingLoop, "_learn", stopping)
    fitted(settings={"max_steps": None}, minutes=10, checkpoint_every=1)
    # One step is timed, and one taken.
    assert taken == [0, 1]
    assert not (tmp_path / "model.checkpoint").exists()


@pytest.mark.parametrize("name", TRANSFORMERS_FAMILIES)
def test_new_weights_are_as_far_from_zero_as_their_columns_ask_for(name: str) -> None:
    family = LANGUAGE_MODELS.get(name)
    for hidden in (64, 160):
        config = family.config(500, SPECIAL, Shape(1, hidden, 2), family.Params())
        table = family.build(config).get_input_embeddings().weight
        # Nguyen and Salazar 2019; a modernbert's are cut at two deviations, which takes an eighth off.
        wanted = (2 / (5 * hidden)) ** 0.5
        assert 0.85 * wanted < float(table.detach().std()) < 1.03 * wanted


def test_a_loss_that_is_not_finite_stops_with_its_step_and_batch(
    fitted: Callable[..., PretrainReport], tmp_path: Path
) -> None:
    from safetensors.numpy import load_file

    with pytest.raises(TrainingError, match=r"step \d+ is (nan|inf).*rows.*last good state"):
        fitted(
            settings={"learning_rate": 1e30, "max_grad_norm": 0, "max_steps": 40, "warmup_steps": 0}, checkpoint_every=1
        )
    # The step that did the harm had a finite loss itself.
    kept = load_file(tmp_path / "model.checkpoint")
    assert all(np.abs(each).max() < 1e3 for name, each in kept.items() if name.startswith("model."))


def test_patience_ends_a_training_with_the_best_weights(
    fitted: Callable[..., PretrainReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokit.lm.train import pretraining_loop

    # One model at its best and one that goes on from there and stops.
    report = fitted(settings=IMPATIENT, checkpoint_every=1)
    losses = [each["loss"] for each in report.evaluations]
    best = losses.index(min(losses))
    assert report.stopped_early and len(losses) == best + 3 and report.held_out_loss == min(losses) < losses[-1]
    assert report.steps == report.evaluations[-1]["step"] < 400
    states: dict[int, bytes] = {}
    look = pretraining_loop.PretrainingLoop._evaluate

    def seen(self: pretraining_loop.PretrainingLoop) -> bool:
        states[self._step] = b"".join(each.numpy().tobytes() for each in self._model.state_dict().values())
        return look(self)

    finished = pretraining_loop.PretrainingLoop._finished

    def kept(self: pretraining_loop.PretrainingLoop, *, stopped: bool) -> Any:
        states[-1] = b"".join(each.numpy().tobytes() for each in self._model.state_dict().values())
        return finished(self, stopped=stopped)

    monkeypatch.setattr(pretraining_loop.PretrainingLoop, "_evaluate", seen)
    monkeypatch.setattr(pretraining_loop.PretrainingLoop, "_finished", kept)
    fitted(out="again", settings=IMPATIENT)
    assert states[-1] == states[report.evaluations[best]["step"]]
    assert weights(tmp_path / "again") == weights(tmp_path / "model")


def test_a_run_that_was_killed_after_it_ran_out_of_patience_ends_in_the_same_bytes(
    fitted: Callable[..., PretrainReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokit.lm.train import pretraining_loop

    report = fitted(out="whole", settings=IMPATIENT)
    monkeypatch.setattr(
        pretraining_loop.PretrainingLoop, "_finished", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt)
    )
    with pytest.raises(KeyboardInterrupt):
        fitted(settings=IMPATIENT, checkpoint_every=1)
    monkeypatch.undo()
    again = fitted(settings=IMPATIENT, checkpoint_every=1, resume=True)
    assert again.evaluations == report.evaluations and again.steps == report.steps
    assert weights(tmp_path / "model") == weights(tmp_path / "whole")


def test_the_same_documents_are_held_out_whatever_the_tokenizer_and_the_blocks(
    corpus_file: Path, bpe_folder: Path, tmp_path: Path
) -> None:
    import tokit

    tokit.train_tokenizer(open_corpus([str(corpus_file)]), tmp_path / "byte", family="byte", vocab_sizes=())
    held = []
    for number, (tokenizer, size) in enumerate([(bpe_folder, 1 << 20), (tmp_path / "byte", 1 << 20), (bpe_folder, 50)]):
        corpus = open_corpus([str(corpus_file)], block_bytes=size)
        settings = {**TINY, "max_steps": 1, "validation_bytes": 700}
        out = tmp_path / str(number)
        pretrain(corpus, tokenizer, out, family="llama", size="tiny", settings=settings, threads=1)
        held.append(json.loads((out / "tokit.json").read_text("utf-8"))["pretraining"]["held_out"])
    sizes = [(facts["documents"], facts["bytes"]) for facts in held]
    assert sizes[0] == sizes[1] == sizes[2] and held[0]["documents"] > 1 and 500 < held[0]["bytes"] <= 700


def test_pseudo_likelihood_of_a_long_document_is_that_of_its_first_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    from tokit.ids.stream import IdStream
    from tokit.lm.train import validation

    family, model = model_of("bert")
    masking = validation.Masking(np.ones(60, dtype=np.bool_), np.arange(60) < 5, 4)
    ids = np.random.default_rng(0).integers(5, 60, 1000).astype(np.uint16)

    def bits(count: int, **more: Any) -> float | None:
        stream = IdStream(ids[:count], np.array([count]))
        held = validation.HeldOut(stream, np.array([3 * count]), lossless=True)
        return validation.pseudo_bits_per_byte(family, model, held, masking, 24, **more)

    passes: list[int] = []
    hidden = family.hidden
    monkeypatch.setattr(family, "hidden", lambda *given: passes.append(len(given[1].ids)) or hidden(*given))
    assert bits(1000, tokens=48) == pytest.approx(bits(48)) and sum(passes) == 96


@pytest.mark.parametrize("warmup_steps", [0.1, 10])
def test_the_learning_rate_rises_then_falls(warmup_steps: float) -> None:
    shares = [learning_rate_factor(step, 100, warmup_steps) for step in range(100)]
    assert shares[9] == 1 and shares[:10] == sorted(shares[:10]) and shares[10:] == sorted(shares[10:], reverse=True)
    assert 0 < shares[-1] < 0.06 < shares[0] * 10 == 1


def test_params_are_checked() -> None:
    assert PretrainParams(hidden_size=512).shape("mini") == Shape(4, 512, 8)


def test_a_checkpoint_goes_on_with_the_frame_that_it_learned(
    corpus_file: Path, bpe_folder: Path, tmp_path: Path
) -> None:
    import transformers
    from tokenizers import processors

    from tokit.lm.plan import InitOptions
    from tokit.tokenizer.load import load_tokenizer

    # As in Llama 2: a text begins with what begins a text, and there is another token for its end.
    engine = load_tokenizer(bpe_folder).library  # type: ignore[attr-defined]
    engine.add_special_tokens(["<s>", "</s>"])
    begin = engine.token_to_id("<s>")
    engine.post_processor = processors.TemplateProcessing("<s> $A", "<s> $A <s> $B", [("<s>", begin)])
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=engine, bos_token="<s>", eos_token="</s>", pad_token="<|pad|>"
    )
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path / "foreign")
    tokenizer.save_pretrained(tmp_path / "foreign")
    start, settings = InitOptions(tmp_path / "foreign"), {"max_steps": 1, "context_length": 24, "batch_size": 2}
    corpus = open_corpus([str(corpus_file)])
    pretrain(corpus, None, tmp_path / "on", family="llama", init=start, settings=settings, threads=1)
    again = transformers.AutoTokenizer.from_pretrained(tmp_path / "on")
    assert again("the sea").input_ids == tokenizer("the sea").input_ids and again("the sea").input_ids[0] == begin
