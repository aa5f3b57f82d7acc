"""Beam search against trying every text."""

from itertools import product

import pytest
import torch

from llm_core.config import DecodingConfig, TransformerConfig
from llm_core.inference.beam import Beam, BeamStep, search_steps
from llm_core.inference.generate import generate
from llm_core.inference.reader import Token
from llm_core.models.base import Batch, Model
from llm_core.models.build import build

V = 4


def model_of(seed: int) -> Model:
    model = build(TransformerConfig(vocabulary_size=V, context=12, width=8, layers=1, heads=2), seed=seed).eval()
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.7)
    return model


def search(model: Model, prompts: list[list[int]], stop: int | None = None, **settings: int) -> list[list[Token]]:
    rows: list[list[Token]] = [[] for _ in prompts]
    for together in generate(model, prompts, DecodingConfig(method="beam", **settings), stop=stop):
        for token in together:
            rows[token.row].append(token)
    return rows


def score(model: Model, prompt: list[int], text: tuple[int, ...]) -> float:
    """Sum of the log-probabilities of a text after a prompt."""
    with torch.no_grad():
        log_p = model(Batch(torch.tensor([[*prompt, *text]])))[0].log_softmax(-1)
    return sum(float(log_p[len(prompt) - 1 + i, token]) for i, token in enumerate(text))


@pytest.mark.parametrize("seed", range(5))
def test_wide_enough_it_finds_the_likeliest_of_all_texts(seed: int) -> None:
    model, prompt = model_of(seed), [1, 2]
    best = max(product(range(V), repeat=4), key=lambda text: score(model, prompt, text))
    found = search(model, [prompt], tokens=4, beams=64)[0]
    assert tuple(token.id for token in found) == best
    assert sum(token.logprobability for token in found) == pytest.approx(score(model, prompt, best), abs=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_with_a_stop_it_finds_the_likeliest_per_token(seed: int) -> None:
    model, prompt, stop = model_of(seed), [1, 2], 3
    texts = [text for n in range(1, 5) for text in product(range(V), repeat=n)]
    ended = [text for text in texts if stop not in text[:-1] and (text[-1] == stop or len(text) == 4)]
    best = max(ended, key=lambda text: score(model, prompt, text) / len(text))
    found = search(model, [prompt], stop=stop, tokens=4, beams=64)[0]
    assert tuple(token.id for token in found) == best


def test_one_beam_is_greedy() -> None:
    model = model_of(1)
    greedy = [tokens[0] for tokens in generate(model, [[2]], DecodingConfig(method="greedy", tokens=8))]
    found = search(model, [[2]], tokens=8, beams=1)[0]
    assert [(token.id, token.position) for token in found] == [(token.id, token.position) for token in greedy]


def test_more_beams_never_end_less_likely_than_greedy_here() -> None:
    for seed in range(5):
        model = model_of(seed)
        greedy = [tokens[0].logprobability for tokens in generate(model, [[0]], DecodingConfig(method="greedy", tokens=5))]  # fmt: skip
        assert sum(t.logprobability for t in search(model, [[0]], tokens=5, beams=64)[0]) >= sum(greedy) - 1e-5


def test_rows_and_windows_work_as_in_other_methods() -> None:
    model = model_of(2)
    prompts = [[1], [2, 3, 0], [0] * 15]
    together = search(model, prompts, tokens=6, beams=3)
    for row, prompt in enumerate(prompts):
        alone = search(model, [prompt], tokens=6, beams=3)[0]
        assert [token.id for token in together[row]] == [token.id for token in alone]
        assert [token.position for token in together[row]] == list(range(len(prompt), len(prompt) + 6))


def told(model: Model, prompt: list[int], stop: int | None, **settings: int) -> tuple[list[BeamStep], Beam]:
    """The steps of a search and what it has chosen."""
    found, steps = [], search_steps(model, prompt, DecodingConfig(method="beam", **settings), stop=stop)
    while True:
        try:
            found.append(next(steps))
        except StopIteration as finished:
            return found, finished.value


@pytest.mark.parametrize(("beams", "stop"), [(1, None), (2, None), (3, 3), (5, 3)])
@pytest.mark.parametrize("seed", range(3))
def test_each_step_tells_the_likeliest_of_all_continuations(seed: int, beams: int, stop: int | None) -> None:
    """Against scoring every continuation of every kept beginning with whole forward passes."""
    model, prompt = model_of(seed), [1, 2]
    steps, chosen = told(model, prompt, stop, tokens=4, beams=beams)
    live: list[tuple[int, ...]] = [()]
    over: list[tuple[int, ...]] = []
    for number, step in enumerate(steps):
        every = {(*text, token): score(model, prompt, (*text, token)) for text in live for token in range(V)}
        best = sorted(every, key=lambda text: -every[text])[: 2 * beams]
        assert step.step == number
        assert [(*live[one.parent], one.token.id) for one in step.hypotheses] == best
        assert [one.score for one in step.hypotheses] == pytest.approx([every[text] for text in best], abs=1e-4)
        ending = {text for text in best[:beams] if text[-1] == stop}
        going = [text for text in best if text[-1] != stop][:beams]
        fates = ["ended" if text in ending else "kept" if text in going else "dropped" for text in best]
        assert [one.fate for one in step.hypotheses] == fates
        over += sorted(ending)
        live = going
    texts = over + (live if len(steps) == 4 else [])
    assert tuple(token.id for token in chosen.tokens) == max(texts, key=lambda text: score(model, prompt, text) / len(text))  # fmt: skip
