"""Choose a table of labelled texts: an included one, one that is pasted, or a file; then its columns and its split."""

import hashlib
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from llm_core.config import TableConfig
from llm_core.data.encodings import Detection
from llm_core.data.labelled import Prepared
from llm_core.data.prepare import file_name
from llm_core.data.table_columns import choose_columns
from llm_core.data.table_examples import EXAMPLES
from llm_core.data.table_preparing import open_table, prepare_table
from llm_core.data.table_reading import TABLE_SUFFIXES, Table, check_size, pasted_suffix
from llm_core.errors import UserError
from pages.ui.classify.scored import percent
from pages.ui.encoding import choose_encoding, detect, reads_right
from pages.ui.faults import refuse
from pages.ui.state import CLASSIFY_FOLDER_KEY, CLASSIFY_PREPARED_KEY, CLASSIFY_READ_KEY, CLASSIFY_TABLE_KEY
from pages.ui.text import _, language

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

LONGEST_PASTE = 1_000_000
_BINARY = (".xlsx", ".parquet")
_LONGEST_PREVIEW = 400


def choose_table() -> TableConfig | None:
    """Draw the choice. The settings of a table that can be learned from; None while there is none, said on the page."""
    way = st.segmented_control(
        _("Table"), ("included", "paste", "upload"), key="classify_table_way", required=True, default="included",
        format_func={"included": _("Included"), "paste": _("Paste"), "upload": _("Your file")}.__getitem__,
        help=_("A text and its label in each row. Everything stays on this computer."), persist_state="session", width="stretch",
    )  # fmt: skip
    try:
        chosen = {"included": _included, "paste": _pasted, "upload": _uploaded}[way]()
        if chosen is None:
            return None
        file, encoding = chosen
        config = TableConfig(file=file, encoding=encoding)
        if file not in EXAMPLES:
            config = config.model_copy(update=_columns(_read(config)))
        config = config.model_copy(update=_split(own=file not in EXAMPLES))
        prepared(config)
    except UserError as error:
        refuse(error)
        return None
    return config


def prepared(config: TableConfig) -> Prepared:
    """The table made ready: once for its settings, and not at every run of the script. Raises UserError."""
    before, outcome = st.session_state.get(CLASSIFY_PREPARED_KEY, (None, None))
    if before != config:
        outcome = None  # one table at a time is enough to hold
        st.session_state.pop(CLASSIFY_PREPARED_KEY, None)
        try:
            with st.spinner(_("Looking through the table …"), show_time=True):
                outcome = prepare_table(config, _read(config))
        except UserError as error:
            outcome = error
        st.session_state[CLASSIFY_PREPARED_KEY] = (config, outcome)
    if isinstance(outcome, UserError):
        raise outcome
    assert isinstance(outcome, Prepared)
    return outcome


def _read(config: TableConfig) -> Table:
    """The table of a file, read once. Raises UserError."""
    asked = (config.file, config.encoding)
    before, outcome = st.session_state.get(CLASSIFY_READ_KEY, (None, None))
    if before != asked:
        outcome = None
        st.session_state.pop(CLASSIFY_READ_KEY, None)
        try:
            with st.spinner(_("Reading the table …"), show_time=True):
                outcome = open_table(config.file, config.encoding)
        except UserError as error:
            outcome = error
        st.session_state[CLASSIFY_READ_KEY] = (asked, outcome)
    if isinstance(outcome, UserError):
        raise outcome
    assert isinstance(outcome, Table)
    return outcome


def _included() -> tuple[str, str | None]:
    if st.session_state.get(CLASSIFY_TABLE_KEY) not in EXAMPLES:
        spoken = [name for name, example in EXAMPLES.items() if example.language == language()]
        st.session_state[CLASSIFY_TABLE_KEY] = next(iter(spoken or EXAMPLES))
    name = str(
        st.selectbox(
            _("Included table"), list(EXAMPLES), key=CLASSIFY_TABLE_KEY, label_visibility="collapsed",
            format_func=lambda name: _(EXAMPLES[name].title), persist_state="session",
        )
    )  # fmt: skip
    st.caption(
        _(EXAMPLES[name].description)
        + " "
        + _("Some texts leave a doubt: no classifier can be right about more than {share} of them in the long run.", share=percent(EXAMPLES[name].ceiling))
    )  # fmt: skip
    return name, None


def _pasted() -> tuple[str, str | None] | None:
    text = st.text_area(
        _("Your table"), key="classify_table_paste", max_chars=LONGEST_PASTE, height=160, label_visibility="collapsed",
        placeholder=_("Paste rows as a spreadsheet copies them, or CSV: a text and its label in each."), persist_state="session",
    )  # fmt: skip
    if not text or not text.strip():
        return None
    return _kept("pasted" + pasted_suffix(text), text.lstrip("\n").encode("utf-8", "replace"), "table"), None


def _uploaded() -> tuple[str, str | None] | None:
    file = st.file_uploader(
        _("Your table"), type=[suffix.lstrip(".") for suffix in TABLE_SUFFIXES], key="classify_table_upload",
        label_visibility="collapsed", max_upload_size=50,
        help=_("CSV, TSV, JSON lines, XLSX or Parquet, at most 50 MB."),
    )  # fmt: skip
    if file is None:
        return None
    detection, path = _taken(file, "table")
    encoding = None if detection.sure else choose_encoding(detection, f"classify_encoding_{file.file_id}")
    if encoding is not None:
        st.caption(_("It begins:"))
        st.code(file.getvalue()[:2048].decode(encoding, "replace")[:_LONGEST_PREVIEW], language=None, wrap_lines=True, height=120)  # fmt: skip
    if not reads_right(detection, f"classify_encoding_right_{file.file_id}_{encoding}"):
        return None
    return path, encoding


def _columns(table: Table) -> dict[str, str]:
    """The two columns, first those that look like it. Raises UserError for a table that has not two."""
    text_place, label_place = choose_columns(table, None, None)
    # Another table has other columns, and its own boxes.
    identity = hashlib.sha256(repr((table.name, table.columns)).encode("utf-8", "replace")).hexdigest()[:12]
    boxes = st.columns(2)
    with boxes[0]:
        text = st.selectbox(_("Text column"), table.columns, index=text_place, key=f"classify_text_column_{identity}")
    with boxes[1]:
        label = st.selectbox(
            _("Label column"), table.columns, index=label_place, key=f"classify_label_column_{identity}"
        )
    return {"text_column": str(text), "label_column": str(label)}


def _split(own: bool) -> dict[str, object]:
    """What is kept for the test: a share of the table, or a second file."""
    with st.popover(_("Split"), icon=":material/call_split:", width="stretch"):
        percent = st.slider(
            _("Test share"), 5, 50, 20, 5, key="classify_test_share", format="%d %%", persist_state="session",
            help=_("Share of the table that nothing is learned from and everything is tested with; not used with a test file."),
        )  # fmt: skip
        seed = st.number_input(
            _("Seed"), 0, 2**31 - 1, 0, key="classify_table_seed", persist_state="session",
            help=_("The same seed splits the table the same way."),
        )  # fmt: skip
        test = None
        if own:
            test = st.file_uploader(
                _("Test file"), type=[suffix.lstrip(".") for suffix in TABLE_SUFFIXES], key="classify_test_upload",
                max_upload_size=50, help=_("A second file with the same columns to test with; empty keeps a part of the table for that."),
            )  # fmt: skip
    path = None if test is None else _taken(test, "test")[1]
    return {"test_share": int(percent) / 100, "seed": int(seed), "test_file": path}


def _taken(file: "UploadedFile", part: str) -> tuple[Detection, str]:
    """How an uploaded file is written, and where it is kept: looked at once, however large it is. Raises UserError."""
    key = f"{CLASSIFY_FOLDER_KEY}_{part}"
    before, taken = st.session_state.get(key, (None, None))
    if before != file.file_id or not Path(taken[1]).is_file():
        raw = file.getvalue()
        path = _kept(file.name, raw, part)
        sure = Path(path).suffix.lower() in _BINARY
        taken = Detection(None, True, "") if sure else detect(raw), path
        st.session_state[key] = (file.file_id, taken)
    detection, path = taken
    return detection, path


def _kept(name: str, raw: bytes, part: str) -> str:
    """The path of a file with these bytes, which goes with the session: what nobody learns from leaves nothing behind.

    Named by what is in it, so that the settings of two files are never equal. Raises UserError.
    """
    check_size(Path(name).name, len(raw))
    folder = st.session_state.get(CLASSIFY_FOLDER_KEY)
    harmless, suffix = file_name(name), Path(name).suffix.lower()
    if Path(harmless).suffix.lower() != suffix:
        harmless = f"table{suffix}"
    try:
        if folder is None:
            folder = st.session_state[CLASSIFY_FOLDER_KEY] = _Folder()
        path = Path(folder.path, part, hashlib.sha256(raw).hexdigest()[:16], harmless)
        if not path.is_file():
            _forget(Path(folder.path, part))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(raw)
    except OSError as error:
        raise UserError("{file} cannot be kept: {reason}.", file=name[:80], reason=error.strerror or str(error)) from None  # fmt: skip
    return str(path)


class _Folder:
    """A folder for the files of a session, which is removed when the session, or the server, has gone."""

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix="terrarium-")
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _forget(folder: Path) -> None:
    """The table that was here before."""
    for file in folder.glob("*/*"):
        file.unlink(missing_ok=True)
