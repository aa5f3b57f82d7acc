"""The text that a model is first seen with: one of its own world, with a pronoun and a place where it can be."""

from functools import lru_cache

from llm_core.config import READING, RunConfig
from llm_core.data.corpora import CORPORA
from llm_core.data.generated import documents
from llm_core.runs import history
from llm_core.runs.run import Run

ENGLISH_STORY = "Lily had a scarf, and she put it in the bag. Then she went to the park. Tom looked for the scarf in the box, but could not find it."  # fmt: skip
CHINESE_STORY = "莉莉有一条围巾，她把它放在了包里。然后她去了公园。汤姆在盒子里找围巾，但是没找到它。"
# The same stories with the two people changed round: as many tokens, so that they can be compared.
ENGLISH_OTHER = "Tom had a scarf, and he put it in the bag. Then he went to the park. Lily looked for the scarf in the box, but could not find it."  # fmt: skip
CHINESE_OTHER = "汤姆有一条围巾，他把它放在了包里。然后他去了公园。莉莉在盒子里找围巾，但是没找到它。"
ENGLISH_SENTENCE, CHINESE_SENTENCE = (
    "Lily had a scarf, and she put it in the bag.",
    "莉莉有一条围巾，她把它放在了包里。",
)
CHINESE_OTHER_SENTENCE = "汤姆有一条围巾，他把它放在了包里。"
ENGLISH = "The cup fell off the table and broke, because it was made of glass."
LONGEST_SAMPLE = 120  # characters

_OTHERS = {
    ENGLISH_STORY: ENGLISH_OTHER,
    CHINESE_STORY: CHINESE_OTHER,
    CHINESE_SENTENCE: CHINESE_OTHER_SENTENCE,
}


@lru_cache(maxsize=64)
def first_text(run: Run) -> str:
    """A text for the models of a run."""
    if not isinstance(run.settings, RunConfig):
        return ENGLISH
    corpus = CORPORA.get(run.settings.data.corpus)
    if corpus is not None and corpus.kind == "parallel":
        return CHINESE_SENTENCE
    if corpus is not None and corpus.kind == "task":
        asked = run.settings.training.sample_prompt
        return (_sample(run) if asked else "") or next(iter(documents(corpus, 0, 1)))
    if corpus is not None and corpus.source == "stories":
        return CHINESE_STORY if corpus.language == "zh" else ENGLISH_STORY
    return _sample(run) or ENGLISH


def second_text(run: Run) -> str:
    """A text to compare the first one with."""
    return _OTHERS.get(first_text(run), first_text(run))


def first_source() -> str:
    """A source for a model that turns one text into another."""
    return ENGLISH_SENTENCE


def _sample(run: Run) -> str:
    """How the newest text begins that the model has written for its own run, of several at a step the first; empty where
    it has written none."""
    samples = [row for row in history.records(run.folder) if row.get("kind") == "sample" and row.get("text")]
    if not samples:
        return ""
    newest = next(row for row in samples if row["step"] == samples[-1]["step"])
    # What fills in masks has the prompt in its text already.
    filled = isinstance(run.settings, RunConfig) and run.settings.training.objective in READING
    text = f"{'' if filled else newest.get('prompt', '')}{newest['text']}".strip()
    return text[:LONGEST_SAMPLE].strip()
