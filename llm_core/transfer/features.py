"""Head only: the encoder stays as it is and reads every text once; a logistic regression learns on what it has seen."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from llm_core.data.labelled import Labelled, folds
from llm_core.devices import autocast, choose_device, choose_precision
from llm_core.inference.classifiers.text_rows import TextRows, as_batch, batches
from llm_core.models.task_model import TaskModel, pool
from llm_core.training.classifiers.base import Progress
from llm_core.transfer.tuning import Budget

PENALTIES = (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 1e-4)
"""Candidates for the L2 penalty, the strongest first: half of it times the squared weights, added to the mean loss."""
_USUAL_PENALTY = 1e-2
_FOLDS = 5
_MOST_FOLDED = 4000
_READING_SHARE = 0.7
_ITERATIONS = 40
_CHUNK = 256


@dataclass(frozen=True, slots=True)
class Head:
    """weight (K, width) and bias (K,) on the features as they are, and the penalty that the folds chose."""

    weight: Tensor
    bias: Tensor
    penalty: float
    accuracy: float | None


def read_features(
    model: TaskModel, rows: TextRows, texts: Sequence[str], budget: Budget
) -> Iterator[Progress | tuple[list[int], Tensor]]:
    """The pooled vectors of texts, then a tuple: places of the texts that were read, and their features (N, width).

    Where the time does not suffice for all, the later ones are left out.
    """
    device = choose_device("auto")
    model = model.eval().to(device)
    chunks: list[Tensor] = []
    done = 0
    while done < len(texts) and (not done or budget.spent < _READING_SHARE * budget.seconds):
        chunks.append(_pooled(model, rows, texts[done : done + _CHUNK], device))
        done += len(chunks[-1])
        share = _READING_SHARE * max(done / len(texts), budget.spent / budget.seconds)
        yield Progress(budget.spent, min(1.0, share), 0, done / len(texts))
    model.to("cpu")
    yield list(range(done)), torch.cat(chunks)


def _pooled(model: TaskModel, rows: TextRows, texts: Sequence[str], device: torch.device) -> Tensor:
    """(N, width) what the head would see of each text, the mean over its rows."""
    found = [rows.of(text) for text in texts]
    flat = [row for text in found for row in text]
    owners = np.repeat(np.arange(len(found)), [len(text) for text in found])
    total = torch.zeros(len(found), model.task_head.in_features)
    with torch.inference_mode(), autocast(device, choose_precision("auto", device)):
        for places in batches(flat):
            batch = as_batch([flat[place] for place in places], rows.context).to(device)
            seen = pool(model.body(batch), batch.real, model.config.pooling).float().cpu()
            total.index_add_(0, torch.from_numpy(owners[places]), seen)
    # A tensor made in inference mode could not be learned on; this one was not.
    return total / torch.from_numpy(np.bincount(owners))[:, None]


def learn_head(features: Tensor, labelled: Labelled, seed: int, budget: Budget) -> Head:
    """A logistic regression on features (N, width), its penalty chosen by five folds where there are texts enough."""
    mean, spread = features.mean(0), features.std(0, correction=0).clamp(min=1e-6)
    scaled = (features - mean) / spread
    labels = torch.from_numpy(labelled.labels)
    classes = len(labelled.names)
    penalty, accuracy = _choose_penalty(scaled, labelled, seed, budget)
    weight, bias = _fit(scaled, labels, classes, penalty)
    weight = weight / spread
    return Head(weight, bias - weight @ mean, penalty, accuracy)


def _choose_penalty(scaled: Tensor, labelled: Labelled, seed: int, budget: Budget) -> tuple[float, float | None]:
    chosen = np.random.default_rng(seed).permutation(len(labelled))[:_MOST_FOLDED]
    part = labelled.take(chosen)
    if len(part) < 4 * _FOLDS:
        return _USUAL_PENALTY, None
    features, labels = scaled[torch.from_numpy(chosen)], torch.from_numpy(part.labels)
    cut = folds(part, _FOLDS, seed)
    losses: dict[float, tuple[float, float]] = {}
    starts: list[tuple[Tensor, Tensor] | None] = [None] * len(cut)
    for penalty in PENALTIES:
        if losses and budget.left < budget.spent / 4:
            break
        said = torch.zeros(len(part), len(labelled.names))
        for fold, (learn, test) in enumerate(cut):
            # From a stronger penalty to a weaker one it is not far: each fit goes on from the one before.
            part_features, part_labels = features[_places(learn)], labels[_places(learn)]
            weight, bias = _fit(part_features, part_labels, len(labelled.names), penalty, starts[fold])
            starts[fold] = weight, bias
            said[_places(test)] = features[_places(test)] @ weight.T + bias
        loss = float(F.cross_entropy(said, labels))
        losses[penalty] = loss, float((said.argmax(-1) == labels).float().mean())
    best = min(losses, key=lambda penalty: losses[penalty][0])
    return best, losses[best][1]


def _places(indices: NDArray[np.int64]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(indices))


def _fit(
    features: Tensor, labels: Tensor, classes: int, penalty: float, start: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Weight (K, width) and bias (K,) with the least mean loss plus penalty / 2 times the squared weights."""
    weight, bias = start or (torch.zeros(classes, features.shape[1]), torch.zeros(classes))
    weight, bias = weight.clone().requires_grad_(True), bias.clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS(
        [weight, bias], max_iter=_ITERATIONS, tolerance_grad=1e-5, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(features @ weight.T + bias, labels) + penalty / 2 * weight.square().sum()
        torch.autograd.backward(loss)
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return weight.detach(), bias.detach()
