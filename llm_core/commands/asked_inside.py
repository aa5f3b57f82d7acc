"""What a command that looks inside a model is asked: the model, a text, what of it is explained; and how it answers."""

import argparse
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from llm_core.errors import UserError

if TYPE_CHECKING:
    from llm_core.interpret.reading import Reading
    from llm_core.interpret.target import Target
    from llm_core.runs.inquiry_subject import Subject

Values = dict[str, Any]
Table = tuple[str, list[list[Any]]]
"""A title, and rows of cells, the first of which names the columns."""


@dataclass(frozen=True)
class Asked:
    """What is looked at: the model with its text, what of it is explained, and the flags."""

    subject: "Subject"
    reading: "Reading"
    target: "Target"
    flags: argparse.Namespace


def asked_of(subject: "Subject", flags: argparse.Namespace) -> Asked:
    """The text, and the target that the flags name: else the likeliest token against the next. Raises UserError."""
    import torch

    from llm_core.interpret.reading import as_batch, read
    from llm_core.interpret.target import Target, check_target, likeliest_target, refuse_two_streams

    if flags.text is None:
        raise UserError("{method} looks at one text: give it with {flag}.", method=flags.method, flag="--text")
    model = subject.model
    reading = read(model, subject.tokenizer, flags.text, flags.source)
    refuse_two_streams(model)
    if not reading.text.ids:
        raise UserError("There is no text: give a few words with {flag}.", flag="--text")
    with torch.inference_mode():
        logits = model(as_batch(reading))[0]
    target = likeliest_target(model, reading, logits)
    if flags.position is not None:
        check_target(model, reading, replace(target, position=flags.position))
        best = logits[flags.position].topk(min(2, logits.shape[-1])).indices.tolist()
        target = Target(flags.position, best[0], best[1] if len(best) > 1 else None)
    row = logits if logits.ndim == 1 else logits[target.position or 0]
    if flags.token is not None:
        token = _named(subject, flags.token)
        rival = next((each for each in row.topk(min(2, len(row))).indices.tolist() if each != token), None)
        target = replace(target, token=token, against=rival)
    if flags.against is not None:
        plain: dict[str, Any] = {"others": "others", "nothing": None}
        target = replace(target, against=plain[flags.against] if flags.against in plain else _named(subject, flags.against))  # fmt: skip
    target.direction(len(row))  # refuses a token that is held against itself
    return Asked(subject, reading, target, flags)


def _named(subject: "Subject", text: str) -> int:
    """The token or class that is called so; a word without its space is the one with it, where there is one."""
    names = list(subject.names)
    for name in (f" {text}", text):
        if name in names:
            return names.index(name)
    ids = subject.tokenizer.encode(text)
    if len(ids) == 1 and len(names) == len(subject.tokenizer.pieces):
        return ids[0]
    raise UserError("This model has no single token or class {text!r}; name another one.", text=text[:100])


def told_of(asked: Asked) -> Values:
    """What is explained."""
    target, names = asked.target, asked.subject.names
    against = names[target.against] if isinstance(target.against, int) else target.against
    return {"tokens": list(asked.reading.text.tokens), "position": target.position, "token": names[target.token], "against": against}  # fmt: skip


def about_of(asked: Asked) -> str:
    """The same in words."""
    told = told_of(asked)
    rival = "" if told["against"] is None else " minus the mean of all others" if told["against"] == "others" else f" minus {told['against']!r}"  # fmt: skip
    where = "" if told["position"] is None else f" at position {told['position']}"
    return f"the logit of {told['token']!r}{rival}{where}"


def print_table(rows: Sequence[Sequence[Any]]) -> None:
    """Cells under each other, numbers to the right; Chinese signs are two wide."""
    shown = [[f"{cell:.4f}" if isinstance(cell, float) else " ".join(str(cell).split()) for cell in row] for row in rows]  # fmt: skip
    widths = [max(map(_width, column)) for column in zip(*shown, strict=True)]
    numbers = [all(isinstance(row[at], int | float) for row in rows[1:]) for at in range(len(widths))]
    for cells in shown:
        filled = [
            " " * (width - _width(cell)) + cell if right else cell + " " * (width - _width(cell))
            for cell, width, right in zip(cells, widths, numbers, strict=True)
        ]
        print("  ".join(filled).rstrip())


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
