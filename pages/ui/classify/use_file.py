"""A whole file classified by one family: a run that a button starts, watched without a script run, then looked at and
taken away."""

import tempfile
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from llm_core.data.encodings import Detection
from llm_core.data.prepare import file_name
from llm_core.data.table_reading import TABLE_SUFFIXES, Table, check_size, read_table
from llm_core.errors import UserError
from llm_core.runs import classified_file
from llm_core.runs.classified_file import ClassifiedFile, outcome, texts_of
from llm_core.runs.file_to_classify import ClassifyFileConfig
from llm_core.runs.raced import Race
from llm_core.runs.run import Run
from pages.ui.classify.families import title
from pages.ui.classify.scored import percent
from pages.ui.encoding import choose_encoding, detect, reads_right
from pages.ui.faults import as_text, refuse
from pages.ui.live import BROWSER, ask, duration_labels, script
from pages.ui.sheet import Cell, Column, Row, sheet
from pages.ui.state import CLASSIFY_FILE_FAULT_KEY, CLASSIFY_FILE_KEY, CLASSIFY_FILE_WRITTEN_KEY, store
from pages.ui.text import _, explain, language, number
from pages.ui.who import owner

_BINARY = (".xlsx", ".parquet")
_SHOWN = 50
_LONGEST = 300
_MOST_CLASSES = 8


def show(race: Race, family: str) -> None:
    """The upload, its column and the button; under it the newest file that this race has classified."""
    with st.expander(_("Classify a whole file"), key="classify_file_open", on_change="rerun") as opened:
        if not opened.open:
            return
        if (fault := st.session_state.pop(CLASSIFY_FILE_FAULT_KEY, None)) is not None:
            refuse(fault)
        try:
            _form(race, family)
            runs = classified_file.find_runs(store(), race.run)
            if runs:
                _watched(race, runs[0])
        except UserError as error:
            refuse(error)


def _form(race: Race, family: str) -> None:
    file = st.file_uploader(
        _("File with texts"), type=[suffix.lstrip(".") for suffix in TABLE_SUFFIXES], key="classify_file_upload", max_upload_size=50,
        help=_("CSV, TSV, JSON lines, XLSX or Parquet, at most 50 MB. It stays on this computer."),
    )  # fmt: skip
    if file is None:
        return
    raw, encoding = file.getvalue(), None
    if Path(file.name).suffix.lower() not in _BINARY:
        detection = _detection(file.file_id, raw)
        encoding = choose_encoding(detection, f"classify_file_encoding_{file.file_id}")
        if not reads_right(detection, f"classify_file_right_{file.file_id}_{encoding}"):
            return
    table = _read(file.file_id, file.name, raw, encoding)
    usual = race.prepared.text_column
    column = st.selectbox(
        _("Column with the texts"), table.columns, key=f"classify_file_column_{file.file_id}",
        index=table.columns.index(usual) if usual in table.columns else longest(table),
    )  # fmt: skip
    _place, kept = texts_of(table, column)
    st.button(
        _("Classify {count} texts with {family}", count=len(kept), family=title(family)), key="classify_file_start", type="primary",
        on_click=begin, args=(race, family, file.name, raw, encoding, column),
    )  # fmt: skip


def begin(race: Race, family: str, name: str, raw: bytes, encoding: str | None, column: str) -> None:
    """Give the file to a worker; for callbacks."""
    try:
        with tempfile.TemporaryDirectory(prefix="terrarium-") as folder:
            classified_file.start(store(), race, owner(), family, _written(folder, name, raw), encoding, column)
    except UserError as error:
        st.session_state[CLASSIFY_FILE_FAULT_KEY] = error


def _detection(file_id: str, raw: bytes) -> Detection:
    """How the file is written, looked at once."""
    before, detection = st.session_state.get(CLASSIFY_FILE_WRITTEN_KEY, (None, None))
    if before != file_id:
        detection = detect(raw)
        st.session_state[CLASSIFY_FILE_WRITTEN_KEY] = file_id, detection
    assert isinstance(detection, Detection)
    return detection


def _read(file_id: str, name: str, raw: bytes, encoding: str | None) -> Table:
    """The table in an uploaded file, read once and not at every run of the script. Raises UserError."""
    before, outcome = st.session_state.get(CLASSIFY_FILE_KEY, (None, None))
    if before != (file_id, encoding):
        try:
            outcome = read(name, raw, encoding)
        except UserError as error:
            outcome = error
        st.session_state[CLASSIFY_FILE_KEY] = (file_id, encoding), outcome
    if isinstance(outcome, UserError):
        raise outcome
    assert isinstance(outcome, Table)
    return outcome


def read(name: str, raw: bytes, encoding: str | None) -> Table:
    """The table in these bytes, which are kept nowhere. Raises UserError."""
    with tempfile.TemporaryDirectory(prefix="terrarium-") as folder:
        return read_table(_written(folder, name, raw), encoding, name)


def _written(folder: str, name: str, raw: bytes) -> Path:
    check_size(Path(name).name, len(raw))
    harmless, suffix = file_name(name), Path(name).suffix.lower()
    path = Path(folder, harmless if Path(harmless).suffix.lower() == suffix else f"table{suffix}")
    try:
        path.write_bytes(raw)
    except OSError as error:
        raise UserError("{file} cannot be kept: {reason}.", file=name[:80], reason=error.strerror or str(error)) from None  # fmt: skip
    return path


def longest(table: Table) -> int:
    """The column with the longest cells: most likely the texts."""
    lengths = [sum(len(row[place] or "") for row in table.rows[:1000]) for place in range(len(table.columns))]
    return int(np.argmax(lengths))


@cache
def _component() -> Any:
    return st.components.v2.component(
        "terrarium_work", css=(BROWSER / "work.css").read_text(encoding="utf-8"), js=script("format", "work"), isolate_styles=False
    )  # fmt: skip


def _watched(race: Race, run: Run) -> None:
    """How the newest run stands; when it has finished, what came out."""
    assert isinstance(run.settings, ClassifyFileConfig)
    status = run.status()
    st.markdown(as_text(_("{file}, classified by {family}", file=run.name, family=title(run.settings.family))))
    if status.under_way:
        _component()(
            key="classify_file_work", data={"run": run.id, "language": language(), "labels": _labels()},
            on_over_change=lambda: None, on_stop_change=lambda: _stop(run),
        )  # fmt: skip
    elif status.state == "finished":
        _outcome(run, _finished(run.id, race.names))
    elif status.template:
        st.error(as_text(explain(UserError(status.template, **status.values))))
    else:
        st.caption(_("It was stopped before it had come to its end."))


@lru_cache(maxsize=2)
def _finished(run: str, names: tuple[str, ...]) -> ClassifiedFile:
    """What came out, which never changes: read once and not at every run of the script. Raises UserError."""
    return outcome(store().find(run), names)


def _stop(run: Run) -> None:
    try:
        ask(run.id, "stop")
    except UserError as error:
        st.session_state[CLASSIFY_FILE_FAULT_KEY] = error


def _outcome(run: Run, done: ClassifiedFile) -> None:
    predicted = done.predicted
    counts = np.bincount(predicted, minlength=len(done.names))
    order = np.argsort(-counts, kind="stable")[:_MOST_CLASSES].tolist()
    sheet(
        "classify_file_counts", [Column(_("Class"), kind="text"), Column(_("Texts"), kind="share")],
        [
            Row(str(at), (Cell(done.names[at], value=done.names[at]), Cell(number(int(counts[at])), value=int(counts[at]), share=counts[at] / len(predicted))))
            for at in order
        ],
        label=_("How many texts of the file were given each class"),
    )  # fmt: skip
    rows = [_row(done, n, int(predicted[n])) for n in range(min(_SHOWN, len(predicted)))]
    sheet(
        "classify_file_rows",
        [Column(_("Row"), _("As a spreadsheet counts the rows of the table.")), Column(_("Text"), kind="long"), Column(_("Called"), kind="text")],
        rows, label=_("The first texts of the file"), caption=_("The first {shown} of {all} texts.", shown=len(rows), all=len(predicted)),
    )  # fmt: skip
    st.download_button(
        _("Download all predictions (CSV)"), lambda: b"\xef\xbb\xbf" + done.csv().encode("utf-8"),
        file_name=f"terrarium-predictions-{run.id}.csv", mime="text/csv", key="classify_file_csv", on_click="ignore",
        icon=":material/download:",
    )  # fmt: skip


def _row(done: ClassifiedFile, n: int, label: int) -> Row:
    place, share = int(done.kept[n]), float(done.probabilities[n][label])
    text = str(done.table.rows[place][done.column])
    return Row(
        str(place),
        (
            Cell(number(done.table.numbers[place]), value=done.table.numbers[place]),
            Cell(text[:_LONGEST] + "…" if len(text) > _LONGEST else text),
            Cell(done.names[label], percent(share), share),
        ),
    )


def _labels() -> dict[str, Any]:
    """Every word that the script shows, in the language of this session."""
    return {
        "waiting": _("Waits for a worker: one is starting, or all are busy with other runs."),
        "running": _("Classifying: {share} done, {time} remaining.", share="{share}", time="{time}"),
        "stop": _("Stop"),
        "offline": _("The server does not answer. Trying again."),
        **duration_labels(),
    }  # fmt: skip
