"""Where text comes from: an embedded name, a file or a folder becomes a stream of documents in pieces.

A document is a file of plain text, a row of a table, or what a grammar or a task writes at one go. Long ones come in pieces of at most 64 K characters, so that a
text of any size passes through without being held.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from llm_core.config import DataConfig
from llm_core.data.corpora import CORPORA
from llm_core.data.encodings import BLOCK, decode, visible_surrogates
from llm_core.data.generated import counts, generated, writing_digest
from llm_core.data.generated import documents as written
from llm_core.data.parquet_reading import parquet
from llm_core.data.pieces import cut
from llm_core.data.tables import delimited, json_lines, lines
from llm_core.errors import UserError

Piece = tuple[bool, str]
"""Whether a document begins here, and up to 64 K characters of it (never empty)."""

_TABLES = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"}


def documents(config: DataConfig) -> Iterator[str]:
    """The documents of a corpus, one after the other. A document is held whole: use `pieces` for large texts.

    Raises UserError as `pieces` does.
    """
    held: list[str] = []
    for begins, text in pieces(config):
        if begins and held:
            yield "".join(held)
            held = []
        held.append(text)
    yield "".join(held)


def pieces(config: DataConfig) -> Iterator[Piece]:
    """The corpus as pieces of documents; documents without any text are left out.

    Raises UserError when there is no such corpus, when a file cannot be read as what its name says (encoding, NUL
    bytes, broken table, column not there), and when there is no text at all.
    """
    found = False
    for document in _streams(config):
        begins = True
        for piece in cut(document):
            # A document starts with the first piece that shows anything.
            if begins and not piece.strip():
                continue
            yield begins, piece
            begins, found = False, True
    if not found:
        raise UserError("{corpus} has no text.", corpus=_label(config))


def content_digest(config: DataConfig) -> str:
    """SHA-256 over all bytes that the corpus is made of, or over what it is written by.

    Raises UserError when there is no such corpus.
    """
    digest = hashlib.sha256()
    if generated(config):
        return writing_digest(config)
    if read := _embedded(config):
        for text in read():
            _update(digest, text.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()
    path = _existing(config.corpus)
    for file in _files(path):
        # The name of a single file does not matter, its ending does: it says how to read it.
        name = file.relative_to(path).as_posix() if path.is_dir() else file.suffix.lower()
        _update(digest, name.encode("utf-8", "surrogateescape"))
        with _opened(file) as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
        _update(digest, b"")
    return digest.hexdigest()


def _streams(config: DataConfig) -> Iterator[Iterable[str]]:
    """Documents, each as blocks of text."""
    if corpus := generated(config):
        for text in written(corpus, 0, sum(counts(config))):
            yield (text,)
        return
    if read := _embedded(config):
        for text in read():
            yield (text,)
        return
    for file in _files(_existing(config.corpus)):
        suffix = file.suffix.lower()
        if suffix == ".parquet":
            for cell in parquet(file, config.text_column):
                yield (cell,)
            continue
        name = visible_surrogates(file.name)
        with _opened(file) as stream:
            decoded = decode(stream, name, config.encoding)
            if suffix not in _TABLES:
                yield decoded
                continue
            rows = lines(decoded, name)
            if suffix in (".jsonl", ".ndjson"):
                cells = json_lines(rows, name, config.text_column)
            else:
                cells = delimited(rows, name, config.text_column, tabs=suffix == ".tsv")
            for cell in cells:
                yield (cell,)


def _embedded(config: DataConfig) -> Callable[[], Iterator[str]] | None:
    corpus = CORPORA.get(config.corpus)
    return None if corpus is None else corpus.read


def _existing(corpus: str) -> Path:
    try:
        path = Path(corpus).expanduser()
        if corpus and (path.is_file() or path.is_dir()):
            return path
    except (OSError, ValueError, RuntimeError):
        pass
    raise UserError(
        "There is no embedded text and no file or folder called {corpus!r}; embedded texts are {names}.",
        corpus=corpus[:200], names=", ".join(CORPORA),
    )  # fmt: skip


def _files(path: Path) -> Iterator[Path]:
    """The file itself, or the text files of a folder in a fixed order: no hidden ones, no links, nothing binary."""
    if path.is_file():
        yield path
        return
    count = 0
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(folder, name)
            if name.startswith(".") or file.is_symlink() or not file.is_file():
                continue
            if file.suffix.lower() == ".parquet" or _looks_like_text(file):
                count += 1
                yield file
    if not count:
        raise UserError("The folder {folder} has no text files.", folder=path.name)


def _looks_like_text(file: Path) -> bool:
    with _opened(file) as stream:
        head = stream.read(8192)
    return b"\0" not in head or head.startswith((b"\xff\xfe", b"\xfe\xff"))


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise UserError("{file} cannot be read: {reason}.", file=file.name, reason=error.strerror or type(error).__name__) from None  # fmt: skip


def _update(digest: "hashlib._Hash", data: bytes) -> None:
    """Add data with its length, so that no two lists of parts look alike."""
    digest.update(len(data).to_bytes(8, "little"))
    digest.update(data)


def _label(config: DataConfig) -> str:
    return config.corpus if config.corpus in CORPORA else Path(config.corpus).name or config.corpus
