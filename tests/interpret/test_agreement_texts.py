"""What stands between a subject and its verb is known; all sets of heads are what each alone is; subject finders are proved."""

from pathlib import Path

import numpy as np
import pytest
import torch

from llm_core.data.tokenizers import Tokenizer
from llm_core.errors import UserError
from llm_core.interpret.ablation.agreement_texts import AgreementText, agreement_texts, ahead, as_loss_texts, batch_of
from llm_core.interpret.ablation.all_sets import hidden_without
from llm_core.interpret.circuits.prove_heads import find_heads, preferred, prove_heads
from llm_core.interpret.components import heads
from llm_core.interpret.interventions import ablate, reference
from llm_core.interpret.outcome import outcome
from llm_core.models.base import Batch, Model
from llm_core.taps import observe
from tests.interpret.opened import model_of

PLURAL = ("cups", "flowers", "bottles", "spoons")
TEXTS = 10


@pytest.fixture(scope="module")
def tokenizers() -> dict[str, Tokenizer]:
    bundled = Path(__file__).parents[2] / "assets" / "models"
    return {language: Tokenizer.load(bundled / f"stories-{language}" / "tokenizer.json") for language in ("en", "zh")}


def small(tokenizer: Tokenizer) -> Model:
    return model_of(vocabulary_size=len(tokenizer.pieces), context=128, layers=2, heads=3, width=24)


def words_of(asked: AgreementText) -> tuple[str, list[str]]:
    """The text, and the words that decide."""
    reading, units = asked.asked.reading, asked.asked.units["decoder"]
    (question,) = asked.asked.questions["decoder"]["subject"]
    assert question.positions == (len(reading.text.ids) - 1,)
    told = ["".join(token for token, of in zip(reading.text.tokens, units, strict=True) if of == unit) for unit in sorted(question.right)]  # fmt: skip
    return "".join(reading.text.tokens[1:]), [word.strip() for word in told]


@pytest.mark.parametrize("attractor", [True, False])
def test_the_noun_between_has_the_other_number_or_has_not(attractor: bool, tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tokenizers["en"]
    asked = agreement_texts(small(tokenizer), tokenizer, TEXTS, 3, "en", attractor=attractor)
    assert [text.several for text in asked] == [False, True] * (TEXTS // 2)
    for text in asked:
        story, (subject,) = words_of(text)
        between = story.rpartition(subject)[2]
        several_between = between.split()[-1] in PLURAL if "found" not in between else False
        assert text.attractor == attractor
        assert (several_between != text.several) == attractor, story
        assert subject.endswith(("s", "es")) == text.several
        assert tokenizer.pieces[text.right].strip() == ("were" if text.several else "was")
        assert tokenizer.pieces[text.wrong].strip() == ("was" if text.several else "were")


def test_in_chinese_what_decides_is_the_number_that_was_told_of_this_thing(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tokenizers["zh"]
    asked = agreement_texts(small(tokenizer), tokenizer, TEXTS, 3, "zh", attractor=True)
    for text in asked:
        story, told = words_of(text)
        assert (told[0] != "一") == text.several, story
        assert story.endswith(told[-1]), story
        assert tokenizer.pieces[text.right].startswith("都" if text.several else "很")
        assert tokenizer.pieces[text.wrong].startswith("很" if text.several else "都")
        others = [sign for sign in ("一些", *"两三四五六七八九") if sign in story] if not text.several else ["一"]
        assert any(other in story for other in others)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_story_gives_one_text_so_that_some_can_teach_and_others_be_asked(
    language: str, tokenizers: dict[str, Tokenizer]
) -> None:
    """Of two texts of one story the shorter one would be the beginning of the other."""
    tokenizer = tokenizers[language]
    asked = [text.ids for text in agreement_texts(small(tokenizer), tokenizer, 40, 1, language)]
    pairs = [(one, other) for one in asked for other in asked if one[: len(other)] == other]
    assert pairs == [(one, one) for one in asked]


def test_every_set_of_heads_is_what_taking_it_away_alone_gives(tokenizers: dict[str, Tokenizer]) -> None:
    model = small(tokenizers["en"])
    tokens = torch.randint(1, 50, (2, 9), generator=torch.Generator().manual_seed(0))
    batch = Batch(tokens, torch.tensor([9, 6]))
    names = heads(model)
    means = reference(model, names, [batch])
    for method, others in (("zero", None), ("mean", means)):
        sets = dict(hidden_without(model, batch, 2, method, others))  # type: ignore[arg-type]
        assert len(sets) == 6 * 5 // 2
        for taken, hidden in sets.items():
            with torch.no_grad(), observe(model, only=(), edits=ablate(model, taken, method, others=others)):  # type: ignore[arg-type]
                expected = model.body(batch)
            for row, length in enumerate((9, 6)):
                torch.testing.assert_close(hidden[row, :length], expected[row, :length], rtol=1e-5, atol=1e-5)
    with pytest.raises(UserError, match="left to right"):
        next(hidden_without(model_of(architecture="encoder"), batch, 1))


def test_what_is_ahead_is_counted_as_by_hand(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tokenizers["en"]
    model = small(tokenizer)
    asked = agreement_texts(model, tokenizer, 6, 5, "en")
    known = as_loss_texts(asked)
    right = []
    for at, text in enumerate(asked):
        with torch.no_grad():
            logits = model(Batch(torch.tensor([text.ids])))[0, -1]
        right.append(float(logits[text.right] > logits[text.wrong]))
        assert known.truths[0][at, len(text.ids) - 1] == text.right
        assert float(ahead(logits[None], [text])) == pytest.approx(
            float(logits[text.right] - logits[text.wrong]), abs=1e-5
        )
    assert (known.truths[0] >= 0).sum() == 6
    assert preferred(model, asked)({}).tolist() == right
    assert batch_of(asked).lengths.tolist() == [len(text.ids) for text in asked]  # type: ignore[union-attr]


def test_heads_that_look_at_the_subject_are_found_and_set_beside_others(tokenizers: dict[str, Tokenizer]) -> None:
    tokenizer = tokenizers["en"]
    model = small(tokenizer)
    found = find_heads(model, tokenizer, "subject", texts=6)
    assert found.scores.shape == (6,)
    least = float(np.sort(found.scores)[-1])
    proof = outcome(prove_heads(model, tokenizer, "subject", texts=6, least=least, draws=3))
    assert proof.items == 6
    assert set(np.unique(proof.accuracy.chosen.before)) <= {0.0, 1.0}
    with pytest.raises(UserError, match="left to right"):
        find_heads(model_of(architecture="encoder"), tokenizer, "subject", texts=2)
