"""What probes are asked is the truth of the grammar, and what they find is told from what they learn by heart."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.sampler import sample
from llm_core.data.grammar.tagged import tagged_text
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.errors import UserError
from llm_core.interpret.components import streams
from llm_core.interpret.geometry.hidden_states import HiddenStates, hidden_states
from llm_core.interpret.probes import probes
from llm_core.interpret.probes.probe_labels import LabelledTokens, Property, labelled_tokens
from llm_core.interpret.probes.probe_truth import lexicon, truth_of
from llm_core.interpret.probes.probes import Probed, control_labels, probe, trained_probe
from llm_core.interpret.reading import Side, read
from llm_core.models.base import Model
from tests.interpret.opened import model_of

TEXTS = 30
ENDS_IN_S = {"atlas"}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    stories = load_grammar("stories")
    return train_tokenizer("word", 600, [sample(stories, "en", 1, index).text for index in range(100)])


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> Model:
    return model_of(vocabulary_size=tokenizer.vocabulary_size, context=160, width=32, layers=1)


def shown(labelled: LabelledTokens, tokenizer: Tokenizer) -> list[tuple[str, str]]:
    """Each token as text with its label."""
    found = []
    for text, position, label in zip(labelled.text, labelled.position, labelled.label, strict=True):
        reading = labelled.readings[text]
        side = reading.source or reading.text
        found.append((tokenizer.decode([side.ids[position]]).strip().lower(), labelled.names[label]))
    return found


def ask(model: Model, tokenizer: Tokenizer, about: Property, texts: int = TEXTS) -> LabelledTokens:
    return labelled_tokens(model, tokenizer, about, texts=texts)


def test_words_have_the_part_of_speech_that_the_grammar_gave_them(model: Model, tokenizer: Tokenizer) -> None:
    labelled = ask(model, tokenizer, "part_of_speech", 5)
    truth = []
    for index in range(5):
        text = sample(load_grammar("stories"), "en", 1_000_003, index)
        truth += [(text.text[word.start : word.end].lower(), word.part) for word in text.truth.words]
    found = shown(labelled, tokenizer)
    assert len(found) > 0.95 * len(truth)  # a word of which a text that is too long lacks the end is left out
    left = iter(truth)
    for (seen, part), type_ in zip(found, labelled.types, strict=True):
        word, expected = next(pair for pair in left if pair[0] == type_)
        assert part == expected
        assert word.endswith(seen)


def test_entities_numbers_depths_and_positions_are_what_they_should_be(model: Model, tokenizer: Tokenizer) -> None:
    entities = ask(model, tokenizer, "entity", 4)
    truth = [tagged_text(load_grammar("stories"), "en", 1_000_003, index) for index in range(4)]
    expected = {(tag.removeprefix("B-").removeprefix("I-"), word.lower()) for text in truth for tag, word in zip(text.tags, text.tokens, strict=True)}  # fmt: skip
    found = {(entities.names[label], kind) for label, kind in zip(entities.label, entities.types, strict=True)}
    assert found <= expected
    assert {"O", "person", "spot"} <= {label for label, _ in found}
    numbers = ask(model, tokenizer, "number")
    assert numbers.names == ("plural", "singular")
    by_word = dict(zip(numbers.types, (numbers.names[label] for label in numbers.label), strict=True))
    assert {word for word, number in by_word.items() if (number == "plural") != word.endswith("s")} <= ENDS_IN_S
    assert len(by_word) > 20
    depths = ask(model, tokenizer, "depth", 4)
    for number, reading in enumerate(depths.readings):
        line = tokenizer.decode(reading.text.ids)
        places = [place for place, character in enumerate(line) if character != ">"]
        expected = [sum(line[: at + 1].count(c) for c in "([{") - sum(line[: at + 1].count(c) for c in ")]}") for at in places]  # fmt: skip
        assert [int(depths.names[label]) for label in depths.label[depths.text == number]] == expected
    positions = ask(model, tokenizer, "position", 6)
    longest = max(len(reading.text.ids) for reading in positions.readings)
    eighths = [int(positions.names[label]) for label in positions.label]
    assert eighths == [1 + 8 * place // longest for place in positions.position.tolist()]
    assert 0 not in positions.position  # a control token stands nowhere in the text


def test_a_control_task_gives_each_type_one_label_at_random() -> None:
    label = np.array([0] * 600 + [1] * 300 + [2] * 100)
    types = tuple(f"w{number % 400}" for number in range(1000))
    found = control_labels(types, label, seed=1)
    assert len({(kind, drawn) for kind, drawn in zip(types, found.tolist(), strict=True)}) == 400
    shares = np.bincount(found[:400]) / 400
    assert np.allclose(shares, [0.6, 0.3, 0.1], atol=0.08)
    assert not np.array_equal(found, control_labels(types, label, seed=2))


def first_of(model: Model, labelled: LabelledTokens) -> Probed:
    """What the vectors say that the text begins with."""
    return next(iter(probe(model, labelled)))


def test_a_stream_of_labels_is_selective_and_a_stream_of_words_is_learned_by_heart(tokenizer: Tokenizer) -> None:
    model = model_of(vocabulary_size=tokenizer.vocabulary_size, context=160, width=220, heads=1, layers=1)
    labelled = ask(model, tokenizer, "part_of_speech", 12)
    weights = model.get_parameter("token_embedding.weight")
    ids = [labelled.readings[text].text.ids[at] for text, at in zip(labelled.text, labelled.position, strict=True)]
    with torch.no_grad():
        weights.zero_()
        weights[ids, labelled.label.tolist()] = 1.0
    says_it = first_of(model, labelled)
    assert says_it.accuracy > 0.95
    assert says_it.selectivity > 0.4
    with torch.no_grad():
        weights[sorted(set(ids))] = torch.eye(220)[: len(set(ids))]
    by_heart = first_of(model, labelled)
    assert by_heart.accuracy > 0.7
    assert by_heart.control > 0.7
    assert by_heart.selectivity < says_it.selectivity - 0.25
    assert says_it.low < says_it.accuracy < says_it.high + 1e-9


def test_every_layer_is_probed_and_the_majority_is_what_it_says(model: Model, tokenizer: Tokenizer) -> None:
    labelled = ask(model, tokenizer, "entity", 12)
    found = list(probe(model, labelled))
    assert [str(each.place) for each in found] == ["decoder.embedding", "decoder.0.residual_after"]
    shares = np.bincount(labelled.label) / len(labelled.label)
    assert found[0].majority == pytest.approx(shares.max(), abs=0.1)
    assert {each.tokens for each in found} == {found[0].tokens}
    for each in found:
        assert each.confusion.sum() == each.tokens
        assert np.trace(each.confusion) / each.tokens == pytest.approx(each.accuracy)
    assert found == list(probe(model, labelled))


def test_a_probe_keeps_only_the_tokens_that_it_uses(
    model: Model, tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same probes as of all vectors, of which those that are drawn are taken."""
    labelled = ask(model, tokenizer, "part_of_speech", 12)
    monkeypatch.setattr(probes, "MOST_TOKENS", 60)
    kept: list[int] = []

    def watched(*asked: Any) -> HiddenStates:
        found = hidden_states(*asked)
        kept.append(found.states.shape[1])
        return found

    monkeypatch.setattr(probes, "hidden_states", watched)
    found = list(probe(model, labelled))
    assert kept == [120]
    whole = hidden_states(model, labelled.readings)
    place = {pair: row for row, pair in enumerate(zip(whole.text.tolist(), whole.position.tolist(), strict=True))}
    rows = np.array([place[pair] for pair in zip(labelled.text.tolist(), labelled.position.tolist(), strict=True)])
    trained = probes._training_texts(labelled.text, 0)
    train, test = (probes._at_most(np.flatnonzero(side), 0) for side in (trained, ~trained))
    for each, vectors in zip(found, whole.states, strict=True):
        reader = trained_probe(vectors[rows[train]], labelled.label[train], len(labelled.names))
        assert np.array_equal(each.reader.weights, reader.weights)
        right = reader.shares(vectors[rows[test]]).argmax(-1) == labelled.label[test]
        assert each.accuracy == right.mean()


def test_what_the_word_alone_says_is_counted(model: Model) -> None:
    readings = tuple(read(model, Letters(), "ab") for _ in range(10))
    pairs = [(text, at) for text in range(10) for at in (0, 1)]
    label = np.array([0 if at == 0 else text % 2 for text, at in pairs])
    labelled = LabelledTokens(
        "entity", readings, np.array([text for text, _ in pairs]), np.array([at for _, at in pairs]), label, ("x", "y"),
        tuple("ab"[at] for _, at in pairs), 2,
    )  # fmt: skip
    found = first_of(model, labelled)
    shuffled = np.random.default_rng(0).permutation(10)
    train, test = shuffled[:6], shuffled[6:]
    usual = np.bincount(train % 2, minlength=2).argmax()
    assert found.tokens == 8
    assert found.by_word == pytest.approx((4 + (test % 2 == usual).sum()) / 8)


class Letters:
    """A token for each letter."""

    begin: tuple[int, ...] = ()
    end: tuple[int, ...] = ()
    separators: frozenset[int] = frozenset()

    @property
    def pieces(self) -> list[str]:
        return ["?", "a", "b"]

    def encode(self, text: str) -> list[int]:
        return [self.pieces.index(letter) for letter in text]

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [(at, at + 1) for at in range(len(text))]


@pytest.mark.parametrize("labels", [2, 4])
def test_a_probe_says_of_any_vector_what_scikit_learn_says(labels: int) -> None:
    random = np.random.default_rng(3)
    vectors, label = random.normal(2, 3, size=(80, 6)).astype(np.float32), random.integers(0, labels, 80)
    reference = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300)).fit(vectors, label)
    others = random.normal(size=(9, 6)).astype(np.float32)
    found = trained_probe(vectors, label, labels + 1).shares(others)
    assert np.allclose(found[:, :labels], reference.predict_proba(others), atol=1e-3)
    assert (found[:, labels] == 0).all(), "what never came in training is never said"
    always = trained_probe(vectors, np.full(80, 1), 3).shares(others)
    assert np.array_equal(always, np.tile([0.0, 1.0, 0.0], (9, 1)))


def test_words_of_a_typed_text_are_what_they_always_are_in_the_grammar(model: Model, tokenizer: Tokenizer) -> None:
    text = "The stones were in the basket, said Ella. Xylophone?"
    side = read(model, tokenizer, text).text
    shown = [text[:end].split()[-1] if end > start else "" for start, end in side.spans]
    words = lexicon("part_of_speech", texts=200)
    parts = truth_of(text, side, "part_of_speech", words, 1)
    found = {word: part for word, part in zip(shown, parts, strict=True) if part}
    assert found.items() >= {"The": "DET", "stones": "NOUN", "in": "ADP", "said": "VERB", "Ella": "PROPN", "Ella.": "PUNCT"}.items()  # fmt: skip
    assert not [word for word in found if word.startswith("Xylo") and word != "Xylophone?"]
    numbers = lexicon("number", texts=60)
    assert numbers["stones"] == "plural"
    assert numbers["stone"] == "singular"
    assert lexicon("depth") == {}
    assert "orange" not in words, "an orange is orange"
    chinese = lexicon("part_of_speech", "zh", texts=60)
    written = truth_of("莉莉找到了石头", side_of_letters("莉莉找到了石头"), "part_of_speech", chinese, 1)
    assert written[1] == "PROPN"
    assert written[6] == "NOUN"


def side_of_letters(text: str) -> Side:
    return Side(tuple(range(len(text))), tuple(text), tuple((at, at + 1) for at in range(len(text))))


def test_brackets_are_counted_and_positions_are_parts_of_the_longest_text() -> None:
    text = "a([b])("
    assert truth_of(text, side_of_letters(text), "depth", {}, 1) == (None, "1", "2", None, "1", "0", "1")
    wrong = "(]()"
    assert truth_of(wrong, side_of_letters(wrong), "depth", {}, 1) == ("1", None, None, None)
    assert truth_of("abcd", side_of_letters("abcd"), "position", {}, 3) == ("1", "3", "6", None)


def test_of_an_encoder_decoder_the_encoder_is_probed(tokenizer: Tokenizer) -> None:
    model = model_of(architecture="encoder_decoder", vocabulary_size=tokenizer.vocabulary_size, context=160, width=16, layers=1, heads=2)  # fmt: skip
    labelled = ask(model, tokenizer, "part_of_speech", 6)
    assert streams(model) == ("encoder", "decoder")
    found = list(probe(model, labelled))
    assert [str(each.place) for each in found] == ["encoder.embedding", "encoder.0.residual_after"]
    assert found[0].accuracy > found[0].majority


def test_what_cannot_be_asked_is_refused(model: Model, tokenizer: Tokenizer) -> None:
    with pytest.raises(UserError, match="do not change with number"):
        labelled_tokens(model, tokenizer, "number", language="zh")
    with pytest.raises(UserError, match="too few"):
        list(probe(model, ask(model, tokenizer, "part_of_speech", 1)))
    short = model_of(vocabulary_size=tokenizer.vocabulary_size, context=2)
    with pytest.raises(UserError, match="nothing to tell apart"):
        ask(short, tokenizer, "number", 1)
