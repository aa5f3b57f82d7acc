"""The short way for one token gives what the blocks give, and is taken only where nothing would be missed."""

import random

import pytest
import torch
from torch import Tensor, nn

from llm_core.config import TransformerConfig
from llm_core.models.build import build
from llm_core.models.transformer import Transformer
from llm_core.taps import observe


def draw_config(seed: int) -> TransformerConfig:
    dice = random.Random(seed)
    return TransformerConfig(
        vocabulary_size=17, context=9, width=24, layers=dice.choice([1, 2]), heads=4,
        key_value_heads=dice.choice([None, 2, 1]), feed_forward_width=dice.choice([None, 10, 0]),
        position=dice.choice(["learned", "sinusoidal", "rotary", "none"]), norm=dice.choice(["layer", "rms"]),
        norm_position=dice.choice(["before", "after"]), norm_weights=dice.choice([True, False]),
        embedding_norm=dice.choice([True, False]), final_norm=dice.choice([True, False]),
        query_key_norm=dice.choice([True, False]),
        activation=dice.choice(["relu", "gelu", "gelu_tanh", "swiglu", "relu_squared"]),
        biases=dice.choice([True, False]), query_key_value_biases=dice.choice([None, True, False]),
        segments=dice.choice([0, 2]), logit_softcap=dice.choice([None, 5.0]),
        embedding_scale=dice.choice([True, False]), head_transform=dice.choice([True, False]),
    )  # fmt: skip


def stirred(config: TransformerConfig) -> Transformer:
    torch.manual_seed(4)
    model = build(config).eval()
    assert isinstance(model, Transformer)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


def write(model: Transformer, watched: bool) -> Tensor:
    tokens, written = torch.randint(17, (2, 9), generator=torch.Generator().manual_seed(0)), []
    state = model.start(2)
    assert state.weights is not None
    with torch.no_grad():
        for token in tokens.split(1, dim=1):
            if watched:  # an open observer sends every token through the blocks
                with observe(model, only=["hidden"]):
                    logits, state = model.step(token, state)
            else:
                logits, state = model.step(token, state)
            written.append(logits)
    return torch.cat(written, dim=1)


@pytest.mark.parametrize("seed", range(40))
def test_the_short_way_equals_the_blocks(seed: int) -> None:
    model = stirred(draw_config(seed))
    torch.testing.assert_close(write(model, watched=False), write(model, watched=True), atol=1e-4, rtol=1e-4)


class Doubled(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def test_a_replaced_hooked_or_training_block_runs_itself() -> None:
    model = stirred(draw_config(0))
    assert model.start(1).weights is not None
    model.train()
    assert model.start(1).weights is None
    model.eval()
    handle = model.blocks[0].attention.output.register_forward_hook(lambda *_: None)
    assert model.start(1).weights is None
    handle.remove()
    model.blocks[0].attention.output = Doubled(24, 24).eval()
    assert model.start(1).weights is None
