"""The LSTM and the Transformer: as many small networks as the time allows, each with another part held out.

The time of the first steps says how long a network takes; then the time is dealt out.
"""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from llm_core.data.splits import fold_numbers
from llm_core.errors import N_
from llm_core.inference.classifiers.network import Read, TextNetworkClassifier
from llm_core.inference.classifiers.vocabulary import PADDING, learn_vocabulary
from llm_core.models.text_network import TextNetwork, TextNetworkConfig
from llm_core.training.classifiers.base import Family, FitOptions, Fitted, Progress
from llm_core.training.classifiers.budget import Budget
from llm_core.training.classifiers.network_training import Encoded, Learner, Settings, learn
from llm_core.training.classifiers.preparing import Documents, read_documents

if TYPE_CHECKING:
    from llm_core.data.labelled import Labelled

_FOLDS = 10
_FEWEST_INNER, _MOST_INNER = 10, 1_000
_READING = 0.06
"""Share of the time for reading words; to learn the vocabulary and to encode takes several times as long."""
_LEARNED_FROM = 20_000
"""Texts that the vocabulary is learned from; they stand in random order."""
_MARGIN = 0.03
"""Share of the time that is left over, for a step that takes longer than those before."""
_MOST_NUMBERS = 4_000_000
"""In the table of one network."""
_ENOUGH, _WORSE = 0.7, 1.15
"""Share of its time that a further network needs; how many times the least loss one may have and stay."""
_SEEDS = 1_000
_LONGEST = 1_000_000
"""Characters of a text that are looked at when it is learned from; the part that is read is found among them."""

Ids = NDArray[np.int64]


class TextNetworkFamily(Family):
    """`encoder` is the kind of network."""

    neural = True

    def __init__(self, encoder: Literal["lstm", "transformer"], title: str, settings: Settings) -> None:
        self.name = self._encoder = encoder
        self.title = title
        self._settings = settings

    def fit(
        self,
        training: "Labelled",
        *,
        seconds: float,
        seed: int,
        options: FitOptions = FitOptions(),
        clock: Callable[[], float] = time.monotonic,
    ) -> Iterator[Progress | Fitted]:
        budget, settings = Budget(seconds, clock), self._settings

        def read(text: str) -> list[str]:
            return Read(text, settings.context, options.long_texts).words

        documents = yield from read_documents(training, read, budget, seed, options, _LONGEST, _READING)
        classes = len(training.names)
        rows = min(settings.vectors, _MOST_NUMBERS // (settings.width + classes))
        vocabulary = learn_vocabulary(documents.items[:_LEARNED_FROM], rows, settings.columns)
        yield Progress(budget.elapsed, budget.share, 0, 0.0)
        encoded = Encoded(*vocabulary.encode(documents.items), documents.labels)
        yield Progress(budget.elapsed, budget.share, 0, 0.0)
        counting = Counting(encoded, vocabulary.rows, classes)
        config = TextNetworkConfig(
            encoder=self._encoder, rows=vocabulary.rows, classes=classes, context=settings.context,
            width=settings.width, layers=settings.layers, dropout=settings.dropout,
        )  # fmt: skip
        together = Together(settings.epochs)
        for member, (kept, inner) in enumerate(held_out_in_turn(documents, settings, seed)):
            begun = budget.elapsed
            epochs = together.next_epochs(budget.left - _MARGIN * seconds)
            if epochs is None:
                break
            scores = counting.log_ratios(kept) * settings.prior
            network = started(config, scores, settings.scale, seed * _SEEDS + member)
            learner = Learner(network, encoded, settings, seed * _SEEDS + member)
            allowed = budget.left - _MARGIN * seconds
            found = yield from learn(learner, kept, inner, encoded.lengths, epochs, budget, allowed)
            together.add(rounded(network), epochs, found, budget.elapsed - begun)
        networks = together.kept
        classifier = TextNetworkClassifier(self._encoder, training.names, vocabulary, networks, options.long_texts)
        yield Fitted(classifier, budget.elapsed, together.chosen)


class Together:
    """The networks so far, and for how many epochs the next is to learn."""

    def __init__(self, epochs: tuple[float, ...]) -> None:
        self._epochs = epochs
        self._networks: list[tuple[TextNetwork, float]] = []
        self._losses: dict[float, float] = {}
        self._accuracies: list[float] = []
        self._seconds = 0.0
        """Of one epoch, the longest seen."""

    def next_epochs(self, allowed: float) -> float | None:
        """The first number that was not tried, then the one with the least loss; None where the time is too short.

        A network that has much less time than it needs would only pull the mean down.
        """
        if not self._networks:
            return self._epochs[0]
        for epochs in self._epochs:
            if epochs not in self._losses and allowed > self._seconds * epochs:
                return epochs
        best = self._best
        return best if allowed > _ENOUGH * self._seconds * best else None

    def add(self, network: TextNetwork, epochs: float, found: tuple[float, float] | None, seconds: float) -> None:
        """Take a network in that learned for so long, with its loss and accuracy on inner texts."""
        loss = found[0] if found is not None else 0.0
        self._networks.append((network, loss))
        self._losses.setdefault(epochs, loss)
        self._accuracies += [found[1]] if found is not None else []
        self._seconds = max(self._seconds, seconds / epochs)

    @property
    def _best(self) -> float:
        return min(self._losses, key=lambda epochs: self._losses[epochs])

    @property
    def kept(self) -> list[TextNetwork]:
        """The networks but those that did clearly worse than the best."""
        least = min(loss for _, loss in self._networks)
        return [network for network, loss in self._networks if loss <= least * _WORSE]

    @property
    def chosen(self) -> dict[str, float | int | str]:
        """What is told of the choice."""
        told: dict[str, float | int | str] = {"networks": len(self.kept), "epochs": self._best}
        return told | ({"inner_accuracy": float(np.mean(self._accuracies))} if self._accuracies else {})


def held_out_in_turn(documents: Documents[list[str]], settings: Settings, seed: int) -> Iterator[tuple[Ids, Ids]]:
    """What each network learns from and what it is stopped by: another tenth each time, at most _MOST_INNER texts.

    The first tenth serves as long as epochs are tried, so that these are compared on the same texts. Of so few texts
    that a tenth says nothing, none is held out.
    """
    everything = np.arange(len(documents))
    few = documents.originals.sum() < _FEWEST_INNER * _FOLDS
    numbers = None if few else fold_numbers(documents.labels, documents.groups, _FOLDS, seed)
    for member in range(settings.members):
        if numbers is None:
            yield everything, everything[:0]
            continue
        held_out = numbers == max(0, member - len(settings.epochs) + 1) % _FOLDS
        yield everything[~held_out], everything[held_out & documents.originals][:_MOST_INNER]


class Counting:
    """Which parts stand in which texts, found once, so that ratios for any choice of texts come quickly."""

    def __init__(self, encoded: Encoded, rows: int, classes: int) -> None:
        from scipy.sparse import csr_matrix

        parts = encoded.ids.shape[1]
        ends = np.concatenate(([0], np.cumsum(encoded.lengths * parts)))
        ones = np.ones(encoded.ids.size, dtype=np.float32)
        self._present = csr_matrix((ones, encoded.ids.ravel(), ends), shape=(len(encoded.lengths), rows))
        self._present.sum_duplicates()
        self._present.data[:] = 1
        self._labels, self._classes = encoded.labels, classes

    def log_ratios(self, chosen: Ids) -> Tensor:
        """(rows, K) naive Bayes: the log of the share of a class's texts that have a part, the mean of all classes taken
        off (Wang & Manning 2012, with presence in place of counts and 1 added). Only the chosen texts count."""
        of_class = np.zeros((self._classes, len(self._labels)), dtype=np.float32)
        of_class[self._labels[chosen], chosen] = 1
        counts = (self._present.T @ of_class.T).astype(np.float64)  # (rows, K)
        ratios = np.log((counts + 1) / (np.bincount(self._labels[chosen], minlength=self._classes) + 2))
        ratios -= ratios.mean(axis=1, keepdims=True)
        ratios[PADDING] = 0
        return torch.from_numpy(ratios).float()


def rounded(network: TextNetwork) -> TextNetwork:
    """The table in 16 bits, as its file has it: half the size, and no difference before and after saving."""
    with torch.no_grad():
        network.table.copy_(network.table.half())
    return network


def started(config: TextNetworkConfig, scores: Tensor, scale: float, seed: int) -> TextNetwork:
    """A network with small random weights and these class scores."""
    torch.manual_seed(seed)
    network = TextNetwork(config)
    with torch.no_grad():
        network.table[:, : config.width].normal_(0, scale)
        network.table[:, config.width :] = scores
        network.table[PADDING] = 0
        network.head.weight.mul_(0.5)
    return network


LSTM = TextNetworkFamily("lstm", N_("LSTM"), Settings())
TRANSFORMER = TextNetworkFamily("transformer", N_("Transformer"), Settings())
