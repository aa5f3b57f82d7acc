"""What a model loses when pieces of it are taken away: how much each head and each feed-forward layer matters.

A change of the loss alone proves little, since taking anything away hurts. So a set of components is always laid beside as
many others of the same kinds, drawn at random (the control), and the answer is a rank among them.
"""

from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, prod

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from llm_core.config import TransformerConfig, network
from llm_core.errors import UserError
from llm_core.interpret import intervals
from llm_core.interpret.components import Component, Kind, feed_forwards, heads
from llm_core.interpret.interventions import Ablation, Reference, ablate
from llm_core.interpret.loss_texts import UNASKED, LossTexts
from llm_core.interpret.reading import Reading, as_batch
from llm_core.interpret.target import Target, check_target
from llm_core.models.base import Model
from llm_core.models.size import inner_width
from llm_core.taps import Edit, observe

Floats = NDArray[np.float64]
Score = Callable[[Mapping[str, Edit]], Floats]
"""What is measured: from edits to one number a text, (N,)."""


@dataclass(frozen=True)
class Ablated:
    """A set of components was taken away: the mean change over N texts of what is measured, with its 95 % interval.

    `before` and `after` (N,) are the numbers of each text; where loss is measured, a positive change is harm.
    """

    components: tuple[Component, ...]
    change: float
    low: float
    high: float
    before: Floats
    after: Floats


@dataclass(frozen=True)
class Control:
    """A set of components beside other sets with as many of the same kinds of the same parts.

    `others` in the order in which they were drawn, without the chosen ones where enough are left; `exhaustive` when they
    are all that there are. `rank`: how many of the others change as much or more, in the direction of the chosen set,
    plus one, of `of` sets in all; `share` is rank / of, the p-value of a permutation test.
    """

    chosen: Ablated
    others: tuple[Ablated, ...]
    exhaustive: bool
    rank: int
    of: int
    share: float


def loss_of(model: Model, asked: LossTexts) -> Score:
    """Measures the loss of each text: the mean over what is asked in it, in nats. Raises ValueError in training mode."""
    _refuse_training(model)
    device = next(model.parameters()).device
    batches = [(batch.to(device), truth.to(device)) for batch, truth in zip(asked.batches, asked.truths, strict=True)]

    def measure(edits: Mapping[str, Edit]) -> Floats:
        found = []
        with torch.no_grad(), observe(model, only=(), edits=edits):
            for batch, truth in batches:
                logits = model(batch)
                each = F.cross_entropy(logits.flatten(0, -2).float(), truth.flatten(), reduction="none", ignore_index=UNASKED)  # fmt: skip
                counted = (truth != UNASKED).reshape(len(truth), -1)
                found.append(each.view_as(counted).double().sum(1) / counted.sum(1))
        measured: Floats = torch.cat(found).cpu().numpy()
        return measured

    return measure


def target_of(model: Model, reading: Reading, target: Target) -> Score:
    """Measures a target on one text. Raises UserError for a target that is not there, ValueError in training mode."""
    _refuse_training(model)
    check_target(model, reading, target)
    batch = as_batch(reading).to(next(model.parameters()).device)

    def measure(edits: Mapping[str, Edit]) -> Floats:
        with torch.no_grad(), observe(model, only=(), edits=edits):
            measured: Floats = target.of(model(batch)).double().cpu().numpy()
        return measured

    return measure


def ablated(
    model: Model,
    score: Score,
    components: Collection[Component],
    method: Ablation = "zero",
    *,
    others: Reference | None = None,
    positions: Sequence[int] | None = None,
    seed: int = 0,
    before: Floats | None = None,
) -> Ablated:
    """Take a set of components away and measure. `before` is what `score` measures without edits, where it is known.

    Raises UserError as `ablate` does.
    """
    edits = ablate(model, components, method, others=others, positions=positions, seed=seed)
    untouched = score({}) if before is None else before
    after = score(edits)
    estimate = intervals.mean(after - untouched, np.ones(len(after), dtype=np.int64))
    return Ablated(tuple(components), float(estimate.mean), float(estimate.low), float(estimate.high), untouched, after)


def map_ablations(
    model: Model,
    score: Score,
    components: Sequence[Component] | None = None,
    method: Ablation = "zero",
    *,
    others: Reference | None = None,
    positions: Sequence[int] | None = None,
    seed: int = 0,
) -> Iterator[Ablated]:
    """Take components away one at a time: all heads and feed-forward layers when None. Yields one after the other.

    Raises UserError as `ablate` does.
    """
    before = score({})
    for component in (*heads(model), *feed_forwards(model)) if components is None else components:
        yield ablated(model, score, [component], method, others=others, positions=positions, seed=seed, before=before)


def against_others(
    model: Model,
    score: Score,
    chosen: Collection[Component],
    method: Ablation = "zero",
    *,
    draws: int = 50,
    others: Reference | None = None,
    seed: int = 0,
) -> Generator[Ablated, None, Control]:
    """Take a set away, and then up to `draws` other sets of as many components of the same kinds. Yields each as it is
    measured, the chosen one first, and returns where it stands among them.

    Raises UserError as `ablate` does, and where there is no other set.
    """
    sets, exhaustive = other_sets(model, chosen, draws, seed)
    before = score({})
    first = ablated(model, score, chosen, method, others=others, seed=seed, before=before)
    yield first
    found = []
    for each in sets:
        found.append(ablated(model, score, each, method, others=others, seed=seed, before=before))
        yield found[-1]
    sign = -1.0 if first.change < 0 else 1.0
    rank = 1 + sum(sign * other.change >= sign * first.change for other in found)
    return Control(first, tuple(found), exhaustive, rank, len(found) + 1, rank / (len(found) + 1))


def other_sets(
    model: Model, chosen: Collection[Component], draws: int, seed: int = 0
) -> tuple[list[tuple[Component, ...]], bool]:
    """Up to `draws` different sets with as many components of each kind and part as the chosen one; and whether these
    are all there are. None of the chosen is in them, unless too few others are left.

    Raises UserError where there is no other set.
    """
    groups: dict[tuple[str, Kind], list[Component]] = {}
    for component in chosen:
        groups.setdefault((component.part, component.kind), []).append(component)
    pools = []
    for (_part, kind), mine in groups.items():
        every = _alike(model, mine[0])
        unlike = [other for other in every if other not in mine]
        if not unlike:
            raise UserError("There is no other {kind} to compare with; choose fewer.", kind=kind)
        pools.append((unlike if len(unlike) >= len(mine) else every, len(mine)))
    itself = frozenset(chosen)
    possible = prod(comb(len(pool), count) for pool, count in pools)
    if possible - all(itself & frozenset(pool) for pool, _count in pools) <= draws:
        sets: list[tuple[Component, ...]] = [()]
        for pool, count in pools:
            sets = [(*before, *more) for before in sets for more in combinations(pool, count)]
        return [each for each in sets if frozenset(each) != itself], True
    random = np.random.default_rng(seed)
    drawn: dict[frozenset[Component], tuple[Component, ...]] = {}
    while len(drawn) < draws:
        picked = tuple(
            pool[place] for pool, count in pools for place in sorted(random.choice(len(pool), count, replace=False))
        )
        if frozenset(picked) != itself:
            drawn.setdefault(frozenset(picked), picked)
    return list(drawn.values()), False


def _alike(model: Model, component: Component) -> list[Component]:
    """All components of the same kind and part: neurons of the same layer."""
    if component.kind == "head":
        return list(heads(model, component.part))
    if component.kind == "feed_forward":
        return list(feed_forwards(model, component.part))
    if component.kind == "neuron":
        return [Component(component.part, component.layer, "neuron", index) for index in range(_neurons(model))]
    raise UserError("Heads, feed-forward layers and neurons can be compared with others; {name} cannot.", name=str(component))  # fmt: skip


def _neurons(model: Model) -> int:
    config = network(model.config)
    assert isinstance(config, TransformerConfig)
    return inner_width(config)


def _refuse_training(model: Model) -> None:
    if model.training:
        raise ValueError("put the model in eval mode before looking into it")
