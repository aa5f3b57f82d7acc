"""QK and OV tables against the model's own scores, and against matrices multiplied by hand."""

from itertools import product

import numpy as np
import pytest
import torch

from llm_core.config import TaskConfig, TransformerConfig
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import see
from llm_core.interpret.circuits.circuit_tables import CircuitTable, copying, ov_circuit, qk_circuit
from llm_core.interpret.components import Component
from llm_core.interpret.reading import Reading
from llm_core.models.base import Model
from llm_core.models.build import build
from tests.interpret.known_circuit import INDUCTION_HEAD, LETTERS, PREVIOUS_HEAD, TOKENIZER, known_circuit
from tests.interpret.opened import model_of, side_of

TOKENS = (2, 7, 11, 5)


class Pieces:
    """As much of a tokenizer as a table needs."""

    begin: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    separators = frozenset[int]()

    def __init__(self) -> None:
        self.pieces = [f"t{token}" for token in range(19)]

    def encode(self, text: str) -> list[int]:
        raise NotImplementedError

    def spans(self, text: str) -> list[tuple[int, int]]:
        raise NotImplementedError


def head(part: str, layer: int, index: int) -> Component:
    return Component.parse(f"{part}.{layer}.{index}")


def qk(model: Model, name: Component, distance: int = 0) -> CircuitTable:
    return qk_circuit(model, Pieces(), name, TOKENS, TOKENS[:3], distance=distance)


@pytest.mark.parametrize(
    "options",
    [
        {"position": "rotary", "norm": "rms", "query_key_norm": True},
        {"position": "rotary", "norm": "layer", "biases": True, "key_value_heads": 2, "embedding_norm": True},
        {"position": "none", "norm": "layer", "norm_position": "after", "biases": True, "architecture": "encoder"},
    ],
)
def test_in_the_first_layer_the_scores_are_those_of_the_model(options: dict[str, object]) -> None:
    model = model_of(**options)
    part = "encoder" if "architecture" in options else "decoder"
    for index in (0, 3):
        here, before = qk(model, head(part, 0, index)), qk(model, head(part, 0, index), distance=1)
        for (row, query), (column, key) in product(enumerate(TOKENS), enumerate(TOKENS[:3])):
            seen = see(model, Reading(side_of(key, query), None, 0)).parts[part].scores[0, index]  # type: ignore[index]
            assert before.values[row, column] == pytest.approx(seen[1, 0], rel=1e-4, abs=1e-5)
            if query == key:
                assert here.values[row, column] == pytest.approx(seen[1, 1], rel=1e-4, abs=1e-5)
    assert here.row_tokens == ("t2", "t7", "t11", "t5")
    assert here.columns == TOKENS[:3]
    assert np.array_equal(here.values, before.values) == (options["position"] == "none")


def test_the_cross_attention_compares_a_token_of_the_text_with_one_of_the_source() -> None:
    model = model_of(architecture="encoder_decoder", position="none", norm="layer", biases=True)
    found = qk(model, head("cross", 1, 2))
    stream = model.get_parameter("token_embedding.weight")
    with torch.no_grad():
        asking = model.get_submodule("decoder.blocks.1.cross_norm")(stream[list(TOKENS)])
        queries = model.get_submodule("decoder.blocks.1.cross_attention.query")(asking)[:, 12:18]
        asked = model.get_submodule("encoder.final_norm")(stream[list(TOKENS[:3])])
        keys = model.get_submodule("decoder.blocks.1.cross_attention.key_value")(asked)[:, 12:18]
    assert np.allclose(found.values, queries @ keys.T / 6**0.5, rtol=1e-4, atol=1e-4)


def test_an_ov_table_is_the_product_of_the_matrices_on_the_way() -> None:
    model = model_of(norm="layer", biases=True, tied_embeddings=False, embedding_scale=True)
    with torch.no_grad():
        for name in ("final_norm", "blocks.1.attention_norm"):
            model.get_parameter(f"{name}.weight").mul_(torch.linspace(0.5, 1.5, 24))
    found = ov_circuit(model, Pieces(), head("decoder", 1, 3), TOKENS, (0, 18)).values
    for row, token in enumerate(TOKENS):
        with torch.no_grad():
            x = model.get_parameter("token_embedding.weight")[token] * 24**0.5
            x = model.get_submodule("blocks.1.attention_norm")(x)
            x = model.get_parameter("blocks.1.attention.query_key_value.weight")[66:72] @ x
            x = model.get_parameter("blocks.1.attention.output.weight")[:, 18:] @ x
            x = (x - x.mean()) * model.get_parameter("final_norm.weight")
            expected = model.get_parameter("token_head.weight")[[0, 18]] @ x
        assert np.allclose(found[row], expected, rtol=1e-4, atol=1e-4)


def test_with_norms_after_the_sublayers_an_ov_table_passes_all_of_them() -> None:
    model = model_of(norm="rms", norm_position="after", final_norm=False)
    with torch.no_grad():
        for layer, name in product((0, 1), ("attention", "feed_forward")):
            model.get_parameter(f"blocks.{layer}.{name}_norm.weight").mul_(torch.linspace(0.5, 1.5, 24))
    found = ov_circuit(model, Pieces(), head("decoder", 0, 0), TOKENS, (1,)).values
    gains = [
        model.get_parameter(f"blocks.{layer}.{name}_norm.weight") for layer in (0, 1) for name in ("attention", "feed_forward")
    ]  # fmt: skip
    with torch.no_grad():
        x = model.get_parameter("token_embedding.weight")[TOKENS[2]]
        x = model.get_parameter("blocks.0.attention.query_key_value.weight")[48:54] @ x
        x = model.get_parameter("blocks.0.attention.output.weight")[:, :6] @ x
        for gain in gains:
            x = x * gain
        assert found[2, 0] == pytest.approx(float(model.get_parameter("token_embedding.weight")[1] @ x), rel=1e-4)


def test_a_copying_head_is_known_by_its_positive_eigenvalues() -> None:
    def table(values: list[list[float]]) -> CircuitTable:
        array = np.array(values, dtype=np.float32)
        ids, tokens = tuple(range(len(array))), ("x",) * len(array)
        return CircuitTable(head("decoder", 0, 0), ids, ids, tokens, tokens, array)

    assert copying(table([[2, 1], [0, 1]])).eigenvalues == pytest.approx(1.0)  # eigenvalues 2 and 1
    assert copying(table([[-2, 1], [0, 1]])).eigenvalues == pytest.approx(-1 / 3)
    assert copying(table([[0, -1], [1, 0]])).eigenvalues == pytest.approx(0.0)  # i and -i
    assert copying(table([[2, 3], [0, 1]])).own == 0.5
    assert copying(table([[2, 3], [0, 1]])).chance == 0.5
    assert copying(table([[0, 0], [0, 0]])).own == 0.0


def test_of_the_known_circuit_only_the_induction_head_copies() -> None:
    model, letters = known_circuit(), range(1, 1 + len(LETTERS))
    for layer, index in product(range(2), range(4)):
        name = head("decoder", layer, index)
        found = copying(ov_circuit(model, TOKENIZER, name, letters, letters))
        expected = 1.0 if name == Component.of_head(INDUCTION_HEAD) else 0.0
        assert found.own == expected
        assert found.eigenvalues == pytest.approx(expected)
    looks = qk_circuit(model, TOKENIZER, Component.of_head(PREVIOUS_HEAD), letters, letters)
    assert not looks.values.any()  # by place alone


def test_what_has_no_table_is_refused_with_a_reason() -> None:
    task = build(
        TaskConfig(body=TransformerConfig(architecture="encoder", vocabulary_size=19, width=24), labels=2), seed=0
    )
    transformed = model_of(architecture="encoder", head_transform=True)
    crossed = model_of(architecture="encoder_decoder")
    pieces = Pieces()
    for model, part, reason in ((task, "encoder", "task"), (transformed, "encoder", "bend"), (crossed, "encoder", "decoder")):  # fmt: skip
        with pytest.raises(UserError, match=reason):
            ov_circuit(model, pieces, head(part, 0, 0), TOKENS, TOKENS)
    assert ov_circuit(crossed, pieces, head("cross", 0, 0), TOKENS, TOKENS).values.shape == (4, 4)
    assert qk_circuit(task, pieces, head("encoder", 0, 0), TOKENS, TOKENS).values.shape == (4, 4)
    model = model_of()
    with pytest.raises(UserError, match="no decoder"):
        qk_circuit(model, pieces, head("decoder", 5, 0), TOKENS, TOKENS)
    with pytest.raises(UserError, match="token 19"):
        qk_circuit(model, pieces, head("decoder", 0, 0), (19,), TOKENS)
    with pytest.raises(UserError, match="distance"):
        qk(model, head("decoder", 0, 0), distance=12)
    with pytest.raises(UserError, match="Choose from 1"):
        qk_circuit(model, pieces, head("decoder", 0, 0), (), TOKENS)
    with pytest.raises(UserError, match="same tokens"):
        copying(qk(model, head("decoder", 0, 0)))
