"""The text that a model learns from, as a person chooses it: embedded, pasted, or a file of their own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import streamlit as st

from llm_core.config import DataConfig
from llm_core.data.annotated import ASKED
from llm_core.data.corpora import CORPORA
from llm_core.data.encodings import Detection
from llm_core.data.source import Piece, pieces
from llm_core.errors import UserError
from pages.ui.encoding import choose_encoding, detect, reads_right
from pages.ui.faults import refuse
from pages.ui.state import CORPUS_CHOSEN_KEY, CORPUS_KEY, PREVIEW_KEY, store
from pages.ui.text import _, language
from pages.ui.who import owner

SUFFIXES = ("txt", "md", "csv", "tsv", "jsonl", "parquet")
TABLES = ("csv", "tsv", "jsonl", "parquet")
LONGEST_PASTE = 1_000_000
LONGEST_PREVIEW = 400


@dataclass(frozen=True)
class Source:
    """What was chosen. `raw` is kept only when a run starts: a text that nobody trains on leaves nothing behind."""

    title: str
    embedded: str | None = None
    name: str = ""
    raw: bytes = b""
    encoding: str | None = None
    column: str | None = None

    def settings(self) -> dict[str, str | None]:
        """The data settings of a run on this text; stores the text if it is a person's own. Raises UserError."""
        if self.embedded is not None:
            return {"corpus": self.embedded, "encoding": None, "text_column": None}
        from llm_core.data.prepare import import_text

        store().refuse_full(owner())
        path = import_text(self.name, self.raw, store().corpora)
        return {"corpus": str(path), "encoding": self.encoding, "text_column": self.column}


def choose_text(key: str = CORPUS_KEY) -> Source | None:
    """Draw the choice; None while there is no text, said on the page. `key`: of the embedded text that is chosen."""
    way = st.segmented_control(
        _("Text"), ("embedded", "paste", "upload"), key="train_text_way", required=True, default="embedded",
        format_func={"embedded": _("Included"), "paste": _("Paste"), "upload": _("Your file")}.__getitem__,
        help=_("What the model learns from. Everything stays on this computer."), persist_state="session", width="stretch",
    )  # fmt: skip
    if way == "paste":
        return _pasted()
    if way == "upload":
        return _uploaded()
    return _embedded(key)


def offered() -> list[str]:
    """The embedded texts in the order in which they are offered: stories first, those in the person's language above all."""

    def rank(name: str) -> int:
        corpus = CORPORA[name]
        if corpus.kind in ASKED:  # for models of one task alone
            return 3
        return 0 if name == f"stories-{language()}" else 1 if corpus.source == "stories" else 2

    return sorted(CORPORA, key=rank)


def _embedded(key: str) -> Source:
    if st.session_state.get(key) not in CORPORA:
        st.session_state[key] = next(iter(CORPORA))
    name = st.selectbox(
        _("Included text"), offered(), key=key, format_func=lambda name: _(CORPORA[name].title),
        label_visibility="collapsed", persist_state="session",
        on_change=(lambda: st.session_state.update({CORPUS_CHOSEN_KEY: True})) if key == CORPUS_KEY else None,
    )  # fmt: skip
    st.caption(_(CORPORA[name].description))
    return Source(title=_(CORPORA[name].title), embedded=name)


def _pasted() -> Source | None:
    text = st.text_area(
        _("Your text"), key="train_paste", max_chars=LONGEST_PASTE, height=140, label_visibility="collapsed",
        placeholder=_("Paste a text: a few pages at least, a book is better."), persist_state="session",
    )  # fmt: skip
    if not text or not text.strip():
        return None
    return Source(title=_("Pasted text"), name="pasted.txt", raw=text.encode("utf-8", "replace"), encoding="utf-8")


def _uploaded() -> Source | None:
    file = st.file_uploader(
        _("Your file"), type=list(SUFFIXES), key="train_upload", label_visibility="collapsed", max_upload_size=50,
        help=_("Plain text, Markdown, CSV, TSV, JSON lines or Parquet, at most 50 MB."),
    )  # fmt: skip
    if file is None:
        return None
    raw = file.getvalue()
    suffix = Path(file.name).suffix.lower().lstrip(".")
    detection = Detection(None, True, "") if suffix == "parquet" else detect(raw)
    encoding = choose_encoding(detection, f"train_encoding_{file.file_id}")
    column = _column(suffix)
    try:
        beginning = _previewed(file.file_id, file.name, raw, encoding, column)
    except UserError as error:
        refuse(error)
        return None
    st.caption(_("It begins:"))
    st.code(beginning, language=None, wrap_lines=True, height=120)
    if not reads_right(detection, f"train_encoding_right_{file.file_id}_{encoding}"):
        return None
    return Source(title=Path(file.name).name, name=file.name, raw=raw, encoding=encoding, column=column)


def _column(suffix: str) -> str | None:
    if suffix not in TABLES:
        return None
    return (
        st.text_input(
            _("Column with the text"), key="train_column", max_chars=200, placeholder=_("the longest text column"),
            persist_state="session",
        )
        or None
    )  # fmt: skip


def _previewed(file_id: str, name: str, raw: bytes, encoding: str | None, column: str | None) -> str:
    """`preview`, read once for a file and its settings and not at every run of the script. Raises UserError."""
    asked = (file_id, encoding, column)
    before, outcome = st.session_state.get(PREVIEW_KEY, (None, ""))
    if before != asked:
        try:
            outcome = preview(name, raw, encoding, column)
        except UserError as error:
            outcome = error
        st.session_state[PREVIEW_KEY] = (asked, outcome)
    if isinstance(outcome, UserError):
        raise outcome
    return str(outcome)


def preview(name: str, raw: bytes, encoding: str | None, column: str | None) -> str:
    """How a file begins, read exactly as training would read it. Raises UserError; leaves nothing behind."""
    with _read(name, raw, encoding, column) as found:
        start = "".join(text for _begins, text in islice(found, 5))
    return start[:LONGEST_PREVIEW] + "…" if len(start) > LONGEST_PREVIEW else start


def beginning(
    name: str, raw: bytes, encoding: str | None, column: str | None, characters: int
) -> tuple[list[str], bool]:
    """The documents of a person's text, read as training would, up to about so many characters, and whether that is all
    of it. Raises UserError; leaves nothing behind."""
    documents: list[str] = []
    read = 0
    with _read(name, raw, encoding, column) as found:
        for begins, text in found:
            if read >= characters:
                return documents, False
            if begins or not documents:
                documents.append(text)
            else:
                documents[-1] += text
            read += len(text)
    return documents, True


@contextmanager
def _read(name: str, raw: bytes, encoding: str | None, column: str | None) -> Iterator[Iterator[Piece]]:
    """The pieces of a text that is kept nowhere."""
    try:
        with tempfile.TemporaryDirectory(prefix="terrarium-") as folder:
            path = _write(Path(folder), name, raw)
            yield pieces(DataConfig(corpus=str(path), encoding=encoding, text_column=column))
    except OSError as error:
        raise UserError("{file} cannot be read: {reason}.", file=name, reason=error.strerror or str(error)) from None


def _write(folder: Path, name: str, raw: bytes) -> Path:
    suffix = Path(name).suffix.lower()
    path = folder / f"{Path(name).stem[:40] or 'text'}{suffix}"
    try:
        path.write_bytes(raw)
    except (OSError, ValueError):  # a name that this file system does not take
        path = folder / f"text{suffix}"
        path.write_bytes(raw)
    return path
