"""Language models in ONNX: the same vectors as in torch, and tokit embeds with them where there is no torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("transformers", reason="needs the extra 'contextual'")
onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

from tests.support.program import Ran, assert_error  # noqa: E402
from tokit.corpus import open_corpus  # noqa: E402
from tokit.errors import CheckError  # noqa: E402
from tokit.lm import LANGUAGE_MODELS  # noqa: E402
from tokit.lm.contextual_embedder import open_contextual_embedder  # noqa: E402
from tokit.lm.folder.model_folder import open_model  # noqa: E402
from tokit.lm.onnx import onnx_models  # noqa: E402
from tokit.ops.export_onnx import OnnxReport, export_model  # noqa: E402
from tokit.ops.fit import pretrain  # noqa: E402

pytestmark = pytest.mark.slow

Cli = Callable[..., Ran]
# A window that is narrower than the texts.
SETTINGS: dict[str, dict[str, Any]] = {"modernbert": {"local_attention": 6}}
TEXTS = ["the sea", "", "rivers run to the sea " * 3, "a", "music " * 100, "größe 日本語"]
# Where torch and transformers cannot be imported at all.
WITHOUT_TORCH = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "transformers", "onnx"):
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
from tokit.cli.main import main
code = main(sys.argv[1:])
assert not {"torch", "transformers", "onnx"} & set(sys.modules)
sys.exit(code)
"""


@pytest.fixture(scope="module", params=list(LANGUAGE_MODELS))
def model(request: pytest.FixtureRequest, corpus_file: Path, bpe_folder: Path, tmp_path_factory: Any) -> Path:
    out: Path = tmp_path_factory.mktemp("models") / request.param
    settings = {
        "num_hidden_layers": 2,
        "hidden_size": 32,
        "num_attention_heads": 2,
        "max_steps": 5,
        "context_length": 40,
        "batch_size": 4,
    }
    pretrain(
        open_corpus([str(corpus_file)]), bpe_folder, out, family=request.param, size="tiny",
        settings=settings | SETTINGS.get(request.param, {}),
    )  # fmt: skip
    return out


@pytest.fixture(scope="module")
def exported(model: Path) -> tuple[Path, OnnxReport]:
    out = model.with_name(f"{model.name}-onnx")
    return out, export_model(model, out, int8=True, verify=True)


def test_rows_of_any_number_and_length_are_as_in_torch(model: Path, exported: tuple[Path, OnnxReport]) -> None:
    import torch

    session = onnxruntime.InferenceSession(str(exported[0] / "model.onnx"), providers=["CPUExecutionProvider"])
    assert [each.name for each in session.get_inputs()] == ["input_ids", "attention_mask"]
    assert [each.name for each in session.get_outputs()] == ["last_hidden_state"]
    mine = open_model(model)
    generator = np.random.default_rng(0)
    for rows, length in ((1, 1), (3, 12), (7, 40), (2, 25)):
        ids = generator.integers(5, 500, (rows, length))
        mask = (np.arange(length) < generator.integers(1, length + 1, rows)[:, None]).astype(np.int64)
        with torch.no_grad():
            wanted = mine(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).last_hidden_state
        found = session.run(["last_hidden_state"], {"input_ids": ids, "attention_mask": mask})[0]
        assert found.shape == wanted.shape
        assert np.abs(found - wanted.numpy())[mask.astype(bool)].max() < 1e-4


def test_embed_gives_what_it_gives_with_torch(model: Path, exported: tuple[Path, OnnxReport]) -> None:
    theirs, mine = open_contextual_embedder(exported[0]), open_contextual_embedder(model)
    assert np.abs(theirs.embed(TEXTS) - mine.embed(TEXTS)).max() < 1e-4
    assert theirs.dim == mine.dim and theirs.truncated == mine.truncated == 1


def test_int8_is_smaller_and_near(model: Path, exported: tuple[Path, OnnxReport]) -> None:
    folder, report = exported
    plain = open_contextual_embedder(folder).embed(TEXTS)
    int8 = open_contextual_embedder(folder, int8=True).embed(TEXTS)
    cosines = (plain * int8).sum(1) / np.linalg.norm(plain, axis=1) / np.linalg.norm(int8, axis=1)
    assert (plain != int8).any() and cosines.min() > 0.98
    assert report.int8_bytes is not None and report.int8_bytes < report.bytes * 0.7
    assert report.int8_cosine is not None and report.int8_lowest_cosine is not None
    assert 0.98 < report.int8_lowest_cosine <= report.int8_cosine < 1
    assert report.difference is not None and 0 < report.difference < 1e-4


def test_embed_runs_where_there_is_no_torch(exported: tuple[Path, OnnxReport], tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    given = ["embed", tmp_path / "text.txt", "-e", exported[0], "--engine", "onnx"]
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH, *map(str, given)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    vectors = [json.loads(line)["vector"] for line in ran.stdout.splitlines()]
    assert np.allclose(vectors, open_contextual_embedder(exported[0]).embed(TEXTS), atol=1e-5)


def test_tokens_have_vectors_and_the_folder_its_tokenizer(
    model: Path, exported: tuple[Path, OnnxReport], cli: Cli, tmp_path: Path
) -> None:
    from transformers import AutoTokenizer

    (tmp_path / "text.txt").write_text("by the sea\n", encoding="utf-8")
    mine, theirs = (
        json.loads(cli("embed", tmp_path / "text.txt", "-e", folder, "--tokens").out) for folder in (model, exported[0])
    )
    assert mine["tokens"] == theirs["tokens"] and np.allclose(mine["vectors"], theirs["vectors"], atol=1e-4)
    ids = [AutoTokenizer.from_pretrained(folder)("by the sea").input_ids for folder in (model, exported[0])]
    assert ids[0] == ids[1]
    assert cli("inspect", exported[0], "--check").code == 0


def test_a_name_that_ends_so_is_a_file(model: Path, cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "m.onnx"
    ran = cli("export", model, "--to", "onnx", "-o", out)
    assert ran.code == 0 and out.is_file() and [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
    onnx.checker.check_model(str(out))
    assert_error(cli("export", model, "--to", "onnx", "-o", out), 1, "exists", "--overwrite")
    before = out.stat().st_size
    ran = cli("export", model, "--to", "onnx", "-o", out, "--int8", "--overwrite", "--json")
    assert ran.code == 0 and json.loads(ran.out)["int8_bytes"] == out.stat().st_size < before


def test_different_vectors_are_an_error(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = onnx_models._in_runtime

    def other(embedder: Any, file: Path) -> Any:
        found = find(embedder, file)
        vectors = found.encoder.vectors
        object.__setattr__(found.encoder, "vectors", lambda rows, real: vectors(rows, real) + 2e-4)
        return found

    monkeypatch.setattr(onnx_models, "_in_runtime", other)
    with pytest.raises(CheckError, match=r"differ from torch by 0\.0002"):
        export_model(model, tmp_path / "m", verify=True)
    assert not (tmp_path / "m").exists()


@pytest.fixture(scope="module")
def bert(corpus_file: Path, bpe_folder: Path, tmp_path_factory: Any) -> Path:
    out: Path = tmp_path_factory.mktemp("bert") / "bert"
    settings = {
        "num_hidden_layers": 1,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "max_steps": 1,
        "context_length": 40,
        "batch_size": 1,
        "validation_fraction": 0,
    }
    pretrain(
        open_corpus([str(corpus_file)]), bpe_folder, out, family="bert", size="tiny", settings=settings
    )  # fmt: skip
    export_model(out, out.with_name("onnx"))
    return out


@pytest.mark.parametrize(
    ("folder", "given", "code", "said"),
    [
        ("bert", ["--engine", "onnx"], 1, "has no ONNX model"),
        ("bert", ["--engine", "onx"], 2, "did you mean 'onnx'?"),
        ("bert", ["--int8"], 2, "--int8 is for --engine onnx"),
        ("onnx", ["--int8"], 1, "has no int8 ONNX model"),
        ("onnx", ["--engine", "torch"], 2, "which torch does not load"),
        ("onnx", ["--layer", "1"], 2, "its last layer only"),
    ],
)
def test_what_does_not_fit_is_named(bert: Path, cli: Cli, folder: str, given: list[str], code: int, said: str) -> None:
    assert_error(cli("embed", "@lee", "-e", bert.with_name(folder), *given), code, said)


def test_a_model_of_others_with_a_graph_beside_it(bert: Path, cli: Cli, tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    (foreign / "onnx").mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"):
        shutil.copy(bert / name, foreign)
    shutil.copy(bert.with_name("onnx") / "model.onnx", foreign / "onnx")
    (tmp_path / "text.txt").write_text("by the sea\n", encoding="utf-8")
    vectors = [
        json.loads(cli("embed", tmp_path / "text.txt", "-e", foreign, "--engine", engine).out)["vector"]
        for engine in ("torch", "onnx")
    ]
    assert np.allclose(*vectors, atol=1e-4)
    ran = cli("export", foreign, "--to", "onnx", "-o", tmp_path / "made", "--verify")
    assert ran.code == 0 and "bert" in ran.err


def test_a_damaged_file_is_an_error(bert: Path, cli: Cli, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(bert.with_name("onnx"), broken)
    content = (broken / "model.onnx").read_bytes()
    (broken / "model.onnx").write_bytes(content[: len(content) // 2])
    assert_error(cli("embed", "@lee", "-e", broken), 1, "not a model that ONNX Runtime opens")


def test_what_is_no_language_model_is_not_exported(bpe_folder: Path, cli: Cli, tmp_path: Path) -> None:
    assert_error(cli("export", bpe_folder, "--to", "onnx", "-o", tmp_path / "m"), 1, "no language model")
    assert_error(cli("export", bpe_folder, "--to", "glove", "--int8", "-o", tmp_path / "m"), 2, "--int8")


# --- graphs of others


def with_graph(bert: Path, folder: Path, outputs: dict[str, list[Any]], more: tuple[str, ...] = ()) -> Path:
    """A folder whose graph gives each token's id, and its type, in two columns under every name."""
    from onnx import TensorProto, helper

    shutil.copytree(bert.with_name("onnx"), folder)
    names = ["input_ids", "attention_mask", *more]
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "tokens"]) for name in names]
    nodes = [
        helper.make_node("Cast", [name], [f"{name}_float"], to=TensorProto.FLOAT) for name in ("input_ids", names[-1])
    ]
    nodes += [
        helper.make_node("Constant", [], ["last"], value_ints=[2]),
        *(
            helper.make_node("Unsqueeze", [f"{name}_float", "last"], [name + "_in"])
            for name in ("input_ids", names[-1])
        ),
        helper.make_node("Concat", ["input_ids_in", names[-1] + "_in"], ["both"], axis=2),
        helper.make_node("ReduceMean", ["both"], ["sentence"], axes=[1], keepdims=0),
        *(
            helper.make_node("Identity", ["both" if len(shape) == 3 else "sentence"], [name])
            for name, shape in outputs.items()
        ),
    ]
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()]
    made = helper.make_model(
        helper.make_graph(nodes, "g", inputs, given), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )  # fmt: skip
    onnx.save(made, folder / "model.onnx")
    return folder


TOKENS, SENTENCE = ["rows", "tokens", 2], ["rows", 2]


@pytest.mark.parametrize(
    "outputs",
    [
        {"last_hidden_state": TOKENS},
        {"sentence_embedding": SENTENCE, "last_hidden_state": TOKENS},
        {"token_embeddings": TOKENS, "sentence_embedding": SENTENCE},
    ],
    ids=str,
)
def test_the_output_with_the_tokens_vectors_is_taken(outputs: dict[str, Any], bert: Path, tmp_path: Path) -> None:
    embedder = open_contextual_embedder(with_graph(bert, tmp_path / "m", outputs, ("token_type_ids",)))
    ids = embedder.tokenizer.encode_batch(["the sea"], embedder.options)
    vectors = embedder.encoder.vectors(ids.data[None].astype(np.int64), np.ones((1, len(ids.data)), dtype=np.int64))
    # The types of tokens are all 0.
    assert vectors[0].tolist() == [[i, 0] for i in ids.data.tolist()]


def test_inputs_that_tokit_does_not_have_are_named(bert: Path, cli: Cli, tmp_path: Path) -> None:
    folder = with_graph(bert, tmp_path / "m", {"last_hidden_state": TOKENS}, ("token_type_ids", "position_ids"))
    assert_error(cli("embed", "@lee", "-e", folder), 1, "model.onnx needs position_ids, which tokit does not have")
    folder = with_graph(bert, tmp_path / "s", {"sentence_embedding": SENTENCE})
    assert_error(cli("embed", "@lee", "-e", folder), 1, "its output sentence_embedding is of shape")


def test_documents_are_pooled_in_onnx_as_in_torch(bert: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cls"
    shutil.copytree(bert, folder)
    modules = json.loads((folder / "modules.json").read_bytes())
    modules.append({"idx": 2, "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"})
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode": "cls"}', encoding="utf-8")
    export_model(folder, tmp_path / "made")
    mine = open_contextual_embedder(folder).embed(TEXTS)
    theirs = open_contextual_embedder(tmp_path / "made").embed(TEXTS)
    assert np.abs(mine - theirs).max() < 1e-4 and np.allclose(np.linalg.norm(theirs, axis=1), 1, atol=1e-5)
    assert np.abs(mine - open_contextual_embedder(bert).embed(TEXTS)).max() > 0.01


def test_a_graph_is_not_trained(bert: Path, cli: Cli, tmp_path: Path) -> None:
    ran = cli("finetune", "@lee", "-m", bert.with_name("onnx"), "-o", tmp_path / "m")
    assert_error(ran, 2, "is an ONNX model, which cannot be trained")


def test_a_folder_that_is_not_there_is_no_model_s(cli: Cli, tmp_path: Path) -> None:
    ran = cli("export", tmp_path / "none", "--to", "onnx", "-o", tmp_path / "m")
    assert_error(ran, 1, "no such file or folder")


def test_a_format_is_near_one_of_all_kinds(cli: Cli, tmp_path: Path) -> None:
    assert_error(cli("export", tmp_path, "--to", "onx", "-o", tmp_path / "m"), 2, "did you mean 'onnx'?")
    assert_error(cli("export", tmp_path, "--to", "position", "-o", tmp_path / "m"), 2, "did you mean 'positions'?")
