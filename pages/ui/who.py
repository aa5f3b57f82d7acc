"""Who asks: the owner that a script run or a request belongs to."""

from starlette.requests import Request

from llm_core.runs.owners import LOCAL


def owner() -> str:
    """The owner of the browser whose page runs now."""
    return LOCAL


def owner_of(request: Request) -> str:
    """The owner of the browser that sent this request."""
    return LOCAL
