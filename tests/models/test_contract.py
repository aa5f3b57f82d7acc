"""The one sheet of behaviours that every model family passes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from llm_core.config import ModelConfig, NgramConfig, RecurrentConfig, TransformerConfig
from llm_core.models.base import Batch, Model
from llm_core.models.build import build
from llm_core.models.encoder_decoder import EncoderDecoder
from llm_core.models.files import load_model, save_model
from llm_core.models.ngram import Ngram
from llm_core.models.presets import preset
from llm_core.taps import observe, tap_names

V, CONTEXT = 23, 16
SIZE = {"vocabulary_size": V, "context": CONTEXT, "width": 16, "layers": 2, "heads": 4}
FAMILIES: dict[str, ModelConfig] = {
    "ours": preset("ours", **SIZE),
    "transformer 2017": preset("transformer", **SIZE),
    "gpt2": preset("gpt2", **SIZE),
    "bert": preset("bert", **SIZE),
    "llama": preset("llama", key_value_heads=2, **SIZE),
    "qwen": preset("qwen", key_value_heads=1, **SIZE),
    "attention only": TransformerConfig(feed_forward_width=0, position="none", **SIZE),
    "after, sinusoidal": TransformerConfig(norm_position="after", position="sinusoidal", query_key_norm=True, **SIZE),
    "encoder-decoder, rotary": TransformerConfig(architecture="encoder_decoder", query_key_norm=True, **SIZE),
    "lstm": RecurrentConfig(vocabulary_size=V, context=CONTEXT, width=16, layers=2),
    "lstm, untied": RecurrentConfig(vocabulary_size=V, context=CONTEXT, width=16, layers=1, tied_embeddings=False),
    "trigram": NgramConfig(vocabulary_size=V, context=CONTEXT, order=3),
    "unigram": NgramConfig(vocabulary_size=V, context=CONTEXT, order=1),
}


def draw(*shape: int, seed: int = 1) -> Tensor:
    return torch.randint(V, shape, generator=torch.Generator().manual_seed(seed))


def stir(model: Model) -> Model:
    """Random weights everywhere: some begin at zero, where much would be equal by chance."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    if isinstance(model, Ngram):
        model.fit(np.random.default_rng(0).integers(0, V, 400) // 2)
    return model.eval()


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Model:
    return stir(build(FAMILIES[request.param], seed=3))


def reading(model: Model, rows: int) -> Batch | None:
    """The source that an encoder-decoder reads; other families need none."""
    lengths = torch.tensor([7, 3, 5, 6][:rows])
    return Batch(draw(rows, 7, seed=2), lengths) if isinstance(model, EncoderDecoder) else None


def run(model: Model, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(Batch(tokens, lengths, source=reading(model, tokens.shape[0])))
    return logits


def test_logits_have_a_place_for_every_token(model: Model) -> None:
    logits = run(model, draw(4, 9))
    assert logits.shape == (4, 9, V)
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()


def test_one_position_and_the_whole_context_both_work(model: Model) -> None:
    assert run(model, draw(1, 1)).shape == (1, 1, V)
    assert run(model, draw(1, CONTEXT)).shape == (1, CONTEXT, V)


def test_padding_changes_nothing_that_is_real(model: Model) -> None:
    tokens, lengths = draw(4, 9), torch.tensor([9, 1, 5, 8])
    padded = run(model, tokens, lengths)
    other = torch.where(Batch(tokens, lengths).real, tokens, (tokens + 1) % V)
    changed = run(model, other, lengths)
    source = reading(model, 4)
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(padded[row, :length], changed[row, :length])
        with torch.no_grad():
            alone_source = None
            if source is not None:
                alone_source = Batch(source.tokens[row : row + 1, : source.lengths[row]])
            alone = model(Batch(tokens[row : row + 1, :length], source=alone_source))
        torch.testing.assert_close(padded[row, :length], alone[0], atol=2e-5, rtol=1e-4)


def test_a_causal_model_does_not_see_what_comes_later(model: Model) -> None:
    tokens = draw(2, 9)
    later = tokens.clone()
    later[:, 5:] = (later[:, 5:] + 3) % V
    before, after = run(model, tokens)[:, :5], run(model, later)[:, :5]
    assert torch.equal(before, after) == model.causal


@pytest.mark.parametrize("chunks", [[9], [1] * 9, [4, 1, 1, 3], [1, 5, 3]])
def test_steps_equal_the_full_forward(model: Model, chunks: list[int]) -> None:
    if not model.causal:
        with pytest.raises(NotImplementedError):
            model.start(1)
        return
    tokens, written = draw(3, 9), []
    with torch.no_grad():
        state = model.start(3, source=reading(model, 3))
        for chunk in tokens.split(chunks, dim=1):
            logits, state = model.step(chunk, state)
            written.append(logits)
    assert state.length == 9
    torch.testing.assert_close(torch.cat(written, dim=1), run(model, tokens), atol=2e-5, rtol=1e-4)


def test_a_state_of_chosen_rows_goes_on_as_those_rows(model: Model) -> None:
    if not model.causal:
        return
    tokens, rows = draw(3, 9), torch.tensor([2, 0, 2])
    with torch.no_grad():
        _, state = model.step(tokens[:, :6], model.start(3, source=reading(model, 3)))
        logits, state = model.step(tokens[rows, 6:], state.select(rows))
    assert state.length == 9
    torch.testing.assert_close(logits, run(model, tokens)[rows, 6:], atol=2e-5, rtol=1e-4)


def test_it_can_learn_one_batch_by_heart(model: Model) -> None:
    tokens, targets = draw(2, 8), draw(2, 8, seed=9)
    if isinstance(model, Ngram):
        stream = torch.tensor([1, 2, 3, 4, 5, 6] * 50)
        tokens, targets = stream[None, :12], stream[None, 1:13]
        before = F.cross_entropy(run(model, tokens)[0], targets[0])
        after = F.cross_entropy(run(model.fit(stream), tokens)[0], targets[0])
        assert after < (0.5 if model.config.order > 1 else before)  # the window's first token has no history
        return
    batch = Batch(tokens, source=reading(model, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    model.train()
    for _ in range(100):
        loss = F.cross_entropy(model(batch).flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.3:
            break
    assert loss < 0.3


def test_every_parameter_has_a_part_in_the_loss(model: Model) -> None:
    batch = Batch(draw(2, 8), segments=draw(2, 8) % 2, source=reading(model, 2))
    if isinstance(model, Ngram):
        assert not list(model.parameters())
        return
    model.train()
    F.cross_entropy(model(batch).flatten(0, 1), draw(2, 8, seed=9).flatten()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_saved_and_loaded_it_is_the_same_to_the_bit(model: Model, tmp_path: Path) -> None:
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    assert loaded.config == model.config
    assert not loaded.training
    assert torch.equal(run(loaded, draw(2, 9)), run(model, draw(2, 9)))


def test_half_as_large_it_is_nearly_the_same(model: Model, tmp_path: Path) -> None:
    save_model(model, tmp_path, half=True)
    loaded = load_model(tmp_path)
    assert all(p.dtype == torch.float32 for p in loaded.parameters())
    torch.testing.assert_close(run(loaded, draw(2, 9)), run(model, draw(2, 9)), atol=0.05, rtol=0.05)


def test_head_of_body_is_the_whole(model: Model) -> None:
    batch = Batch(draw(2, 9), source=reading(model, 2))
    if not model.has_hidden:
        with pytest.raises(NotImplementedError):
            model.body(batch)
        return
    head: Callable[[Tensor], Tensor] = model.head
    with torch.no_grad():
        hidden = model.body(batch)
        assert hidden.shape == (2, 9, 16)
        assert torch.equal(head(hidden), model(batch))


def test_embeddings_may_take_the_place_of_tokens(model: Model) -> None:
    if not model.has_hidden:
        return
    tokens = draw(2, 9)
    with torch.no_grad():
        vectors = model.token_embedding(tokens)
        if getattr(model.config, "embedding_scale", False):
            vectors = vectors * 4.0
        out = model(Batch(embeddings=vectors, source=reading(model, 2)))
    torch.testing.assert_close(out, run(model, tokens))


def test_looking_changes_nothing_and_every_tap_is_seen_with_its_batch(model: Model) -> None:
    tokens = draw(2, 9)
    plain = run(model, tokens)
    with observe(model) as seen:
        looked_at = run(model, tokens)
    torch.testing.assert_close(looked_at, plain, atol=2e-5, rtol=1e-4)
    assert set(seen) == set(tap_names(model))
    assert all(x.shape[0] == 2 for x in seen.values())
    assert bool(seen) == model.has_hidden


def test_the_same_seed_builds_the_same_model() -> None:
    for config in FAMILIES.values():
        one, same, other = build(config, 1).state_dict(), build(config, 1).state_dict(), build(config, 2).state_dict()
        assert all(torch.equal(one[name], same[name]) for name in one)
        if config.family != "ngram":
            assert any(not torch.equal(one[name], other[name]) for name in one)


def test_building_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    for config in FAMILIES.values():
        build(config, 5)
    assert torch.equal(before, torch.get_rng_state())
