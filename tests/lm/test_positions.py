"""Tables of positions: those of transformers' own modules, and of the papers' formulas in plain loops."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.program import Ran, assert_error
from tokit.lm.position_tables import alibi_bias, alibi_slopes, rotary, sinusoidal

Cli = Callable[..., Ran]
NEEDS = "needs the extra 'contextual'"


# --- the formulas


@pytest.mark.parametrize(("count", "dim"), [(1, 2), (7, 4), (40, 32)])
def test_sinusoidal_is_the_formula_of_the_paper(count: int, dim: int) -> None:
    table = sinusoidal(count, dim)
    for position in range(count):
        for i in range(dim // 2):
            angle = position / 10000 ** (2 * i / dim)
            assert table[position, 2 * i] == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[position, 2 * i + 1] == pytest.approx(math.cos(angle), abs=1e-6)


@pytest.mark.parametrize("theta", [10000.0, 160000.0])
def test_rotary_turns_by_the_distance_alone(theta: float) -> None:
    """What the paper is after: the product of a turned query and a turned key depends on how far they are apart."""
    cos, sin = rotary(30, 8, theta)
    query, key = np.random.default_rng(0).standard_normal((2, 8))

    def turned(vector: Any, position: int) -> Any:
        # Equation 15, column i with column i + 4.
        out = np.empty(8)
        for i in range(4):
            angle = position * theta ** (-2 * i / 8)
            assert cos[position, i] == cos[position, i + 4] == pytest.approx(math.cos(angle), abs=1e-6)
            out[i] = vector[i] * math.cos(angle) - vector[i + 4] * math.sin(angle)
            out[i + 4] = vector[i + 4] * math.cos(angle) + vector[i] * math.sin(angle)
        half = np.concatenate([-vector[4:], vector[:4]])
        assert np.allclose(vector * cos[position] + half * sin[position], out, atol=1e-5)
        return out

    for apart in (0, 3, 11):
        products = [turned(query, at) @ turned(key, at + apart) for at in range(10)]
        assert np.allclose(products, products[0], atol=1e-5)
    assert abs(turned(query, 0) @ turned(key, 3) - turned(query, 0) @ turned(key, 4)) > 1e-3


def test_alibi_is_the_formula_of_the_paper() -> None:
    assert alibi_slopes(8).tolist() == [2.0**-k for k in range(1, 9)]
    assert np.allclose(alibi_slopes(16), [2 ** (-k / 2) for k in range(1, 17)])
    bias = alibi_bias(6, alibi_slopes(8))
    for head in range(8):
        for i in range(6):
            for j in range(6):
                assert bias[head, i, j] == (-(2.0 ** -(head + 1)) * (i - j) if j <= i else -math.inf)


# --- transformers' own modules


def test_sinusoidal_is_marian_s() -> None:
    pytest.importorskip("torch", reason=NEEDS)
    from transformers.models.marian.modeling_marian import MarianSinusoidalPositionalEmbedding

    table = MarianSinusoidalPositionalEmbedding(40, 12).create_weight().numpy()
    # Theirs has the sines in the first half.
    ours = sinusoidal(40, 12)
    assert np.allclose(np.concatenate([ours[:, 0::2], ours[:, 1::2]], axis=1), table, atol=1e-6)


@pytest.mark.parametrize("heads", range(1, 25))
def test_alibi_is_bloom_s(heads: int) -> None:
    """Bloom adds the slope times the key's place, which the softmax cannot tell from minus the distance."""
    torch = pytest.importorskip("torch", reason=NEEDS)
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    theirs = build_alibi_tensor(torch.ones(1, 20), heads, torch.float32).reshape(heads, 20).numpy()
    slopes = alibi_slopes(heads)
    assert np.allclose(theirs, slopes[:, None] * np.arange(20), rtol=1e-6)
    scores = np.random.default_rng(0).standard_normal((heads, 20, 20))
    hidden = np.triu(np.full((20, 20), -np.inf), 1)
    ours, wanted = (
        np.exp(scores + bias) / np.exp(scores + bias).sum(axis=-1, keepdims=True)
        for bias in (alibi_bias(20, slopes), theirs[:, None, :] + hidden)
    )
    assert np.allclose(ours, wanted, atol=1e-6)


@pytest.fixture(scope="module")
def models(bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    pytest.importorskip("torch", reason=NEEDS)
    import transformers

    from tests.support.contextual_models import save_model

    transformers.utils.logging.disable_progress_bar()
    root, made = tmp_path_factory.mktemp("positions"), iter(range(99))
    return lambda family, **changes: save_model(family, bpe_folder, root / f"{family}-{next(made)}", **changes)


def exported(cli: Cli, model: Path, out: Path, *options: object) -> Any:
    ran = cli("export", model, "--to", "positions", "-o", out, *options)
    assert ran.code == 0, ran.err
    return np.load(out, allow_pickle=False)


@pytest.mark.parametrize("theta", [10000.0, 500000.0])
def test_rotary_is_llama_s(models: Callable[..., Path], cli: Cli, tmp_path: Path, theta: float) -> None:
    import torch
    from transformers import AutoConfig
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    folder = models("llama", rope_parameters={"rope_type": "default", "rope_theta": theta}, head_dim=6)
    found = exported(cli, folder, tmp_path / "p.npz")
    cos, sin = LlamaRotaryEmbedding(AutoConfig.from_pretrained(folder))(torch.zeros(1), torch.arange(48)[None])
    assert found["cos"].shape == (48, 6) and found["cos"].dtype == np.float32
    assert np.allclose(found["cos"], cos[0].numpy(), atol=1e-5)
    assert np.allclose(found["sin"], sin[0].numpy(), atol=1e-5)


def test_layers_of_modernbert_have_tables_of_their_own(models: Callable[..., Path], cli: Cli, tmp_path: Path) -> None:
    import torch
    from transformers import AutoConfig
    from transformers.models.modernbert.modeling_modernbert import ModernBertRotaryEmbedding

    folder = models("modernbert")
    found = exported(cli, folder, tmp_path / "p.npz", "--length", "40")
    theirs = ModernBertRotaryEmbedding(AutoConfig.from_pretrained(folder))
    for kind in ("full_attention", "sliding_attention"):
        cos, sin = theirs(torch.zeros(1), torch.arange(40)[None], layer_type=kind)
        assert np.allclose(found[f"cos_{kind}"], cos[0].numpy(), atol=1e-5)
        assert np.allclose(found[f"sin_{kind}"], sin[0].numpy(), atol=1e-5)
    assert not np.allclose(found["cos_full_attention"], found["cos_sliding_attention"])


def test_learned_is_bert_s_table(models: Callable[..., Path], cli: Cli, tmp_path: Path) -> None:
    from transformers import AutoModel

    folder = models("bert")
    table = AutoModel.from_pretrained(folder).embeddings.position_embeddings.weight.detach().numpy()
    assert (exported(cli, folder, tmp_path / "p.npy") == table).all()
    assert (exported(cli, folder, tmp_path / "q.npz", "--length", "9")["positions"] == table[:9]).all()


def test_settings_of_older_configs_are_read(cli: Cli, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    config = {"model_type": "llama", "rope_theta": 500.0, "hidden_size": 16, "num_attention_heads": 2}
    (old / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 9}), encoding="utf-8")
    assert (exported(cli, old, tmp_path / "p.npz")["cos"] == rotary(9, 8, 500.0)[0]).all()
    config = {"model_type": "modernbert", "global_rope_theta": 7e4, "local_rope_theta": 1e4, "hidden_size": 16}
    config |= {"num_attention_heads": 4, "max_position_embeddings": 5}
    (old / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert (exported(cli, old, tmp_path / "q.npz")["sin_full_attention"] == rotary(5, 4, 7e4)[1]).all()


# --- the command


def of_config(folder: Path, **config: Any) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_any_kind_can_be_asked_for(cli: Cli, tmp_path: Path) -> None:
    model = of_config(tmp_path / "m", hidden_size=12, num_attention_heads=3, max_position_embeddings=10)
    table = exported(cli, model, tmp_path / "s.npy", "--kind", "sinusoidal")
    assert (table == sinusoidal(10, 12)).all()
    found = exported(cli, model, tmp_path / "a.npz", "--kind", "alibi", "--length", "4")
    assert (found["slopes"] == alibi_slopes(3)).all() and found["bias"].shape == (3, 4, 4)
    assert exported(cli, model, tmp_path / "r.npz", "--kind", "rotary")["cos"].shape == (10, 4)
    ran = cli("export", model, "--to", "positions", "--kind", "alibi", "-o", tmp_path / "b.npz", "--json")
    report = json.loads(ran.out)
    assert report["arrays"] == {"slopes": [3], "bias": [3, 10, 10]} and report["own"] is False


def test_the_same_bytes_each_time(cli: Cli, tmp_path: Path) -> None:
    model = of_config(tmp_path / "m", model_type="bloom", n_head=4, seq_length=8)
    exported(cli, model, tmp_path / "a.npz")
    exported(cli, model, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert_error(cli("export", model, "--to", "positions", "-o", tmp_path / "a.npz"), 1, "exists")
    exported(cli, model, tmp_path / "a.npz", "--overwrite", "--length", "3")


@pytest.mark.parametrize(
    ("config", "given", "code", "said"),
    [
        ({}, [], 2, "does not show its kind of positions"),
        ({}, ["--kind", "sinusodial"], 2, "did you mean 'sinusoidal'?"),
        ({}, ["--kind", "sinusoidal"], 2, "does not give the hidden size"),
        ({"hidden_size": 8}, ["--kind", "sinusoidal"], 2, "--length 512"),
        ({"hidden_size": 7}, ["--kind", "sinusoidal", "--length", "3"], 2, "need an even dimension"),
        ({}, ["--kind", "learned"], 2, "no learned position embeddings"),
        ({}, ["--length", "0"], 2, "--length 0"),
        ({}, ["--verify"], 2, "--verify"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, [], 2, "'yarn'"),
    ],
)
def test_what_cannot_be_is_said(
    cli: Cli, tmp_path: Path, config: dict[str, Any], given: list[str], code: int, said: str
) -> None:
    model = of_config(tmp_path / "m", **config)
    assert_error(cli("export", model, "--to", "positions", "-o", tmp_path / "p.npz", *given), code, said)
    assert not (tmp_path / "p.npz").exists()


def test_files_and_folders_are_checked(cli: Cli, bpe_folder: Path, tmp_path: Path) -> None:
    model = of_config(tmp_path / "m", model_type="bloom", n_head=4, seq_length=8)
    assert_error(cli("export", model, "--to", "positions", "-o", tmp_path / "p.npy"), 2, "2 arrays", "p.npz")
    assert_error(cli("export", model, "--to", "positions", "-o", tmp_path / "p.txt"), 2, ".npz or .npy")
    assert_error(cli("export", tmp_path / "no", "--to", "positions", "-o", tmp_path / "p.npz"), 1, "no language model")
    assert_error(cli("export", model, "--to", "glove", "--kind", "alibi", "-o", tmp_path / "p"), 2, "--to positions")
    (model / "model.safetensors").write_bytes(b'\x08\0\0\0\0\0\0\0{"broken')
    ran = cli("export", model, "--to", "positions", "--kind", "learned", "-o", tmp_path / "p.npz")
    assert_error(ran, 1, "cannot be read")
