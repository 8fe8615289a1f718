"""Precision, learning-rate schedule and optimizer of pre-training and fine-tuning."""

from __future__ import annotations

import math
from typing import Any

import torch

from tokit.lm.families.base import Model, bfloat16_pays
from tokit.lm.pretrain_params import FinetuneParams, PretrainParams

# Final learning rate, as a fraction of the peak.
FINAL_RATE = 0.05
ADAM_BETAS, ADAM_EPSILON = (0.9, 0.98), 1e-6


def resolved_precision(named: str) -> str:
    """float32 or bfloat16; `auto` is the faster one here."""
    if named == "auto":
        return "bfloat16" if bfloat16_pays() else "float32"
    return named


def autocast(precision: str) -> Any:
    """Context for matrix products in that precision."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16")


def learning_rate_factor(step: int, steps: int, warmup_steps: float) -> float:
    """Learning-rate multiplier: linear warmup, cosine decay to `FINAL_RATE`.

    Args:
        step: From 0.
        steps: Of the whole training.
        warmup_steps: Number of steps, or below 1 a fraction of all steps, as in transformers.
    """
    rising = max(1, round(warmup_steps * steps if warmup_steps < 1 else warmup_steps))
    if step < rising:
        return (step + 1) / rising
    done = (step - rising) / max(steps - rising, 1)
    return FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * min(done, 1.0)))


def new_optimizer(model: Model, params: PretrainParams | FinetuneParams) -> torch.optim.Optimizer:
    """Fused AdamW with weight decay on matrices only (Loshchilov and Hutter 2019, arXiv 1711.05101)."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in trained if parameter.ndim >= 2], "weight_decay": params.weight_decay},
        {"params": [parameter for parameter in trained if parameter.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=params.learning_rate, betas=ADAM_BETAS, eps=ADAM_EPSILON, fused=True)
