"""An answer that comes part by part: a generator in a thread of its own, a JSON object a line on the way to the browser.

A browser that goes away, or stops, ends the work at its next part.
"""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import closing
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from llm_core.config import ConfigType, parse
from llm_core.errors import N_, UserError
from pages.ui.http import NO_STORE, posted
from pages.ui.text import explain_in, translate

Part = dict[str, Any]
"""One key or several, each with what has come; `waiting` and `error` (one sentence) stand alone."""

Waiting = Callable[[], None]
"""Called once when the work has to wait for a place."""

_FAILED = N_("The program failed while it wrote; the log of the server says more.")
_BEAT = 0.03  # seconds between two parts on the way to the browser


async def streamed(
    request: Request, kind: type[ConfigType], work: Callable[[ConfigType, Waiting], Generator[Part, None, None]]
) -> Response:
    """Answers with the parts of the question, of that kind, that was posted with a language."""
    found = await posted(request)
    if isinstance(found, Response):
        return found
    values, language = found
    lines = lines_of(lambda waiting: work(parse(kind, values), waiting), language)
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=NO_STORE)


async def lines_of(begin: Callable[[Waiting], Generator[Part, None, None]], language: str) -> AsyncIterator[str]:
    """Parts from a thread of its own, a few at a time."""
    loop = asyncio.get_running_loop()
    parts: asyncio.Queue[Part | None] = asyncio.Queue()
    gone = threading.Event()

    def put(part: Part | None) -> None:
        if not gone.is_set():
            loop.call_soon_threadsafe(parts.put_nowait, part)

    def work() -> None:
        try:
            with closing(begin(lambda: put({"waiting": True}))) as made:
                for part in made:
                    put(part)
                    if gone.is_set():
                        return
        except UserError as error:
            put({"error": explain_in(error, language)})
        except Exception:
            logging.getLogger(__name__).exception("Writing failed")
            put({"error": translate(_FAILED, language)})
        finally:
            put(None)

    threading.Thread(target=work, name="writing", daemon=True).start()
    try:
        going = True
        while going:
            ready = [await parts.get()]
            while not parts.empty():
                ready.append(parts.get_nowait())
            going = ready[-1] is not None
            if merged := _merge(ready):
                yield "".join(json.dumps(part, ensure_ascii=False) + "\n" for part in merged)
            await asyncio.sleep(_BEAT)
    finally:
        gone.set()


def _merge(parts: list[Part | None]) -> list[Part]:
    """Neighbouring tokens in one part; of how far it is, the last word."""
    merged: list[Part] = []
    for part in parts:
        if part is None:
            continue
        if merged and merged[-1].keys() == part.keys() == {"tokens"}:
            merged[-1] = {"tokens": merged[-1]["tokens"] + part["tokens"]}
        elif merged and merged[-1].keys() == part.keys() == {"progress"}:
            merged[-1] = part
        else:
            merged.append(part)
    return merged
