"""The sentence that a model is first seen with on the Fill in page, and the word that is hidden in it."""

from functools import lru_cache

from llm_core.config import RunConfig
from llm_core.data.corpora import CORPORA
from llm_core.data.foreign_tokenizers import load_tokenizer
from llm_core.data.generated import documents
from llm_core.errors import UserError
from llm_core.inference.masks import Masked, read_masked
from llm_core.runs.run import Run

Span = tuple[int, int]
"""A place in a text: from, and up to but not including, in characters."""

STORIES = {
    "en": ("Lily had a scarf, and she put it in the bag.", "she"),
    "zh": ("莉莉有一条围巾，她把它放在了包里。", "条"),  # which measure word it is, only the noun after it tells
}
OTHERS = {
    "en": ("The cup fell off the table and broke, because it was made of glass.", "glass"),
    "zh": ("杯子从桌上掉下来摔碎了，因为它是玻璃做的。", "它"),
}
LONGEST_SAMPLE = 100  # characters


def first_text(run: Run, language: str) -> str:
    """A sentence for the models of a run: of its own world where that is known, else in the person's language."""
    if not isinstance(run.settings, RunConfig):
        return OTHERS["en"][0]
    corpus = CORPORA.get(run.settings.data.corpus)
    if corpus is None:
        return STORIES[language][0]
    if corpus.kind in ("grammar", "task") and corpus.source != "stories":
        return _document(corpus.name)
    sentences = OTHERS if corpus.kind == "text" else STORIES
    return sentences.get(corpus.language, sentences[language])[0]


@lru_cache(maxsize=64)
def first_hidden(run: Run, text: str) -> tuple[Span, ...]:
    """What is hidden in a text until a person chooses: the telling word of our sentences, else a long token near the
    end; nothing where a mask was typed, or the model cannot read the text."""
    for sentence, word in (*STORIES.values(), *OTHERS.values()):
        if text == sentence:
            start = text.index(word)
            return ((start, start + len(word)),)
    try:
        masked = read(run, text)
    except UserError:
        return ()  # the picture says why
    if masked.hidden:
        return ()
    spans = masked.spans[masked.begin + (masked.end - masked.begin) // 2 : masked.end]
    words = [(start, end) for start, end in spans if any(map(str.isalnum, text[start:end]))]
    return (max(words, key=lambda span: span[1] - span[0]),) if words else ()


def read(run: Run, text: str) -> Masked:
    """The text in the tokens of a run. Raises UserError where its model cannot read it, or fills no masks."""
    return read_masked(run.model_config, load_tokenizer(run.folder / "tokenizer.json"), text)


@lru_cache(maxsize=64)
def _document(corpus: str) -> str:
    """How the first text of a corpus begins that this program writes itself."""
    text = next(iter(documents(CORPORA[corpus], 0, 1))).strip().split("\n")[0].split("\t")[0]
    return text[:LONGEST_SAMPLE].strip()
