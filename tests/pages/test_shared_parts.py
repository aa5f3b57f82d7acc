"""What pages share: names of runs, the screen for faults, the looks of charts."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from llm_core.runs.store import Store
from pages.ui import charts
from pages.ui.faults import as_text
from pages.ui.subject import BUNDLED_NAMES, bundled, titles
from tests.pages.recorded import history, write_run

RUNS = [f"{number:016x}" for number in range(4)]


def test_runs_of_one_name_are_told_apart(store: Store) -> None:
    for identity in RUNS:
        write_run(store.root / identity, until=2, name="the same")
    names = titles(store.runs())
    assert set(names) == set(RUNS)
    assert len(set(names.values())) == len(RUNS)


def a_page_with_a_fault(of_ours: bool) -> None:
    from llm_core.errors import UserError
    from pages.ui.faults import show_fault

    show_fault(KeyError("a secret") if of_ours else UserError("{file} is empty.", file="a*b*.txt"))


def test_a_refusal_is_its_sentence_and_a_fault_of_ours_tells_no_secrets() -> None:
    refused = AppTest.from_function(a_page_with_a_fault, args=(False,)).run()
    assert "is empty" in refused.error[0].value
    assert "a*b*" not in refused.error[0].value, "what a file is called is no markup"
    fault = AppTest.from_function(a_page_with_a_fault, args=(True,)).run()
    assert "KeyError" in fault.error[0].value
    assert "secret" not in fault.error[0].value
    assert not fault.exception


@pytest.mark.parametrize(
    "name", ["see https://x.test", "www.x.test", "WWW.x.test", ":smile:", ":material/error:", "a@x.test"]
)
def test_a_name_becomes_neither_link_nor_icon(name: str) -> None:
    shown = as_text(name).replace("\\", "")
    assert not re.search(r"https?://|www\.|:\w+:|:material/|@x", shown, re.IGNORECASE)
    assert shown.replace("\u2060", "") == name


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast of two colours."""

    def luminance(color: str) -> float:
        parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_label_of_a_chart_can_be_read_on_its_paper() -> None:
    for look in (charts.LIGHT, charts.DARK):
        for name in ("text", "quiet", "training", "held_out", "ngram", "uniform", "floor"):
            assert contrast(getattr(look, name), look.background) >= 4.5, name


def test_the_figure_has_every_line_with_its_label() -> None:
    figure = charts.curve(history(200, ("text",)), lambda key: key)
    assert {annotation.text for annotation in figure.layout.annotations} == {"training", "held_out", "uniform", "ngram"}
    assert len(figure.data) == 2


def test_a_history_without_rows_is_an_empty_figure() -> None:
    assert len(charts.curve([], lambda key: key).data) == 0


def test_the_curve_on_paper_names_every_loss_that_it_is_compared_with() -> None:
    rows = [{"kind": "baseline", "name": name, "loss": 1.0 + at} for at, name in enumerate(("floor", "ngram", "unigram", "uniform"))]  # fmt: skip
    named = {note.text: note.y for note in charts.curve(rows, str.upper).layout.annotations}
    assert named == {"FLOOR": 1, "NGRAM": 2, "UNIGRAM": 3, "UNIFORM": 4}


def test_models_that_come_along_are_called_in_the_persons_language(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pages.ui.text.language", lambda: "zh")
    come_along = bundled()
    assert {run.name for run in come_along} == set(BUNDLED_NAMES)
    own = store.find(write_run(store.root / RUNS[0], until=2, name=come_along[0].name).name)
    names = titles([own, *come_along])
    assert names[own.id] == own.name, "as its owner named it"
    translated = [name for run, name in names.items() if run != own.id]
    assert all(re.search("[一-龥]", name.replace("自带", "")) for name in translated)
