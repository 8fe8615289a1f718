"""Models whose settings name code: it is not run, and no folder that is made from them passes it on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'contextual'")

from tests.support.contextual_models import save_head  # noqa: E402
from tokit.corpus import open_corpus  # noqa: E402
from tokit.lm.folder.weights import open_config  # noqa: E402
from tokit.lm.plan import InitOptions  # noqa: E402
from tokit.ops.distill import distill  # noqa: E402
from tokit.ops.export_onnx import export_model  # noqa: E402
from tokit.ops.finetune import finetune  # noqa: E402
from tokit.ops.fit import pretrain  # noqa: E402
from tokit.storage.folder import dump_json, read_json  # noqa: E402

RUN = "evidence.txt"
# Each names what a library would import, if it were asked to.
NAMED = {
    "auto_map": {"AutoModel": "code.Model", "AutoConfig": "code.Config", "AutoModelForCausalLM": "code.Model"},
    "custom_pipelines": {"text-classification": {"impl": "code.Pipeline", "pt": ["AutoModel"]}},
    "custom_generate": "somebody/generation",
    "attn_implementation": "somebody/attention",
    "experts_implementation": "somebody/experts",
}
FILES = ("config.json", "tokenizer_config.json", "generation_config.json")


@pytest.fixture(params=["bert", "llama"])
def hostile(request: pytest.FixtureRequest, bpe_folder: Path, tmp_path: Path) -> tuple[str, Path]:
    """A model whose settings name code in every file, and that code beside it."""
    folder = tmp_path / "hostile"
    head = "CausalLM" if request.param == "llama" else "MaskedLM"
    save_head(request.param, head, ["a", "b"], bpe_folder, folder)
    for name in FILES:
        path = folder / name
        dump_json({**(read_json(path) if path.exists() else {}), **NAMED}, path)
    (folder / "custom_generate").mkdir()
    for name in ("code.py", "custom_generate/generate.py"):
        (folder / name).write_text(f"open({str(tmp_path / RUN)!r}, 'w').close()\n", encoding="utf-8")
    return request.param, folder


def assert_no_code(made: Path, evidence: Path) -> None:
    """No file of the folder is code or names any, and none was run."""
    assert not evidence.exists()
    assert [file.name for file in made.rglob("*") if file.suffix in (".py", ".pyc", ".so")] == []
    for file in made.rglob("*.json"):
        text = file.read_text("utf-8")
        assert [name for name in (*NAMED, "somebody", "code.") if name in text] == [], file


def assert_clean(made: Path, evidence: Path) -> None:
    """No code is in the folder, and transformers loads it without any."""
    assert_no_code(made, evidence)
    transformers.AutoModel.from_pretrained(made, trust_remote_code=False)


def test_finetune(hostile: tuple[str, Path], tmp_path: Path) -> None:
    (tmp_path / "data.tsv").write_text("a\tone text\nb\tanother text\n" * 4, encoding="utf-8")
    settings = {"epochs": 1, "batch_size": 8}
    finetune(hostile[1], [str(tmp_path / "data.tsv")], tmp_path / "made", settings=settings, threads=1)
    assert_clean(tmp_path / "made", tmp_path / RUN)


def test_fit(hostile: tuple[str, Path], english_file: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"max_steps": 1, "batch_size": 2, "context_length": 16, "validation_fraction": 0}
    init = InitOptions(hostile[1])
    pretrain(
        open_corpus([str(english_file)]), None, tmp_path / "made", family=hostile[0], settings=settings, init=init,
        threads=1,
    )  # fmt: skip
    assert_clean(tmp_path / "made", tmp_path / RUN)


def test_distill(hostile: tuple[str, Path], tmp_path: Path) -> None:
    distill(hostile[1], tmp_path / "made", dim=4)
    assert_no_code(tmp_path / "made", tmp_path / RUN)


def test_export_to_onnx(hostile: tuple[str, Path], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    pytest.importorskip("onnx", reason="needs the extra 'onnx'")
    export_model(hostile[1], tmp_path / "made")
    assert_no_code(tmp_path / "made", tmp_path / RUN)


def test_configurations_within_a_configuration(tmp_path: Path) -> None:
    config = {"model_type": "clip", "text_config": {**NAMED}, "vision_config": {**NAMED}, **NAMED}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    text = json.dumps(open_config(tmp_path).to_dict())
    assert [name for name in (*NAMED, "somebody") if name in text] == []
