"""The LSTM and the Transformer: as many small networks as the time allows, each with another part held out.

The time of the first steps says how long a network takes; then the time is dealt out.
"""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

from llm_core.data.splits import fold_numbers
from llm_core.errors import N_
from llm_core.inference.classifiers.network import Read, TextNetworkClassifier
from llm_core.inference.classifiers.vocabulary import PADDING, learn_vocabulary
from llm_core.models.text_network import TextNetwork, TextNetworkConfig
from llm_core.training.classifiers.base import Family, FitOptions, Fitted, Progress
from llm_core.training.classifiers.budget import Budget
from llm_core.training.classifiers.network_training import Encoded, Settings, learn
from llm_core.training.classifiers.preparing import Documents, read_documents

if TYPE_CHECKING:
    from llm_core.data.labelled import Labelled

_FOLDS = 10


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
        documents: Documents[list[str]] | None = None

        def read(text: str) -> list[str]:
            return Read(text, settings.context, options.long_texts).words

        longest = 10_000_000
        for event in read_documents(training, read, budget, seed, options, longest):
            if isinstance(event, Progress):
                yield event
            else:
                documents = event
        assert documents is not None
        classes = len(training.names)
        vocabulary = learn_vocabulary(documents.items, settings.vectors, settings.columns)
        yield Progress(budget.elapsed, budget.share, 0, 0.0)
        ids, lengths = vocabulary.encode(documents.items)
        encoded = Encoded(ids, lengths, documents.labels)
        ratios = log_count_ratios(encoded, vocabulary.rows, classes)
        yield Progress(budget.elapsed, budget.share, 0, 0.0)
        config = TextNetworkConfig(
            encoder=self._encoder, rows=vocabulary.rows, classes=classes, context=settings.context,
            width=settings.width, layers=settings.layers, dropout=settings.dropout,
        )  # fmt: skip
        numbers = fold_numbers(documents.labels, documents.groups, min(_FOLDS, max(2, len(documents))), seed)
        networks: list[TextNetwork] = []
        while len(networks) < settings.members:
            member = len(networks)
            begun = budget.elapsed
            inner = np.flatnonzero((numbers == member % _FOLDS) & documents.originals)
            kept = np.flatnonzero(numbers != member % _FOLDS)
            network = started(config, ratios * settings.prior, settings.scale, seed * 100 + member)
            allowed = budget.left
            yield from learn(network, encoded, kept, inner, settings, budget, allowed, seed * 100 + member)
            networks.append(network)
            if budget.left < (budget.elapsed - begun) * 1.1:
                break
        classifier = TextNetworkClassifier(self._encoder, training.names, vocabulary, networks, options.long_texts)
        yield Fitted(classifier, budget.elapsed, {"networks": len(networks)})


def log_count_ratios(encoded: Encoded, rows: int, classes: int) -> Tensor:
    """(rows, K) naive Bayes: the log of how much more of a class's texts have a part than those of the other classes,
    at the middle of all classes (Wang & Manning 2012, with presence in place of counts)."""
    texts = np.repeat(np.arange(len(encoded.lengths)), encoded.lengths)
    present = np.unique((texts[:, None] * rows + encoded.ids).ravel())
    counts = np.zeros((rows, classes))
    np.add.at(counts, (present % rows, encoded.labels[present // rows]), 1)
    shares = np.log((counts + 1) / (np.bincount(encoded.labels, minlength=classes) + 2))
    ratios = shares - shares.mean(axis=1, keepdims=True)
    ratios[PADDING] = 0
    return torch.from_numpy(ratios).float()


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
