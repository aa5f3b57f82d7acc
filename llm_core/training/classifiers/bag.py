"""How the bag of n-grams learns: fastText's way, one text after another, in batches.

Only vectors that a batch touches are moved, so that a step costs the same however many vectors there are.
"""

import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from llm_core.data.splits import stratified
from llm_core.errors import N_
from llm_core.inference.classifiers.bag import BagOfNgrams, hashed
from llm_core.inference.classifiers.counting import LONGEST
from llm_core.training.classifiers.base import Family, FitOptions, Fitted, Progress
from llm_core.training.classifiers.budget import Budget
from llm_core.training.classifiers.preparing import Documents, read_documents
from llm_core.training.classifiers.row_adam import RowAdam

if TYPE_CHECKING:
    from llm_core.data.labelled import Labelled

BUCKETS, WIDTH = 1 << 17, 16
_INNER, _BATCH, _RATE = 0.1, 32, 0.01
_READING = 0.35
"""Share of the time for reading."""
_MOST = 3_000
"""n-grams of a text that one step is learned from."""
_EPOCHS, _FEWEST_STEPS = 10, 300


class BagOfNgramsFamily(Family):
    """The mean of the vectors of all n-grams, then a linear layer."""

    name = "bag_of_ngrams"
    title = N_("Bag of n-grams")
    neural = False

    def fit(
        self,
        training: "Labelled",
        *,
        seconds: float,
        seed: int,
        options: FitOptions = FitOptions(),
        clock: Callable[[], float] = time.monotonic,
    ) -> Iterator[Progress | Fitted]:
        budget = Budget(seconds, clock)
        documents = yield from read_documents(
            training, lambda text: hashed(text, BUCKETS), budget, seed, options, LONGEST, _READING
        )
        held_out = stratified(documents.labels, documents.groups, _INNER, seed) & documents.originals
        learner = _Learner(documents, len(training.names), seed)
        yield from learner.run(np.flatnonzero(~held_out), np.flatnonzero(held_out), budget)
        classifier = BagOfNgrams(training.names, *learner.best)
        yield Fitted(classifier, budget.elapsed, {"epochs": round(learner.best_epoch, 2)})


class _Learner:
    """`best`: vectors, weights and intercept that had the least loss on the inner texts, after `best_epoch` epochs."""

    def __init__(self, documents: Documents[NDArray[np.int64]], classes: int, seed: int) -> None:
        self._documents = documents
        self._labels = torch.from_numpy(documents.labels)
        self._random = np.random.default_rng([seed, 2])
        generator = torch.Generator().manual_seed(seed)
        self._vectors = torch.rand(BUCKETS, WIDTH, generator=generator).sub_(0.5).mul_(2 / WIDTH)
        # Zero, so that all classes are alike at first.
        self._weights, self._intercept = torch.zeros(classes, WIDTH), torch.zeros(classes)
        self.best_epoch = 0.0
        self.best = self._state()

    def run(self, kept: NDArray[np.int64], inner: NDArray[np.int64], budget: Budget) -> Iterator[Progress]:
        """Learn from the kept texts until the time or the epochs are over."""
        per_epoch = -(-len(kept) // _BATCH)
        total = max(_EPOCHS * per_epoch, _FEWEST_STEPS)
        moved = [RowAdam(part) for part in (self._vectors, self._weights, self._intercept[:, None])]
        begun, told, step = budget.elapsed, budget.elapsed, 0
        # What a look at the inner texts and a step take at the most is kept for the next.
        look, slowest, least, losses = 0.0, 0.0, float("inf"), []
        queue: list[NDArray[np.int64]] = []
        every = max(1, total // 20)
        while step < total and budget.left > look + slowest + 0.02 * budget.seconds:
            before = budget.elapsed
            if not queue:
                order = self._random.permutation(kept)
                queue = [order[first : first + _BATCH] for first in range(0, len(order), _BATCH)]
            share = max(step / total, (budget.elapsed - begun) / max(1e-9, budget.seconds - begun))
            losses.append(self._step(queue.pop(), _RATE * (1 - min(1.0, share)), moved))
            step += 1
            slowest = max(slowest, budget.elapsed - before)
            if step % every and step < total:
                if budget.elapsed - told > 0.5:
                    told = budget.elapsed
                    yield Progress(told, max(share, budget.share), step, step / per_epoch, float(np.mean(losses)))
                continue
            start = budget.elapsed
            loss, accuracy = self._look(inner) if len(inner) else (None, None)
            look, told = max(look, budget.elapsed - start), budget.elapsed
            if loss is None or loss < least:
                least, self.best, self.best_epoch = loss or 0.0, self._state(), step / per_epoch
            yield Progress(
                told, max(step / total, budget.share), step, step / per_epoch, float(np.mean(losses)), loss, accuracy
            )  # fmt: skip
            losses = []
        if not self.best_epoch:
            # The time was too short for a look.
            self.best, self.best_epoch = self._state(), step / per_epoch

    def _step(self, chosen: NDArray[np.int64], rate: float, moved: list[RowAdam]) -> float:
        ids, offsets = self._gathered(chosen)
        rows, places = torch.unique(ids, return_inverse=True)
        leaf = self._vectors[rows].requires_grad_()
        weights, intercept = self._weights.clone().requires_grad_(), self._intercept.clone().requires_grad_()
        logits = F.linear(F.embedding_bag(places, leaf, offsets), weights, intercept)
        loss = F.cross_entropy(logits, self._labels[chosen])
        gradients = torch.autograd.grad(loss, (leaf, weights, intercept))
        classes = torch.arange(len(self._weights))
        moved[0].step(rows, gradients[0], rate)
        moved[1].step(classes, gradients[1], rate)
        moved[2].step(classes, gradients[2][:, None], rate)
        return loss.item()

    def _look(self, inner: NDArray[np.int64]) -> tuple[float, float]:
        """Loss and accuracy on the inner texts."""
        logits = []
        for first in range(0, len(inner), 512):
            ids, offsets = self._gathered(inner[first : first + 512])
            logits.append(F.linear(F.embedding_bag(ids, self._vectors, offsets), self._weights, self._intercept))
        every, truth = torch.cat(logits), self._labels[inner]
        return F.cross_entropy(every, truth).item(), (every.argmax(-1) == truth).double().mean().item()

    def _gathered(self, chosen: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Buckets of these texts end to end, and where each begins; of long texts some by chance."""
        items = [self._documents.items[place] for place in chosen]
        items = [self._random.choice(item, _MOST) if len(item) > _MOST else item for item in items]
        ends = np.cumsum([len(item) for item in items])
        offsets = np.concatenate(([0], ends[:-1])).astype(np.int64)
        return torch.from_numpy(np.concatenate(items)), torch.from_numpy(offsets)

    def _state(self) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        return self._vectors.numpy().copy(), self._weights.numpy().copy(), self._intercept.numpy().copy()
