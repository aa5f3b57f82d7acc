"""How long replies travel: packed lightly for who can unpack them, short ones as they are."""

import gzip
import json

import pytest
from starlette.requests import Request

from pages.ui.http import packed


def request(accepted: str) -> Request:
    return Request({"type": "http", "headers": [(b"accept-encoding", accepted.encode())]})


@pytest.mark.parametrize(
    ("rows", "accepted", "encoding"),
    [(3000, "gzip, br", "gzip"), (3000, "identity", "identity"), (3, "gzip", "identity")],
)
def test_a_long_reply_is_packed_for_who_can_unpack_it(rows: int, accepted: str, encoding: str) -> None:
    reply = {"rows": [{"loss": number / 7, "text": "é\ud800"} for number in range(rows)]}
    response = packed(reply, request(accepted))
    assert response.headers["content-encoding"] == encoding
    body = gzip.decompress(bytes(response.body)) if encoding == "gzip" else bytes(response.body)
    assert int(response.headers["content-length"]) == len(response.body)
    assert json.loads(body)["rows"][-1]["loss"] == (rows - 1) / 7
