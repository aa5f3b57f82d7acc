"""The panel that chooses a table: what it finds, what it says, and that it holds and leaves no more than it must."""

import gc
import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.config import TableConfig
from llm_core.data.labelled import Trouble
from llm_core.data.table_examples import EXAMPLES
from pages.ui.charts import LIGHT
from pages.ui.classify import prepared, table

ROWS = "".join(f"a sentence with some words {n},{('good', 'bad')[n % 2]}\n" for n in range(30))
TABLE = "text,label\n" + ROWS


def page() -> None:
    import streamlit as st

    from pages.ui.classify import prepared, table

    chosen = table.choose_table()
    st.session_state["seen"] = chosen
    prepared.show(chosen, st.session_state.get("raced"))


def opened(way: str = "included") -> AppTest:
    test = AppTest.from_function(page, default_timeout=30)
    test.session_state["classify_table_way"] = way
    test.run()
    assert not test.exception
    return test


def uploaded(content: bytes, name: str = "table.csv") -> AppTest:
    test = opened("upload")
    test.file_uploader(key="classify_table_upload").set_value((name, content, "text/plain"))
    return rerun(test)


def rerun(test: AppTest) -> AppTest:
    test.run()
    assert not test.exception
    return test


def seen(test: AppTest) -> TableConfig | None:
    found = test.session_state["seen"]
    assert found is None or isinstance(found, TableConfig)
    return found


def said(test: AppTest) -> str:
    return "\n".join([line.value for line in (*test.markdown, *test.caption, *test.error, *test.info)])


def test_an_included_table_is_there_at_once() -> None:
    test = opened()
    assert seen(test) == TableConfig(file="headlines-en")
    assert "3,000" in said(test)
    assert "2,400 to learn from, 600 to test with" in said(test)
    assert f"{100 * EXAMPLES['headlines-en'].ceiling:.1f} %" in said(test)
    assert not test.error


def test_the_first_table_speaks_the_language_of_the_page() -> None:
    test = AppTest.from_function(page, default_timeout=30)
    test.query_params["lang"] = "zh"
    assert seen(rerun(test)) == TableConfig(file="headlines-zh")


@pytest.mark.parametrize("content", [TABLE, TABLE.replace(",", "\t")])
def test_a_pasted_table_is_read_as_spreadsheets_copy_it(content: str) -> None:
    test = opened("paste")
    assert seen(test) is None
    test.text_area(key="classify_table_paste").set_value("\n" + content)
    found = seen(rerun(test))
    assert found is not None
    assert (found.text_column, found.label_column) == ("text", "label")
    assert "24 to learn from, 6 to test with" in said(test)


def test_columns_are_those_of_the_file_and_can_be_changed() -> None:
    lines = [f"{n % 3},a sentence with words {n},short {n},{n % 2}\n" for n in range(30)]
    test = uploaded(("stars,review,title,label\n" + "".join(lines)).encode())
    found = seen(test)
    assert found is not None
    assert (found.text_column, found.label_column) == ("review", "label")
    text, label = (next(box for box in test.selectbox if box.label == name) for name in ("Text column", "Label column"))
    assert list(text.options) == ["stars", "review", "title", "label"]
    text.set_value("title")
    label.set_value("stars")
    found = seen(rerun(test))
    assert found is not None
    assert (found.text_column, found.label_column) == ("title", "stars")
    label = next(box for box in test.selectbox if box.label == "Label column")
    label.set_value("title")
    assert seen(rerun(test)) is None
    assert "cannot be both" in said(test)


def test_an_encoding_is_confirmed_by_the_person_who_sees_how_it_reads() -> None:
    content = "文本,标签\n" + "".join(f"这家的菜第{n}次很好吃我们都喜欢,{'好坏'[n % 2]}\n" for n in range(30))
    test = uploaded(content.encode("gbk"))
    assert seen(test) is None
    assert test.code[0].value.startswith("文本,标签\n这家的菜")
    (box,) = test.checkbox
    box.check()
    found = seen(rerun(test))
    assert found is not None
    assert (found.encoding, found.text_column) == ("gb18030", "文本")


def test_beside_a_race_on_another_table_the_table_is_shown() -> None:
    test = AppTest.from_function(page, default_timeout=30)
    test.session_state["raced"] = "corpora/imported/0123/other.csv"
    assert "2,400 to learn from" in said(rerun(test))


def test_beside_a_race_on_it_the_table_is_folded_away() -> None:
    test = AppTest.from_function(page, default_timeout=30)
    test.session_state["raced"] = "headlines-en"
    rerun(test)
    assert "to learn from" not in said(test)
    test.session_state["classify_table_open"] = True
    assert "2,400 to learn from" in said(rerun(test))


def test_the_split_can_be_chosen() -> None:
    test = opened()
    test.slider(key="classify_test_share").set_value(50)
    test.number_input(key="classify_table_seed").set_value(7)
    assert seen(rerun(test)) == TableConfig(file="headlines-en", test_share=0.5, seed=7)
    assert "1,500 to learn from, 1,500 to test with" in said(test)


def test_a_second_file_is_the_test() -> None:
    test = uploaded(TABLE.encode())
    test.file_uploader(key="classify_test_upload").set_value(("test.tsv", b"text\tlabel\nnew\tgood\nnewer\tbad\n", ""))
    found = seen(rerun(test))
    assert found is not None
    assert found.test_file is not None
    assert "30 to learn from, 2 to test with" in said(test)


def test_troubles_are_said_with_their_rows() -> None:
    more = "".join(",good\n" if n % 2 else "without a label,\n" for n in range(40))
    test = uploaded((TABLE + more).encode())
    assert "Rows without a text, left out: 20" in said(test).replace("\\", "")
    assert "Rows 33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55 and 8 more" in said(test).replace("\\", "")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "column"),
        ("a.csv", b"text\nx\n", "separated by commas"),
        ("a.csv", b'text,label\n"x,y\n', "never closed"),
        ("a.csv", b"text,label\nx\0,y\n", "NUL byte"),
        ("a.csv", ("text,label\n" + ROWS.replace("bad", "good")).encode(), "tell classes apart"),
        ("a.csv", ("text,label\n" + "".join(f"t{n},c{n}\n" for n in range(200))).encode(), "different labels"),
        ("a.xlsx", b"PK\x03\x04", "not a readable XLSX"),
        ("a.parquet", b"PAR1", "not a readable Parquet"),
        ("a.jsonl", b"{}\n[", "not valid JSON"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_sentence_and_the_page_goes_on(name: str, content: bytes, words: str) -> None:
    test = uploaded(content, name)
    (error,) = test.error
    assert words in error.value.replace("\\", "")
    assert seen(test) is None
    test.session_state["classify_table_way"] = "included"
    assert seen(rerun(test)) == TableConfig(file="headlines-en")
    assert not test.error


def test_a_table_is_read_once_and_not_at_every_run(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[str] = []
    read, prepare = table.open_table, table.prepare_table
    monkeypatch.setattr(table, "open_table", lambda *given: times.append("read") or read(*given))
    monkeypatch.setattr(table, "prepare_table", lambda *given: times.append("prepared") or prepare(*given))
    test = uploaded(TABLE.encode())
    rerun(rerun(test))
    assert times == ["read", "prepared"]
    test.slider(key="classify_test_share").set_value(30)
    rerun(test)
    assert times == ["read", "prepared", "prepared"]


def test_one_file_is_kept_at_a_time_and_none_outlives_its_session() -> None:
    test = uploaded(TABLE.encode())
    first = seen(test)
    test.file_uploader(key="classify_table_upload").set_value(("other name!.csv", TABLE.replace("a", "b").encode(), ""))
    second = seen(rerun(test))
    assert first is not None
    assert second is not None
    assert not Path(first.file).exists()
    assert Path(second.file).exists()
    assert sorted(path.name for path in Path(second.file).parents[2].rglob("*.*")) == [Path(second.file).name]
    # A folder that was swept away is no dead end: the file is there as long as it is uploaded.
    shutil.rmtree(Path(second.file).parents[2])
    again = seen(rerun(test))
    assert again is not None
    assert Path(again.file).exists()
    del test.session_state["classify_table_folder"]
    gc.collect()
    assert not Path(again.file).parents[2].exists()


@pytest.mark.parametrize("name", ["../../etc/x.csv", "CON.csv", "字" * 200 + ".csv", "???.csv"])
def test_strange_file_names_lead_nowhere_else(name: str) -> None:
    found = seen(uploaded(TABLE.encode(), name))
    assert found is not None
    assert "terrarium-" in Path(found.file).parts[-4]
    assert Path(found.file).suffix == ".csv"


# Pictures and words ---------------------------------------------------------------------------------------------------


def test_the_bars_are_the_counts_of_both_parts() -> None:
    made = prepared.figure({"good": (30, 10), "bad": (5, 2)}, LIGHT)
    learned, tested = made.data
    assert (list(learned.x), list(tested.x)) == ([30, 5], [10, 2])
    assert list(tested.text) == ["40", "7"]
    assert list(made.layout.yaxis.ticktext) == ["good", "bad"]


def test_labels_in_a_picture_are_no_markup() -> None:
    made = prepared.figure({"<b>x</b>&lt;" * 20: (1, 1), "a\nb": (1, 1)}, LIGHT)
    drawn = json.dumps(made.to_dict(), default=list)
    assert "<b>" not in drawn.replace("<br>", "")
    assert "a b" in drawn


def test_of_many_labels_the_largest_are_drawn() -> None:
    lines = [f"a sentence with some words {n},class {n % 30 if n < 300 else 29}\n" for n in range(310)]
    test = uploaded(("text,label\n" + "".join(lines)).encode())
    assert "The 20 largest of 30 labels" in said(test)
    figures = test.session_state["classify_table_labels_drawn"][1]
    shown = figures["light"]["layout"]["yaxis"]["ticktext"]
    assert (len(shown), shown[0]) == (20, "class 29")


def test_a_trouble_without_rows_or_with_one_is_a_sentence() -> None:
    template = "Rows without a text, left out: {count:,}."
    assert prepared.told(Trouble(template, {"count": 1}, (7,))) == "Rows without a text, left out: 1. Row 7."
    assert prepared.told(Trouble(template, {"count": 0})) == "Rows without a text, left out: 0."


@pytest.mark.parametrize("config", [TableConfig(), TableConfig(file="/tmp/x/my.csv", label_column="a'b\"", seed=3)])
def test_the_same_in_python_runs(config: TableConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "table.csv").write_text(TABLE.replace("label", '"a\'b"""'))
    code = prepared.python(config)
    assert "/tmp/x" not in code
    exec(compile(code, "taken away", "exec"), {})
