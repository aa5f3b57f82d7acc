"""A whole file classified by one family: read, classified piece by piece, looked at, and taken away."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import streamlit as st

from llm_core.data.table_reading import TABLE_SUFFIXES, Table, read_table
from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from llm_core.evaluate.classification import Floats, Labels, predict
from llm_core.runs.raced import Race
from pages.ui.classify.families import title
from pages.ui.classify.scored import percent
from pages.ui.encoding import ENCODINGS, detect
from pages.ui.faults import refuse
from pages.ui.sheet import Cell, Column, Row, sheet
from pages.ui.state import CLASSIFY_FILE_KEY, inference
from pages.ui.text import _, number

AT_ONCE = 128
"""Texts between two signs of progress."""
MOST_TEXTS = 20_000
"""Texts that a page classifies; the command line takes any number."""
_SHOWN = 50
_LONGEST = 300
_SUFFIXES = [suffix.lstrip(".") for suffix in TABLE_SUFFIXES]


@dataclass(frozen=True)
class Classified:
    """A table and what a family says of its texts. kept: places (N,) of the rows that hold a text · probabilities:
    (N, K)."""

    identity: tuple[str, ...]
    table: Table
    place: int
    kept: Labels
    names: tuple[str, ...]
    probabilities: Floats


def show(race: Race, family: str) -> None:
    """The upload, its columns, the button, and what came out."""
    with st.expander(_("Classify a whole file"), key="classify_file_open", on_change="rerun") as opened:
        if not opened.open:
            return
        try:
            _form(race, family)
        except UserError as error:
            refuse(error)


def _form(race: Race, family: str) -> None:
    file = st.file_uploader(
        _("File with texts"), type=_SUFFIXES, key="classify_file_upload", max_upload_size=50,
        help=_("CSV, TSV, JSON lines, XLSX or Parquet, at most 50 MB. It stays on this computer."),
    )  # fmt: skip
    if file is None:
        st.session_state.pop(CLASSIFY_FILE_KEY, None)
        return
    raw = file.getvalue()
    table = read(file.name, raw, _encoding(file.name, raw, file.file_id))
    usual = race.prepared.text_column
    column = st.selectbox(
        _("Column with the texts"), table.columns, key=f"classify_file_column_{file.file_id}",
        index=table.columns.index(usual) if usual in table.columns else _longest(table),
    )  # fmt: skip
    place = table.columns.index(column)
    kept = np.array([at for at, row in enumerate(table.rows) if (row[place] or "").strip()], dtype=np.int64)
    check(table, kept, column)
    identity = (race.run.id, family, file.file_id, column)
    if st.button(
        _("Classify {count} texts with {family}", count=len(kept), family=title(family)), key="classify_file_start", type="primary"
    ):  # fmt: skip
        found = classify(race, family, [str(table.rows[at][place]) for at in kept])
        st.session_state[CLASSIFY_FILE_KEY] = Classified(identity, table, place, kept, race.names, found)
    done = st.session_state.get(CLASSIFY_FILE_KEY)
    if isinstance(done, Classified) and done.identity == identity:
        _outcome(done, f"terrarium-predictions-{race.run.id}-{family}.csv")


def read(name: str, raw: bytes, encoding: str | None) -> Table:
    """The table in an uploaded file, which is kept nowhere. Raises UserError."""
    try:
        with tempfile.TemporaryDirectory(prefix="terrarium-") as folder:
            path = Path(folder) / f"table{Path(name).suffix.lower()}"
            path.write_bytes(raw)
            return read_table(path, encoding, name)
    except OSError as error:
        raise UserError("{file} cannot be read: {reason}.", file=name[:80], reason=error.strerror or str(error)) from None  # fmt: skip


def _encoding(name: str, raw: bytes, file_id: str) -> str | None:
    """What the file says, or what the person chooses where it does not."""
    if Path(name).suffix.lower() in (".xlsx", ".parquet"):
        return None
    detection = detect(raw)
    if detection.sure:
        return detection.encoding
    guess = detection.encoding or "gb18030"
    names = ENCODINGS if guess in ENCODINGS else (guess, *ENCODINGS)
    return str(st.selectbox(_("Encoding"), names, index=names.index(guess), key=f"classify_file_encoding_{file_id}"))


def _longest(table: Table) -> int:
    """The column with the longest cells: most likely the texts."""
    lengths = [sum(len(row[place] or "") for row in table.rows[:1000]) for place in range(len(table.columns))]
    return int(np.argmax(lengths))


def check(table: Table, kept: Labels, column: str) -> None:
    """Raises UserError for nothing to classify, and for more than a page can."""
    if not len(kept):
        raise UserError("{file} has no text in {column!r}; choose another column.", file=table.name, column=column)
    if len(kept) > MOST_TEXTS:
        raise UserError("{file} has {have:,} texts; a page classifies at most {limit:,}. The command line takes any number: python -m llm_core classify RUN --file FILE.", file=table.name, have=len(kept), limit=MOST_TEXTS)  # fmt: skip


def classify(race: Race, family: str, texts: list[str]) -> Floats:
    """The probabilities (N, K), with a bar that moves; another click on the page stops it."""
    bar = st.progress(0.0, _("Classifying…"))
    parts = []
    for start in range(0, len(texts), AT_ONCE):
        with inference():
            parts.append(race.classifier(family).probabilities(texts[start : start + AT_ONCE]))
        done = min(start + AT_ONCE, len(texts))
        bar.progress(done / len(texts), _("{done} of {all} texts classified", done=done, all=len(texts)))
    bar.empty()
    return np.concatenate(parts)


def _outcome(done: Classified, name: str) -> None:
    predicted = predict(done.probabilities)
    counts = np.bincount(predicted, minlength=len(done.names))
    rows = [
        Row(
            str(at),
            (
                Cell(number(done.table.numbers[at]), value=done.table.numbers[at]),
                Cell(_clipped(str(done.table.rows[at][done.place]))),
                Cell(done.names[label], percent(float(row[label])), float(row[label])),
            ),
        )
        for at, label, row in zip(done.kept[:_SHOWN].tolist(), predicted[:_SHOWN].tolist(), done.probabilities, strict=False)
    ]  # fmt: skip
    order = np.argsort(-counts, kind="stable")[:8]
    sheet(
        "classify_file_counts", [Column(_("Class"), kind="text"), Column(_("Texts"), kind="share")],
        [Row(str(at), (Cell(done.names[at], value=done.names[at]), Cell(number(int(counts[at])), value=int(counts[at]), share=counts[at] / len(predicted)))) for at in order.tolist()],
        label=_("How many texts of the file were given each class"),
    )  # fmt: skip
    sheet(
        "classify_file_rows",
        [Column(_("Row"), _("As a spreadsheet counts the rows of the table.")), Column(_("Text"), kind="long"), Column(_("Called"), kind="text")],
        rows, label=_("The first texts of the file"), caption=_("The first {shown} of {all} texts.", shown=len(rows), all=len(predicted)),
    )  # fmt: skip
    st.download_button(
        _("Download all predictions (CSV)"), lambda: b"\xef\xbb\xbf" + csv(done).encode("utf-8"), file_name=name, mime="text/csv",
        key="classify_file_csv", on_click="ignore", icon=":material/download:",
    )  # fmt: skip


def _clipped(text: str) -> str:
    return text[:_LONGEST] + "…" if len(text) > _LONGEST else text


def csv(done: Classified) -> str:
    """The whole table, with the class and the probabilities of every text beside it; empty where there is no text."""
    predicted = predict(done.probabilities)
    found = {at: n for n, at in enumerate(done.kept.tolist())}
    heads = (*done.table.columns, "predicted", "probability", *(f"probability of {name}" for name in done.names))

    def cells(at: int) -> tuple[object, ...]:
        n = found.get(at)
        if n is None:
            return (None,) * (2 + len(done.names))
        row = done.probabilities[n]
        return (done.names[predicted[n]], float(row[predicted[n]]), *map(float, row))

    return as_table(heads, ((*row, *cells(at)) for at, row in enumerate(done.table.rows)))
