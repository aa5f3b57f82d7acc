"""A measure over the steps of a training as a table, whole or as far as a worker has come; and what its rows are called."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llm_core.data.table_writing import as_table
from llm_core.errors import N_
from llm_core.interpret.dynamics.step_measures import CONTROLS, MEASURES, MeasureName
from pages.ui.attention.head_rows import HeadRows
from pages.ui.attention.words import token_label

Words = Callable[[str], str]

_WORDS = {
    "embedding": N_("embedding"), "residual_after": N_("after layer {layer}"), "attention": N_("layer {layer}, attention"),
    "cross": N_("layer {layer}, cross-attention"), "feed_forward": N_("layer {layer}, feed-forward"), "head": N_("layer {layer}, head {head}"),
    "cross_head": N_("layer {layer}, cross-attention head {head}"), "encoder": N_("encoder, {place}"), "token": N_("token {place}"),
    "target": N_("the chosen word"), "against": N_("held against it"), "here": N_("here"), "everywhere": N_("on average"),
    "first": N_("first copy"), "second": N_("second copy"), "pair": N_("{first} → {second}, {kind}"),
}  # fmt: skip
"""Translated where they are drawn, which is not always in a session."""


@dataclass(frozen=True)
class Labels:
    """What the text says: its tokens, and the words that are explained. Empty where a measure is not about a text."""

    tokens: tuple[str, ...] = ()
    target: str = ""
    against: str = ""


@dataclass(frozen=True)
class OverSteps:
    """S steps, ascending; values (S, N) of N names, NaN where there is none; controls by name (S,)."""

    measure: MeasureName
    steps: tuple[int, ...]
    names: tuple[str, ...]
    values: NDArray[np.float64]
    controls: dict[str, NDArray[np.float64]]


def table_of(measure: MeasureName, rows: Iterable[Mapping[str, Any]]) -> OverSteps | None:
    """Rows of kind "at_step"; None where there is none. What does not fit to the first of them is left out."""
    found = {row["at"]: row for row in rows if row.get("kind") == "at_step" and row.get("measure") == measure}
    if not found:
        return None
    names = tuple(next(iter(found.values()))["names"])
    steps = sorted(step for step, row in found.items() if tuple(row["names"]) == names)
    values = np.array([found[step]["values"] for step in steps], dtype=float).reshape(len(steps), len(names))
    known = [name for name in CONTROLS if any(name in row["controls"] for row in found.values())]
    controls = {str(name): np.array([found[step]["controls"].get(name, math.nan) for step in steps]) for name in known}
    return OverSteps(measure, tuple(steps), names, values, controls)


def table_of_heads(measure: MeasureName, rows: HeadRows) -> OverSteps | None:
    """The same of head scores over hundreds of texts, where they have been measured at two steps or more."""
    by_part: dict[str, dict[int, NDArray[np.float64]]] = {}
    baselines: dict[int, float] = {}
    for each in rows.measured:
        if each.score == measure:
            by_part.setdefault(each.part, {})[each.step] = each.mean
            if each.baseline is not None:
                baselines[each.step] = max(each.baseline, baselines.get(each.step, 0.0))
    steps = sorted(set.intersection(*(set(table) for table in by_part.values()))) if by_part else []
    if len(steps) < 2:
        return None
    names = tuple(f"{part}.{layer}.{head}" for part, table in by_part.items() for layer, head in np.ndindex(table[steps[0]].shape))  # fmt: skip
    values = np.array([np.concatenate([table[step].ravel() for table in by_part.values()]) for step in steps])
    controls = {"best_offset": np.array([baselines.get(step, math.nan) for step in steps])} if baselines else {}
    return OverSteps(measure, tuple(steps), names, values, controls)


def names_in(words: Words, names: Iterable[str], labels: Labels) -> list[str]:
    """What stands at the rows or at the ends of lines; of a model with two stacks which of them is meant."""
    known = list(names)
    several = len({name.partition(".")[0] for name in known} & {"encoder", "decoder"}) > 1
    return [_name(words, name, labels, several) for name in known]


def _name(words: Words, name: str, labels: Labels, several: bool) -> str:
    say: Callable[..., str] = lambda key, **values: words(_WORDS[key]).format(**values)  # noqa: E731
    if name in ("target", "against"):
        label = labels.target if name == "target" else labels.against
        return token_label(label) if label else say(name)
    if name in _WORDS:
        return say(name)
    if name.isdigit():
        place = int(name)
        return f"{place} {token_label(labels.tokens[place])}" if place < len(labels.tokens) else say("token", place=place)  # fmt: skip
    if " " in name:
        kind, first, second = name.split(" ")
        return say("pair", first=first.partition(".")[2], second=second.partition(".")[2], kind=kind)
    part, *place_in = name.split(".")
    said = _place(say, part, place_in)
    return say("encoder", place=said) if part == "encoder" and several else said


def _place(say: Callable[..., str], part: str, place: list[str]) -> str:
    if len(place) == 1:
        return say(place[0])
    layer, kind = int(place[0]), place[1]
    if kind.isdigit():
        return say("cross_head" if part == "cross" else "head", layer=layer, head=int(kind))
    return say("cross" if part == "cross" else kind, layer=layer)


def as_csv(found: OverSteps) -> str:
    """A row for each step and name, and for each control."""
    rows = [
        (step, found.measure, MEASURES[found.measure].unit, name, _exact(found.values[row, at]), "")
        for row, step in enumerate(found.steps)
        for at, name in enumerate(found.names)
    ]
    rows += [
        (step, found.measure, MEASURES[found.measure].unit, name, _exact(values[row]), "control")
        for name, values in found.controls.items()
        for row, step in enumerate(found.steps)
    ]
    return as_table(("step", "measure", "unit", "name", "value", "kind"), rows)


def _exact(value: float) -> float | str:
    return float(f"{value:.7g}") if value == value else ""


def labels_of(rows: Iterable[Mapping[str, Any]]) -> Labels:
    """What a worker has said of the text."""
    row = next((row for row in rows if row.get("kind") == "text"), None)
    return Labels() if row is None else Labels(tuple(row["tokens"]), row["target"], row["against"])
