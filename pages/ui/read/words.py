"""What the kinds of entities are called on screen, and the colour that each keeps."""

from collections.abc import Sequence

from llm_core.errors import N_
from pages.ui.charts import DARK, LIGHT
from pages.ui.text import _

KINDS = {"person": N_("person"), "place": N_("place"), "spot": N_("spot"), "organization": N_("organization")}


def kind_name(kind: str) -> str:
    """A kind in the person's language; one that came with a model of another text keeps its own name."""
    return _(KINDS[kind]) if kind in KINDS else kind


def kinds_of(labels: Sequence[str]) -> list[str]:
    """The kinds of entities that a model knows, in the order of its tags."""
    return list(dict.fromkeys(label[2:] for label in labels if label[:2] in ("B-", "I-")))


def colour_of(kind: str, kinds: Sequence[str]) -> str:
    """Its colour in both looks, as CSS."""
    place = list(kinds).index(kind) % len(LIGHT.categories)
    return f"light-dark({LIGHT.categories[place]}, {DARK.categories[place]})"


def percent(share: float) -> str:
    """A probability for a label; never 100 % of what is not certain."""
    return f"{min(99.9, 100 * share):.0f} %" if share < 0.995 else "> 99 %"
