"""Writing: equal to the full forward, independent of the batch, seeded, and honest about its probabilities."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from llm_core import hub
from llm_core.config import DecodingConfig, ModelConfig, NgramConfig, RecurrentConfig, TransformerConfig
from llm_core.inference.generate import generate
from llm_core.inference.reader import Token
from llm_core.models.base import Batch, Model
from llm_core.models.build import build
from llm_core.models.ngram import Ngram
from llm_core.models.presets import preset
from llm_core.taps import observe

V = 29
FAMILIES: dict[str, ModelConfig] = {
    "ours": preset("ours", vocabulary_size=V, context=12, width=16, layers=2, heads=2),
    "gpt2": preset("gpt2", vocabulary_size=V, context=12, width=16, layers=2, heads=2),
    "lstm": RecurrentConfig(vocabulary_size=V, width=16, layers=2),
    "ngram": NgramConfig(vocabulary_size=V, order=3),
}


def family(name: str) -> Model:
    model = build(FAMILIES[name], seed=1)
    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    if isinstance(model, Ngram):
        model.fit(np.random.default_rng(0).integers(0, V, 500))
    return model.eval()


@pytest.fixture(params=FAMILIES)
def model(request: pytest.FixtureRequest) -> Model:
    return family(request.param)


def write(model: Model, prompts: list[list[int]], stop: int | None = None, **settings: Any) -> list[list[Token]]:
    """The tokens of each row."""
    rows: list[list[Token]] = [[] for _ in prompts]
    for together in generate(model, prompts, DecodingConfig(**settings), stop=stop):
        for token in together:
            rows[token.row].append(token)
    return rows


def ids(tokens: list[Token]) -> list[int]:
    return [token.id for token in tokens]


def window(model: Model, known: list[int]) -> list[int]:
    """What the model sees of a text: all of it, or the window that moves on by a quarter of the context."""
    limit = model.maximum_length
    if limit is None or len(known) <= limit:
        return known
    hop = limit // 4
    return known[hop * -((limit - len(known)) // hop) :]


@pytest.mark.parametrize("tokens", [8, 30])
def test_greedy_is_the_likeliest_token_of_the_full_forward(model: Model, tokens: int) -> None:
    known = [1, 2, 3]
    for token in write(model, [known], tokens=tokens, method="greedy")[0]:
        with torch.no_grad():
            log_p = model(Batch(torch.tensor([window(model, known)])))[0, -1].log_softmax(-1)
        assert token.id == int(log_p.argmax())
        assert token.logprobability == pytest.approx(float(log_p.max()), abs=1e-4)
        assert token.position == len(known)
        known = [*known, token.id]


def test_a_window_shows_at_least_three_quarters_of_the_context() -> None:
    model = family("ours")
    sizes = {len(window(model, [0] * length)) for length in range(12, 60)}
    assert sizes == {10, 11, 12}


@pytest.mark.parametrize("method", ["greedy", "sample"])
def test_a_row_does_not_depend_on_the_others(model: Model, method: str) -> None:
    prompts = [[1, 2, 3], [4], list(range(20)), [5, 6, 7, 8, 9]]
    together = write(model, prompts, tokens=12, method=method, seed=7)
    for row, prompt in enumerate(prompts):
        alone = write(model, [prompt], tokens=12, method=method, seed=7 + row)[0]
        assert ids(together[row]) == ids(alone)
        np.testing.assert_allclose(
            [t.logprobability for t in together[row]], [t.logprobability for t in alone], atol=1e-4
        )
        assert [t.position for t in together[row]] == list(range(len(prompt), len(prompt) + 12))


def test_the_same_seed_writes_the_same_and_another_seed_something_else(model: Model) -> None:
    one, same, other = (ids(write(model, [[1]], tokens=20, temperature=2.0, seed=s)[0]) for s in (5, 5, 6))
    assert one == same
    assert one != other


def test_sampling_leaves_the_global_generators_alone(model: Model) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    write(model, [[1]], tokens=5)
    assert torch.equal(before, torch.get_rng_state())


def test_probabilities_are_the_models_own_before_temperature_and_truncation(model: Model) -> None:
    settings = {"temperature": 0.3, "top_k": 3, "repetition_penalty": 2.0, "alternatives": 4}
    token = write(model, [[1, 2, 3]], tokens=1, **settings)[0][0]
    with torch.no_grad():
        log_p = model(Batch(torch.tensor([[1, 2, 3]])))[0, -1].log_softmax(-1)
    p = log_p.exp()
    assert token.probability == pytest.approx(float(p[token.id]), rel=1e-4)
    assert token.entropy == pytest.approx(float(-(p * log_p).sum()), rel=1e-4)
    best = p.topk(4)
    assert [i for i, _ in token.alternatives] == best.indices.tolist()
    np.testing.assert_allclose([q for _, q in token.alternatives], best.values.numpy(), rtol=1e-4)


def test_more_alternatives_than_tokens_are_all_tokens(model: Model) -> None:
    token = write(model, [[1]], tokens=1, alternatives=100)[0][0]
    assert sorted(i for i, _ in token.alternatives) == list(range(V))
    assert write(model, [[1]], tokens=1, alternatives=0)[0][0].alternatives == ()


def test_a_row_ends_with_its_stop_token_while_the_others_go_on(model: Model) -> None:
    prompts = [[1, 2], [3, 4, 5], [6]]
    free = write(model, prompts, tokens=10, seed=3, temperature=2.0)
    stop = free[0][4].id
    stopped = write(model, prompts, stop=stop, tokens=10, seed=3, temperature=2.0)
    for unbounded, bounded in zip(free, stopped, strict=True):
        written = ids(unbounded)
        assert ids(bounded) == (written[: written.index(stop) + 1] if stop in written else written)


def test_tokens_come_one_position_at_a_time(model: Model) -> None:
    writing = generate(model, [[1, 2], [3, 4]], DecodingConfig(tokens=3))
    assert [token.position for token in next(writing)] == [2, 2]
    with observe(model) as seen:  # what the caller does between two tokens is not inside the generator's doings
        assert torch.zeros(1, requires_grad=True).add(1).requires_grad
    assert not seen
    assert len(list(writing)) == 2


def test_edits_change_what_is_written_and_stay_inside() -> None:
    model = family("ours")
    plain = ids(write(model, [[1, 2, 3]], tokens=10, method="greedy")[0])
    edits = {"blocks.1.residual_after": lambda x: x + 20 * torch.cos(torch.arange(16.0))}
    writing = generate(model, [[1, 2, 3]], DecodingConfig(tokens=10, method="greedy"), edits=edits)
    edited = [next(writing)[0].id]
    assert ids(write(model, [[1, 2, 3]], tokens=10, method="greedy")[0]) == plain
    edited += [tokens[0].id for tokens in writing]
    assert edited != plain
    known = [1, 2, 3]
    for token in edited[:8]:
        with torch.no_grad(), observe(model, only=[], edits=edits):
            assert token == int(model(Batch(torch.tensor([known])))[0, -1].argmax())
        known.append(token)


def test_misuse_is_named(model: Model) -> None:
    with pytest.raises(ValueError, match="at least one token"):
        list(generate(model, [[1], []], DecodingConfig()))
    model.train()
    with pytest.raises(ValueError, match="eval"):
        list(generate(model, [[1]], DecodingConfig()))
    encoder = build(TransformerConfig(architecture="encoder", vocabulary_size=V, width=16)).eval()
    with pytest.raises(ValueError, match="left to right"):
        list(generate(encoder, [[1]], DecodingConfig()))
    assert list(generate(model.eval(), [], DecodingConfig())) == []


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, Any]:
    """The same random GPT-2, ours and theirs."""
    torch.manual_seed(0)
    settings = {"vocab_size": 61, "n_positions": 48, "n_embd": 32, "n_layer": 2, "n_head": 4}
    peer = GPT2LMHeadModel(GPT2Config(**settings, bos_token_id=None, eos_token_id=None)).eval()
    with torch.no_grad():
        for parameter in peer.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    folder: Path = tmp_path_factory.mktemp("gpt2")
    peer.save_pretrained(folder)
    return hub.read_folder(folder), peer


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_greedy_tokens_are_those_of_transformers(pair: tuple[Model, Any], penalty: float) -> None:
    model, peer = pair
    prompt = [3, 1, 4, 1, 5]
    theirs = peer.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, 5, dtype=torch.int64), max_new_tokens=40,
        do_sample=False, pad_token_id=0, repetition_penalty=penalty,
    )[0, 5:].tolist()  # fmt: skip
    assert ids(write(model, [prompt], tokens=40, method="greedy", repetition_penalty=penalty)[0]) == theirs


@pytest.mark.parametrize("beams", [2, 5])
def test_beam_search_finds_what_transformers_finds(pair: tuple[Model, Any], beams: int) -> None:
    model, peer = pair
    prompt = [3, 1, 4, 1, 5]
    theirs = peer.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, 5, dtype=torch.int64), max_new_tokens=12,
        do_sample=False, num_beams=beams, pad_token_id=0,
    )[0, 5:].tolist()  # fmt: skip
    assert ids(write(model, [prompt], tokens=12, method="beam", beams=beams)[0]) == theirs
