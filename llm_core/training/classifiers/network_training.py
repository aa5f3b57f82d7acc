"""How one text network learns within its time: batches of like length, a rate that falls to nothing, the best kept.

Knows no family and no vocabulary: it is given the rows of vectors that make the words of every text.
"""

from collections.abc import Generator
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from llm_core.models.text_network import TextNetwork
from llm_core.training.classifiers.base import Progress
from llm_core.training.classifiers.budget import Budget
from llm_core.training.classifiers.row_adam import RowAdam

Ids = NDArray[np.int64]

_LOOKS = 8
"""How often the inner texts are looked at."""
_TOLD = 0.5
"""Seconds after which progress is told."""
_BETAS = (0.9, 0.99)
_CLIP = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How a network is made and learns; chosen on inner splits of real tables, never on their test parts.

    vectors: rows of the table at the most · columns: n-grams of characters that a word is made of at the most ·
    word_dropout: share of words left out in each step · smoothing: of labels (Szegedy et al. 2016) · prior: how much of
    the naive Bayes log-count ratios the class scores begin with · scale: of the first vectors · rate: of the network;
    row_rate, score_rate: of vectors and class scores in the table · epochs: through the texts, tried in turn; fewer where
    the time ends and more where they make fewer than `least_steps` · members: networks at the most · context: words read in one pass.
    """

    width: int = 64
    layers: int = 1
    vectors: int = 40_000
    columns: int = 8
    context: int = 256
    dropout: float = 0.4
    word_dropout: float = 0.1
    smoothing: float = 0.05
    prior: float = 0.3
    scale: float = 0.1
    rate: float = 2e-3
    row_rate: float = 2e-3
    score_rate: float = 2e-3
    decay: float = 0.05
    batch: int = 64
    epochs: tuple[float, ...] = (3.0, 6.0)
    least_steps: int = 150
    warmup: float = 0.05
    members: int = 5


@dataclass(frozen=True)
class Encoded:
    """Texts as rows of vectors: ids (positions, parts), all texts end to end · lengths (N,) · labels (N,)."""

    ids: Ids
    lengths: Ids
    labels: Ids
    starts: Ids = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "starts", np.cumsum(self.lengths) - self.lengths)

    def padded(self, chosen: Ids, context: int, random: np.random.Generator | None = None) -> tuple[Tensor, Tensor]:
        """ids (B, T, parts) and lengths (B,) of these texts; of one beyond the context the first words, or with
        `random` a part by chance."""
        lengths = np.minimum(self.lengths[chosen], context)
        starts = self.starts[chosen]
        if random is not None:
            starts = starts + random.integers(0, self.lengths[chosen] - lengths + 1)
        reach = np.arange(int(lengths.max()))
        block = self.ids[np.minimum(starts[:, None] + reach, len(self.ids) - 1)]  # (B, T, parts)
        block[reach >= lengths[:, None]] = 0
        return torch.from_numpy(block), torch.from_numpy(lengths)


def batches(lengths: Ids, size: int, random: np.random.Generator) -> list[Ids]:
    """Every text once, those of like length together, the batches in random order."""
    # A little noise, so that a text meets others each time.
    order = np.argsort(lengths * random.uniform(0.8, 1.25, len(lengths)))
    cut = [order[first : first + size] for first in range(0, len(order), size)]
    return [cut[place] for place in random.permutation(len(cut))]


def predict(network: TextNetwork, encoded: Encoded, chosen: Ids, size: int = 128) -> Tensor:
    """Logits (N, K) of these texts, of long ones by their beginning."""
    logits = torch.zeros(len(chosen), network.config.classes)
    order = np.argsort(encoded.lengths[chosen], kind="stable")
    network.eval()
    with torch.no_grad():
        for first in range(0, len(order), size):
            part = order[first : first + size]
            ids, lengths = encoded.padded(chosen[part], network.config.context)
            logits[part] = network(network.embed(ids), lengths)
    return logits


class Learner:
    """Trains a network in place, one step at a time."""

    def __init__(self, network: TextNetwork, encoded: Encoded, settings: Settings, seed: int) -> None:
        self.network, self._encoded, self.settings = network, encoded, settings
        self.random = np.random.default_rng(seed)
        self._labels = torch.from_numpy(encoded.labels)
        width, classes = network.config.width, network.config.classes
        self._table = network.table.detach()
        self._row_rate = torch.tensor([settings.row_rate] * width + [settings.score_rate] * classes)
        decay = torch.tensor([settings.decay] * width + [0.0] * classes)
        self._rows = RowAdam(self._table, decay, _BETAS, padding=True)
        self._others = [weight for weight in network.parameters() if weight is not network.table]
        self._optimizer = torch.optim.AdamW(self._others, lr=settings.rate, weight_decay=0.05, betas=_BETAS)

    def step(self, chosen: Ids, factor: float) -> float:
        """One update with these texts at this share of the rates; the loss before it."""
        ids, lengths = self._encoded.padded(chosen, self.network.config.context, self.random)
        kept = self.random.random(ids.shape[:2]) >= self.settings.word_dropout
        ids = ids * torch.from_numpy(kept)[:, :, None]
        rows, places = torch.unique(ids, return_inverse=True)
        vectors = self._table.index_select(0, rows).requires_grad_()
        self.network.train()
        logits = self.network(self.network.embed(places, vectors), lengths)
        loss = F.cross_entropy(logits, self._labels[chosen], label_smoothing=self.settings.smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        assert vectors.grad is not None
        self._rows.step(rows, vectors.grad, self._row_rate * factor)
        for group in self._optimizer.param_groups:
            group["lr"] = self.settings.rate * factor
        torch.nn.utils.clip_grad_norm_(self._others, _CLIP)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return loss.item()

    def look(self, inner: Ids) -> tuple[float, float]:
        """Loss and accuracy on the inner texts."""
        logits, truth = predict(self.network, self._encoded, inner), self._labels[inner]
        right = (logits.argmax(-1) == truth).double().mean()
        return F.cross_entropy(logits, truth).item(), right.item()

    def state(self) -> dict[str, Tensor]:
        """A copy of all weights."""
        return {name: weight.clone() for name, weight in self.network.state_dict().items()}


def learn(
    learner: Learner, training: Ids, inner: Ids, lengths: Ids, epochs: float, budget: Budget, seconds: float
) -> Generator[Progress, None, tuple[float, float] | None]:
    """Train for so many epochs, `seconds` at the most, and end with the weights that were best on the inner texts.

    Where there are no inner texts, these are the last. Returns the loss and accuracy on them, if any.
    """
    settings = learner.settings
    size = min(settings.batch, max(4, len(training) // 8))
    per_epoch = -(-len(training) // size)
    total = max(settings.least_steps, round(epochs * per_epoch))
    every = -(-total // _LOOKS)
    start = told = budget.elapsed
    looking = _Looking(learner, inner, budget)
    queue: list[Ids] = []
    losses: list[float] = []
    yield Progress(budget.elapsed, budget.share, 0, 0.0, None, *looking.look())
    found: tuple[float, float] | tuple[None, None]
    step, slowest, before = 0, 0.0, budget.elapsed
    while step < total and before - start + looking.took + slowest < seconds:
        share = max(step / total, (budget.elapsed - start) / seconds)
        if not queue:
            queue = [training[batch] for batch in batches(lengths[training], size, learner.random)]
        losses.append(learner.step(queue.pop(), min(share / settings.warmup, 1.0) * (1 - share) + 1e-3))
        step += 1
        now = budget.elapsed
        slowest, before = max(slowest, now - before), now
        if step % every == 0 or step == total:
            found = looking.look()
        elif now - told > _TOLD:
            found = (None, None)
        else:
            continue
        told = before = budget.elapsed
        yield Progress(told, budget.share, step, step / per_epoch, float(np.mean(losses)), *found)
        losses = []
    return looking.end()


class _Looking:
    """Looks at the inner texts and keeps the weights that had the least loss. `took`: seconds of a look, the longest."""

    def __init__(self, learner: Learner, inner: Ids, budget: Budget) -> None:
        self._learner, self._inner, self._budget = learner, inner, budget
        self._least: tuple[float, float] | None = None
        self._best: dict[str, Tensor] = {}
        self.took = 0.0

    def look(self) -> tuple[float, float] | tuple[None, None]:
        """Loss and accuracy on the inner texts; None where there are none."""
        if not len(self._inner):
            return None, None
        start = self._budget.elapsed
        found = self._learner.look(self._inner)
        if self._least is None or found[0] < self._least[0]:
            self._least, self._best = found, self._learner.state()
        self.took = max(self.took, self._budget.elapsed - start)
        return found

    def end(self) -> tuple[float, float] | None:
        """Put the best weights in place; their loss and accuracy."""
        if self._best:
            self._learner.network.load_state_dict(self._best)
        return self._least
