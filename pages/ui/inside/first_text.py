"""The text that a model is first seen with: one that stops where the model has to choose between two words."""

from llm_core.config import RunConfig, TransformerConfig
from llm_core.data.corpora import CORPORA
from llm_core.data.tasks import TASKS
from llm_core.data.vocabulary import MASK
from llm_core.runs.run import Run
from pages.ui.attention import first_text as whole_texts

# One thing or several: another noun stands nearer to the verb, and a larger number further off.
ENGLISH_STORY = "Ella put three stones in a basket. Tom found one stone too. The stone that Tom found"
CHINESE_STORY = "莉莉把三块石头放进了篮子。汤姆也找到了一块石头。汤姆找到的石头"
ENGLISH_HIDDEN = f"Lily had a scarf, and {MASK} put it in the bag."
CHINESE_HIDDEN = f"莉莉有一{MASK}围巾，她把它放在了包里。"
CHINESE_SENTENCE = "莉莉有一"
"""How the translation of the first source begins: the measure word comes next."""

INSTEAD = {
    ENGLISH_STORY: "were", CHINESE_STORY: "都", ENGLISH_HIDDEN: "he", CHINESE_HIDDEN: "个", CHINESE_SENTENCE: "顶",
}  # fmt: skip
"""What else could stand there, was the text another one: text to word."""

_OTHERS = {
    ENGLISH_STORY: "Ella put three stones in a basket. Tom found two stones too. The stones that Tom found",
    CHINESE_STORY: "莉莉把三块石头放进了篮子。汤姆也找到了两块石头。汤姆找到的石头",
    ENGLISH_HIDDEN: f"Tom had a scarf, and {MASK} put it in the bag.",
    CHINESE_HIDDEN: f"莉莉有一{MASK}苹果，她把它放在了包里。",
    whole_texts.ENGLISH_SENTENCE: "Lily had a hat, and she put it in the bag.",
    whole_texts.ENGLISH_STORY: whole_texts.ENGLISH_OTHER,
    whole_texts.CHINESE_STORY: whole_texts.CHINESE_OTHER,
}
"""The same but for what decides, in as many tokens."""

STORIES = {"en": (ENGLISH_STORY, ENGLISH_HIDDEN), "zh": (CHINESE_STORY, CHINESE_HIDDEN)}


def first_text(run: Run, language: str) -> str:
    """A text for the models of a run, in the language of its corpus, or where that has several in the person's."""
    corpus = CORPORA.get(run.settings.data.corpus) if isinstance(run.settings, RunConfig) else None
    if corpus is not None and corpus.kind == "parallel":
        return CHINESE_SENTENCE
    if corpus is not None and corpus.name in TASKS:
        return TASKS[corpus.name].question(0, 0)
    own = STORIES.get("en" if corpus is None else corpus.language, STORIES[language])
    if _hides(run):
        return own[1]
    return own[0] if corpus is not None and corpus.source == "stories" else whole_texts.first_text(run)


def other_text(text: str) -> str:
    """What one of these texts is best compared with; empty for others."""
    return _OTHERS.get(text, "")


def telling(text: str, names: tuple[str, ...], target: int) -> int | None:
    """What the target is best held against in one of these texts: its place among the names of tokens."""
    word = INSTEAD.get(text)
    found = (place for place, name in enumerate(names) if name.strip() == word and place != target)
    # A word that begins with a space stands before one that is only a part of others.
    return None if word is None else max(found, key=lambda place: len(names[place]), default=None)


def _hides(run: Run) -> bool:
    """Whether the models of a run fill in what is hidden."""
    config = run.model_config
    return isinstance(config, TransformerConfig) and config.architecture == "encoder"


def first_source() -> str:
    """A source for a model that turns one text into another."""
    return whole_texts.first_source()
