"""XLNet's query stream predicts a token from those before it in the order, and from nothing else; by brute force."""

from typing import Any

import pytest
import torch
from torch import Tensor

from llm_core.config import TransformerConfig
from llm_core.errors import UserError
from llm_core.models.base import Batch
from llm_core.models.build import build
from llm_core.models.presets import preset
from llm_core.models.transformer import Transformer
from llm_core.taps import observe

V, T = 11, 7
SIZE: dict[str, Any] = {"vocabulary_size": V, "context": 9, "width": 16, "layers": 3, "heads": 4}
KINDS = {
    "rotary, before": preset("ours", architecture="encoder", query_stream=True, **SIZE),
    "learned, after": preset("bert", query_stream=True, **SIZE),
    "sinusoidal, grouped": TransformerConfig(
        architecture="encoder", position="sinusoidal", key_value_heads=2, query_stream=True, **SIZE
    ),
}
ORDER = [3, 0, 5, 1, 6, 2, 4]


@pytest.fixture(params=KINDS)
def model(request: pytest.FixtureRequest) -> Transformer:
    made = build(KINDS[request.param], seed=4)
    assert isinstance(made, Transformer)
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.3)
    return made.eval()


def logits(model: Transformer, tokens: Tensor, order: list[int], lengths: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(Batch(tokens, lengths, permutation=torch.tensor([order] * len(tokens))))
    return found


def draw(seed: int = 1, rows: int = 1, length: int = T) -> Tensor:
    return torch.randint(V, (rows, length), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("order", [ORDER, [0, 0, 0, 2, 1, 0, 0], [0, 1, 2, 3, 4, 5, 6]])
def test_a_prediction_depends_on_the_tokens_before_it_in_the_order_alone(model: Transformer, order: list[int]) -> None:
    tokens = draw()
    usual = logits(model, tokens, order)[0]
    assert torch.isfinite(usual).all()
    for changed in range(T):
        others = tokens.clone()
        others[0, changed] = (others[0, changed] + 1) % V
        now = logits(model, others, order)[0]
        for asked in range(T):
            same = torch.equal(usual[asked], now[asked])
            assert same == (order[changed] >= order[asked]), (asked, changed)


def test_a_position_is_known_where_its_token_is_not(model: Transformer) -> None:
    found = logits(model, draw(), ORDER)[0]
    assert len({tuple(row.tolist()) for row in found}) == T


def test_the_content_stream_is_that_of_an_encoder_with_the_order_as_its_mask(model: Transformer) -> None:
    """Taken apart: the first half of what runs through a block is the content, layer by layer."""
    tokens = draw()
    batch = Batch(tokens, permutation=torch.tensor([ORDER]))
    with torch.no_grad(), observe(model, only=["blocks.*.residual_after", "blocks.*.attention.pattern"]) as seen:
        model(batch)
    for layer in range(3):
        pattern = seen[f"blocks.{layer}.attention.pattern"][0]
        assert pattern.shape == (4, 2 * T, T)
        for place in range(T):
            may = torch.tensor([other <= ORDER[place] for other in ORDER])
            assert (pattern[:, place, ~may] == 0).all()
            may = torch.tensor([other < ORDER[place] for other in ORDER])
            if ORDER[place]:
                assert (pattern[:, T + place, ~may] == 0).all()
    # Where all are known from the start, the content stream is the encoder without any order.
    with torch.no_grad(), observe(model, only=["hidden"]) as both:
        model(Batch(tokens, permutation=torch.zeros(1, T, dtype=torch.int64)))
        plain = model.body(Batch(tokens))
    torch.testing.assert_close(both["hidden"][:, :T], plain)


def test_fused_and_explicit_attention_agree(model: Transformer) -> None:
    tokens = draw(rows=3)
    plain = logits(model, tokens, ORDER)
    with observe(model, only=["blocks.*.attention.scores"]):
        watched = logits(model, tokens, ORDER)
    torch.testing.assert_close(plain, watched, atol=2e-5, rtol=1e-4)


def test_padding_is_seen_by_nobody(model: Transformer) -> None:
    tokens, lengths = draw(rows=2, length=T), torch.tensor([T, 4])
    order = [0, 2, 1, 0, 0, 0, 0]
    padded = logits(model, tokens, order, lengths)
    alone = logits(model, tokens[1:, :4], order[:4])
    torch.testing.assert_close(padded[1:, :4], alone, atol=2e-5, rtol=1e-4)


def test_gradients_are_finite_where_a_position_sees_nothing(model: Transformer) -> None:
    model.train()
    found = model(Batch(draw(), permutation=torch.zeros(1, T, dtype=torch.int64)))
    found.square().mean().backward()
    assert all(bool(p.grad.isfinite().all()) for p in model.parameters() if p.grad is not None)


def test_without_a_permutation_it_is_the_encoder_that_it_was(model: Transformer) -> None:
    plain = build(model.config.model_copy(update={"query_stream": False}))
    weights = {name: value for name, value in model.state_dict().items() if name != "query_embedding.weight"}
    plain.load_state_dict(weights)
    with torch.no_grad():
        assert torch.equal(plain.eval()(Batch(draw())), model(Batch(draw())))
        with pytest.raises(ValueError, match="query stream"):
            plain(Batch(draw(), permutation=torch.tensor([ORDER])))
        with pytest.raises(ValueError, match="context"):
            model(Batch(draw(length=10), permutation=torch.zeros(1, 10, dtype=torch.int64)))


@pytest.mark.parametrize("part", ["query_stream", "sentence_head"])
def test_only_an_encoder_has_them(part: str) -> None:
    for architecture in ("decoder", "encoder_decoder"):
        with pytest.raises(UserError, match=f"Only an encoder .* architecture is {architecture}"):
            TransformerConfig(architecture=architecture, **{part: True})  # type: ignore[arg-type]
