"""The included tables: clean, always the same, with a best possible accuracy that their own grammar confirms."""

import math

import numpy as np
import pytest

from llm_core.data.augmentation import augment
from llm_core.data.grammar.labelled import LABEL, labelled_grammar, labelled_text, telling_words
from llm_core.data.grammar.predictor import Predictor
from llm_core.data.splits import groups_of
from llm_core.data.synonyms import synonyms_of
from llm_core.data.table_examples import EXAMPLES, ROWS, SEED, Example
from llm_core.data.table_preparing import prepare_table

each = pytest.mark.parametrize("example", EXAMPLES.values(), ids=list(EXAMPLES))


def test_the_chinese_headlines_come_first_and_sports_and_technology_before_other_topics() -> None:
    first = next(iter(EXAMPLES.values()))
    assert first.name == "headlines-zh"
    assert first.labels[:2] == ("体育", "科技")
    assert prepare_table(first.config).names == first.labels


@each
def test_an_included_table_is_ready_without_any_trouble(example: Example) -> None:
    found = prepare_table(example.config)
    assert found.troubles == ()
    assert (found.text_column, found.label_column) == example.columns
    assert (len(found.training), len(found.test)) == (0.8 * ROWS, 0.2 * ROWS)
    assert len(set(groups_of([row[0] or "" for row in found.table.rows]).tolist())) == ROWS


@each
def test_the_labels_are_words_of_the_language_of_the_texts(example: Example) -> None:
    chinese = example.language == "zh"
    assert all(("一" <= name[0] <= "鿿") == chinese for name in (*example.labels, *example.columns))


@pytest.mark.parametrize("name", ["headlines", "reviews"])
def test_the_best_possible_accuracy_is_what_the_grammar_says(name: str) -> None:
    english, chinese = EXAMPLES[f"{name}-en"], EXAMPLES[f"{name}-zh"]
    grammar = labelled_grammar(name)
    texts = [labelled_text(grammar, "en", SEED, index) for index in range(120)]
    best = np.array([max(text.posterior.values()) for text in texts])
    # The table has no text twice, so it has a few more of the rare ones than these.
    assert abs(best.mean() - english.ceiling) < 4 * best.std() / math.sqrt(len(best)) + 0.005
    # The Chinese table says the same, text by text, and leaves the same doubts.
    assert chinese.ceiling == english.ceiling
    doubtful = int(best.argmin())
    other = labelled_text(grammar, "zh", SEED, doubtful).posterior
    assert max(other.values()) == pytest.approx(best[doubtful])


@each
def test_synonyms_leave_a_label_as_likely_as_it_was(example: Example) -> None:
    # The grammar itself reads what has become of a text, where it could have written that.
    grammar = labelled_grammar(example.grammar)
    random = np.random.default_rng(0)
    read = kept = 0
    for index in range(40):
        text = labelled_text(grammar, example.language, SEED, index)
        changed = augment(text.text, "synonyms", random, example.synonyms)
        predictor = Predictor(grammar, example.language)
        predictor.push(changed)
        if changed == text.text or not predictor.possible:
            continue
        read += 1
        label, share = next(iter(text.posterior.items()))
        kept += abs(predictor.posterior(LABEL, ended=True).get(label, 0.0) - share) < 0.3
    assert read >= 15
    assert kept >= 0.9 * read


@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_set_of_synonyms_holds_words_of_two_labels(language: str) -> None:
    telling = telling_words("reviews", language)
    sets = synonyms_of("reviews", language)
    said = [{telling[word] for word in words if word in telling} for words in sets]
    assert sum(map(bool, said)) > 5
    assert all(len(labels) <= 1 for labels in said)
    assert all(len(words) > 1 for words in sets)
    assert len({word for words in sets for word in words}) == sum(map(len, sets))
