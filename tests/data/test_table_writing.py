"""CSV goes out so that it comes back as it was, and so that no spreadsheet runs what people wrote."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_core.data.table_writing import as_table, harmless


def read_back(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://a")', "=", "-"])
def test_what_would_be_a_formula_is_text(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"
    assert read_back(as_table(("text", "n"), [(cell, 1)])) == [["text", "n"], [f"'{cell}", "1"]]
    assert read_back(as_table((cell,), []))[0] == [f"'{cell}"]


def test_numbers_of_the_program_stay_numbers() -> None:
    assert as_table(("a", "b", "c"), [(-1, -0.5, None)]) == "a,b,c\n-1,-0.5,\n"


@pytest.mark.parametrize("cell", ["a=1", "'=1", " =1", "", "好吃", "👩‍🚀 e\u0301 \u202eabc\u202c"])
def test_other_text_stays_as_it_is(cell: str) -> None:
    assert read_back(as_table(("text", "n"), [(cell, 1)]))[1] == [cell, "1"]


def test_a_lone_carriage_return_begins_no_row() -> None:
    assert as_table(("text",), [("a\r=1+1",)]) == 'text\n"a\r=1+1"\n'


def test_lone_surrogates_can_be_saved() -> None:
    assert as_table(("text",), [("a\ud800b",)]).encode() == b"text\na\xef\xbf\xbdb\n"


@given(rows=st.lists(st.tuples(st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0")), st.integers())))  # fmt: skip
def test_any_rows_come_back(rows: list[tuple[str, int]]) -> None:
    back = read_back(as_table(("text", "n"), rows))[1:]
    assert back == [[harmless(text), str(number)] for text, number in rows]
