"""`tokit attention`: what it tells is what the stock models compute; pages, tables and errors."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("transformers", reason="needs the extra 'contextual'")

import torch

from tests.support.contextual_models import CONTEXT, FAMILIES, save_model
from tests.support.program import Ran, assert_error
from tokit.ops.attention import open_attention

Cli = Callable[..., Ran]
TEXT = "by the old bank of the river they run to the sea"


@pytest.fixture(scope="module", autouse=True)
def _no_bars() -> None:
    import transformers

    transformers.utils.logging.disable_progress_bar()


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(request.param, bpe_folder, tmp_path_factory.mktemp("attention") / request.param)


@pytest.fixture(scope="module")
def bert(bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model("bert", bpe_folder, tmp_path_factory.mktemp("attention") / "bert")


def stock(folder: Path, text: str) -> Any:
    """The weights that transformers gives; shape (layers, heads, tokens, tokens)."""
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()
    given = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.no_grad():
        return torch.cat(model(**given, output_attentions=True).attentions).numpy()


def softmax(products: Any) -> Any:
    powers = np.exp(np.where(np.isnan(products), -np.inf, products))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_weights_are_those_of_transformers(model: Path) -> None:
    found, wanted = open_attention(model).weights(TEXT), stock(model, TEXT)
    assert found.values.shape == wanted.shape and np.allclose(found.values, wanted, atol=1e-6)
    # A test that would hold for weights that are all alike says nothing.
    assert wanted.std() > 0.05


def test_the_softmax_of_the_products_is_the_weights(model: Path) -> None:
    found, wanted = open_attention(model).products(TEXT), stock(model, TEXT)
    assert np.allclose(softmax(found.values), wanted, atol=1e-5)
    # Hidden are those that the model hides: later ones, or those beyond a window.
    assert (np.isnan(found.values) == (wanted == 0)).all()


def test_products_are_queries_times_keys(bert: Path) -> None:
    """Held against the projections alone, which a hook reads off."""
    from transformers import AutoModel, AutoTokenizer

    theirs = AutoModel.from_pretrained(bert).eval()
    seen: dict[str, Any] = {}
    for name in ("query", "key"):
        module = getattr(theirs.encoder.layer[1].attention.self, name)
        module.register_forward_hook(lambda _module, _given, made, name=name: seen.update({name: made[0]}))
    with torch.no_grad():
        theirs(**AutoTokenizer.from_pretrained(bert)(TEXT, return_tensors="pt"))
    found = open_attention(bert).products(TEXT).values
    for head in (0, 1):
        columns = slice(8 * head, 8 * head + 8)
        wanted = (seen["query"][:, columns] @ seen["key"][:, columns].T) / 8**0.5
        assert np.allclose(found[1, head], wanted.numpy(), atol=1e-5)


def test_weights_stay_the_same_after_the_products(bert: Path) -> None:
    model = open_attention(bert)
    first = model.weights(TEXT).values
    model.products(TEXT)
    assert (model.weights(TEXT).values == first).all()


def test_entropy_and_distance_by_plain_loops(model: Path, cli: Cli, tmp_path: Path) -> None:
    texts = [TEXT, "a", "the sea", TEXT + " by the sea and back to the old bank", "", "x"]
    (tmp_path / "text.txt").write_text("\n".join(texts) + "\n", encoding="utf-8")
    report = json.loads(cli("attention", "-m", model, "-c", tmp_path / "text.txt", "--json").out)
    sums: dict[tuple[int, int], Any] = {}
    tokens = 0
    for text in texts:
        try:
            found = open_attention(model).weights(text)
        except Exception:
            assert not text
            continue
        tokens += len(found.tokens)
        for layer, heads in enumerate(found.values, 1):
            for head, weights in enumerate(heads, 1):
                sum_ = sums.setdefault((layer, head), np.zeros(3))
                for i, row in enumerate(weights):
                    for j, weight in enumerate(row):
                        entropy = -weight * np.log2(weight) if weight > 0 else 0
                        sum_ += [entropy, weight * abs(i - j), weight * found.tokens[j].startswith("<|")]
    assert report["tokens"] == tokens and report["documents"] == len(texts)
    for each in report["heads"]:
        wanted = sums[each["layer"], each["head"]] / tokens
        assert np.allclose([each["entropy"], each["distance"], each["special"]], wanted, atol=1e-4)


def test_the_table_over_a_corpus(bert: Path, cli: Cli) -> None:
    ran = cli("attention", "-m", bert, "-c", "-", stdin=f"{TEXT}\n{'the sea ' * CONTEXT}\n".encode())
    assert ran.code == 0 and "which were truncated: 1" in ran.err
    head, *rows = ran.text.splitlines()
    assert "entropy bits" in head and "distance tokens" in head and len(rows) == 4


def test_heat_maps_show_the_darkest_where_the_weight_is(bert: Path, cli: Cli) -> None:
    ran = cli("attention", TEXT, "-m", bert, "--layer", "-1", "--head", "2")
    assert ran.code == 0, ran.err
    title, numbers, *rows = ran.text.splitlines()
    found = open_attention(bert).weights(TEXT).only(2, 2)
    assert title.strip() == "layer 2, head 2" and len(rows) == len(found.tokens)
    # Numbers of two digits, with a space before each.
    assert numbers.split() == [str(k) for k in range(1, len(found.tokens) + 1)] and len(found.tokens) > 9
    left = len(numbers) - 3 * len(found.tokens)
    most = found.values[0, 0].max()
    for row, weights in zip(rows, found.values[0, 0], strict=True):
        cells = row.ljust(len(numbers))[left:]
        for column, weight in enumerate(weights):
            level = min(int((weight / most) ** 0.5 * 5), 4)
            assert cells[3 * column : 3 * column + 3] == 3 * " ░▒▓█"[level]
    assert "█ from" in ran.err


def test_without_a_choice_layers_are_shown_as_means(bert: Path, cli: Cli) -> None:
    ran = cli("attention", "-m", bert, stdin=TEXT.encode())
    assert "layer 1, mean of 2 heads" in ran.text and "layer 2, mean of 2 heads" in ran.text
    assert "hint: --layer N, --head M" in ran.err


def test_a_long_text_is_shown_in_part(bert: Path, cli: Cli) -> None:
    ran = cli("attention", "the sea and the bank " * 60, "-m", bert)
    assert ran.code == 0 and f"the model takes {CONTEXT} tokens" in ran.err
    assert max(map(len, ran.text.splitlines())) <= 100


@pytest.mark.parametrize("qk", [False, True])
def test_json_has_every_number(model: Path, cli: Cli, qk: bool) -> None:
    asked = ["--qk"] if qk else []
    shown = json.loads(cli("attention", TEXT, "-m", model, "--json", "--layer", "2", *asked).out)
    opened = open_attention(model)
    found = (opened.products(TEXT) if qk else opened.weights(TEXT)).only(2, None)
    assert shown["layers"] == [2] and shown["tokens"] == list(found.tokens)
    assert shown["what"] == ("products" if qk else "weights")
    values = np.array(shown["values"], dtype=np.float64)
    assert np.allclose(values, found.values, rtol=1e-4, atol=1e-7, equal_nan=True)


@pytest.mark.parametrize("qk", [False, True])
def test_a_page_holds_all_and_asks_for_nothing(model: Path, cli: Cli, tmp_path: Path, qk: bool) -> None:
    import base64

    text, page = "the </script><b>sea", tmp_path / "page.html"
    asked = ["--qk"] if qk else []
    assert cli("attention", text, "-m", model, "--html", page, *asked).code == 0
    source = page.read_text("utf-8")
    assert not re.search(r"(src|href)=|https?://|@import|url\(", source)
    assert source.count("</script>") == 2
    data = json.loads(re.search(r'id="data">(.*?)</script>', source, re.DOTALL)[1])  # type: ignore[index]
    opened = open_attention(model)
    found = opened.products(text) if qk else opened.weights(text)
    steps = np.frombuffer(base64.b64decode(data["steps"]), dtype="<u2").reshape(found.values.shape)
    values = np.where(steps == 65535, np.nan, data["low"] + steps / 65534 * (data["high"] - data["low"]))
    assert np.allclose(values, found.values, atol=1e-3, equal_nan=True)
    ran = cli("attention", text, "-m", model, "--html", page)
    assert_error(ran, 1, "exists")
    assert cli("attention", text, "-m", model, "--html", page, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["x", "--layer", "3"], "--layer 3: the model has 1 to 2"),
        (["x", "--layer", "0"], "--layer 0"),
        (["x", "--head", "9"], "--head 9"),
        (["x", "-c", "@lee"], "--corpus gives a table"),
        (["-c", "@lee", "--qk"], "--corpus gives a table"),
        (["x", "--html", "a.html", "--json"], "omit one of them"),
    ],
)
def test_wrong_options_are_named(bert: Path, cli: Cli, given: list[str], said: str) -> None:
    assert_error(cli("attention", "-m", bert, *given), 2, said)


def test_an_empty_corpus_is_an_error(bert: Path, cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("", encoding="utf-8")
    assert_error(cli("attention", "-m", bert, "-c", tmp_path / "empty.txt"), 1, "empty")


def test_what_has_no_attention_says_so(bert: Path, bpe_folder: Path, cli: Cli, tmp_path: Path) -> None:
    assert_error(cli("attention", "x", "-m", bpe_folder), 2, "no language model")
    assert_error(cli("attention", "x", "-m", tmp_path / "none"), 1, "no such file or folder")
    recurrent = tmp_path / "lstm"
    recurrent.mkdir()
    (recurrent / "config.json").write_text('{"model_type": "lstm"}', encoding="utf-8")
    assert_error(cli("attention", "x", "-m", recurrent), 2, "an lstm", "no attention")


def test_a_model_in_onnx_does_not_tell(bert: Path, cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    pytest.importorskip("onnx", reason="needs the extra 'onnx'")
    assert cli("export", bert, "--to", "onnx", "-o", tmp_path / "onnx").code == 0
    assert_error(cli("attention", "x", "-m", tmp_path / "onnx"), 2, "is an ONNX model")
    assert_error(cli("export", tmp_path / "onnx", "--to", "positions", "-o", tmp_path / "p.npz"), 1, "no language")
