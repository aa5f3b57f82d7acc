"""Tables are read row by row; every fault names its row, and nothing but UserError gets out."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from llm_core.config import DataConfig
from llm_core.data import tables
from llm_core.data.source import documents
from llm_core.errors import UserError


def table(folder: Path, name: str, content: str | bytes, column: str | None = None) -> list[str]:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(documents(DataConfig(corpus=str(file), text_column=column)))


def refusal(folder: Path, name: str, content: str | bytes, column: str | None = None) -> UserError:
    with pytest.raises(UserError) as caught:
        table(folder, name, content, column)
    assert name in str(caught.value)
    return caught.value


def test_each_row_is_a_document_and_the_longest_column_is_taken(tmp_path: Path) -> None:
    assert table(tmp_path, "a.csv", 'label,review\n1,"good, ""very"" good"\n\n0,"two\nlines"\n') == ['good, "very" good', "two\nlines"]  # fmt: skip


def test_a_column_can_be_named(tmp_path: Path) -> None:
    assert table(tmp_path, "a.csv", "a,b\nlong text,x\n", "b") == ["x"]


def test_a_missing_column_lists_those_found(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.csv", "label,review\n1,good\n", "text").values["found"] == "label, review"
    assert refusal(tmp_path, "a.jsonl", '{"label": 1, "review": "good"}\n', "text").values["found"] == "label, review"


def test_a_byte_order_mark_does_not_become_part_of_the_first_column(tmp_path: Path) -> None:
    assert table(tmp_path, "a.csv", "text,label\nhi,1\n".encode("utf-8-sig"), "text") == ["hi"]
    assert table(tmp_path, "b.csv", "text,label\nhi,1\n".encode("utf-16"), "text") == ["hi"]


def test_semicolons_separate_where_the_header_has_them(tmp_path: Path) -> None:
    assert table(tmp_path, "a.csv", "text;label\n1,5 Sterne;gut\n", "text") == ["1,5 Sterne"]


def test_a_table_without_a_header_numbers_its_columns(tmp_path: Path) -> None:
    assert table(tmp_path, "a.tsv", "a stirring film\t1\ndull\t0\n") == ["a stirring film", "dull"]
    assert table(tmp_path, "a.tsv", "a stirring film\t1\ndull\t0\n", "2") == ["1", "0"]


def test_quotation_marks_in_tab_separated_text_are_text(tmp_path: Path) -> None:
    assert table(tmp_path, "a.tsv", 'text\tlabel\n"unclosed\tx\n') == ['"unclosed']


def test_ragged_rows_are_named(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a.csv", "a,b\n1,x\n1,2,3\n")
    assert (error.values["row"], error.values["have"], error.values["need"]) == (3, 3, 2)


def test_an_unclosed_quote_is_named(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a.csv", 'a,b\n1,x\n2,"never closed\n3,y\n')
    assert "quotation mark" in str(error)
    assert error.values["row"] == 3


def test_text_after_a_closing_quote_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.csv", 'a,b\n"x"y,1\n').values["row"] == 2


def test_an_oversized_field_is_named(tmp_path: Path) -> None:
    error = refusal(tmp_path, "a.csv", "a,b\n1," + "x" * 131_073 + "\n")
    assert (error.values["row"], error.values["limit"]) == (2, 131_072)


def test_double_and_empty_headers_are_named(tmp_path: Path) -> None:
    assert "both called 'a'" in str(refusal(tmp_path, "a.csv", "a,b,a\n1,2,3\n"))
    assert refusal(tmp_path, "a.csv", "a,,b\nx,y,z\n").values["place"] == 2


def test_nul_in_a_table_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.csv", b"a,b\nx\0,y\n").values["offset"] == 5


@pytest.mark.parametrize("content", ["", "\n\n", "text\n", "text,label\n,\n ,\n"])
def test_a_table_without_text_is_refused(tmp_path: Path, content: str) -> None:
    assert "no text" in str(refusal(tmp_path, "a.csv", content))


def test_json_lines_may_be_objects_or_strings(tmp_path: Path) -> None:
    assert table(tmp_path, "a.jsonl", '{"id": "1", "text": "long enough"}\n\n{"id": "2", "text": null}\n') == [
        "long enough"
    ]
    assert table(tmp_path, "a.ndjson", '"one"\n"two"\n') == ["one", "two"]


@pytest.mark.parametrize(
    "line",
    ["{", "[1]", "3", '{"text": 3}', '{"text": "a"} x', "NaN", '{"text": NaN}', "[" * 100_000, "1" * 5000, '{"a": {"b": 1}}'],
)  # fmt: skip
def test_broken_json_lines_are_named(tmp_path: Path, line: str) -> None:
    assert refusal(tmp_path, "a.jsonl", '{"text": "fine"}\n' + line + "\n", "text").values["row"] == 2


def test_json_without_any_text_says_what_it_has(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.jsonl", '{"n": 1, "m": 2}\n').values["found"] == "m, n"


def test_lone_surrogates_in_json_are_replaced_and_pairs_joined(tmp_path: Path) -> None:
    assert table(tmp_path, "a.jsonl", '"a\\ud800b \\ud83d\\ude00"\n') == ["a\ufffdb 😀"]


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "LONGEST_LINE", 1_000_000)
    assert refusal(tmp_path, "a.jsonl", '"' + "x" * 3_000_000).values["limit"] == 1_000_000


def test_parquet_columns_are_streamed(tmp_path: Path) -> None:
    rows = {"label": [1, 0, 1], "text": ["好吃", None, "bad food"], "id": ["a", "b", "c"]}
    parquet.write_table(pyarrow.table(rows), tmp_path / "a.parquet")
    assert list(documents(DataConfig(corpus=str(tmp_path / "a.parquet")))) == ["好吃", "bad food"]
    assert list(documents(DataConfig(corpus=str(tmp_path / "a.parquet"), text_column="id"))) == ["a", "b", "c"]
    with pytest.raises(UserError, match="text, id"):
        list(documents(DataConfig(corpus=str(tmp_path / "a.parquet"), text_column="label")))


def test_parquet_without_text_or_rows_is_refused(tmp_path: Path) -> None:
    parquet.write_table(pyarrow.table({"n": [1, 2]}), tmp_path / "numbers.parquet")
    parquet.write_table(pyarrow.table({"t": pyarrow.array([], pyarrow.string())}), tmp_path / "empty.parquet")
    for name, said in (("numbers", "no column of text"), ("empty", "no text")):
        with pytest.raises(UserError, match=said):
            list(documents(DataConfig(corpus=str(tmp_path / f"{name}.parquet"))))


@given(content=st.binary(max_size=120) | st.text('a"\n,;\t1\'{}[]:\\u ', max_size=60).map(str.encode), name=st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.parquet", "a.txt"]), column=st.none() | st.sampled_from(["a", "1", ""]))  # fmt: skip
@settings(deadline=None, max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_table_or_are_refused(tmp_path: Path, content: bytes, name: str, column: str | None) -> None:
    with suppress(UserError):
        assert table(tmp_path, name, content, column)


@given(
    rows=st.lists(
        st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"), min_size=1).filter(str.strip),
        min_size=1,
        max_size=8,
    )
)
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_rows_written_as_json_lines_come_back(tmp_path: Path, rows: list[str]) -> None:
    content = "".join(json.dumps({"text": row}) + "\n" for row in rows)
    assert table(tmp_path, "a.jsonl", content, "text") == rows


@given(damage=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4))
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_parquet_file_is_read_or_refused(tmp_path: Path, damage: list[tuple[int, int]]) -> None:
    file = tmp_path / "whole.parquet"
    parquet.write_table(pyarrow.table({"text": ["one", "two", "three"]}), file)
    raw = bytearray(file.read_bytes())
    for place, value in damage:
        raw[place % len(raw)] = value
    with suppress(UserError):
        assert table(tmp_path, "a.parquet", bytes(raw))


def test_lines_do_not_depend_on_the_blocks() -> None:
    def blocks(text: str, size: int) -> Iterator[str]:
        return (text[place : place + size] for place in range(0, len(text), size))

    text = "one\n\ntwo\nthree"
    for size in range(1, 15):
        assert list(tables.lines(blocks(text, size), "a")) == ["one\n", "\n", "two\n", "three"]
