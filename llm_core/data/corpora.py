"""The embedded texts, so that nothing is downloaded: real English and real code out of the running Python, and texts
that a grammar or a task of this program writes, of any length, among them sentences with their translation.

A text may carry its own defaults: how it is cut into tokens, what a row is, and a context that its documents fit in.
"""

import importlib
import sysconfig
import tokenize
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from llm_core.config import RunConfig, parse
from llm_core.data.tasks import TASKS
from llm_core.errors import N_, UserError

_LIBRARY_CHARACTERS = 8_000_000
_LIBRARY_LEFT_OUT = {
    "site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "turtledemo", "pydoc_data", "encodings",
    "distutils", "ensurepip", "__pycache__", "__phello__", "_pyrepl",
}  # fmt: skip
_LONGEST_COMMON_PARAGRAPH = 60


Defaults = Mapping[str, Mapping[str, Any]]
"""Settings by section, as in a recipe file."""


@dataclass(frozen=True)
class Corpus:
    """An embedded text. `title` and `description` are English templates, marked for translation."""

    name: str
    title: str
    description: str
    language: str
    read: Callable[[], Iterator[str]] | None = field(default=None, repr=False)
    """Its documents, in a fixed order; None for one that is written when it is needed (`llm_core.data.generated`).

    Raises UserError where this Python comes without them.
    """
    kind: Literal["text", "grammar", "task", "parallel", "mixture", "labelled", "tagged", "questions"] = "text"
    """parallel: each document is a sentence, a tab and its translation (`llm_core.data.pairs`) · mixture: several grammars
    and real text by turns (`llm_core.data.mixture`) · labelled, tagged, questions:
    each is a text with its class, its entities, or a question and its answer (`llm_core.data.annotated`)."""
    source: str = ""
    """The name of the grammar or the task that writes it."""
    documents: int = 0
    """How many documents are written unless a run asks for another number."""
    defaults: Defaults = field(default_factory=dict, repr=False)


def with_corpus(config: RunConfig, name: str) -> RunConfig:
    """The config on another text: an embedded one brings its own defaults along, a file or a folder none.

    Give it a recipe's config, and lay what a person has chosen over the result. Raises UserError where the two do not
    fit.
    """
    return parse(RunConfig, values_with_corpus(config, name))


def values_with_corpus(config: RunConfig, name: str) -> dict[str, dict[str, Any]]:
    """The settings of `with_corpus`, section by section, whether or not they fit together."""
    values = config.model_dump(mode="json")
    values["data"]["corpus"] = name
    for section, settings in (CORPORA[name].defaults if name in CORPORA else {}).items():
        # Not every family has every setting of a model.
        for key, value in settings.items():
            if key in values[section]:
                inner = isinstance(value, Mapping) and isinstance(values[section][key], Mapping)
                values[section][key] = {**values[section][key], **value} if inner else value
    return values


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


def _whole(tokenizer: str, vocabulary_size: int, context: int, held_out: float, batch_size: int) -> Defaults:
    """Each document a row of its own, in a context that the longest fits in, and samples as long as that."""
    return {
        "data": {"tokenizer": tokenizer, "vocabulary_size": vocabulary_size, "rows": "documents", "held_out": held_out},
        # There is always more text than a run reads, so that nothing has to be forgotten on purpose.
        "model": {"context": context, "dropout": 0.0},
        "training": {"batch_size": batch_size, "evaluation_every": 50, "sample_prompt": "", "sample_tokens": context},
    }


def _grammar(
    source: str, language: str, title: str, description: str, documents: int, context: int, batch_size: int
) -> Corpus:
    """Words in English, characters in Chinese; the vocabulary is larger than what the grammar can say."""
    chinese = language == "zh"
    defaults = _whole("character" if chinese else "word", 1024, context, 0.05, batch_size)
    # Among many characters a head must look sharply to copy one. Queries and keys of a fixed length cannot; with a
    # learned gain, which takes a fifth of the speed, copying across sentences comes sooner.
    sharply = {"norm_weights": True} if chinese else {}
    return Corpus(
        f"{source}-{language}", title, description, language, kind="grammar", source=source, documents=documents,
        defaults={**defaults, "model": {**defaults["model"], **sharply}},
    )  # fmt: skip


def _parallel(title: str, description: str, documents: int, context: int, sample: str) -> Corpus:
    """English words and Chinese characters in one vocabulary, so that each piece can be read."""
    defaults = _whole("word", 2048, context, 0.05, 48)
    return Corpus(
        "parallel-en-zh", title, description, "en-zh", kind="parallel", source="stories", documents=documents,
        defaults={
            **defaults, "data": {**defaults["data"], "rows": "pairs"},
            "training": {**defaults["training"], "evaluation_every": 100, "sample_prompt": sample},
        },
    )  # fmt: skip


def _asked(
    asked: Literal["labelled", "tagged", "questions"], source: str, language: str, title: str, description: str,
    documents: int, context: int, batch_size: int, **model: Any,
) -> Corpus:  # fmt: skip
    """English words and Chinese characters, as in the texts without answers."""
    objective, name = {"labelled": ("classify", source), "tagged": ("tag", "entities"), "questions": ("answer", "questions")}[asked]  # fmt: skip
    defaults = _whole("character" if language == "zh" else "word", 2048 if "-" in language else 1024, context, 0.1, batch_size)  # fmt: skip
    return Corpus(
        f"labelled-{name}-{language}" if asked == "labelled" else f"{name}-{language}",
        title, description, language, kind=asked, source=source, documents=documents,
        defaults={
            "data": {**defaults["data"], "rows": asked},
            "model": {"task": objective, "body": {"context": context}, **model},
            "training": {**defaults["training"], "objective": objective, "sample_prompt": ""},
        },
    )  # fmt: skip


def _task(
    source: str, documents: int, context: int, *,
    held_out: float = 0.05, tokenizer: str = "character", vocabulary: int = 400, model: Mapping[str, Any] | None = None,
    layers: int = 2, **training: Any
) -> Corpus:  # fmt: skip
    """So few layers and steps learn each task in about a minute of one core; `model`: what else that takes."""
    defaults = _whole(tokenizer, vocabulary, context, held_out, 64)
    task = TASKS[source]
    return Corpus(
        source, task.title, task.description, "none", kind="task", source=source, documents=documents,
        defaults={
            **defaults, "model": {**defaults["model"], "layers": layers, **(model or {})},
            "training": {**defaults["training"], "steps": 500, **training},
        },
    )  # fmt: skip


_TEXTS = (
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
_GRAMMARS = (
    _grammar("stories", "en", N_("Stories in English"), N_("Short stories from a small world, written by a grammar of this program, which knows the probability of each word, who is meant by he and she, and where everything is."), 40_000, 128, 12),
    _grammar("stories", "zh", N_("Stories in Chinese"), N_("The same stories in Chinese: story by story they tell what the English ones tell."), 40_000, 192, 12),
    _grammar("reviews", "en", N_("Reviews in English"), N_("Short reviews of meals, films, books, toys and hotels, each for or against, written by a grammar of this program."), 20_000, 64, 32),
    _grammar("reviews", "zh", N_("Reviews in Chinese"), N_("The same reviews in Chinese."), 20_000, 64, 32),
    _grammar("headlines", "en", N_("Headlines in English"), N_("Headlines of several topics, sports and technology among them, written by a grammar of this program."), 20_000, 32, 96),
    _grammar("headlines", "zh", N_("Headlines in Chinese"), N_("The same headlines in Chinese."), 20_000, 32, 96),
    _grammar("talk", "en", N_("Talk in English"), N_("Two people talk by turns; written by a grammar of this program."), 20_000, 128, 12),
    _grammar("talk", "zh", N_("Talk in Chinese"), N_("The same talk in Chinese."), 20_000, 192, 12),
)  # fmt: skip
_PARALLEL = (
    _parallel(
        N_("Sentences in English with their Chinese"),
        N_("Single sentences of the stories, each beside what the Chinese story says in its place; for a model that translates. No sentence that is held out is trained on."),
        80_000, 48, "Lily had a ball, and she put it in the box.",
    ),
)  # fmt: skip
_ASKED = (
    _asked("labelled", "reviews", "en", N_("Reviews in English, for or against"), N_("Short reviews, each with its label: positive or negative. For a model that classifies."), 20_000, 64, 32),
    _asked("labelled", "reviews", "zh", N_("Reviews in Chinese, for or against"), N_("The same reviews in Chinese, each with its label."), 20_000, 64, 32),
    _asked("labelled", "headlines", "en", N_("Headlines in English with their topic"), N_("Headlines, each with its topic, such as sports or technology. For a model that classifies."), 20_000, 32, 64),
    _asked("labelled", "headlines", "zh", N_("Headlines in Chinese with their topic"), N_("The same headlines in Chinese, each with its topic."), 20_000, 32, 64),
    _asked("tagged", "stories", "en", N_("Stories in English with their entities"), N_("Short stories in which every person, place and spot is marked. For a model that finds them in a text."), 4_000, 128, 16),
    _asked("tagged", "stories", "zh", N_("Stories in Chinese with their entities"), N_("The same stories in Chinese, with their entities."), 4_000, 192, 16),
    _asked("tagged", "stories", "en-zh", N_("Stories in both languages with their entities"), N_("Stories in English and in Chinese by turns, with every person, place and spot marked."), 4_000, 192, 16),
    _asked("questions", "stories", "en", N_("Questions on stories in English"), N_("Short stories, each with a question whose answer stands in it. For a model that finds answers in a text."), 6_000, 160, 16),
    _asked("questions", "stories", "zh", N_("Questions on stories in Chinese"), N_("The same stories and questions in Chinese."), 6_000, 224, 16),
    _asked("questions", "stories", "en-zh", N_("Questions on stories in both languages"), N_("Stories with questions in English and in Chinese by turns."), 6_000, 224, 16),
)  # fmt: skip
_MIXTURE = (
    Corpus(
        "cloze-en-zh", N_("Texts of both languages, for an encoder"),
        N_("Reviews, headlines, stories and talk of this program's grammars in English and Chinese, and between them pieces of real English out of the Python language reference."),
        "en-zh", kind="mixture", documents=40_000,
        defaults={
            # WordPiece leaves each Chinese character by itself: the phrases of a grammar are in no other text.
            "data": {"tokenizer": "wordpiece", "vocabulary_size": 4096, "rows": "documents", "held_out": 0.05},
            "model": {"context": 512, "dropout": 0.0},
            "training": {"batch_size": 64, "evaluation_every": 50, "sample_prompt": "", "sample_tokens": 512},
        },
    ),
)  # fmt: skip
_TASKS = (
    _task("copy", 20_000, 32),
    _task("reverse", 20_000, 32),
    _task("sort", 20_000, 32),
    _task("addition", 40_000, 16, batch_size=256),
    # As in the work on grokking: every pair once, a number is a token, and decay drives from learning by heart to
    # understanding. With more than a fifth unseen that takes far longer.
    _task("modular-addition", 97 * 97, 16, held_out=0.2, tokenizer="word", layers=1, batch_size=512, weight_decay=0.1),
    _task("brackets", 20_000, 32),
    _task("induction", 20_000, 32),
    # Feed-forward layers learn the words' shares first, and then the heads form much later.
    _task(
        "word-induction", 20_000, 48, tokenizer="word", vocabulary=512, steps=1200,
        model={"width": 64, "feed_forward_width": 0, "norm_weights": True},
    ),
)  # fmt: skip

CORPORA: dict[str, Corpus] = {
    corpus.name: corpus for corpus in (*_TEXTS, *_GRAMMARS, *_MIXTURE, *_PARALLEL, *_ASKED, *_TASKS)
}
