"""How one text network learns within its time: batches of like length, a rate that falls to nothing, the best kept.

Knows no family and no vocabulary: it is given the rows of vectors of every text.
"""

from collections.abc import Iterator
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Settings:
    """What was chosen on inner splits of real tables; see `benchmarks/classify.py`.

    rate: of the network · row_rate, score_rate: of vectors and of class scores in the table · word_dropout: share of
    words left out in each step · steps: at the least, and epochs: beyond that, for a table of 7,000 texts.
    """

    width: int = 64
    layers: int = 1
    columns: int = 8
    vectors: int = 60_000
    dropout: float = 0.4
    word_dropout: float = 0.1
    smoothing: float = 0.05
    prior: float = 0.3
    rate: float = 2e-3
    row_rate: float = 2e-3
    score_rate: float = 2e-3
    decay: float = 0.05
    score_decay: float = 0.0
    scale: float = 0.1
    batch: int = 64
    epochs: float = 8.0
    warmup: float = 0.05
    members: int = 5
    context: int = 256
    select: str = "loss"


@dataclass(frozen=True)
class Encoded:
    """Texts as rows of vectors: ids (positions, parts), all texts end to end; lengths (N,); labels (N,)."""

    ids: Ids
    lengths: Ids
    labels: Ids

    @property
    def starts(self) -> Ids:
        ends: Ids = np.cumsum(self.lengths) - self.lengths
        return ends

    def padded(self, chosen: Ids, context: int, random: np.random.Generator | None) -> tuple[Tensor, Tensor]:
        """ids (B, T, parts) and lengths (B,) of these texts; of one beyond the context a window, by chance or the first."""
        lengths = np.minimum(self.lengths[chosen], context)
        starts = (np.cumsum(self.lengths) - self.lengths)[chosen] if random is None else self._starts[chosen]
        over = self.lengths[chosen] - lengths
        if random is not None and over.any():
            starts = starts + random.integers(0, over + 1)
        reach = np.arange(int(lengths.max()))
        places = np.minimum(starts[:, None] + reach, len(self.ids) - 1)
        block = self.ids[places]  # (B, T, parts)
        block[reach >= lengths[:, None]] = 0
        return torch.from_numpy(block), torch.from_numpy(lengths)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", np.cumsum(self.lengths) - self.lengths)

    _starts = None  # type: ignore[assignment]


def batches(lengths: Ids, size: int, random: np.random.Generator) -> list[Ids]:
    """Every text once, those of like length together, the batches in random order."""
    order = random.permutation(len(lengths))
    noisy = lengths[order] * random.uniform(0.8, 1.25, len(order))
    order = order[np.argsort(noisy, kind="stable")]
    cut = [order[first : first + size] for first in range(0, len(order), size)]
    return [cut[place] for place in random.permutation(len(cut))]


def predict(network: TextNetwork, encoded: Encoded, chosen: Ids, size: int = 256) -> NDArray[np.float64]:
    """Logits (N, K) of these texts."""
    out = np.zeros((len(chosen), network.config.classes))
    order = np.argsort(encoded.lengths[chosen], kind="stable")
    network.eval()
    with torch.no_grad():
        for first in range(0, len(order), size):
            part = order[first : first + size]
            ids, lengths = encoded.padded(chosen[part], network.config.context, None)
            out[part] = network(network.embed(ids), lengths).double().numpy()
    return out


def learn(
    network: TextNetwork,
    encoded: Encoded,
    training: Ids,
    inner: Ids,
    settings: Settings,
    budget: Budget,
    allowed: float,
    seed: int,
) -> Iterator[Progress]:
    """Train a network in place within `allowed` seconds; it ends with the weights that were best on the inner texts."""
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    K, width = network.config.classes, network.config.width
    labels = torch.from_numpy(encoded.labels)
    table = network.table.detach()
    row_rate = torch.cat((torch.full((width,), settings.row_rate), torch.full((K,), settings.score_rate)))
    row_decay = torch.cat((torch.full((width,), settings.decay), torch.full((K,), settings.score_decay)))
    rows_optimizer = RowAdam(table, row_decay, padding=True)
    others = [p for p in network.parameters() if p is not network.table]
    optimizer = torch.optim.AdamW(others, lr=settings.rate, weight_decay=0.05, betas=(0.9, 0.99), fused=True)
    per_epoch = -(-len(training) // settings.batch)
    total = max(1, round(settings.epochs * per_epoch))
    start = budget.elapsed
    best, best_state = float("inf"), None
    step, queue, losses = 0, [], []
    every = max(1, total // 16)
    while True:
        share = max(step / total, (budget.elapsed - start) / allowed)
        if share >= 1:
            break
        if not queue:
            queue = batches(encoded.lengths[training], settings.batch, random)
        chosen = training[queue.pop()]
        ids, lengths = encoded.padded(chosen, network.config.context, random)
        if settings.word_dropout:
            keep = torch.from_numpy(random.random(ids.shape[:2]) >= settings.word_dropout)
            ids = ids * keep[:, :, None]
        factor = (
            min(1.0, share / settings.warmup) * (1 - share) / (1 - settings.warmup)
            if share < settings.warmup
            else (1 - share) / (1 - settings.warmup)
        )
        rows, places = torch.unique(ids, return_inverse=True)
        leaf = table.index_select(0, rows).requires_grad_()
        network.train()
        logits = network(F.embedding(places, leaf).sum(-2), lengths)
        loss = F.cross_entropy(logits, labels[chosen], label_smoothing=settings.smoothing)
        loss.backward()
        rows_optimizer.step(rows, leaf.grad, row_rate * factor)
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * factor
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.item())
        step += 1
        if step % every == 0 or step == total:
            inner_loss = inner_accuracy = None
            if len(inner):
                scores = torch.from_numpy(predict(network, encoded, inner))
                truth = labels[inner]
                inner_loss = F.cross_entropy(scores, truth).item()
                inner_accuracy = (scores.argmax(-1) == truth).double().mean().item()
                measure = {"loss": inner_loss, "accuracy": -inner_accuracy, "last": -step}[settings.select]
                if measure <= best:
                    best = measure
                    best_state = {name: value.clone() for name, value in network.state_dict().items()}
            yield Progress(
                budget.elapsed, budget.share, step, step / per_epoch, float(np.mean(losses)), inner_loss, inner_accuracy
            )
            losses = []
    if best_state is not None:
        network.load_state_dict(best_state)
