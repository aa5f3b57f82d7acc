"""The closed form of a model's size is its size."""

import random
import time

import pytest
import torch
import torch.nn.functional as F

from llm_core.config import Architecture, ModelConfig, NgramConfig, RecurrentConfig, TrainingConfig, TransformerConfig
from llm_core.errors import UserError
from llm_core.models.base import Batch
from llm_core.models.build import build
from llm_core.models.presets import PRESETS, preset
from llm_core.models.size import count_parameters, estimate_memory


def draw_config(seed: int) -> ModelConfig:
    dice = random.Random(seed)
    common = {"vocabulary_size": dice.randint(2, 40), "context": dice.randint(2, 12)}
    yes_or_no = [True, False]
    if dice.random() < 0.1:
        return RecurrentConfig(**common, width=dice.randint(2, 20), layers=dice.randint(1, 3), tied_embeddings=dice.choice(yes_or_no))  # fmt: skip
    heads = dice.choice([1, 2, 3, 4, 6])
    architecture: Architecture = dice.choice(["decoder", "encoder", "encoder_decoder"])
    reads = architecture == "encoder"
    return TransformerConfig(
        **common, architecture=architecture, sentence_head=reads and dice.choice(yes_or_no),
        query_stream=reads and dice.choice(yes_or_no),
        width=heads * 2 * dice.randint(1, 3), layers=dice.randint(0, 3), heads=heads,
        key_value_heads=dice.choice([None, *(n for n in range(1, heads + 1) if heads % n == 0)]),
        feed_forward_width=dice.choice([None, 0, 7]),
        position=dice.choice(["learned", "sinusoidal", "rotary", "none"]), norm=dice.choice(["layer", "rms"]),
        norm_position=dice.choice(["before", "after"]), norm_weights=dice.choice(yes_or_no),
        embedding_norm=dice.choice(yes_or_no), final_norm=dice.choice(yes_or_no),
        query_key_norm=dice.choice(yes_or_no),
        activation=dice.choice(["relu", "gelu", "gelu_tanh", "swiglu", "relu_squared"]),
        biases=dice.choice(yes_or_no), query_key_value_biases=dice.choice([None, True, False]),
        tied_embeddings=dice.choice(yes_or_no), head_bias=dice.choice(yes_or_no),
        head_transform=dice.choice(yes_or_no), segments=dice.randint(0, 3),
        initialization=dice.choice(["normal", "zero_output", "xavier"]),
    )  # fmt: skip


@pytest.mark.parametrize("start", range(0, 300, 50))
def test_the_count_is_right_for_any_config(start: int) -> None:
    for seed in range(start, start + 50):
        config = draw_config(seed)
        assert count_parameters(config) == sum(p.numel() for p in build(config).parameters()), config


def test_famous_sizes_come_out() -> None:
    assert count_parameters(preset("gpt2", vocabulary_size=50257, context=1024, width=768, layers=12, heads=12)) == 124_439_808  # fmt: skip
    bert = preset("bert", vocabulary_size=30522, context=512, width=768, layers=12, heads=12)
    assert count_parameters(bert) == 109_514_298
    assert count_parameters(NgramConfig(vocabulary_size=1000)) == 0


@pytest.mark.parametrize("changes", [{"layers": 64, "width": 4096, "heads": 32}, {"vocabulary_size": 200_000, "width": 512}])  # fmt: skip
def test_a_model_too_large_is_refused_before_it_is_built(changes: dict[str, int]) -> None:
    begin = time.perf_counter()
    with pytest.raises(UserError, match="at most 50,000,000"):
        build(TransformerConfig(**{"vocabulary_size": 1000, **changes}))  # type: ignore[arg-type]
    assert time.perf_counter() - begin < 1


def test_a_model_without_vocabulary_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="vocabulary"):
        build(TransformerConfig())


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(UserError, match=", ".join(PRESETS)):
        preset("gpt9")


@pytest.mark.parametrize("name", ["ours", "gpt2", "llama"])
def test_the_memory_estimate_is_right_to_about_a_third(name: str) -> None:
    config = preset(name, vocabulary_size=300, context=64, width=64, layers=3, heads=4)
    training = TrainingConfig(batch_size=8, optimizer="adamw")
    model = build(config)
    kept: dict[int, int] = {}

    def keep(x: torch.Tensor) -> torch.Tensor:
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    tokens = torch.zeros(8, 64, dtype=torch.int64)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        loss = F.cross_entropy(model(Batch(tokens)).flatten(0, 1), tokens.flatten())
    weights = 4 * count_parameters(config)
    mine = {p.untyped_storage().data_ptr() for p in model.parameters()}
    activations = sum(size for place, size in kept.items() if place not in mine)
    measured = 4 * weights + activations  # weights, gradients, two moments
    assert loss.requires_grad
    assert 0.67 < estimate_memory(config, training) / measured < 1.5
