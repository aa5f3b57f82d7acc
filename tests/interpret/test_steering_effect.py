"""What is measured is what was written; no steering stands at strength 0; random directions do less than the right one."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from llm_core.config import DecodingConfig
from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.sampler import texts
from llm_core.errors import UserError
from llm_core.evaluate.world import World
from llm_core.inference.generate import generate
from llm_core.interpret.ablation.ablation import loss_of
from llm_core.interpret.loss_texts import loss_texts
from llm_core.interpret.outcome import outcome
from llm_core.interpret.steering.steering import Direction, steer, stream_places, token_direction
from llm_core.interpret.steering.steering_effect import (
    Effect,
    SteeringPoint,
    mentions,
    predicted,
    steering_by_place,
    steering_curve,
    written,
)
from llm_core.models.base import Batch, Model
from llm_core.taps import observe
from tests.interpret.known_circuit import LETTERS, Letters
from tests.interpret.opened import model_of, reading_of, task_model_of

PROMPTS = ([0, 3, 7], [0, 5], [0, 1, 2, 3])
SIZE = len(LETTERS) + 1
WANTED = 4
"""The letter d."""


def spell(ids: Sequence[int]) -> str:
    return " ".join(LETTERS[each - 1] for each in ids if each)


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of(vocabulary_size=SIZE)


@pytest.fixture(scope="module")
def direction(model: Model) -> Direction:
    return token_direction(model, stream_places(model, "decoder")[-1], WANTED, [Batch(torch.tensor([[0, 3, 7]]))])


def test_a_curve_rises_for_the_right_direction_and_not_for_random_ones(model: Model, direction: Direction) -> None:
    measure = predicted(model, [Batch(torch.tensor([prompt])) for prompt in PROMPTS], [2, 1, 3], [WANTED])
    loss = loss_of(model, loss_texts(model, [reading_of(model)]))
    work = steering_curve(model, direction, [0.0, 1.0, 2.0], measure, loss, random=5)
    points: list[SteeringPoint] = []
    while True:
        try:
            points.append(next(work))
        except StopIteration as end:
            curve = end.value
            break
    assert len(points) == 3 * 6
    assert [each.random for each in points[:6]] == [None, 0, 1, 2, 3, 4]
    assert curve.wanted[0] < curve.wanted[1] < curve.wanted[2]
    assert curve.wanted[2] > 2 * curve.random_wanted[:, 2].mean()
    np.testing.assert_array_equal(curve.random_wanted[:, 0], np.full(5, curve.wanted[0]))
    np.testing.assert_array_equal(curve.random_loss[:, 0], np.full(5, curve.loss[0]))
    # By hand, at strength 2.
    with torch.no_grad(), observe(model, only=(), edits=steer(model, direction, 2.0)):
        shares = [float(model(Batch(torch.tensor([prompt])))[0, -1].double().softmax(-1)[WANTED]) for prompt in PROMPTS]
        logits = model(Batch(torch.tensor([reading_of(model).text.ids])))[0, :-1].double()
        lost = float(torch.nn.functional.cross_entropy(logits, torch.tensor(reading_of(model).text.ids[1:])))
    assert curve.wanted[2] == pytest.approx(np.mean(shares), rel=1e-5)
    assert curve.loss[2] == pytest.approx(lost, rel=1e-5)
    assert points[-6] == SteeringPoint(direction.place, 2.0, None, curve.wanted[2], pytest.approx(np.nan, nan_ok=True), curve.loss[2])  # type: ignore[arg-type]  # fmt: skip


def test_what_is_written_is_counted(model: Model, direction: Direction) -> None:
    decoding = DecodingConfig(tokens=6, temperature=0.5, seed=2)
    measure = written(model, Letters(), spell, PROMPTS, ["d"], decoding)  # type: ignore[arg-type]
    shares = []
    for strength in (-3.0, 0.0, 3.0, 20.0):
        edits = steer(model, direction, strength)
        rows: list[list[int]] = [[], [], []]
        for tokens in generate(model, PROMPTS, decoding, edits=edits):
            for token in tokens:
                rows[token.row].append(token.id)
        found = measure(edits)
        assert found.wanted == sum(WANTED in row for row in rows) / 3
        assert np.isnan(found.valid)
        shares.append(found.wanted)
    assert len(set(shares)) > 1


def test_a_place_is_compared_with_others(model: Model) -> None:
    text = Batch(torch.tensor([[0, 3, 7]]))
    places = stream_places(model, "decoder")
    directions = [token_direction(model, place, WANTED, [text]) for place in places]
    measure = predicted(model, [text], [-1], [WANTED])
    loss = loss_of(model, loss_texts(model, [reading_of(model)]))
    curve = outcome(steering_by_place(model, directions, 2.0, measure, loss, random=1))
    assert curve.places == places
    assert curve.random_wanted.shape == (1, 3)
    for at, each in enumerate(directions):
        assert curve.wanted[at] == pytest.approx(measure(steer(model, each, 2.0)).wanted)


def test_a_direction_that_is_none_steers_nowhere(model: Model, direction: Direction) -> None:
    none = Direction(direction.place, np.zeros_like(direction.unit), direction.norm, 0.0)
    measured: list[dict[str, object]] = []

    def measure(edits: object) -> Effect:
        measured.append(dict(edits))  # type: ignore[call-overload]
        return Effect(0.5, 1.0)

    curve = outcome(steering_curve(model, none, [0.0, 1.0], measure, lambda _edits: np.zeros(1), random=0))
    assert measured == [{}]
    assert curve.wanted.tolist() == [0.5, 0.5]


def test_sentences_are_checked_by_the_grammar() -> None:
    """A model that can only write one token goes on with what is no sentence; a whole story stays one."""
    grammar = load_grammar("stories")
    story = next(iter(texts(grammar, "en", 1, 0, 1)))
    half = story.index(". ") + 1

    class Whole:
        begin, end, separators, pieces = (0,), (), frozenset({0}), ["<begin>", story[:half], story[half:], " Nonsense it. Foo bar."]  # fmt: skip

    model = model_of(vocabulary_size=4)
    checked = World(grammar, "en", range(0))
    decode = lambda ids: "".join(Whole.pieces[each] for each in ids)  # noqa: E731
    greedy = DecodingConfig(tokens=2, method="greedy")
    for token, valid in ((2, 1.0), (3, 0.0)):
        output = {1: token, token: 0}  # after the prompt this token, and then the sign that the text has ended
        measure = written(_Told(model, output), Whole(), decode, [[0, 1]], ["the"], greedy, stop=0, checked=checked)  # type: ignore[arg-type]  # fmt: skip
        assert measure({}).valid == valid


class _Told:
    """A model whose next token is told by the last one."""

    training, causal, maximum_length = False, True, None

    def __init__(self, model: Model, next_token: dict[int, int]) -> None:
        self.model, self.next = model, next_token

    def parameters(self) -> object:
        return self.model.parameters()

    def buffers(self) -> object:
        return self.model.buffers()

    def start(self, _rows: int, _capacity: int, _source: object) -> "_Length":
        return _Length()

    def step(self, tokens: torch.Tensor, state: "_Length") -> tuple[torch.Tensor, "_Length"]:
        state.length += tokens.shape[1]
        logits = torch.zeros(*tokens.shape, 4)
        logits[0, -1, self.next[int(tokens[0, -1])]] = 9.0
        return logits, state


class _Length:
    length = 0


def test_words_are_found_whole_and_chinese_ones_anywhere() -> None:
    assert mentions("Then She ran.", ["she"])
    assert not mentions("The sheep ran.", ["she", "he"])
    assert mentions("她把它放在了包里。", ["她"])
    assert mentions("a (b) c", ["(b)"])
    assert not mentions("nothing", [])


def test_classes_are_measured_too_and_nothing_to_ask_is_refused(model: Model) -> None:
    classifier = task_model_of("classify")
    text = Batch(torch.tensor([[4, 3, 7]]))
    every = predicted(classifier, [text], [None], [0, 1, 2])
    assert every({}).wanted == pytest.approx(1.0)
    assert predicted(classifier, [text], [None], [1, 1])({}).wanted < 1
    with pytest.raises(UserError, match="a token to look for"):
        predicted(model, [text], [0], [])
    with pytest.raises(UserError, match="must be a word"):
        written(model, Letters(), spell, PROMPTS, [" "], DecodingConfig())  # type: ignore[arg-type]
