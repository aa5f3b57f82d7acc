"""The route `./why`: what carried a decision, for one family at a time; the browser asks for one part after another."""

from starlette.requests import Request
from starlette.responses import Response

from pages.ui.classify.why_answer import Asked, answer
from pages.ui.http import answered


async def why_route(request: Request) -> Response:
    """POST an `Asked` and a language as JSON; answers with one part, or with one sentence."""
    return await answered(request, Asked, answer, "Explaining a decision")
