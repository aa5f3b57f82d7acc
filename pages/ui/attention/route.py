"""The route `./patterns`: what the heads of a model look at in a text, as arrays for the picture in the browser.

Whatever moves without a click comes from here: the steps of a run one after another, and the newest one while it
trains. The browser keeps what it got, so that going back and forth asks for nothing.
"""

import base64
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from llm_core.config import Config
from llm_core.errors import UserError
from llm_core.runs.live import poll_milliseconds
from llm_core.runs.run import Run
from pages.ui.attention.looking import Looking
from pages.ui.attention.seen import Patterns, patterns
from pages.ui.attention.shape import shape_of
from pages.ui.http import answered
from pages.ui.state import store

SMALL = 300_000
"""With so many numbers, all heads are sent exactly; with more only the one that is looked at, the others as thumbnails."""
THUMBNAIL = 48
"""Rows and columns of a thumbnail at most: each of its points is the largest of a block."""

_Place = Annotated[int, Field(ge=0, le=100_000)]


class Asked(Config):
    """A `Looking` as it comes from a browser. `step` None is the newest one; `have` is the one that the browser has of
    such, `grid` whether it still needs the other heads."""

    run: str
    step: int | None = None
    text: str
    source: str = ""
    part: Literal["decoder", "encoder", "cross"]
    layer: int = Field(ge=0, le=1000)
    head: int = Field(ge=0, le=1000)
    heads_off: list[str] = Field(default_factory=list, max_length=1000)
    tokens_off: list[_Place] = Field(default_factory=list, max_length=1000)
    source_tokens_off: list[_Place] = Field(default_factory=list, max_length=1000)
    have: int | None = None
    grid: bool = True

    def looking(self, step: int) -> Looking:
        """The same as pages write it, at a step."""
        return Looking(
            run=self.run,
            step=step,
            text=self.text,
            source=self.source,
            part=self.part,
            layer=self.layer,
            head=self.head,
            view="heads",
            heads_off=tuple(self.heads_off),
            tokens_off=tuple(self.tokens_off),
            source_tokens_off=tuple(self.source_tokens_off),
        )


async def patterns_route(request: Request) -> Response:
    """POST an `Asked` and a language as JSON; answers with arrays, or with one sentence."""
    return await answered(request, Asked, answer, "Looking at attention")


def answer(asked: Asked) -> dict[str, Any]:
    """What the browser draws; without arrays where it has the newest step already. Raises UserError."""
    run = store().find(asked.run)
    shape_of(run)
    step = step_of(asked, run)
    reply = {"run": run.id, "step": step, "steps": run.steps(), **_how_it_stands(run)}
    if asked.step is None and asked.have == step:
        return reply
    return reply | arrays(asked, patterns(asked.looking(step)))


def step_of(asked: Asked, run: Run) -> int:
    """The step that is asked for: the newest where none is named. Raises UserError where the run has kept none."""
    steps = run.steps()
    if not steps:
        raise UserError("Run {run} has not kept a model yet; it does at its first step.", run=run.id)
    return steps[-1] if asked.step is None else asked.step


def _how_it_stands(run: Run) -> dict[str, Any]:
    status = run.status()
    return {"live": not run.read_only and status.under_way, "poll_milliseconds": poll_milliseconds(status)}


def part_of(found: Patterns, asked: Asked) -> tuple[NDArray[np.float32], tuple[str, ...], tuple[str, ...]]:
    """The pattern (layers, heads, T, S) of the part that is asked for, the tokens that look, and those looked at.

    Raises UserError for a part or head that the model does not have.
    """
    pattern = found.parts.get(asked.part)
    if pattern is None or asked.layer >= pattern.shape[0] or asked.head >= pattern.shape[1]:
        raise UserError("This model has no head {name}.", name=f"{asked.part}.{asked.layer}.{asked.head}")
    text, source = found.reading.text, found.reading.source or found.reading.text
    queries, keys = {"decoder": (text, text), "encoder": (source, source), "cross": (text, source)}[asked.part]
    return pattern, queries.tokens, keys.tokens


def arrays(asked: Asked, found: Patterns) -> dict[str, Any]:
    """One part's attention as the browser takes it: little-endian numbers in base64. Raises UserError as `part_of`."""
    pattern, queries, keys = part_of(found, asked)
    layers, heads, rows, columns = pattern.shape
    reply: dict[str, Any] = {
        "part": asked.part,
        "layers": layers,
        "heads": heads,
        "rows": rows,
        "columns": columns,
        "queries": queries,
        "keys": keys,
        "left_out": found.reading.left_out,
    }
    if pattern.size <= SMALL:
        return reply | {"all": packed(pattern)}
    reply["pattern"] = packed(pattern[asked.layer, asked.head])
    if asked.grid:
        small = thumbnails(pattern)
        reply["thumbnails"] = {"rows": small.shape[2], "columns": small.shape[3], "values": _base64(small.tobytes())}
    return reply


def thumbnails(pattern: NDArray[np.float32], most: int = THUMBNAIL) -> NDArray[np.uint8]:
    """(layers, heads, T, S) made small: each point the largest of a block, 255 for all of the attention."""
    small = pattern
    for axis in (2, 3):
        size = pattern.shape[axis]
        block = -(-size // most)
        small = np.maximum.reduceat(small, np.arange(0, size, block), axis=axis)
    return np.rint(small * 255).clip(0, 255).astype(np.uint8)


def packed(values: NDArray[np.float32]) -> str:
    """Numbers for a Float32Array."""
    return _base64(np.ascontiguousarray(values, dtype="<f4").tobytes())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
