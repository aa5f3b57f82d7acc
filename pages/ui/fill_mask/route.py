"""The route `./fill`: what models expect behind the masks of a text, for the picture in the browser; and as a table."""

from starlette.requests import Request
from starlette.responses import Response

from llm_core.config import parse
from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from pages.ui.fill_mask.answer import Asked, answer, entries, predictions
from pages.ui.http import answered, attachment, language_of, looked, object_in, refusal_of_file


async def fill_route(request: Request) -> Response:
    """POST an `Asked` and a language as JSON; answers with predictions, or with one sentence."""
    return await answered(request, Asked, answer, "Filling in masks")


async def fill_csv_route(request: Request) -> Response:
    """The predictions that `?asked=` names as a table: a row for each place and each token that is expected there."""
    return await looked(request, lambda: _table(request))


def _table(request: Request) -> Response:
    language = language_of(request)
    try:
        asked = parse(Asked, object_in(request.query_params.get("asked", "")))
    except (ValueError, RecursionError):
        return Response(status_code=400)
    except UserError as error:
        return refusal_of_file(error, language, status=400)
    try:
        table = as_csv(asked)
    except UserError as error:
        return refusal_of_file(error, language)
    return Response(table, media_type="text/csv", headers=attachment(f"terrarium-fill-{asked.run}-{asked.step}.csv"))


def as_csv(asked: Asked) -> str:
    """With a byte-order mark, so that spreadsheets read it as UTF-8. Raises UserError."""
    rows = [
        (run, step, entry["place"], entry["given"], entry["probability"], rank, token, piece, share)
        for run, step, found in predictions(asked)
        for entry in ([] if found is None else entries(found))
        for rank, (token, piece, share) in enumerate(entry["top"], 1)
    ]
    heads = ("run", "step", "place", "given", "given_probability", "rank", "id", "token", "probability")
    return "\ufeff" + as_table(heads, rows)
