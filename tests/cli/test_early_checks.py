"""A wrong option of a command that runs a language model is refused before torch is imported."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import LIMIT, ROOT
from tokit.storage.folder import dump_json

pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("transformers", reason="needs the extra 'contextual'")

# Command line → a part of its error. `model` is a bert of two layers with two heads, `head` one for labels.
LINES = {
    "fit bert text -t tok -o m --size huge": "unknown --size 'huge'",
    "fit bert text -t tok -o m --hidden-size 33 --num-attention-heads 2": "no multiple of the 2 attention heads",
    "fit llama text -t tok -o m --minutes 0": "--minutes 0: not a positive number",
    "fit lstm text -t tok -o m --minutes -1": "--minutes -1: not a positive number",
    "fit modernbert text -t tok -o m --sentence simcs": "did you mean 'simcse'?",
    "fit bert text -t tok -o m --seed -1": "--seed -1: not between",
    "fit bert text -t tok -o m --checkpoint-every 0": "--checkpoint-every 0",
    "fit bert text -t tok -o m --precision half": "--precision",
    "fit bert text -t tok -o tok": "tok exists",
    "finetune text -m model -o m --validation 2": "--validation 2: not between",
    "finetune text -m model -o m --seed -1": "--seed -1: not between",
    "finetune text -m model -o m --task clasify": "did you mean 'classify'?",
    "finetune text -m model -o tok": "tok exists",
    "finetune nowhere -m model -o m": "nowhere: no such file",
    "attention x -m model --layer 9": "--layer 9: the model has 1 to 2",
    "attention x -m model --layer 0": "--layer 0: the model has 1 to 2",
    "attention x -m model --head -3": "--head -3: the model has 1 to 2",
    "attention x -m nowhere": "nowhere: no such file",
    "attention x -m model --html text": "text",
    "near bank -e model --context 'the bank' --layer 9": "--layer 9: not 0 to 2",
    "near bank -e model --context 'the bank' -k 0": "-k 0: not a positive number",
    "embed text -e model --layer -4": "--layer -4: not 0 to 2",
    "embed text -e model --layer lst4": "--layer lst4: not 0 to 2",
    "embed text -e model --layer mix": "--layer mix: not 0 to 2",
    "embed text -e model --pool siff": "did you mean 'sif'?",
    "embed text -e model --engine tensorflow": "unknown --engine",
    "embed text -e model -o x.foo": "unknown ending '.foo'",
    "distill -m model -o s --layer 9": "--layer 9: not 0 to 2",
    "distill -m model -o s --dim 99": "--dim 99: the model has 16 dimensions",
    "distill -m model -o s --dim 0": "--dim 0",
    "distill -m model -o s --sif-a 0": "--sif-a 0: not a positive number",
    "distill -m model -o tok": "tok exists",
    "export model --to onx -o x": "did you mean 'onnx'?",
    "export model --to onnx -o tok": "tok exists",
    "predict text -m model": "without a head",
    "predict text -m head --top 0": "--top 0: not a number",
    "predict text -m head --aggregate simpel": "did you mean 'simple'?",
    "predict text -m head --aggregate simple": "predicts labels of documents",
}
# All lines in one process: the engines are looked for after each.
SCRIPT = """
import contextlib, io, json, shlex, sys
from tokit.cli.main import main
found = []
for line in json.loads(sys.argv[1]):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = main(shlex.split(line))
    found.append((code, said.getvalue(), sorted({"torch", "transformers"} & set(sys.modules))))
print(json.dumps(found))
"""


@pytest.fixture
def work(tmp_path: Path, bpe_folder: Path) -> Path:
    """A folder with a text, a tokenizer, and models of which there is no more than the configuration."""
    (tmp_path / "text").write_text("some text\n", encoding="utf-8")
    shutil.copytree(bpe_folder, tmp_path / "tok")
    for name, kind in (("model", "BertModel"), ("head", "BertForSequenceClassification")):
        (tmp_path / name).mkdir()
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(bpe_folder / file, tmp_path / name / file)
        sizes = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16}
        dump_json({"model_type": "bert", "architectures": [kind], **sizes}, tmp_path / name / "config.json")
    return tmp_path


def test_wrong_option_is_refused_before_torch_is_imported(work: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(list(LINES))],
        capture_output=True, timeout=LIMIT, check=True, cwd=work, env=_environment(),
    )  # fmt: skip
    found = json.loads(done.stdout)
    for (line, part), (code, said, engines) in zip(LINES.items(), found, strict=True):
        assert code in (1, 2) and part in said and said.startswith("error: "), (line, code, said)
        assert engines == [], line
    assert sorted(path.name for path in work.iterdir()) == ["head", "model", "text", "tok"]


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}
