"""The LSTM and the Transformer that learn from a table: what they read, what they know at first, what they open up."""

import numpy as np
import pytest
import torch

from llm_core.data.labelled import Labelled
from llm_core.data.long_texts import parts
from llm_core.inference.classifiers.base import NetworkClassifier
from llm_core.inference.classifiers.vocabulary import RESERVED, UNKNOWN, learn_vocabulary
from llm_core.inference.classifiers.words import words
from llm_core.models.text_network import TextNetworkConfig
from llm_core.training.classifiers.base import FitOptions, Fitted
from llm_core.training.classifiers.network import Counting, Together, started
from llm_core.training.classifiers.network_training import Encoded, batches
from llm_core.training.classifiers.row_adam import RowAdam
from tests.training.easy_tables import CONTEXT, QUICK, Ticks, easy

TEXTS = [words(text) for text in ("not bad at all", "bad film", "not a film", "不好吃", "好吃")]


def test_a_position_is_its_word_its_pair_and_its_characters() -> None:
    known = learn_vocabulary([*TEXTS, *TEXTS], rows=1000, columns=3)
    ids, lengths = known.encode([words("not bad"), [], words("好吃 unheard")])
    assert lengths.tolist() == [2, 1, 3]
    place = {word: RESERVED + number for number, word in enumerate(known.words)}
    first_pair = RESERVED + len(known.words)
    pairs = {(known.words[a], known.words[b]): first_pair + n for n, (a, b) in enumerate(known.pairs.tolist())}
    grams = {gram: first_pair + len(known.pairs) + number for number, gram in enumerate(known.grams)}
    assert ids[0, :2].tolist() == [place["not"], 0]
    assert ids[1, :2].tolist() == [place["bad"], pairs["not", "bad"]]
    assert ids[1, 2:].tolist() == [grams["\t<bad>"], grams["\tbad>"], grams["\t<bad"]]
    assert ids[2].tolist() == [UNKNOWN, 0, 0, 0, 0]
    assert ids[4, :2].tolist() == [place["吃"], pairs["好", "吃"]]
    assert ids[5, 0] == UNKNOWN
    assert ids.max() < known.rows == first_pair + len(known.pairs) + len(known.grams)


def test_a_vocabulary_keeps_to_its_size_and_does_not_depend_on_order() -> None:
    texts = [words(text) for text in easy(300).texts]
    known = learn_vocabulary(texts, rows=60, columns=4)
    assert known.rows <= RESERVED + 60
    turned = learn_vocabulary(texts[::-1], rows=60, columns=4)
    assert (turned.words, turned.grams, turned.pairs.tolist()) == (known.words, known.grams, known.pairs.tolist())


def test_log_count_ratios_are_those_of_a_count_by_hand() -> None:
    # Row 1 is in both texts of class 0 and one of class 1's two; row 2 in one text of class 1, twice.
    ids = np.array([[1], [1], [2], [2], [1], [2]])
    encoded = Encoded(ids, np.array([1, 1, 2, 1, 1]), np.array([0, 0, 1, 1, 0]))
    found = Counting(encoded, rows=3, classes=2).log_ratios(np.arange(4)).numpy()
    first = np.log([3 / 4, 2 / 4])
    second = np.log([1 / 4, 2 / 4])
    np.testing.assert_allclose(found, [[0, 0], first - first.mean(), second - second.mean()], atol=1e-6)


def test_batches_hold_every_text_once_and_like_lengths_together() -> None:
    lengths = np.random.default_rng(0).integers(1, 100, 1000)
    found = batches(lengths, 32, np.random.default_rng(1))
    assert sorted(np.concatenate(found).tolist()) == list(range(1000))
    assert np.mean([np.ptp(lengths[batch]) for batch in found]) < 50


def test_epochs_are_tried_in_turn_and_the_best_is_gone_on_with() -> None:
    config = TextNetworkConfig(encoder="lstm", rows=2, classes=2, context=4, width=4)
    networks = [started(config, torch.zeros(2, 2), 0.1, seed) for seed in range(3)]
    together = Together((3.0, 6.0))
    assert together.next_epochs(allowed=0.1) == 3
    together.add(networks[0], 3.0, (0.9, 0.6), seconds=3.0)
    assert together.next_epochs(allowed=5.0) == 3
    assert together.next_epochs(allowed=7.0) == 6
    together.add(networks[1], 6.0, (0.5, 0.8), seconds=6.0)
    assert together.next_epochs(allowed=7.0) == 6
    assert together.next_epochs(allowed=2.0) is None
    together.add(networks[2], 6.0, (0.51, 0.79), seconds=6.0)
    assert together.kept == networks[1:]
    assert together.chosen["epochs"] == 6


def test_row_adam_moves_rows_as_adam_does_and_no_others() -> None:
    generator = torch.Generator().manual_seed(0)
    table = torch.randn(6, 3, generator=generator)
    kept = table.clone()
    theirs = table[[1, 4]].clone().requires_grad_()
    adam = torch.optim.AdamW([theirs], lr=0.1, betas=(0.9, 0.99), weight_decay=0.3)
    ours = RowAdam(table, decay=0.3, padding=True)
    for _ in range(5):
        gradient = torch.randn(2, 3, generator=generator)
        theirs.grad = gradient
        adam.step()
        ours.step(torch.tensor([0, 1, 4]), torch.cat((torch.ones(1, 3), gradient)), 0.1)
    torch.testing.assert_close(table[[1, 4]], theirs.detach())
    torch.testing.assert_close(table[[0, 2, 3, 5]], kept[[0, 2, 3, 5]])


@pytest.mark.parametrize("name", ["lstm", "transformer"])
@pytest.mark.parametrize("long_texts", ["truncate", "window", "head_tail"])
def test_what_is_opened_is_what_decides(name: str, long_texts: str) -> None:
    training = easy(40)
    longer = Labelled(
        tuple(text + " and so on" * 30 for text in training.texts), training.labels, training.names, training.rows
    )
    options = FitOptions(long_texts=long_texts)  # type: ignore[arg-type]
    *_, last = QUICK[name].fit(longer, seconds=0.4, seed=0, options=options, clock=Ticks(1e-3))
    assert isinstance(last, Fitted)
    classifier = last.classifier
    assert isinstance(classifier, NetworkClassifier)
    for text in ("good", "", "it was bad 不好吃", longer.texts[0]):
        tokens = classifier.tokens(text)
        vectors = classifier.embed(tokens.ids)
        logits = classifier.logits_of(vectors[None], torch.tensor([len(vectors)]))
        np.testing.assert_allclose(logits.softmax(-1)[0].numpy(), classifier.probabilities([text])[0], atol=1e-6)
        assert len(tokens.pieces) == len(tokens.spans) == len(tokens.ids)
        assert all(text[start:end] == piece for piece, (start, end) in zip(tokens.pieces, tokens.spans, strict=True))


def test_logits_can_be_followed_back_to_the_vectors() -> None:
    *_, last = QUICK["transformer"].fit(easy(40), seconds=0.4, seed=0, clock=Ticks(1e-3))
    assert isinstance(last, Fitted)
    classifier = last.classifier
    assert isinstance(classifier, NetworkClassifier)
    vectors = classifier.embed(classifier.tokens("a good film").ids)[None].requires_grad_()
    (gradient,) = torch.autograd.grad(classifier.logits_of(vectors, torch.tensor([3]))[0, 1], vectors)
    assert gradient.shape == vectors.shape
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_a_text_beyond_the_context_gets_the_mean_of_its_windows(name: str) -> None:
    options = FitOptions(long_texts="window")
    *_, last = QUICK[name].fit(easy(40), seconds=0.4, seed=0, options=options, clock=Ticks(1e-3))
    assert isinstance(last, Fitted)
    classifier = last.classifier
    assert isinstance(classifier, NetworkClassifier)
    ids = classifier.tokens("it was good, said one; " * 12).ids
    assert len(ids) > 2 * CONTEXT
    each = [classifier.embed(ids[places])[None] for places in parts(len(ids), CONTEXT, "window")]
    logits = [classifier.logits_of(vectors, torch.tensor([CONTEXT])) for vectors in each]
    found = classifier.logits_of(classifier.embed(ids)[None], torch.tensor([len(ids)]))
    torch.testing.assert_close(found, torch.stack(logits).mean(0))
