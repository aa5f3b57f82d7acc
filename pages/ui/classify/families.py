"""How families of classifiers look on every page: a name, a meaning, a colour, and a shape or dash, so that no two are told
apart by colour alone. Knows no training: nothing heavy is imported."""

from dataclasses import dataclass

from llm_core.errors import N_
from pages.ui.charts import DARK, LIGHT, Colors
from pages.ui.sheet import Sign
from pages.ui.text import _


@dataclass(frozen=True)
class Look:
    """`colour`: a place in `Colors.categories` · `symbol`, `dash`: Plotly's names · `glyph`: the symbol in a text."""

    title: str
    meaning: str
    colour: int
    symbol: str
    glyph: str
    dash: str


LOOKS: dict[str, Look] = {
    "majority": Look(N_("Majority"), N_("always the most frequent label: what any classifier has to beat"), 6, "x", "✖", "dot"),
    "tfidf_logistic_regression": Look(N_("TF-IDF + logistic regression"), N_("counts words and pieces of words, rare ones more, and gives each a weight for every class"), 1, "square", "■", "solid"),
    "decision_tree": Look(N_("Decision tree"), N_("asks one question after another about which words there are"), 2, "diamond", "◆", "dash"),
    "bag_of_ngrams": Look(N_("Bag of n-grams"), N_("the mean of learned vectors of words and their neighbours, as in fastText"), 5, "triangle-up", "▲", "dashdot"),
    "lstm": Look(N_("LSTM"), N_("a recurrent network that reads word by word"), 3, "triangle-down", "▼", "longdash"),
    "transformer": Look(N_("Transformer"), N_("a network whose words look at each other, from random weights"), 0, "circle", "●", "solid"),
    "encoder_finetuned": Look(N_("Encoder, all layers"), N_("a pre-trained encoder, all of whose weights learn the labels"), 4, "star", "★", "solid"),
    "encoder_head_only": Look(N_("Encoder, head only"), N_("a pre-trained encoder that stays as it is, with a new head that learns the labels"), 4, "hexagon", "⬢", "dash"),
    "encoder_lora": Look(N_("Encoder, LoRA"), N_("a pre-trained encoder to which small matrices are added that learn the labels"), 4, "cross", "✚", "dot"),
}  # fmt: skip
"""By the family's name, in the order in which they are shown where nothing else decides."""


def title(family: str) -> str:
    """What a family is called on screen, in the language of this session."""
    return _(LOOKS[family].title)


def color(family: str, colors: Colors) -> str:
    """Its colour in a look."""
    return colors.categories[LOOKS[family].colour]


def sign(family: str) -> Sign:
    """Its shape and colours, for a table."""
    return Sign(LOOKS[family].glyph, color(family, LIGHT), color(family, DARK))
