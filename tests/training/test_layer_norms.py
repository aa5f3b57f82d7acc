"""Norms by part of a model against plain sums of squares, for every family."""

import copy

import pytest
import torch

from llm_core.config import ModelConfig, RecurrentConfig, TaskConfig, TransformerConfig
from llm_core.data.prepare import TokenizedCorpus
from llm_core.models.build import build
from llm_core.training.layer_norms import Measuring, parts_of
from llm_core.training.loop import train
from llm_core.training.records import Layers, Record, Snapshot, Step
from tests.training.conftest import run_config

SMALL = {"width": 16, "heads": 2, "layers": 2, "context": 16, "vocabulary_size": 30}
FAMILIES: dict[str, tuple[ModelConfig, list[str]]] = {
    "decoder": (TransformerConfig(**SMALL), ["embedding", "block 0", "block 1", "head"]),
    "untied": (
        TransformerConfig(**SMALL, architecture="encoder", position="learned", segments=2, embedding_norm=True, head_transform=True, sentence_head=True, query_stream=True, tied_embeddings=False),
        ["embedding", "block 0", "block 1", "head"],
    ),
    "translator": (
        TransformerConfig(**SMALL, architecture="encoder_decoder"),
        ["embedding", "encoder block 0", "encoder block 1", "encoder norm", "decoder block 0", "decoder block 1", "head"],
    ),
    "recurrent": (RecurrentConfig(width=16, layers=2, vocabulary_size=30), ["embedding", "block 0", "block 1"]),
    "task": (
        TaskConfig(labels=3, body=TransformerConfig(**SMALL, architecture="encoder")), ["embedding", "block 0", "block 1", "head"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_the_parts_of_a_model_hold_each_parameter_once_in_the_order_of_the_text(family: str) -> None:
    config, names = FAMILIES[family]
    model = build(config, 1)
    parts = parts_of(model)
    assert list(parts) == names
    held = [id(parameter) for group in parts.values() for parameter in group]
    assert sorted(held) == sorted(id(parameter) for parameter in model.parameters())


def test_parts_stand_in_the_order_of_their_numbers_beyond_ten() -> None:
    parts = parts_of(build(TransformerConfig(**(SMALL | {"layers": 12})), 1))
    assert list(parts) == ["embedding", *(f"block {n}" for n in range(12)), "head"]


def test_norms_are_roots_of_sums_of_squares() -> None:
    model = build(FAMILIES["decoder"][0], 1)
    before = copy.deepcopy(model)
    measuring = Measuring(parts_of(model))
    for number, parameter in enumerate(model.parameters()):
        parameter.grad = torch.full_like(parameter, 0.1 * (number + 1))
    measuring.take_gradients()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.grad *= 0.5  # type: ignore[operator]
            parameter -= parameter.grad  # type: ignore[operator]

    def norm(name: str, values: dict[str, torch.Tensor]) -> float:
        return sum(float((v.detach().double() ** 2).sum()) for key, v in values.items() if key.startswith(name)) ** 0.5

    now, then = dict(model.named_parameters()), dict(before.named_parameters())
    gradients = {name: parameter.grad / 0.5 for name, parameter in now.items() if parameter.grad is not None}
    updates = {name: now[name].detach() - then[name].detach() for name in now}
    for index, prefix in enumerate(("token_embedding", "blocks.0.", "blocks.1.", "final_norm")):
        assert measuring.gradient[index] == pytest.approx(norm(prefix, gradients), rel=1e-4)
        assert measuring.weight_before[index] == pytest.approx(norm(prefix, dict(then)), rel=1e-4)
        assert measuring.weight[index] == pytest.approx(norm(prefix, dict(now)), rel=1e-4)
        assert measuring.update[index] == pytest.approx(norm(prefix, updates), rel=1e-4)


def test_in_a_run_the_parts_make_up_the_gradient_and_the_weights_that_are_kept(corpus: TokenizedCorpus) -> None:
    rows: list[Record] = []
    kept: dict[int, list[float]] = {}
    for record in train(run_config(steps=4, gradient_clipping=0.01), corpus):
        rows.append(record)
        if isinstance(record, Snapshot):
            parts = parts_of(record.state.model)
            kept[record.step] = [
                sum(float((p.detach().double() ** 2).sum()) for p in group) ** 0.5 for group in parts.values()
            ]
    whole = {record.step: record.gradient_norm for record in rows if isinstance(record, Step)}
    layers = [record for record in rows if isinstance(record, Layers)]
    assert [record.step for record in layers] == [1, 2, 3, 4]
    for record in layers:
        assert sum(g * g for g in record.gradient if g) ** 0.5 == pytest.approx(whole[record.step], rel=1e-3)
        assert whole[record.step] > 0.01, "so that clipping would be seen"
        assert record.weight == pytest.approx(kept[record.step], rel=1e-4)
        assert all(change and change > 0 for change in record.update)
