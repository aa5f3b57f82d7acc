"""The route `./opened/<run>/<step>`: one step that was taken singly, as the worker wrote it down.

What is read is not trusted: a run may have come from elsewhere.
"""

import json
from dataclasses import asdict
from functools import cache
from typing import Any

from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from llm_core.errors import UserError
from llm_core.runs import opened
from llm_core.runs.run import Run
from llm_core.training.records import Opened
from pages.ui.http import NO_STORE, language_of, refusal
from pages.ui.state import store


@cache
def _reader() -> TypeAdapter[Opened]:
    return TypeAdapter(Opened)


def opened_step(run: Run, step: int) -> dict[str, Any]:
    """What is known of this step: the fields of `Opened`.

    Raises UserError where it was not opened, or where what was written is not what it should be.
    """
    values = opened.read(run.folder, step)
    if values is None:
        raise UserError("Step {step} of run {run} was not opened, or is not kept any more.", step=step, run=run.id)
    try:
        record = _reader().validate_json(json.dumps(values), strict=True)
        if not _fits(record, step):
            raise ValueError
        json.dumps(asdict(record), allow_nan=False)
    except (ValueError, RecursionError):
        raise UserError("What was written of step {step} of run {run} is broken.", step=step, run=run.id) from None
    return asdict(record)


def _fits(record: Opened, step: int) -> bool:
    """Whether it is of this step, and whether what belongs together is equally long."""
    parts = (record.gradient, record.weight, record.update, record.relative)
    return (
        record.step == step
        and bool(record.rows)
        and all(len(values) == len(record.names) for values in parts)
        and all(
            len(row.pieces) == len(row.losses)
            and all(len(other) == len(row.pieces) for other in (row.read, row.wanted) if other is not None)
            for row in record.rows
        )
    )


def opened_route(request: Request) -> Response:
    """What is known of one step of a run, or one sentence."""
    try:
        run = store().find(request.path_params["run"])
        return JSONResponse(opened_step(run, request.path_params["step"]), headers=NO_STORE)
    except UserError as error:
        return refusal(error, language_of(request))
