"""The LSTM language model, held against torch's LSTM on one document at a time."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra 'contextual'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'contextual'")

from safetensors.torch import load_file  # noqa: E402

from tests.support.program import assert_error  # noqa: E402
from tokit.corpus import open_corpus, split_mask  # noqa: E402
from tokit.lm import language_model_family  # noqa: E402
from tokit.lm.families.base import IGNORE_INDEX, ModelInput, attention_mask  # noqa: E402
from tokit.lm.families.lstm import Lstm  # noqa: E402
from tokit.lm.families.lstm_model import LstmConfig, LstmLanguageModel, load_lstm, save_lstm, stretched  # noqa: E402
from tokit.lm.plan import InitOptions  # noqa: E402
from tokit.ops.fit import pretrain  # noqa: E402
from tokit.tokenizer.load import load_tokenizer  # noqa: E402

pytestmark = pytest.mark.slow

SETTINGS = {
    "num_hidden_layers": 2,
    "hidden_size": 16,
    "context_length": 64,
    "batch_size": 4,
    "validation_fraction": 0.08,
    "precision": "float32",
}
# Lengths of documents in rows of 20 tokens; each row begins with the end of one.
ROWS = [[20], [1, 1, 7, 11], [12, 8], [3, 1, 1, 1, 14]]


@pytest.fixture
def model() -> Any:
    torch.manual_seed(3)
    model = LstmLanguageModel(LstmConfig(60, 8, 3, 20, pad_token_id=1)).eval()
    with torch.no_grad():
        model.mix.copy_(torch.tensor([0.3, -1.0, 0.5, 2.0]))
        model.gamma.fill_(1.7)
    return model


def by_document(model: Any, ids: Any, stack: Any, *, back: bool) -> Any:
    """What a direction's mixed states should be: torch's own LSTM over the document, layer for layer."""
    read = model.table(ids.flip(0) if back else ids)[:, None]
    layers = [read]
    for number, lstm in enumerate(stack):
        states = lstm(layers[-1])[0]
        layers.append(states + layers[-1] if number else states)
    weights = torch.exp(model.mix) / torch.exp(model.mix).sum()
    mixed = model.gamma * sum(weight * layer for weight, layer in zip(weights, layers, strict=True))
    return mixed[:, 0].flip(0) if back else mixed[:, 0]


def model_input(rows: list[list[int]]) -> ModelInput:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(5, 60, (len(rows), sum(rows[0])), generator=generator)
    positions = torch.tensor([[k for length in lengths for k in range(length)] for lengths in rows])
    return ModelInput(ids, positions, attention_mask(torch.zeros_like(ids), causal=True))


def test_rows_of_documents_are_as_torch_s_lstm_on_each(model: Any) -> None:
    row = model_input(ROWS)
    with torch.no_grad():
        both = model.directions(row.ids, row.positions)
        for number, lengths in enumerate(ROWS):
            ends = np.cumsum(lengths).tolist()
            for start, end in zip([0, *ends], ends, strict=False):
                document = row.ids[number, start:end]
                for states, stack, back in zip(both, (model.onward, model.backward_), (False, True), strict=True):
                    wanted = by_document(model, document, stack, back=back)
                    assert torch.allclose(states[number, start:end], wanted, atol=1e-6)


def test_nothing_at_all_comes_over_from_another_document(model: Any) -> None:
    row = model_input([[9, 11]])
    read = model.table(row.ids).detach().requires_grad_()
    model.table.forward = lambda _: read
    states = torch.cat(model.directions(row.ids, row.positions), dim=-1)
    for mine, other in ((slice(0, 9), slice(9, 20)), (slice(9, 20), slice(0, 9))):
        (gradient,) = torch.autograd.grad(states[0, mine].sum(), read, retain_graph=True)
        assert (gradient[0, other] == 0).all() and (gradient[0, mine] != 0).any()


def test_padding_changes_nothing(model: Any) -> None:
    ids = torch.randint(5, 60, (3, 9))
    lengths = [9, 4, 1]
    mask = (torch.arange(9) < torch.tensor(lengths)[:, None]).long()
    with torch.no_grad():
        padded = model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        for number, length in enumerate(lengths):
            alone = model(input_ids=ids[number : number + 1, :length], output_hidden_states=True)
            pairs = [(padded.last_hidden_state, alone.last_hidden_state)]
            pairs += list(zip(padded.hidden_states, alone.hidden_states, strict=True))
            assert len(pairs) == 5
            for mine, theirs in pairs:
                assert torch.allclose(mine[number, :length], theirs[0], atol=1e-6)


def test_either_direction_predicts_what_it_has_not_read(model: Any) -> None:
    row = model_input([[4, 3], [7]])
    targets = torch.arange(100, 114)
    vectors, expected = Lstm.predictors(model, row, torch.arange(14), targets)
    onward, backward = model.directions(row.ids, row.positions)
    assert torch.equal(vectors[:14], onward.flatten(0, 1)) and torch.equal(expected[:14], targets)
    assert torch.equal(vectors[14:], backward.flatten(0, 1))
    # The first token of a document has none before it; the first row has two documents.
    ids = row.ids.flatten().tolist()
    assert expected[14:].tolist() == [IGNORE_INDEX if at in (0, 4, 7) else ids[at - 1] for at in range(14)]


def test_a_changed_token_changes_only_what_has_read_it(model: Any) -> None:
    row = model_input([[20]])
    other = row.ids.clone()
    other[0, 7] = 59 if row.ids[0, 7] != 59 else 58
    with torch.no_grad():
        before, after = (model.directions(ids, row.positions) for ids in (row.ids, other))
    onward, backward = ((mine != theirs).any(dim=-1)[0].tolist() for mine, theirs in zip(before, after, strict=True))
    assert onward == [False] * 7 + [True] * 13 and backward == [True] * 8 + [False] * 12


def test_rows_are_stretched_by_a_step_before_each_document() -> None:
    positions = torch.tensor([[0, 1, 2, 3, 4], [0, 0, 1, 0, 0], [3, 4, 0, 1, 2]])
    places, length = stretched(positions)
    assert places.tolist() == [[0, 1, 2, 3, 4], [0, 2, 3, 5, 7], [0, 1, 3, 4, 5]] and length == 8


def test_saved_and_loaded(model: Any, tmp_path: Path) -> None:
    save_lstm(model, tmp_path)
    again = load_lstm(tmp_path).eval()
    assert again.config == model.config
    ids = torch.randint(5, 60, (2, 6))
    assert torch.equal(again(ids).last_hidden_state, model(ids).last_hidden_state)


@pytest.fixture(scope="module")
def folder(corpus_file: Path, bpe_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("lstm") / "model"
    report = pretrain(
        open_corpus([str(corpus_file)]), bpe_folder, out, family="lstm", size="tiny",
        settings={**SETTINGS, "context_length": 512, "batch_size": 1, "max_steps": 20},
    )  # fmt: skip
    assert report.opens_in == ("tokit",) and report.dim == 32
    return out


def test_the_mix_is_learned(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    assert len(state["mix"]) == 3 and (state["mix"] != 0).all() and state["gamma"] != 1


def test_bits_per_byte_are_those_of_the_onward_direction(folder: Path, corpus_file: Path) -> None:
    block = next(iter(open_corpus([str(corpus_file)]).blocks()))
    texts = [text for text, out in zip(block.texts(), split_mask(block, 0.08), strict=True) if out]
    model, tokenizer = load_lstm(folder).eval(), transformers.AutoTokenizer.from_pretrained(folder)
    nats = 0.0
    for text in texts:
        ids = tokenizer(text, return_tensors="pt").input_ids[0]
        with torch.no_grad():
            states = by_document(model, ids, model.onward, back=False)
            logits = states @ model.table.weight.T + model.head.bias
        # The end of the template is no text.
        nats += float(torch.nn.functional.cross_entropy(logits[:-2], ids[1:-1], reduction="sum"))
    bits = nats / math.log(2) / sum(len(text.encode()) for text in texts)
    said = json.loads((folder / "tokit.json").read_text("utf-8"))["pretraining"]["held_out"]["bits_per_byte"]
    # A document that a row cuts in two is the difference.
    assert said == pytest.approx(bits, rel=0.02)


def test_what_opens_the_folder_and_what_does_not(folder: Path) -> None:
    assert not (folder / "modules.json").exists()
    with pytest.raises(ValueError, match="tokit-lstm"):
        transformers.AutoModel.from_pretrained(folder)


def test_the_mix_is_the_default_of_embed(folder: Path, cli: Any, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("by the sea\n", encoding="utf-8")
    given = ([], ["--layer", "mix"], ["--layer", "-1"])
    default, mix, last = (
        json.loads(cli("embed", tmp_path / "text.txt", "-e", folder, *layer).out)["vector"] for layer in given
    )
    assert default == mix and not np.allclose(mix, last)


def test_a_damaged_folder_is_an_error(folder: Path, cli: Any, tmp_path: Path) -> None:
    import shutil

    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    weights = (broken / "model.safetensors").read_bytes()
    (broken / "model.safetensors").write_bytes(weights[:2000])
    assert_error(cli("embed", "@lee", "-e", broken), 1, "not an LSTM of tokit")
    config = json.loads((broken / "config.json").read_text("utf-8"))
    (broken / "config.json").write_text(json.dumps({**config, "vocab_size": "many"}), "utf-8")
    assert_error(cli("embed", "@lee", "-e", broken), 1, "not an LSTM of tokit")


def test_it_is_trained_on_the_next_token_alone(cli: Any, bpe_folder: Path, tmp_path: Path) -> None:
    ran = cli("fit", "lstm", "@lee", "-t", bpe_folder, "-o", tmp_path / "m", "--objective", "masked")
    assert_error(ran, 2, "causal")


@pytest.mark.parametrize(
    ("family", "objective", "known"),
    [
        ("llama", "masked", "causal, mixed"),
        ("bert", "causal", "masked, mixed"),
        ("modernbert", "causal", "masked, mixed"),
        ("lstm", "mixed", "causal"),
    ],
)
def test_a_family_is_trained_for_what_its_class_can_say(
    cli: Any, bpe_folder: Path, tmp_path: Path, family: str, objective: str, known: str
) -> None:
    ran = cli("fit", family, "@lee", "-t", bpe_folder, "-o", tmp_path / "m", "--objective", objective)
    assert_error(ran, 2, f"known: {known}")
    assert f"--objective {objective}" in ran.err and not (tmp_path / "m").exists()


@pytest.mark.parametrize("family", ["llama", "modernbert"])
@pytest.mark.parametrize(
    ("given", "hidden"),
    [
        (["--hidden-size", "15", "--num-attention-heads", "3"], 18),
        (["--hidden-size", "100", "--num-attention-heads", "4"], 104),
        (["--hidden-size", "9"], 10),
    ],
)
def test_rotary_positions_need_heads_of_an_even_width(
    cli: Any, bpe_folder: Path, tmp_path: Path, family: str, given: list[str], hidden: int
) -> None:
    # Text that cannot be read: the error comes before that.
    (tmp_path / "text.txt").write_bytes(b"\xff\n")
    ran = cli("fit", family, tmp_path / "text.txt", "-t", bpe_folder, "-o", tmp_path / "m", *given)
    assert_error(ran, 2, "even dimension")
    assert f"--hidden-size {hidden}" in ran.err


@pytest.mark.parametrize("family", ["bert", "lstm"])
def test_other_positions_take_any_width(family: str) -> None:
    assert (
        language_model_family(family).Params(hidden_size=15, num_attention_heads=3).shape("tiny").num_attention_heads
        == 3
    )


def test_a_training_goes_on_from_another(folder: Path, corpus_file: Path, tmp_path: Path) -> None:
    begun = InitOptions(checkpoint=folder)
    settings = {
        "context_length": 64,
        "batch_size": 4,
        "max_steps": 1,
        "validation_fraction": 0.08,
        "learning_rate": 1e-9,
    }
    report = pretrain(
        open_corpus([str(corpus_file)]), None, tmp_path / "more", family="lstm", init=begun, settings=settings
    )  # fmt: skip
    assert report.layers == 2 and report.dim == 32
    before, after = (load_file(path / "model.safetensors") for path in (folder, tmp_path / "more"))
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[name], after[name], atol=1e-6) for name in before)


def test_another_tokenizer_takes_over_the_rows_of_the_same_text(
    folder: Path, corpus_file: Path, cli: Any, tmp_path: Path
) -> None:
    assert cli("train", "bpe", corpus_file, "-v", 420, "-o", tmp_path / "tok").code == 0
    given = [
        "--max-steps",
        "1",
        "--batch-size",
        "4",
        "--context-length",
        "64",
        "--learning-rate",
        "1e-9",
    ]
    given += ["--validation-fraction", "0", "-t", tmp_path / "tok", "-o", tmp_path / "other", "--freeze", "onward"]
    ran = cli("fit", "lstm", corpus_file, "--from", folder, *given)
    assert ran.code == 0, ran.err
    names = [load_tokenizer(path).pieces.names for path in (folder, tmp_path / "other")]
    before, after = (load_file(path / "model.safetensors") for path in (folder, tmp_path / "other"))
    shared = [name for name in names[1] if name in names[0]]
    assert len(names[1]) == 420 == len(after["table.weight"]) and len(shared) > 300
    rows = [[table.index(name) for name in shared] for table in names]
    for name in ("table.weight", "head.bias"):
        assert torch.allclose(before[name][rows[0]], after[name][rows[1]], atol=1e-6)
    assert torch.equal(before["onward.0.weight_hh_l0"], after["onward.0.weight_hh_l0"])


def test_a_model_of_another_family_is_no_start(folder: Path, cli: Any, tmp_path: Path) -> None:
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}', "utf-8")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "bert" / name).write_bytes((folder / name).read_bytes())
    assert_error(cli("fit", "lstm", "@lee", "--from", tmp_path / "bert", "-o", tmp_path / "m"), 2, "type 'bert'")
    assert_error(cli("fit", "bert", "@lee", "--from", folder, "-o", tmp_path / "m"), 1, "tokit-lstm")


def test_columns_of_a_model_without_heads_are_any_number() -> None:
    assert language_model_family("lstm").Params(hidden_size=200).shape("mini").hidden_size == 200
