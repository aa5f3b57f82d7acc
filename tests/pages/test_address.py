"""A view in the address of its page: what is taken from there, what is not, and what is written."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from pages.ui import address
from pages.ui.address import asked_for, follow_address, like, one_of, text_of, whole, write_address

LINKED: address.Linked = {"text": ("a_text", text_of(5)), "layer": ("a_layer", whole(most=3)), "view": ("a_view", one_of("map", "flow"))}  # fmt: skip


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Session and address of one person."""
    made = SimpleNamespace(session_state={}, query_params={})
    monkeypatch.setattr(address, "st", made)
    return made


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "²", "１２", "1e3", " 1", "4", "9" * 5000])
def test_what_is_no_number_in_bounds_is_not_taken(text: str) -> None:
    assert whole(most=3)(text) is None


def test_readers_take_what_they_name() -> None:
    assert (whole()("0"), whole(2, 5)("5"), whole(2, 5)("1")) == (0, 5, None)
    assert (one_of(0.1, 16)("0.1"), one_of(0.1, 16)("16"), one_of("a")("b")) == (0.1, 16, None)
    assert (like(re.compile("[a-z]"))("a"), like(re.compile("[a-z]"))("a\n")) == ("a", None)
    assert text_of(5)("a long text") == "a lon"


def test_another_address_is_the_whole_view(page: Any) -> None:
    page.session_state |= {"a_text": "before", "a_layer": 1, "other": "mine"}
    page.query_params |= {"view": "flow", "layer": "9", "run": "x"}
    assert follow_address(LINKED, "written")
    assert page.session_state == {"a_view": "flow", "other": "mine"}


def test_what_the_page_wrote_itself_is_not_read_again(page: Any) -> None:
    page.query_params |= {"view": "map", "run": "x", "layer": "2"}
    write_address(LINKED, {"view": "flow", "text": "new"}, "written")
    assert page.query_params == {"view": "flow", "text": "new", "run": "x"}
    page.session_state["a_view"] = "map"
    assert asked_for(LINKED, "written") == {}
    assert not follow_address(LINKED, "written")
    assert page.session_state["a_view"] == "map"


def test_an_address_without_a_view_leaves_all_as_it_is(page: Any) -> None:
    page.session_state |= {"a_view": "flow", "written": {"view": "flow"}}
    assert not follow_address(LINKED, "written")
    assert page.session_state["a_view"] == "flow"
