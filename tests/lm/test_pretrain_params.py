"""Parameters of language models: available without torch, and the same that the families use."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tokit.lm import LANGUAGE_MODEL_PARAMS, LANGUAGE_MODELS, language_model_family
from tokit.params import describe, fill

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
def test_params_describe_themselves(family: str) -> None:
    params = LANGUAGE_MODEL_PARAMS.get(family)
    shown = {name: default for name, _, default, _ in describe(params)}
    assert fill(params, shown) == params()
    assert all(help_text.endswith(".") and len(help_text) < 70 for _, _, _, help_text in describe(params))
