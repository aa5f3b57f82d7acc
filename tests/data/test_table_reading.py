"""Whole tables come in as they are, whatever their kind; every fault names file, row and limit, and nothing else gets out."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from llm_core.data import spreadsheets, table_reading
from llm_core.data.table_reading import Table, pasted_suffix, read_table
from llm_core.errors import UserError

ROWS = [("好吃，\n真的", "1"), ('say "so"', "0"), ("a\tb 👩‍🚀 e\u0301 \u202eabc", "1")]


def read(folder: Path, name: str, content: str | bytes, encoding: str | None = None) -> Table:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(file, encoding)


def refusal(folder: Path, name: str, content: str | bytes, encoding: str | None = None) -> UserError:
    with pytest.raises(UserError) as caught:
        read(folder, name, content, encoding)
    assert name in str(caught.value)
    return caught.value


def workbook(file: Path, rows: list[list[object]], sheets: tuple[str, ...] = ("Sheet",)) -> Path:
    """The rows on the last of these sheets."""
    book = openpyxl.Workbook()
    book.active.title = sheets[0]
    for title in sheets[1:]:
        book.create_sheet(title)
    for row in rows:
        book[sheets[-1]].append(row)
    book.save(file)
    book.close()
    return file


def test_all_kinds_of_files_give_the_same_table(tmp_path: Path) -> None:
    import csv

    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *ROWS])
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": t, "label": int(n)}) + "\n" for t, n in ROWS))
    workbook(tmp_path / "a.xlsx", [["text", "label"], *([t, int(n)] for t, n in ROWS)])
    columns = {"text": [t for t, _ in ROWS], "label": [float(n) for _, n in ROWS]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet")
    for kind in ("csv", "jsonl", "xlsx", "parquet"):
        table = read_table(tmp_path / f"a.{kind}")
        assert (table.columns, table.rows) == (("text", "label"), tuple(ROWS)), kind
        assert table.numbers == ((1, 2, 3) if kind == "jsonl" else (2, 3, 4))
        assert table.name == f"a.{kind}"


def test_a_table_without_a_header_numbers_its_columns(tmp_path: Path) -> None:
    table = read(tmp_path, "a.tsv", "a stirring film\t1\ndull\t0\n")
    assert table == Table("a.tsv", ("1", "2"), (("a stirring film", "1"), ("dull", "0")), (1, 2))
    sheet = read_table(workbook(tmp_path / "a.xlsx", [["a stirring film", 1], ["dull", 0]]))
    assert (sheet.columns, sheet.rows, sheet.numbers) == (table.columns, table.rows, table.numbers)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_the_encoding_and_is_no_text(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, "a.csv", "text,label\n很好,1\n".encode(encoding)).columns == ("text", "label")


def test_gbk_is_offered_and_read_once_it_is_named(tmp_path: Path) -> None:
    raw = ("text,label\n" + "这家的菜很好吃，我们都喜欢。,好\n" * 20).encode("gbk")
    error = refusal(tmp_path, "a.csv", raw)
    assert error.values["encoding"] == "gb18030"
    assert "这家的菜" in error.values["preview"]
    assert read(tmp_path, "a.csv", raw, "gb18030").rows[0] == ("这家的菜很好吃，我们都喜欢。", "好")


def test_an_encoding_that_does_not_fit_names_the_byte(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.csv", b"text,label\nab\xffc,1\n").values["offset"] == 13
    assert refusal(tmp_path, "a.csv", b"text,label\nab\xff", "ascii").values["offset"] == 13
    assert "no text encoding" in str(_refused(lambda: read(tmp_path, "a.csv", "a,b\n", "klingon")))


def test_nul_is_refused_with_its_byte_and_shown_where_json_spells_it(tmp_path: Path) -> None:
    assert refusal(tmp_path, "a.csv", b"a,b\nx\0,y\n").values["offset"] == 5
    assert read(tmp_path, "a.jsonl", '{"text": "a\\u0000b"}\n').rows == (("a\ufffdb",),)


def test_lone_surrogates_are_replaced_and_pairs_joined(tmp_path: Path) -> None:
    table = read(tmp_path, "a.jsonl", '{"t\\udc00": "a\\ud800b \\ud83d\\ude00"}\n')
    assert (table.columns, table.rows) == (("t\ufffd",), (("a\ufffdb 😀",),))


@pytest.mark.parametrize(
    ("content", "row"),
    [
        ("a,b\n1,x\n\n1,2,3\n", 4),
        ("a,b\nx\n", 2),
        ('a,b\n1,x\n2,"never closed\n3,y\n', 3),
        ('a,b\n"x"y,1\n', 2),
        ("a,b\n1," + "x" * 131_073 + "\n", 2),
        ("a,b,a\n1,2,3\n", 1),
        ("a,,b\nx,y,z\n", 1),
        ("\n\na,,b\nx,y,z\n", 3),
    ],
    ids=["long row", "short row", "quote", "text after quote", "large field", "double header", "empty header", "blank"],
)
def test_broken_rows_are_named(tmp_path: Path, content: str, row: int) -> None:
    assert refusal(tmp_path, "a.csv", content).values["row"] == row


def test_cells_that_are_empty_are_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "a.csv", "a,b\n,x\n").rows == ((None, "x"),)
    assert read(tmp_path, "a.jsonl", '{"a": null, "b": ""}\n{"c": 1}\n').rows == ((None,) * 3, (None, None, "1"))


def test_values_that_are_not_text_are_written_plainly(tmp_path: Path) -> None:
    line = '{"whole": 2, "real": 0.5, "same": 3.0, "yes": true, "many": ["好", 1], "huge": 1e400}\n'
    assert read(tmp_path, "a.jsonl", line).rows == (("2", "0.5", "3", "true", '["好", 1]', "inf"),)


def test_bare_strings_are_texts(tmp_path: Path) -> None:
    table = read(tmp_path, "a.jsonl", '"one"\n\n{"label": "x", "text": "two"}\n')
    assert table == Table("a.jsonl", ("text", "label"), (("one", None), ("two", "x")), (1, 3))


@pytest.mark.parametrize("length", [1, 1_000_000])
def test_a_text_may_have_one_character_or_a_million(tmp_path: Path, length: int) -> None:
    text = "字" * length
    parquet.write_table(pyarrow.table({"text": [text], "label": ["x"]}), tmp_path / "a.parquet")
    assert read_table(tmp_path / "a.parquet").rows == ((text, "x"),)
    assert read(tmp_path, "a.jsonl", json.dumps({"text": text, "label": "x"})).rows == ((text, "x"),)


def test_the_longest_text_of_a_spreadsheet_is_read(tmp_path: Path) -> None:
    assert read_table(workbook(tmp_path / "a.xlsx", [["text", "n"], ["x" * 32_767, 1]])).rows == (("x" * 32_767, "1"),)


def test_a_200_mb_file_is_refused_within_a_second(tmp_path: Path) -> None:
    for kind in table_reading.TABLE_SUFFIXES:
        file = tmp_path / f"large{kind}"
        with file.open("wb") as stream:
            stream.truncate(200_000_000)  # sparse: takes no room
        begun = time.monotonic()
        error = _refused(lambda file=file: read_table(file))
        assert time.monotonic() - begun < 1
        assert (error.values["size"], error.values["limit"]) == (200, 50)


def test_rows_columns_cells_and_characters_have_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_reading, "MOST_COLUMNS", 5)
    assert refusal(tmp_path, "a.csv", "a,b,c,d,e,f\n" + "1," * 5 + "1\n").values["have"] == 6
    keys = "".join(json.dumps({f"key {n}": "x"}) + "\n" for n in range(9))
    assert refusal(tmp_path, "a.jsonl", keys).values["limit"] == 5
    monkeypatch.setattr(table_reading, "MOST_ROWS", 3)
    assert refusal(tmp_path, "a.csv", "a,b\n" + "x,y\n" * 4).values["limit"] == 3
    assert refusal(tmp_path, "a.jsonl", '"x"\n' * 5).values["limit"] == 3
    assert len(read(tmp_path, "a.csv", "a,b\n" + "x,y\n" * 3)) == 3
    monkeypatch.setattr(table_reading, "MOST_CELLS", 4)
    assert refusal(tmp_path, "a.csv", "a,b\n" + "x,y\n" * 3).values["limit"] == 2
    monkeypatch.setattr(table_reading, "MOST_CHARACTERS", 10)
    assert refusal(tmp_path, "a.csv", "a\n12345\n123456\n").values["row"] == 3


@pytest.mark.parametrize("name", ["a.xls", "a.txt", "a", "a.csv.zip"])
def test_other_kinds_of_files_are_refused(tmp_path: Path, name: str) -> None:
    assert "XLSX" in refusal(tmp_path, name, "a,b\n").values["kinds"]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "gone.csv" in str(_refused(lambda: read_table(tmp_path / "gone.csv")))
    assert _refused(lambda: read_table(Path("a\0.csv")))


# Spreadsheets ---------------------------------------------------------------------------------------------------------


def test_the_first_sheet_with_rows_is_read_and_named(tmp_path: Path) -> None:
    table = read_table(workbook(tmp_path / "a.xlsx", [["text", "label"], ["x", "y"]], ("Notes", "数据")))
    assert (table.name, table.rows) == ("a.xlsx (数据)", (("x", "y"),))


def test_formulas_are_never_run(tmp_path: Path) -> None:
    # Nothing has computed them, so they have no value yet.
    table = read_table(workbook(tmp_path / "a.xlsx", [["text", "n"], ["x", "=1+1"], ["y", '=HYPERLINK("http://a")']]))
    assert table.rows == (("x", None), ("y", None))


def test_blank_rows_and_cells_at_the_ends_do_not_count(tmp_path: Path) -> None:
    rows: list[list[object]] = [[None, None], ["text", "label", None, " "], [None] * 4, ["x", None, None], ["y", "z"]]
    table = read_table(workbook(tmp_path / "a.xlsx", rows))
    assert table == Table("a.xlsx", ("text", "label"), (("x", None), ("y", "z")), (4, 5))


def test_faults_of_a_spreadsheet_name_their_row(tmp_path: Path) -> None:
    file = workbook(tmp_path / "a.xlsx", [["text", "label"], ["x", "y"], ["x", "y", "z"]])
    error = _refused(lambda: read_table(file))
    assert (error.values["row"], error.values["have"], error.values["need"]) == (3, 3, 2)
    file = workbook(tmp_path / "a.xlsx", [["text", None, "label"], ["x", "y", "z"]])
    assert _refused(lambda: read_table(file)).values["place"] == 2
    file = workbook(tmp_path / "a.xlsx", [[None]])
    assert "has no rows" in str(_refused(lambda: read_table(file)))


def test_a_workbook_that_unpacks_to_too_much_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = workbook(tmp_path / "a.xlsx", [["text", "label"]])
    with ZipFile(file, "a", ZIP_DEFLATED) as archive:
        archive.writestr("xl/bomb.xml", b"0" * 3_000_000)
    assert file.stat().st_size < 20_000
    monkeypatch.setattr(spreadsheets, "LARGEST_UNPACKED", 2_000_000)
    monkeypatch.setattr("openpyxl.load_workbook", lambda *_, **__: pytest.fail("was read"))
    error = _refused(lambda: read_table(file))
    assert error.values["limit"] == 2


@pytest.mark.parametrize("block", [7, 64, 1 << 20])
def test_a_sheet_of_too_many_rows_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    file = workbook(tmp_path / "a.xlsx", [["text", "label"], *([f"text {n}", n] for n in range(99))])
    monkeypatch.setattr(spreadsheets, "_BLOCK", block)
    monkeypatch.setattr(spreadsheets, "MOST_ROWS", 100)
    assert len(read_table(file)) == 99
    monkeypatch.setattr(spreadsheets, "MOST_ROWS", 99)
    assert _refused(lambda: read_table(file)).values["limit"] == 99


def test_a_workbook_of_too_many_parts_or_with_a_document_type_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.xlsx"
    with ZipFile(file, "w") as archive:
        for part in range(1001):
            archive.writestr(f"{part}.xml", "")
    assert _refused(lambda: read_table(file)).values["have"] == 1001
    for encoding in ("utf-8", "utf-16"):
        with ZipFile(file, "w") as archive:
            archive.writestr("xl/workbook.xml", '<!DOCTYPE a [<!ENTITY b "c">]>'.encode(encoding))
        assert "document type" in _refused(lambda: read_table(file)).values["reason"]


def test_what_a_sheet_says_of_its_size_is_not_believed(tmp_path: Path) -> None:
    whole = workbook(tmp_path / "a.xlsx", [["text", "label"], ["x", "y"]])
    for change in ((b'ref="A1:B2"', b'ref="A1:XFD1048576"'), (b'row r="2"', b'row r="99999999"')):
        with ZipFile(whole) as old, ZipFile(tmp_path / "b.xlsx", "w") as new:
            for part in old.namelist():
                raw = old.read(part)
                if part.endswith("sheet1.xml"):
                    assert change[0] in raw
                    raw = raw.replace(*change)
                new.writestr(part, raw)
        if change[0].startswith(b"ref"):
            assert read_table(tmp_path / "b.xlsx").rows == (("x", "y"),)
        else:
            assert _refused(lambda: read_table(tmp_path / "b.xlsx")).values["limit"] == spreadsheets.LAST_ROW


# Parquet --------------------------------------------------------------------------------------------------------------


def test_parquet_columns_that_are_not_plain_are_left_out(tmp_path: Path) -> None:
    rows = {"text": ["a", None], "label": [1.0, float("nan")], "list": [[1], [2]], "raw": [b"a", b"b"], "yes": [True, None]}  # fmt: skip
    parquet.write_table(pyarrow.table(rows), tmp_path / "a.parquet")
    table = read_table(tmp_path / "a.parquet")
    assert (table.columns, table.rows) == (("text", "label", "yes"), (("a", "1", "true"), (None, None, None)))


def test_a_small_parquet_file_of_much_text_is_refused_while_it_streams(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet.write_table(pyarrow.table({"text": ["x" * 100_000] * 300}), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    monkeypatch.setattr(table_reading, "MOST_CHARACTERS", 10_000_000)
    assert _refused(lambda: read_table(tmp_path / "a.parquet")).values["row"] == 102


# Anything at all ------------------------------------------------------------------------------------------------------


@given(
    content=st.binary(max_size=120) | st.text("a\"\n,;\t1'{}[]:\\u =nul", max_size=60).map(str.encode),
    kind=st.sampled_from(table_reading.TABLE_SUFFIXES),
    encoding=st.none() | st.sampled_from(["utf-8", "gb18030", "utf-16", "x"]),
)
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_a_table_or_are_refused(tmp_path: Path, content: bytes, kind: str, encoding: str | None) -> None:
    with suppress(UserError):
        table = read(tmp_path, f"a{kind}", content, encoding)
        assert all(len(row) == len(table.columns) for row in table.rows)
        assert len(table.numbers) == len(table)
        assert all(cell is None or cell.encode() for row in table.rows for cell in row)


@given(damage=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), min_size=1, max_size=4), kind=st.sampled_from([".xlsx", ".parquet"]))  # fmt: skip
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_is_read_or_refused(tmp_path: Path, damage: list[tuple[int, int]], kind: str) -> None:
    file = tmp_path / f"whole{kind}"
    if not file.exists():
        if kind == ".xlsx":
            workbook(file, [["text", "label"], ["x", "y"]])
        else:
            parquet.write_table(pyarrow.table({"text": ["one", "two"]}), file)
    raw = bytearray(file.read_bytes())
    for place, value in damage:
        raw[place % len(raw)] = value
    with suppress(UserError):
        read(tmp_path, f"damaged{kind}", bytes(raw))


@given(rows=st.lists(st.tuples(*[st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0\r"))] * 2), max_size=6))  # fmt: skip
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_rows_written_as_csv_come_back(tmp_path: Path, rows: list[tuple[str, str]]) -> None:
    import csv

    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    assert read_table(tmp_path / "a.csv").rows == tuple((a or None, b or None) for a, b in rows)


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("text\tlabel\nx\ty", ".tsv"),
        ("text,label\nx\t,y", ".csv"),
        ('\n {"text": "a\tb"}', ".jsonl"),
        ("", ".csv"),
    ],
)
def test_a_pasted_table_is_known_by_its_first_line(text: str, suffix: str) -> None:
    assert pasted_suffix(text) == suffix


def _refused(action: Callable[[], object]) -> UserError:
    with pytest.raises(UserError) as caught:
        action()
    return caught.value
