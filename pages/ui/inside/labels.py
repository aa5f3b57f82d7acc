"""What is true of a token, in words and in colours: parts of speech, entities, number, open brackets, position, layer."""

from collections.abc import Sequence

from llm_core.errors import N_
from pages.ui.charts import DARK, LIGHT, Colors
from pages.ui.corpus.words import PARTS, part_name
from pages.ui.read.words import kind_name
from pages.ui.text import _

_NUMBERS = {"singular": N_("singular"), "plural": N_("plural")}
_SIGNS = {"PUNCT": N_("sign"), "SCONJ": N_("subordinator")}
_ORDERED = ("depth", "position", "layer")
_OUTSIDE = "O"


def label_name(about: str, label: str) -> str:
    """A label of a property, in the language of this session."""
    if about == "part_of_speech":
        return _(_SIGNS[label]) if label in _SIGNS else part_name(label)
    if about == "entity":
        return _("no entity") if label == _OUTSIDE else kind_name(label)
    if about == "number":
        return _(_NUMBERS[label]) if label in _NUMBERS else label
    if about == "position":
        return _("eighth {number}", number=label)
    if about == "layer":
        return _("embedding") if label == "-1" else _("layer {layer}", layer=label)
    return label


def in_order(about: str, labels: Sequence[str]) -> list[str]:
    """Labels as they are listed: numbers by size, those that are alike in colour beside each other."""
    if about in _ORDERED:
        return sorted(labels, key=int)
    if about == "part_of_speech":
        return sorted(labels, key=lambda label: (PARTS[label][1] if label in PARTS else len(PARTS), label))
    return sorted(labels, key=lambda label: (label == _OUTSIDE, label))


def color_of(about: str, label: str, known: Sequence[str], colors: Colors) -> str:
    """The colour of a label among all that are known: from faint to strong where they have an order."""
    order = in_order(about, known)
    if label not in order or label == _OUTSIDE:
        return colors.quiet
    if about in _ORDERED:
        strong = colors.scale[3:]
        return strong[round(order.index(label) * (len(strong) - 1) / max(1, len(order) - 1))]
    if about == "part_of_speech":
        return colors.categories[PARTS[label][1]] if label in PARTS else colors.quiet
    return colors.categories[order.index(label) % len(colors.categories)]


def css_of(about: str, label: str, known: Sequence[str]) -> str:
    """The same in both looks, as CSS."""
    return f"light-dark({color_of(about, label, known, LIGHT)}, {color_of(about, label, known, DARK)})"
