"""The embedded texts: real English and real code out of the running Python, so that nothing is downloaded."""

import importlib
import sysconfig
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from llm_core.errors import N_, UserError

_LIBRARY_CHARACTERS = 8_000_000
_LIBRARY_LEFT_OUT = {
    "site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "turtledemo", "pydoc_data", "encodings",
    "distutils", "ensurepip", "__pycache__", "__phello__", "_pyrepl",
}  # fmt: skip
_LONGEST_COMMON_PARAGRAPH = 60


@dataclass(frozen=True)
class Corpus:
    """An embedded text. `title` and `description` are English templates, marked for translation."""

    name: str
    title: str
    description: str
    language: str
    read: Callable[[], Iterator[str]] = field(repr=False)
    """Its documents, in a fixed order. Raises UserError where this Python comes without them."""


def _reference_documents() -> Iterator[str]:
    """The topics of the language reference, each paragraph only once.

    Some topics are chapters and others are sections of them, word for word. Split as they stand, half of a held-out
    section would have been trained on. So larger topics come first, a paragraph that one of them has is left out of
    those after it, and what loses most of its text that way is left out whole.
    """
    try:
        topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    except ImportError:
        raise UserError("This Python comes without its language reference (pydoc_data.topics); choose another text.") from None  # fmt: skip
    seen: set[str] = set()
    kept: dict[str, str] = {}
    for name in sorted(topics, key=lambda name: (-len(topics[name]), name)):
        paragraphs = topics[name].split("\n\n")
        marks = [" ".join(paragraph.split()) for paragraph in paragraphs]
        fresh = [
            paragraph
            for paragraph, mark in zip(paragraphs, marks, strict=True)
            if len(mark) <= _LONGEST_COMMON_PARAGRAPH or mark not in seen
        ]
        text = "\n\n".join(fresh).strip("\n")
        if 2 * len(text) >= len(topics[name]):
            seen.update(marks)
            kept[name] = text + "\n"
    yield from (kept[name] for name in sorted(kept))


def _library_documents() -> Iterator[str]:
    """The standard library's modules, a document each, without its tests and tables, at most 8 million characters."""
    root = Path(sysconfig.get_path("stdlib"))
    files = sorted(root.rglob("*.py"), key=lambda file: file.relative_to(root).as_posix())
    budget = _LIBRARY_CHARACTERS
    for file in files:
        parts = file.relative_to(root).parts
        if _LIBRARY_LEFT_OUT.intersection(parts) or parts[-1].startswith("_sysconfigdata"):
            continue
        try:
            with tokenize.open(file) as opened:
                text = opened.read()
        except (OSError, SyntaxError, UnicodeDecodeError):
            continue
        budget -= len(text)
        if budget < 0:
            break
        if text.strip():
            yield text
    if budget == _LIBRARY_CHARACTERS:
        raise UserError("This Python comes without the source of its standard library; choose another text.")


CORPORA: dict[str, Corpus] = {
    corpus.name: corpus
    for corpus in (
        Corpus(
            "python-reference",
            N_("Python language reference"),
            N_("Real English: the reference manual that comes inside every Python, about 0.4 MB."),
            "en",
            _reference_documents,
        ),
        Corpus(
            "python-library",
            N_("Python standard library"),
            N_("Real code: the source of Python's own standard library, about 8 MB."),
            "python",
            _library_documents,
        ),
    )
}
