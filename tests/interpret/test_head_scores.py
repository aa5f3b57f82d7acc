"""Head scores of models whose heads are known: made-up patterns, and small models counted by loops."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from llm_core.config import NgramConfig
from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.sampler import sample
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.errors import UserError
from llm_core.interpret.attention import head_scores as module
from llm_core.interpret.attention.attention import Part, see
from llm_core.interpret.attention.head_rows import Heads, Scored, Underway
from llm_core.interpret.attention.head_scores import SCORES, Exercise, Score, exercises, head_scores
from llm_core.interpret.attention.head_scores_over_steps import score_steps
from llm_core.interpret.attention.head_summaries import KINDS, summarize
from llm_core.interpret.attention.known_links import known_texts
from llm_core.interpret.attention.repeated_tokens import repeated_texts
from llm_core.interpret.outcome import outcome
from llm_core.models.base import Batch, Model
from llm_core.models.build import build
from tests.interpret.opened import model_of

Look = Callable[[list[int], int], int]
"""Where a made-up head looks from a position of some tokens."""


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    stories = load_grammar("stories")
    return train_tokenizer("word", 900, [sample(stories, "en", 1, index).text for index in range(200)])


@pytest.fixture(scope="module")
def model(tokenizer: Tokenizer) -> Model:
    return model_of(vocabulary_size=tokenizer.vocabulary_size, context=128)


def before(tokens: list[int], at: int) -> int:
    return max(0, at - 1)


def same(tokens: list[int], at: int) -> int:
    """The last earlier place of the same token; else the first token, where heads rest."""
    return next((place for place in range(at - 1, -1, -1) if tokens[place] == tokens[at]), 0)


def after_same(tokens: list[int], at: int) -> int:
    earlier = same(tokens, at)
    return earlier + 1 if tokens[earlier] == tokens[at] and earlier < at else 0


def scores_of(model: Model, tokenizer: Tokenizer, asked: tuple[Exercise, ...]) -> dict[str, Score]:
    """The scores of a decoder."""
    return outcome(module.score(model, asked, tokenizer))["decoder"]


def pretend(monkeypatch: pytest.MonkeyPatch, looks: list[Look]) -> None:
    """Give the model one layer whose heads look at one token each."""

    def patterns(model: Model, batch: Batch) -> dict[Part, Tensor]:
        assert batch.tokens is not None
        rows, length = batch.shape
        pattern = torch.zeros(1, rows, len(looks), length, length)
        for row, tokens in enumerate(batch.tokens.tolist()):
            for head, look in enumerate(looks):
                for at in range(length):
                    pattern[0, row, head, at, look(tokens, at)] = 1.0
        return {"decoder": pattern}

    monkeypatch.setattr(module, "see_patterns", patterns)


def test_heads_that_do_one_thing_score_one_for_it_and_nothing_for_the_others(
    monkeypatch: pytest.MonkeyPatch, model: Model, tokenizer: Tokenizer
) -> None:
    pretend(monkeypatch, [before, same, after_same])
    found = head_scores(model, tokenizer, texts=25)["decoder"]
    means = {name: found[name].mean[0].tolist() for name in ("previous_token", "duplicate_token", "induction")}
    assert means["previous_token"] == [1.0, 0.0, 0.0]
    assert means["duplicate_token"] == [0.0, 1.0, 0.0]
    assert means["induction"] == [0.0, 0.0, 1.0]
    assert found["previous_token"].baseline is None
    for name in ("duplicate_token", "induction"):
        baseline = found[name].baseline
        assert baseline is not None
        assert baseline < 0.2, "no fixed offset finds what the content tells"
        assert found[name].baseline_name.startswith("offset -")
        assert found[name].low[0, 2 if name == "induction" else 1] > 0.8


def test_the_best_fixed_offset_as_a_head_scores_as_its_baseline(
    monkeypatch: pytest.MonkeyPatch, model: Model, tokenizer: Tokenizer
) -> None:
    asked = exercises(model, tokenizer, texts=30, language=None, vocabulary=range(20, 90))
    (best,) = {
        baseline.offset for (_, name), baseline in asked[0].baselines.items() if name == "induction" and baseline
    }
    pretend(monkeypatch, [lambda tokens, at: max(0, at + best), lambda tokens, at: max(0, at + best - 1)])
    score = scores_of(model, tokenizer, asked)["induction"]
    assert score.baseline_name == f"offset {best}"
    assert score.baseline is not None
    assert score.mean[0, 0] == pytest.approx(score.baseline)
    assert score.mean[0, 1] < score.baseline


def test_scores_of_a_model_are_those_of_a_loop_over_its_texts(model: Model, tokenizer: Tokenizer) -> None:
    found = head_scores(model, tokenizer, texts=12, seed=3)["decoder"]
    texts = list(known_texts(model, tokenizer, 12, 3, "en"))
    for name in ("subject", "antecedent", "place"):
        hits, count = np.zeros((2, 4)), 0
        for text in texts:
            pattern = see(model, text.reading).parts["decoder"].pattern
            for question in text.questions["decoder"][name]:
                count += 1
                for layer in range(2):
                    for head in range(4):
                        rows = pattern[layer, head, list(question.positions)].mean(0)
                        words: dict[int, float] = {}
                        for token, unit in enumerate(text.units["decoder"]):
                            if 0 <= unit < question.place:
                                words[unit] = words.get(unit, 0.0) + float(rows[token])
                        hits[layer, head] += max(words, key=lambda unit: words[unit]) in question.right
        assert found[name].items == count > 10
        assert found[name].mean == pytest.approx(hits / count)
        assert (found[name].low <= found[name].mean).all()
        assert (found[name].mean <= found[name].high).all()
        offsets = [-back for back in range(1, 120)]
        every = [q for text in texts for q in text.questions["decoder"][name]]
        assert found[name].baseline == max(sum(q.place + o in q.right for q in every) for o in offsets) / count


def test_summaries_are_means_over_texts_of_what_one_text_gives(model: Model, tokenizer: Tokenizer) -> None:
    found = head_scores(model, tokenizer, texts=10, seed=5)["decoder"]
    seen = [see(model, text.reading) for text in list(known_texts(model, tokenizer, 10, 5, "en"))[:10]]
    each = [summarize(one, tokenizer.separators)["decoder"].named() for one in seen]
    for name in KINDS:
        assert found[name].mean == pytest.approx(np.mean([one[name] for one in each], axis=0), abs=1e-5)
        assert found[name].texts == 10
        assert found[name].baseline is None


def test_random_texts_repeat_tokens_that_come_once_in_a_copy(model: Model, tokenizer: Tokenizer) -> None:
    lengths = set()
    for text in repeated_texts(model, tokenizer, range(20, 90), 60, 0):
        begin, *ids = text.reading.text.ids
        half = len(ids) // 2
        lengths.add(half)
        assert begin == tokenizer.begin[0]
        assert ids[:half] == ids[half:]
        assert len(set(ids)) == half
        for name, back in (("previous_token", 1), ("duplicate_token", half), ("induction", half - 1)):
            for question in text.questions["decoder"][name]:
                (position,), (right,) = question.positions, question.right
                assert text.units["decoder"].index(right) == position - back
    assert len(lengths) > 12
    assert list(repeated_texts(model, tokenizer, [7], 5, 0)) == [], "one token alone cannot be told from another"


@pytest.mark.parametrize("architecture", ["encoder", "encoder_decoder"])
def test_every_part_of_a_model_has_its_scores(architecture: str, tokenizer: Tokenizer) -> None:
    other = model_of(vocabulary_size=tokenizer.vocabulary_size, context=160, architecture=architecture)
    found = head_scores(other, tokenizer, texts=6)
    names = {part: {name for name in scores if name in SCORES} for part, scores in found.items()}
    if architecture == "encoder":
        assert names == {"encoder": {"previous_token", "duplicate_token", "subject", "antecedent"}}
    else:
        assert names == {
            "encoder": {"previous_token", "duplicate_token"},
            "decoder": {"previous_token", "duplicate_token", "induction"},
            "cross": {"alignment"},
        }
        assert found["cross"]["entropy"].texts == 6
    assert all(score.mean.shape == (2, 4) for scores in found.values() for score in scores.values())


def test_a_model_without_language_is_asked_about_random_tokens_alone(model: Model, tokenizer: Tokenizer) -> None:
    asked = exercises(model, tokenizer, texts=8, language=None, vocabulary=range(10, 60))
    assert {name for exercise in asked for _, name in exercise.baselines} == {"previous_token", "duplicate_token", "induction"}  # fmt: skip
    assert [exercise.summarized for exercise in asked] == [8]


def test_a_model_without_attention_is_refused() -> None:
    ngram = build(NgramConfig(vocabulary_size=400))
    with pytest.raises(UserError, match="attention"):
        head_scores(ngram, train_tokenizer("character", 300, ["abc"]), texts=2)


def test_steps_come_as_rows_with_signs_of_life_between(model: Model, tokenizer: Tokenizer) -> None:
    asked = exercises(model, tokenizer, texts=5)
    records = list(score_steps(lambda step: None if step == 2 else model, [9, 0, 2], asked, tokenizer, lambda: 1.0, 1))
    rows = [record for record in records if isinstance(record, Heads)]
    assert [record for record in records if isinstance(record, Scored)] == [Scored(9, 2, 4, 0.0), Scored(0, 3, 4, 0.0)]
    shares = [record.share for record in records if isinstance(record, Underway)]
    assert shares == sorted(shares)
    assert 0.25 < shares[0] < shares[-1] == 0.75
    assert [(row.part, row.score) for row in rows if row.step == 9] == [(row.part, row.score) for row in rows if row.step == 0]  # fmt: skip
    exact = head_scores(model, tokenizer, texts=5)["decoder"]
    for row in rows:
        assert row.mean == exact[row.score].mean.round(4).tolist()
        assert row.items == exact[row.score].items
