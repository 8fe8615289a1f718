"""The short ways of the training loop, held against the long ones of torch and transformers."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("transformers", reason="needs the extra 'contextual'")

from tokit.lm import LANGUAGE_MODELS  # noqa: E402
from tokit.lm.families.base import ModelInput, attention_mask  # noqa: E402
from tokit.lm.pretrain_params import Shape  # noqa: E402
from tokit.lm.train.bf16_attention import NAME, attention_for  # noqa: E402
from tokit.lm.train.loss import IGNORE_INDEX, PART, loss_and_gradient, pad_targets  # noqa: E402

SPECIAL = {"endoftext": 0, "pad": 1, "cls": 2, "sep": 3, "mask": 4}


@pytest.fixture(params=[name for name in LANGUAGE_MODELS if name != "lstm"])
def made(request: pytest.FixtureRequest) -> tuple[Any, Any, ModelInput]:
    """A family, a model of it, and rows of two documents each."""
    family = LANGUAGE_MODELS.get(request.param)
    torch.manual_seed(3)
    model = family.build(family.config(60, SPECIAL, Shape(2, 16, 2), family.Params(context_length=24))).eval()
    documents = torch.tensor([[0] * 7 + [1] * 11, [0] * 10 + [1] * 8])
    positions = torch.tensor([[*range(7), *range(11)], [*range(10), *range(8)]])
    row = ModelInput(torch.randint(5, 60, (2, 18)), positions, attention_mask(documents, causal=family.causal))
    return family, model, row


def gradients(model: Any) -> dict[str, Any]:
    return {name: each.grad for name, each in model.named_parameters() if each.grad is not None}


def test_some_tokens_have_the_vectors_and_gradients_that_they_have_among_all(made: Any) -> None:
    family, model, row = made
    at = torch.tensor([0, 3, 17, 18, 30])
    other = copy.deepcopy(model)
    some = family.hidden_at(model, row, at)
    among = family.hidden(other, row).flatten(0, 1)[at]
    assert torch.allclose(some, among, atol=1e-6)
    some.square().sum().backward()
    among.square().sum().backward()
    found, expected = gradients(model), gradients(other)
    assert found.keys() == expected.keys() and len(found) > 10
    for name, gradient in found.items():
        assert torch.allclose(gradient, expected[name], atol=1e-5), name
    # The way is short for one call only.
    assert family.hidden(model, row).shape == (2, 18, 16)


def test_attention_as_products_is_that_of_torch(made: Any) -> None:
    family, model, row = made
    expected = family.hidden(model, row)
    with attention_for(model, "bfloat16"):
        assert model.config._attn_implementation == NAME
        found = family.hidden(model, row)
    assert not torch.equal(found, torch.zeros_like(found)) and torch.allclose(found, expected, atol=1e-6)
    assert model.config._attn_implementation == "sdpa"
    with attention_for(model, "float32"):
        assert model.config._attn_implementation == "sdpa"


def test_the_gradient_of_the_loss_is_that_of_autograd() -> None:
    logits = (torch.randn(7, 50) * 30).requires_grad_()
    targets = torch.tensor([3, IGNORE_INDEX, 49, 0, 3, 17, IGNORE_INDEX])
    nats, gradient = loss_and_gradient(logits.detach(), targets)
    loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum", ignore_index=IGNORE_INDEX)
    loss.backward()
    assert nats == pytest.approx(loss.item(), rel=1e-6)
    assert torch.allclose(gradient, logits.grad, atol=1e-6)


def test_predictions_are_filled_up_with_what_costs_nothing() -> None:
    at, targets = pad_targets(np.arange(PART + 1), np.arange(PART + 1) + 5)
    assert len(at) == len(targets) == 2 * PART
    assert at[: PART + 1].tolist() == list(range(PART + 1)) and targets[PART] == PART + 5
    assert set(targets[PART + 1 :].tolist()) == {IGNORE_INDEX}
    assert len(pad_targets(np.arange(PART), np.arange(PART))[0]) == PART


@pytest.mark.parametrize(
    ("tiles", "instruction", "vendor", "pays"),
    [
        (True, True, "GenuineIntel", True),
        (False, True, "GenuineIntel", False),
        (False, True, "AuthenticAMD", True),
        (False, False, "AuthenticAMD", False),
    ],
)
def test_bfloat16_is_taken_where_it_pays(
    tiles: bool, instruction: bool, vendor: str, pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokit.lm.families import base
    from tokit.lm.train import optimizer

    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instruction, raising=False)
    monkeypatch.setattr(base, "processor_description", lambda: f"vendor_id\t: {vendor}\n")
    assert base.bfloat16_pays() is pays
    assert optimizer.resolved_precision("auto") == ("bfloat16" if pays else "float32")
    assert optimizer.resolved_precision("bfloat16") == "bfloat16"
