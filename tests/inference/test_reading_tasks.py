"""What models for a task say of a text: every probability as the full forward pass has it, in its right place."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_core.config import TaskConfig, TransformerConfig
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.errors import UserError
from llm_core.inference.answer import answer, best_spans
from llm_core.inference.label import label
from llm_core.inference.tag import entities_of, marked, tag
from llm_core.models.base import Batch, Model
from llm_core.models.build import build

CONTEXT = 24
TAGS = ("O", "B-person", "I-person", "B-place", "I-place")
TEXT = "Lily went to the big park. 莉莉去了公园。"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer("word", 400, [TEXT * 3, "Who went where? " * 3])


def made(task: str, tokenizer: Tokenizer, **more: object) -> Model:
    body = TransformerConfig(
        architecture="encoder", vocabulary_size=tokenizer.vocabulary_size, context=CONTEXT, width=16, layers=1, heads=2,
        segments=2,
    )  # fmt: skip
    model = build(TaskConfig(task=task, body=body, **more), seed=1)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.5)
    return model.eval()


def forward(model: Model, ids: list[int], segments: list[int] | None = None) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = model(
            Batch(torch.tensor([ids]), segments=None if segments is None else torch.tensor([segments]))
        )
    return logits[0].double()


def test_the_probabilities_of_classes_are_the_models_likeliest_first(tokenizer: Tokenizer) -> None:
    model = made("classify", tokenizer, labels=3)
    texts = ["Lily went.", "公园", ""]
    for text, found in zip(texts, label(model, tokenizer, ("a", "b", "c"), texts), strict=True):
        expected = forward(model, [0, *tokenizer.encode(text)]).softmax(-1).tolist()
        assert found == pytest.approx(dict(zip("abc", expected, strict=True)), abs=1e-5)
        assert list(found.values()) == sorted(found.values(), reverse=True)
    long = label(model, tokenizer, ("a", "b", "c"), ["park " * 100])[0]
    assert sum(long.values()) == pytest.approx(1)


def test_each_word_has_the_likeliest_tag_of_its_first_token(tokenizer: Tokenizer) -> None:
    model = made("tag", tokenizer, labels=len(TAGS))
    found = tag(model, tokenizer, TAGS, "Lily went, 莉莉!")
    assert [found.text[slice(*word)] for word in found.words] == ["Lily", "went", ",", "莉", "莉", "!"]
    ids, spans = tokenizer.encode(found.text), tokenizer.spans(found.text)
    expected = forward(model, [0, *ids])[1:].softmax(-1).numpy()
    for (start, end), name, chances in zip(found.words, found.tags, found.probabilities, strict=True):
        token = next(place for place, (begins, ends) in enumerate(spans) if begins < end and ends > start)
        np.testing.assert_allclose(chances, expected[token], atol=1e-5)
        assert name == TAGS[int(expected[token].argmax())]
    for one in found.entities:
        assert found.text[one.start : one.end] == one.text
        assert 0 < one.probability <= 1


def test_a_text_longer_than_the_context_is_tagged_to_its_end(tokenizer: Tokenizer) -> None:
    model = made("tag", tokenizer, labels=len(TAGS))
    text = "Lily went to the big park. " * 20
    found = tag(model, tokenizer, TAGS, text)
    assert len(found.tags) == len(found.words) == 140
    np.testing.assert_allclose(found.probabilities.sum(-1), 1, atol=1e-5)
    room = CONTEXT - 1
    first = tag(model, tokenizer, TAGS, text[: tokenizer.spans(text)[room - 1][1]])
    np.testing.assert_allclose(found.probabilities[: len(first.words)], first.probabilities, atol=1e-5)
    empty = tag(model, tokenizer, TAGS, " ")
    assert (empty.words, empty.entities, empty.probabilities.shape) == ((), (), (0, 5))


def test_characters_that_share_a_token_share_its_entity() -> None:
    merging = train_tokenizer("bpe", 300, ["莉莉去了公园" * 50])
    model = made("tag", merging, labels=len(TAGS))
    text = "莉莉去了公园"
    assert len(merging.encode(text)) < 6
    found = tag(model, merging, TAGS, text)
    assert len(found.tags) == 6
    for one, after, (start, _) in zip(found.tags, found.tags[1:], found.words[1:], strict=False):
        if any(begins < start < ends for begins, ends in merging.spans(text)):
            assert after == ("O" if one == "O" else f"I-{one[2:]}")


def test_tags_make_entities_and_the_text_shows_them() -> None:
    text = "Tom and Lily went to the big park"
    words = [(0, 3), (4, 7), (8, 12), (13, 17), (18, 20), (21, 24), (25, 28), (29, 33)]
    tags = ["B-person", "O", "I-person", "O", "O", "O", "B-place", "I-place"]
    found = entities_of(text, words, tags, np.array([0.9, 1, 0.5, 1, 1, 1, 0.8, 0.5]))
    assert [(one.kind, one.text, round(one.probability, 3)) for one in found] == [
        ("person", "Tom", 0.9), ("person", "Lily", 0.5), ("place", "big park", 0.4),
    ]  # fmt: skip
    assert marked(text, found) == "[person Tom] and [person Lily] went to the [place big park]"


def test_answers_are_the_likeliest_spans_with_their_places_in_the_text(tokenizer: Tokenizer) -> None:
    model = made("answer", tokenizer)
    text, question = "Lily went to the big park.", "Who went?"
    found = answer(model, tokenizer, text, question, count=3, longest=2)
    before, read = [0, *tokenizer.encode(question), 0], tokenizer.encode(text)
    logits = forward(model, [*before, *read], [0] * len(before) + [1] * len(read))[len(before) :]
    begins, ends = logits.softmax(0).T.numpy()
    np.testing.assert_allclose(found.begins, begins, atol=1e-6)
    np.testing.assert_allclose(found.ends, ends, atol=1e-6)
    chances = sorted(
        (begins[a] * ends[b] for a in range(len(read)) for b in range(a, min(a + 2, len(read)))), reverse=True
    )
    assert [one.probability for one in found.answers] == pytest.approx(chances[:3], abs=1e-6)
    for one in found.answers:
        assert one.text == text[one.start : one.end] == text[slice(found.spans[one.first][0], found.spans[one.last][1])].strip()  # fmt: skip
    assert found.left_out == 0


def test_what_does_not_fit_is_left_out_and_an_endless_question_refused(tokenizer: Tokenizer) -> None:
    model = made("answer", tokenizer)
    found = answer(model, tokenizer, "park " * 50, "Who went?")
    assert len(found.tokens) + found.left_out == len(tokenizer.encode("park " * 50))
    assert found.left_out > 0
    with pytest.raises(UserError, match="no room"):
        answer(model, tokenizer, "park", "Who went? " * 30)
    for text, question in ((" ", "Who?"), ("park", "")):
        with pytest.raises(UserError, match="needs a question"):
            answer(model, tokenizer, text, question)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=9), st.integers(1, 6), st.integers(1, 9)
)
@settings(max_examples=150, deadline=None)
def test_the_best_spans_are_those_of_trying_all(chances: list[tuple[float, float]], count: int, longest: int) -> None:
    begins, ends = np.array(chances).T
    places = range(len(chances))
    all_of_them = sorted((-begins[a] * ends[b] for a, b in itertools.product(places, places) if 0 <= b - a < longest))
    found = best_spans(begins, ends, count, longest)
    assert [-chance for _, _, chance in found] == all_of_them[:count]
    assert all(0 <= last - first < longest and chance == begins[first] * ends[last] for first, last, chance in found)
    assert len({(first, last) for first, last, _ in found}) == len(found)


def test_a_model_of_another_task_says_what_it_is_not(tokenizer: Tokenizer) -> None:
    tagger, answerer = made("tag", tokenizer, labels=5), made("answer", tokenizer)
    with pytest.raises(UserError, match="does not answer"):
        answer(tagger, tokenizer, "a", "b")
    with pytest.raises(UserError, match="does not tag"):
        tag(answerer, tokenizer, TAGS, "a")
    with pytest.raises(UserError, match="does not classify"):
        label(build(TransformerConfig(vocabulary_size=9, width=8, layers=1, heads=1)), tokenizer, (), [])
    with pytest.raises(UserError, match="5 tags, but 1"):
        tag(tagger, tokenizer, ("O",), "a")
