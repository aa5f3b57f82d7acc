"""The closed form of the work of a forward pass against what torch counts, and how work adds up."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from llm_core.config import ModelConfig, RecurrentConfig, TaskConfig, TrainingConfig, TransformerConfig
from llm_core.models.base import Batch
from llm_core.models.build import build
from llm_core.models.work import Work, forward, update, written
from llm_core.taps import observe

SMALL = {"vocabulary_size": 60, "context": 16, "width": 32, "layers": 2}
DECODER = TransformerConfig(**SMALL, heads=4)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "config",
    [
        DECODER,
        DECODER.model_copy(update={"activation": "swiglu", "feed_forward_width": 48}),
        DECODER.model_copy(update={"key_value_heads": 2}),
        DECODER.model_copy(update={"feed_forward_width": 0}),
        DECODER.model_copy(update={"architecture": "encoder"}),
        RecurrentConfig(**SMALL),  # type: ignore[arg-type]
        TaskConfig(task="tag", labels=5, body=DECODER.model_copy(update={"architecture": "encoder"})),
    ],
    ids=["decoder", "swiglu", "grouped", "attention-only", "encoder", "lstm", "tagger"],
)
def test_the_operations_of_a_forward_pass_are_those_that_torch_counts(config: ModelConfig) -> None:
    model = build(config).eval()
    tokens = torch.zeros(3, 16, dtype=torch.int64)
    # Fused attention and a fused LSTM are not counted; where somebody looks they are not fused.
    with FlopCounterMode(display=False) as counter, torch.no_grad(), observe(model):
        model(Batch(tokens))
    assert forward(config, 3, 16).operations == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_an_encoder_decoder_works_on_both_sides_and_across() -> None:
    config = DECODER.model_copy(update={"architecture": "encoder_decoder"})
    model = build(config).eval()
    tokens = torch.zeros(3, 16, dtype=torch.int64)
    with FlopCounterMode(display=False) as counter, torch.no_grad(), observe(model):
        model(Batch(tokens, source=Batch(tokens)))
    assert forward(config, 3, 16).operations == pytest.approx(counter.get_total_flops(), rel=0.02)


def test_a_step_is_three_forward_passes_and_the_optimizer_each_as_often_as_it_comes() -> None:
    plain = TrainingConfig(optimizer="adamw")
    once = forward(DECODER, 4, 16)
    step = update(DECODER, plain, 4, 16)
    assert step.operations == 3 * once.operations
    assert step.calls > 2 * once.calls
    twice = update(DECODER, plain.model_copy(update={"accumulation": 2}), 4, 16)
    assert twice.operations == 6 * once.operations
    muon = update(DECODER, TrainingConfig(optimizer="muon"), 4, 16)
    assert muon.operations > step.operations
    # 5 iterations for each of 2 × (4 + 2) matrices, products of 2mnk operations: 32 × 32 takes 6 × 32³, 128 × 32 more.
    assert muon.operations - step.operations == 5 * 2 * (4 * 6 * 32**3 + 2 * (4 * 32**2 * 128 + 2 * 32**3))


def test_work_grows_where_the_model_does_and_calls_grow_with_layers_alone() -> None:
    wide, deep = DECODER.model_copy(update={"width": 64}), DECODER.model_copy(update={"layers": 4})
    small = forward(DECODER, 2, 16)
    assert forward(wide, 2, 16).calls == small.calls
    assert forward(deep, 2, 16).calls > 1.5 * small.calls
    assert forward(wide, 2, 16).operations > 2 * small.operations
    assert written(deep, 10).calls == pytest.approx(written(deep, 5).calls * 2)
    assert Work(1, 2, 3) + Work(4, 5, 6) == Work(5, 7, 9)
    assert Work(1, 2, 3).times(2) == Work(2, 4, 6)
