"""TF-IDF with logistic regression, and the decision tree, against scikit-learn; and the reasons that they give."""

import numpy as np
import pytest

from llm_core.data.labelled import Labelled
from llm_core.inference.classifiers.base import Classifier
from llm_core.inference.classifiers.linear import TfidfLogisticRegression
from llm_core.inference.classifiers.tree import DecisionTree
from llm_core.inference.classifiers.words import all_character_ngrams, word_ngrams, words
from llm_core.training.classifiers.base import Family, Fitted
from llm_core.training.classifiers.linear import TfidfLogisticRegressionFamily
from llm_core.training.classifiers.tree import DecisionTreeFamily, copied
from tests.training.easy_tables import Ticks, easy, read_all

NEW = (*easy(60, seed=11).texts, "", "?", "好 good bad bad bad", "nothing known hereabouts")


def three_classes() -> Labelled:
    table = easy(90, names=("no", "yes", "so-so"))
    labels = table.labels.copy()
    labels[::5] = 2
    texts = tuple(f"{text} middling" if label == 2 else text for text, label in zip(table.texts, labels, strict=True))
    return Labelled(texts, labels, table.names, table.rows)


def fitted(family: Family, training: Labelled) -> Fitted:
    *_, last = family.fit(training, seconds=60, seed=0, clock=Ticks())
    assert isinstance(last, Fitted)
    return last


@pytest.mark.parametrize("training", [easy(90), three_classes()], ids=["two classes", "three classes"])
def test_probabilities_equal_those_of_scikit_learn(training: Labelled) -> None:
    from sklearn.linear_model import LogisticRegression

    result = fitted(TfidfLogisticRegressionFamily(), training)
    ours = result.classifier
    assert isinstance(ours, TfidfLogisticRegression)
    theirs = LogisticRegression(C=result.chosen["C"])
    # In the order of our documents, which decides the last digits.
    order = [training.texts.index(text) for text in read_all(training).items]
    theirs.fit(ours.features([training.texts[place] for place in order]), training.labels[order])
    np.testing.assert_allclose(ours.probabilities(NEW), theirs.predict_proba(ours.features(NEW)), atol=1e-9)


def test_features_equal_those_of_scikit_learn() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    training = easy(90)
    ours = fitted(TfidfLogisticRegressionFamily(), training).classifier
    assert isinstance(ours, TfidfLogisticRegression)
    blocks = []
    for ngrams, keys in ((word_ngrams, ours.word_keys), (all_character_ngrams, ours.character_keys)):
        vectorizer = TfidfVectorizer(
            analyzer=lambda text, ngrams=ngrams: ngrams(words(text)), sublinear_tf=True, vocabulary=list(keys)
        )
        blocks.append(vectorizer.fit(training.texts).transform(NEW).toarray())
    np.testing.assert_allclose(ours.features(NEW).toarray(), np.hstack(blocks), atol=1e-12)


def test_contributions_sum_to_the_logits() -> None:
    ours = fitted(TfidfLogisticRegressionFamily(), three_classes()).classifier
    assert isinstance(ours, TfidfLogisticRegression)
    for text in NEW:
        parts = ours.contributions(text)
        logits = ours.intercept + sum((part.weights for part in parts), np.zeros(3))
        shares = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose(shares, ours.probabilities([text])[0], atol=1e-9)
        assert all(0 <= part.start < part.end <= len(text) for part in parts)


def test_a_contribution_stands_on_its_words() -> None:
    ours = fitted(TfidfLogisticRegressionFamily(), easy(90)).classifier
    assert isinstance(ours, TfidfLogisticRegression)
    text = "It was GOOD, 不喜欢"
    found = {(part.feature, text[part.start : part.end]) for part in ours.contributions(text)}
    assert ("good", "GOOD") in found
    assert ("喜欢", "喜欢") in found


@pytest.mark.parametrize("training", [easy(90), three_classes()], ids=["two classes", "three classes"])
def test_a_tree_says_what_that_of_scikit_learn_says(training: Labelled) -> None:
    from sklearn.tree import DecisionTreeClassifier

    result = fitted(DecisionTreeFamily(), training)
    ours = result.classifier
    assert isinstance(ours, DecisionTree)
    theirs = DecisionTreeClassifier(max_depth=result.chosen["depth"], min_samples_leaf=2, random_state=0)
    theirs.fit(ours.counts(training.texts), training.labels)
    assert theirs.get_n_leaves() == result.chosen["leaves"]
    assert ours.parameters > 0
    deep = DecisionTreeClassifier(random_state=0).fit(ours.counts(training.texts), training.labels)
    for tree in (theirs, deep):
        same = copied(tree, training.names, ours.keys)
        np.testing.assert_allclose(
            same.probabilities(NEW), tree.predict_proba(ours.counts(NEW)), atol=1e-9
        )  # fmt: skip


def test_a_path_leads_to_the_leaf_that_speaks() -> None:
    ours: Classifier = fitted(DecisionTreeFamily(), three_classes()).classifier
    assert isinstance(ours, DecisionTree)
    for text in NEW:
        counts = dict(zip(ours.keys, ours.counts([text]).toarray()[0], strict=True))
        node = 0
        for decision in ours.path(text):
            assert counts.get(decision.feature, decision.value) == decision.value
            assert decision.went_left == (decision.value <= decision.threshold)
            node = int((ours.left if decision.went_left else ours.right)[node])
        assert ours.left[node] == -1
        np.testing.assert_array_equal(ours.probabilities([text])[0], ours.shares[node])
