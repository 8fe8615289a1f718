"""Parameters of language models: available without torch, and the same that the families use."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from tokit.lm import LANGUAGE_MODEL_PARAMS, LANGUAGE_MODELS, language_model_family

LOADED = """
import sys
from tokit.lm import LANGUAGE_MODEL_PARAMS
from tokit.params import fill
for family in LANGUAGE_MODEL_PARAMS:
    fill(LANGUAGE_MODEL_PARAMS.get(family), {"max_steps": 10}).shape("tiny")
print(sorted({"torch", "transformers", "numpy"} & set(sys.modules)))
"""


def test_params_load_no_library() -> None:
    ran = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_every_family_has_params() -> None:
    assert list(LANGUAGE_MODEL_PARAMS) == list(LANGUAGE_MODELS)


@pytest.mark.parametrize("family", list(LANGUAGE_MODELS))
def test_family_uses_the_registered_params(family: str) -> None:
    pytest.importorskip("torch")
    assert language_model_family(family).Params is LANGUAGE_MODEL_PARAMS.get(family)


@pytest.mark.parametrize("family", list(LANGUAGE_MODEL_PARAMS))
def test_help_of_params_is_a_short_sentence(family: str) -> None:
    texts = [field.metadata["help"] for field in dataclasses.fields(LANGUAGE_MODEL_PARAMS.get(family))]
    assert all(text.endswith(".") and len(text) < 70 for text in texts)


@pytest.mark.parametrize(("steps", "said"), [(1, "only 1 step fit into --minutes 0.2"), (3, "only 3 steps fit into")])
def test_few_steps_are_said(steps: int, said: str) -> None:
    from types import SimpleNamespace

    from tokit.lm.pretraining_fit import PretrainingFit

    plan = SimpleNamespace(minutes=0.2, params=SimpleNamespace(validation_fraction=0.01))
    trained = SimpleNamespace(steps=steps, evaluations=({"loss": 1.0},))
    (doubt,) = PretrainingFit._doubts(SimpleNamespace(plan=plan), trained)  # type: ignore[arg-type]
    assert doubt.startswith(said)
