"""A table becomes two parts of labelled texts; what is wrong is refused with a way on, what is odd is told with its rows."""

import csv
import json
import math
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_core.config import TableConfig, parse
from llm_core.data.labelled import Prepared, Trouble
from llm_core.data.table_preparing import prepare_table
from llm_core.errors import UserError

Rows = list[tuple[Any, ...]]


def written(folder: Path, rows: Rows, heads: tuple[str, ...] = ("text", "label"), name: str = "table.csv") -> str:
    file = folder / name
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([heads, *rows])
    return str(file)


def prepared(folder: Path, rows: Rows, heads: tuple[str, ...] = ("text", "label"), **settings: Any) -> Prepared:
    return prepare_table(TableConfig(file=written(folder, rows, heads), **settings))


def refusal(folder: Path, rows: Rows, heads: tuple[str, ...] = ("text", "label"), **settings: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        prepared(folder, rows, heads, **settings)
    assert "table.csv" in str(caught.value)
    return caught.value


def told(found: Prepared, words: str) -> Trouble:
    """The one trouble that says so."""
    (one,) = [trouble for trouble in found.troubles if words in str(trouble)]
    return one


def ordinary(count: int = 40) -> Rows:
    return [(f"an ordinary text, number {n}", ("yes", "no")[n % 2]) for n in range(count)]


# Parts ----------------------------------------------------------------------------------------------------------------


def test_texts_and_labels_come_out_in_two_parts_that_are_the_table(tmp_path: Path) -> None:
    rows = ordinary()
    found = prepared(tmp_path, rows)
    assert (found.text_column, found.label_column, found.columns) == ("text", "label", ("text", "label"))
    assert found.names == found.test.names == ("no", "yes")
    assert (found.training.counts, found.test.counts) == ({"no": 16, "yes": 16}, {"no": 4, "yes": 4})
    assert not found.troubles
    back = {}
    for part in (found.training, found.test):
        for text, label, row in zip(part.texts, part.labels.tolist(), part.rows, strict=True):
            back[row] = (text, part.names[label])
    assert back == dict(enumerate(rows, start=2))


def test_the_same_settings_give_the_same_parts_and_another_seed_others(tmp_path: Path) -> None:
    first, again, other = (prepared(tmp_path, ordinary(), seed=seed).test.rows for seed in (1, 1, 2))
    assert first == again != other


def test_a_test_file_is_tested_with_as_it_is(tmp_path: Path) -> None:
    test = written(tmp_path, [("new", "yes"), ("An ordinary text, number 3!", "no")], ("text", "label"), "test.csv")
    found = prepared(tmp_path, ordinary(), test_file=test)
    assert len(found.training) == 40
    assert (found.test.texts, found.test.rows) == (("new", "An ordinary text, number 3!"), (2, 3))
    assert found.test.labels.tolist() == [1, 0]
    assert found.test_table.name == "test.csv"
    assert told(found, "tested all the same").rows == (3,)


def test_labels_that_only_a_test_file_has_are_named(tmp_path: Path) -> None:
    test = written(tmp_path, [("new", "yes"), ("newer", "perhaps"), ("newest", "")], ("text", "label"), "test.csv")
    found = prepared(tmp_path, ordinary(), test_file=test)
    trouble = told(found, "perhaps")
    assert (trouble.rows, trouble.file, found.test.rows) == ((3,), "test.csv", (2,))
    assert told(found, "without a label").rows == (4,)
    assert told(found, "No text is tested").values["labels"] == "no"


@pytest.mark.parametrize(("rows", "said"), [([("a", "maybe")], "labels of the table: no, yes"), ([], "labels of the")])
def test_a_test_file_without_any_known_label_is_refused(tmp_path: Path, rows: Rows, said: str) -> None:
    test = written(tmp_path, rows, ("text", "label"), "test.csv")
    with pytest.raises(UserError, match=said):
        prepared(tmp_path, ordinary(), test_file=test)


def test_a_test_file_with_other_columns_is_refused(tmp_path: Path) -> None:
    test = written(tmp_path, [("a", "yes")], ("words", "label"), "test.csv")
    with pytest.raises(UserError, match="no column 'text'; it has: words, label"):
        prepared(tmp_path, ordinary(), test_file=test)


# Columns --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heads", "rows", "expected"),
    [
        (("label", "review"), [(n % 2, f"long review {n}") for n in range(20)], ("review", "label")),
        (("id", "review", "stars"), [(n, f"long review {n}", n % 5) for n in range(20)], ("review", "stars")),
        (("review", "shop", "label"), [(f"long review {n}", n % 2, n % 3) for n in range(20)], ("review", "label")),
        (("title", "body"), [(("a", "b")[n % 2], f"long text {n}") for n in range(20)], ("body", "title")),
    ],
)
def test_columns_are_found(tmp_path: Path, heads: tuple[str, ...], rows: Rows, expected: tuple[str, str]) -> None:
    found = prepared(tmp_path, rows, heads)
    assert (found.text_column, found.label_column) == expected


def test_columns_can_be_named(tmp_path: Path) -> None:
    rows = [(f"long text {n}", f"short {n}", n % 2, n % 3) for n in range(20)]
    found = prepared(tmp_path, rows, ("a", "b", "c", "d"), text_column="b", label_column="d")
    assert (found.training.texts[0][:5], found.names) == ("short", ("0", "1", "2"))
    assert prepared(tmp_path, rows, ("a", "b", "c", "d"), label_column="c").text_column == "a"


def test_a_table_without_a_header_has_numbered_columns(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("".join(f"some text {n}\t{n % 2}\n" for n in range(10)))
    found = prepare_table(TableConfig(file=str(tmp_path / "a.tsv")))
    assert (found.text_column, found.label_column) == ("1", "2")
    assert sorted([*found.training.rows, *found.test.rows]) == list(range(1, 11))


@pytest.mark.parametrize("asked", [{"label_column": "class"}, {"text_column": "class"}, {"label_column": ""}])
def test_a_missing_column_lists_those_found(tmp_path: Path, asked: dict[str, str]) -> None:
    assert refusal(tmp_path, ordinary(), **asked).values["found"] == "text, label"


def test_one_column_cannot_be_both(tmp_path: Path) -> None:
    assert "cannot be both" in str(refusal(tmp_path, ordinary(), text_column="text", label_column="text"))


def test_a_table_of_one_column_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, [("x",)] * 9, ("text",)).values["found"] == "text"


# Labels ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", ["", " ", "nan", "NaN", "inf", "-inf", "+Infinity", "N/A", "null"])
def test_labels_that_are_none_are_counted_with_their_rows(tmp_path: Path, label: str) -> None:
    found = prepared(tmp_path, [*ordinary(), ("without", label), ("a word", "yes"), ("too", label)])
    trouble = told(found, "without a label")
    assert (trouble.values["count"], trouble.rows) == (2, (42, 44))
    assert found.names == ("no", "yes")


def test_numbers_that_are_none_in_json_are_no_labels(tmp_path: Path) -> None:
    labels = [0.0, 1.0, math.inf, None]
    lines = [json.dumps({"text": f"text {n}", "label": labels[n % 4]}).replace("Infinity", "1e999") for n in range(40)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    found = prepare_table(TableConfig(file=str(tmp_path / "a.jsonl")))
    assert (found.names, len(told(found, "without a label").rows)) == (("0", "1"), 20)


def test_numbers_are_labels_in_the_order_of_their_size(tmp_path: Path) -> None:
    found = prepared(tmp_path, [(f"some text {n}", (10, 9, -1, 2)[n % 4]) for n in range(40)])
    assert found.names == ("-1", "2", "9", "10")


def test_spaces_around_a_label_are_not_the_label(tmp_path: Path) -> None:
    assert prepared(tmp_path, [*ordinary(), ("one more text", " yes ")]).names == ("no", "yes")


def test_one_class_is_refused(tmp_path: Path) -> None:
    error = refusal(tmp_path, [(f"text {n}", "yes") for n in range(20)])
    assert (error.values["label"], error.values["found"]) == ("yes", "text")


def test_10_000_classes_are_refused(tmp_path: Path) -> None:
    rows = [(f"text {n}", f"class {n}", "same") for n in range(10_000)]
    error = refusal(tmp_path, rows, ("text", "label", "other"), text_column="text", label_column="label")
    assert (error.values["count"], error.values["limit"], error.values["found"]) == (10_000, 100, "text, other")
    # Nor is anything better found by itself.
    assert refusal(tmp_path, rows, ("text", "label", "other"), text_column="text").values["count"] == 10_000


def test_a_hundred_classes_are_not(tmp_path: Path) -> None:
    found = prepared(tmp_path, [(f"text {n}", n % 100) for n in range(1000)], label_column="label")
    assert (len(found.names), len(found.test)) == (100, 200)


def test_a_class_of_one_row_is_learned_from_and_named(tmp_path: Path) -> None:
    found = prepared(tmp_path, [*ordinary(), ("a lonely text", "perhaps")])
    trouble = told(found, "one text alone")
    assert (trouble.values["label"], trouble.rows) == ("perhaps", (42,))
    assert "a lonely text" in found.training.texts


def test_only_classes_of_one_row_are_refused(tmp_path: Path) -> None:
    assert "one text alone" in str(refusal(tmp_path, [(f"some text {n}", f"c{n}") for n in range(9)]))


def test_small_and_uneven_classes_are_named(tmp_path: Path) -> None:
    found = prepared(tmp_path, [*ordinary(), *((f"other {n}", "perhaps") for n in range(4))])
    assert told(found, "fewer than 10").values["labels"] == "perhaps"
    assert told(found, "uneven").values["share"] == pytest.approx(20 / 44)


def test_a_first_row_that_may_have_been_a_text_is_named(tmp_path: Path) -> None:
    found = prepared(tmp_path, ordinary(), ("the first text of all", "yes"))
    assert told(found, "names of the columns").values["label"] == "yes"


def test_labels_that_are_one_label_in_several_ways_are_named(tmp_path: Path) -> None:
    rows = [(f"some text {n}", ("Not yet", "notyet", "no", "maybe")[n % 4]) for n in range(80)]
    assert told(prepared(tmp_path, rows), "different ones").values["labels"] == "Not yet, notyet"
    numbers = [(f"some text {n}", (1, -1, "1.5", 15)[n % 4]) for n in range(80)]
    assert not prepared(tmp_path, numbers).troubles


# Texts ----------------------------------------------------------------------------------------------------------------


def test_rows_without_text_are_counted(tmp_path: Path) -> None:
    found = prepared(tmp_path, [*ordinary(), ("", "yes"), (" \u3000\t", "no"), ("", "")])
    trouble = told(found, "without a text")
    assert (trouble.values["count"], trouble.rows) == (3, (42, 43, 44))


@pytest.mark.parametrize("count", [0, 1, 7])
def test_too_few_texts_are_refused(tmp_path: Path, count: int) -> None:
    error = refusal(tmp_path, ordinary(8)[:count], text_column="text", label_column="label")
    assert error.values.get("have", count) == count
    assert len(prepared(tmp_path, ordinary(8)).test) == 2


def test_texts_that_are_alike_are_learned_from_and_named(tmp_path: Path) -> None:
    copies = [("Copied text.", "yes"), ("copied  TEXT", "yes"), ("ｃｏｐｉｅｄ text!", "yes")]
    for seed in range(20):
        found = prepared(tmp_path, [*ordinary(), *copies], seed=seed)
        trouble = told(found, "more than once")
        assert (trouble.values["texts"], trouble.values["count"], trouble.rows) == (1, 3, (42, 43, 44))
        assert not {42, 43, 44} & set(found.test.rows)


def test_texts_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    found = prepared(tmp_path, [*ordinary(), ("so so", "yes"), ("So so!", "no"), ("twice", "no"), ("twice", "no")])
    assert told(found, "another label").rows == (42, 43)


def test_characters_that_were_lost_before_are_named(tmp_path: Path) -> None:
    assert told(prepared(tmp_path, [*ordinary(), ("caf\ufffd", "yes")]), "was lost").rows == (42,)


@pytest.mark.parametrize("text", ["字", "好" * 1_000_000], ids=["one", "a million"])
def test_texts_of_one_character_and_of_a_million(tmp_path: Path, text: str) -> None:
    lines = [json.dumps({"text": text if n == 5 else f"text {n}", "label": n % 2}) for n in range(20)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    found = prepare_table(TableConfig(file=str(tmp_path / "a.jsonl"), text_column="text"))
    assert text in found.training.texts + found.test.texts


def test_strange_characters_stay_as_they_are(tmp_path: Path) -> None:
    strange = ["👩‍🚀 e\u0301", "\u202eabc\u202c", "<script>alert(1)</script>", "=1+1", "[a](b) $x$ ![c](d)"]
    found = prepared(tmp_path, [*ordinary(), *((text, "yes") for text in strange)])
    assert set(strange) <= set(found.training.texts + found.test.texts)


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["", "nowhere.csv", "a\0b.csv", "../" * 30, "x" * 5000, "stories-en"])
def test_a_table_that_is_not_there_names_the_included_ones(file: str) -> None:
    with pytest.raises(UserError, match="headlines-zh, headlines-en, reviews-en, reviews-zh"):
        prepare_table(TableConfig(file=file))


@pytest.mark.parametrize(
    "settings", [{"test_share": 0.0}, {"test_share": 0.6}, {"test_share": math.nan}, {"seed": -1}, {"seeds": 1}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        parse(TableConfig, settings)


@given(
    rows=st.lists(st.tuples(st.text(max_size=6), st.sampled_from(["a", "b", "c", "nan", "", "1"])), max_size=40),
    heads=st.tuples(st.text(max_size=3), st.text(max_size=3)),
    share=st.floats(0.05, 0.5),
)
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_table_is_split_whole_or_refused(
    tmp_path: Path, rows: list[tuple[str, str]], heads: tuple[str, str], share: float
) -> None:
    lines = [json.dumps(dict(zip(heads, row, strict=True))) for row in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    with suppress(UserError):
        found = prepare_table(TableConfig(file=str(tmp_path / "a.jsonl"), test_share=share))
        seen = Counter([*found.training.rows, *found.test.rows])
        assert max(seen.values()) == 1
        left_out = {row for trouble in found.troubles if "left out" in trouble.template for row in trouble.rows}
        assert set(seen) | left_out == set(found.table.numbers)
        assert not set(seen) & left_out
        assert len(found.test) > 0
        assert len(set(found.training.labels.tolist())) == len(found.names) > 1
