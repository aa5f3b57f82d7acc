"""The loop that fine-tunes an encoder with a head for classes, within a stated time.

Small steps, a warm-up and a linear fall to zero, as for BERT (Devlin 2018, A.3; Mosbach et al. 2021 for few texts), and
the weights of the best look at an inner split. Knows no family: it is given a model and the parameters that learn.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW

from llm_core.data.labelled import Labelled, inner_split
from llm_core.devices import autocast, choose_device, choose_precision
from llm_core.inference.classifiers.text_rows import Row, TextRows, as_batch, batches
from llm_core.models.task_model import TaskModel
from llm_core.training.classifiers.base import Progress
from llm_core.training.loop import seed_step

LEAST_INNER = 30
"""With fewer texts held out, the best look would be chosen by chance: all texts are learned from, to the last step."""
_MOST_INNER = 1000
_LOOKS = 12
_POOL = 32
_SAY_AFTER = 0.4


@dataclass(frozen=True, slots=True)
class Settings:
    """How an encoder is tuned. epochs: at most so many, but at least `least_steps` steps where texts are few.

    layer_decay: the learning rate of a layer as a share of that of the layer above it (Howard & Ruder 2018, 3.2).
    hidden_tokens: share of tokens that are hidden from the network while it learns, each time others.
    """

    learning_rate: float
    head_learning_rate: float
    layer_decay: float = 1.0
    weight_decay: float = 0.01
    warmup: float = 0.1
    epochs: int = 12
    least_steps: int = 300
    batch_size: int = 32
    label_smoothing: float = 0.05
    hidden_tokens: float = 0.1
    patience: int = 5


@dataclass(slots=True)
class Budget:
    """Seconds of a clock, from now on."""

    clock: Callable[[], float]
    seconds: float
    started: float = field(init=False)

    def __post_init__(self) -> None:
        self.started = self.clock()

    @property
    def spent(self) -> float:
        return self.clock() - self.started

    @property
    def left(self) -> float:
        return self.seconds - self.spent


@dataclass(slots=True)
class _Best:
    loss: float = float("inf")
    weights: dict[str, Tensor] = field(default_factory=dict)
    epoch: float = 0.0
    since: int = 0


class Tuning:
    """One fine-tuning: `run` yields its progress; after it, the model has the best weights that were seen."""

    def __init__(
        self,
        model: TaskModel,
        groups: Sequence[dict[str, object]],
        rows: TextRows,
        training: Labelled,
        settings: Settings,
        *,
        seed: int,
        budget: Budget,
        augment: Callable[[str, np.random.Generator], str] | None = None,
    ) -> None:
        """groups: parameters that learn, with their highest learning rates, as torch's optimizers take them."""
        learned, inner = inner_split(training, seed)
        if len(inner) < LEAST_INNER:
            learned, inner = training, training.take([])
        self.model, self.rows, self.settings, self.seed, self.budget = model, rows, settings, seed, budget
        self.learned = learned
        self.inner = inner.take(np.random.default_rng(seed).permutation(len(inner))[:_MOST_INNER])
        self.augment = augment
        self.device = choose_device("auto")
        self.precision = choose_precision("auto", self.device)
        self.model.to(self.device)
        self.optimizer = AdamW(groups, betas=(0.9, 0.98), weight_decay=settings.weight_decay, fused=True)
        self.highest = [group["lr"] for group in self.optimizer.param_groups]
        self.random = np.random.default_rng(seed)
        self.known: dict[int, list[Row]] = {}
        self.inner_rows = [rows.of(text) for text in self.inner.texts]
        self.best = _Best()
        self.step = 0
        self.look_seconds = self.step_seconds = 0.0

    @property
    def steps_an_epoch(self) -> int:
        return -(-len(self.learned) // self.settings.batch_size)

    @property
    def epoch(self) -> float:
        return self.step / self.steps_an_epoch

    @property
    def share(self) -> float:
        """How much of the work or of the time is done, 0 to 1: what the learning rate follows."""
        planned = max(self.settings.epochs * self.steps_an_epoch, self.settings.least_steps)
        available = self.budget.seconds - 2 * self.look_seconds - self.step_seconds
        return min(1.0, max(self.step / planned, self.budget.spent / max(1e-9, available)))

    def run(self) -> Iterator[Progress]:
        """Tune until the plan is done, the time is over, or the inner split gets worse again and again."""
        yield self._look()
        due, said = 1, self.budget.spent
        batches_ahead = self._batches()
        while self.share < 1 and self.best.since < self.settings.patience:
            before = self.budget.spent
            loss = self._update(next(batches_ahead))
            now = self.budget.spent
            self.step_seconds = max(self.step_seconds, now - before) if self.step > 2 else now - before
            if self.share * _LOOKS >= due:
                due = int(self.share * _LOOKS) + 1
                yield self._look(loss)
                said = self.budget.spent
            elif now - said > _SAY_AFTER:
                said = now
                yield Progress(now, self.share, self.step, self.epoch, loss)
        self.model.to("cpu")
        if self.best.weights:
            self.model.load_state_dict(self.best.weights, strict=False)
        self.model.eval()

    def _batches(self) -> Iterator[list[int]]:
        """Places of texts of like length, in another order every epoch."""
        size = self.settings.batch_size
        while True:
            order = self.random.permutation(len(self.learned))
            for start in range(0, len(order), size * _POOL):
                pool = sorted(order[start : start + size * _POOL], key=lambda place: len(self.learned.texts[place]))
                parts = [pool[at : at + size] for at in range(0, len(pool), size)]
                for place in self.random.permutation(len(parts)):
                    yield [int(text) for text in parts[place]]

    def _rows_of(self, place: int) -> list[Row]:
        if self.augment is not None:
            return self.rows.of(self.augment(self.learned.texts[place], self.random))
        if place not in self.known:
            self.known[place] = self.rows.of(self.learned.texts[place])
        return self.known[place]

    def _hidden(self, row: Row) -> Row:
        """Some tokens replaced by the mask, or by the sign that ends a text where there is none."""
        tokenizer = self.rows.tokenizer
        hidden = self.random.random(len(row)) < self.settings.hidden_tokens
        hidden[: len(self.rows.begin)] = False
        hidden[len(row) - len(self.rows.end) :] = False
        return np.where(hidden, tokenizer.end_of_text if tokenizer.mask is None else tokenizer.mask, row)

    def _update(self, places: list[int]) -> float:
        self.model.train()
        seed_step(self.seed, self.step, self.device)
        for group, highest in zip(self.optimizer.param_groups, self.highest, strict=True):
            group["lr"] = highest * self._factor()
        found = [self._rows_of(place) for place in places]
        owners = [owner for owner, rows in enumerate(found) for _ in rows]
        rows = [self._hidden(row) for text in found for row in text]
        labels = torch.from_numpy(self.learned.labels[places]).to(self.device)
        with autocast(self.device, self.precision):
            said = self.model(as_batch(rows, self.rows.context).to(self.device))
        logits = _mean_by_text(said.float(), owners, len(places))
        loss = F.cross_entropy(logits, labels, label_smoothing=self.settings.label_smoothing)
        torch.autograd.backward(loss)
        clip_grad_norm_([p for group in self.optimizer.param_groups for p in group["params"]], 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return float(loss.detach())

    def _factor(self) -> float:
        """Warm-up and linear fall, as a share of the highest learning rate."""
        share, warmup = self.share, self.settings.warmup
        rising = (share + 1e-3) / warmup if warmup else 1.0
        return min(1.0, rising, (1 - share) / max(1e-9, 1 - warmup) + 1e-3)

    def _look(self, loss: float | None = None) -> Progress:
        """The loss and the accuracy on the inner split; the weights are kept where they are the best so far."""
        if not len(self.inner):
            return Progress(self.budget.spent, self.share, self.step, self.epoch, loss)
        before = self.budget.spent
        inner_loss, accuracy = score(self.model, self.rows, self.inner_rows, self.inner.labels)
        if inner_loss < self.best.loss:
            learning = {name for name, parameter in self.model.named_parameters() if parameter.requires_grad}
            weights = {name: value.detach().cpu().clone() for name, value in self.model.state_dict().items() if name in learning}  # fmt: skip
            self.best = _Best(inner_loss, weights, self.epoch)
        else:
            self.best.since += 1
        now = self.budget.spent
        self.look_seconds = max(self.look_seconds, now - before)
        return Progress(now, self.share, self.step, self.epoch, loss, inner_loss, accuracy)


def score(
    model: TaskModel, rows: TextRows, texts: Sequence[Sequence[Row]], labels: NDArray[np.int64]
) -> tuple[float, float]:
    """Mean loss in nats and accuracy of texts that are given as their rows."""
    model.eval()
    device = next(model.parameters()).device
    flat = [row for text in texts for row in text]
    owners = [owner for owner, text in enumerate(texts) for _ in text]
    said = torch.zeros(len(flat), model.task_head.out_features)
    with torch.inference_mode(), autocast(device, choose_precision("auto", device)):
        for places in batches(flat):
            said[places] = model(as_batch([flat[place] for place in places], rows.context).to(device)).float().cpu()
    logits = _mean_by_text(said, owners, len(texts))
    right = torch.from_numpy(labels)
    return float(F.cross_entropy(logits, right)), float((logits.argmax(-1) == right).float().mean())


def layer_groups(model: TaskModel, settings: Settings) -> list[dict[str, object]]:
    """The parameters of an encoder with learning rates that fall from the head down to the embeddings."""
    layers = len(model.reader.blocks)  # type: ignore[arg-type]
    groups: dict[int, list[nn.Parameter]] = {}
    head: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if name.startswith("task_head."):
            head.append(parameter)
            continue
        parts = name.split(".")
        depth = layers - int(parts[2]) if parts[1] == "blocks" else 0 if parts[1] == "final_norm" else layers + 1
        groups.setdefault(depth, []).append(parameter)
    return [
        {"params": head, "lr": settings.head_learning_rate},
        *(
            {"params": parameters, "lr": settings.learning_rate * settings.layer_decay ** max(0, depth - 1)}
            for depth, parameters in sorted(groups.items())
        ),
    ]


def _mean_by_text(said: Tensor, owners: list[int], count: int) -> Tensor:
    """(rows, K) to (texts, K): the mean over the rows of each text."""
    if len(owners) == count:
        return said
    index = torch.tensor(owners, device=said.device)
    total = torch.zeros(count, said.shape[1], device=said.device).index_add(0, index, said)
    return total / torch.bincount(index, minlength=count)[:, None]
