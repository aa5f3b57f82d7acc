"""What the page *Inside* looks at, in the address: language-free codes. Run and step are written by the subject bar."""

from typing import Any

import streamlit as st

from llm_core.runs.inquired import FeaturesQuestion
from pages.ui.address import Linked, follow_address, one_of, text_of, whole, write_address
from pages.ui.attention.looking import PARTS
from pages.ui.inside.choices import LINKED_CHOICES, MOST_STRENGTH, STEERED_BY
from pages.ui.inside.off import named
from pages.ui.inside.selection import LONGEST_TEXT, Selection
from pages.ui.inside.views import VIEWS
from pages.ui.state import (
    INSIDE_AGAINST_KEY,
    INSIDE_ANALOGY_FIRST_KEY,
    INSIDE_ANALOGY_SECOND_KEY,
    INSIDE_ANALOGY_THIRD_KEY,
    INSIDE_BESIDE_RUN_KEY,
    INSIDE_BESIDE_STEP_KEY,
    INSIDE_EDITED_FOR_KEY,
    INSIDE_EDITED_KEY,
    INSIDE_FEATURE_FOR_KEY,
    INSIDE_FEATURE_KEY,
    INSIDE_FEATURE_PLACE_KEY,
    INSIDE_FEATURE_SETTINGS_KEYS,
    INSIDE_FOR_KEY,
    INSIDE_HEAD_KEY,
    INSIDE_LAYER_KEY,
    INSIDE_LINK_KEY,
    INSIDE_NEAR_KEY,
    INSIDE_NEURON_KEY,
    INSIDE_OFF_KEY,
    INSIDE_OTHER_FOR_KEY,
    INSIDE_OTHER_KEY,
    INSIDE_PART_KEY,
    INSIDE_SOURCE_KEY,
    INSIDE_STEERED_AGAINST_KEY,
    INSIDE_STEERED_BY_KEY,
    INSIDE_STEERED_FOR_KEY,
    INSIDE_STEERED_OTHERS_KEY,
    INSIDE_STEERED_TRIED_KEY,
    INSIDE_STEERED_WANTED_KEY,
    INSIDE_STEERED_WORD_KEY,
    INSIDE_STEERED_WORDS_KEY,
    INSIDE_STRENGTH_KEY,
    INSIDE_TARGET_KEY,
    INSIDE_TEXT_KEY,
    INSIDE_THRESHOLD_FOR_KEY,
    INSIDE_THRESHOLD_KEY,
    INSIDE_TOKEN_KEY,
    INSIDE_VIEW_KEY,
)

_LONGEST_TOKEN = 40


def _against(text: str) -> int | str | None:
    return text if text in ("nothing", "others") else whole()(text)


LINKED: Linked = {
    "text": (INSIDE_TEXT_KEY, text_of(LONGEST_TEXT)),
    "source": (INSIDE_SOURCE_KEY, text_of(LONGEST_TEXT)),
    "view": (INSIDE_VIEW_KEY, one_of(*VIEWS)),
    "part": (INSIDE_PART_KEY, one_of(*PARTS)),
    "layer": (INSIDE_LAYER_KEY, whole()),
    "head": (INSIDE_HEAD_KEY, whole()),
    "neuron": (INSIDE_NEURON_KEY, whole()),
    "feature": (INSIDE_FEATURE_KEY, whole()),
    "place": (INSIDE_FEATURE_PLACE_KEY, text_of(60)),
    **{name: (key, whole()) for name, key in INSIDE_FEATURE_SETTINGS_KEYS.items()},
    "off": (INSIDE_OFF_KEY, named),
    "token": (INSIDE_TOKEN_KEY, whole()),
    "other": (INSIDE_OTHER_KEY, text_of(LONGEST_TEXT)),
    "threshold": (INSIDE_THRESHOLD_KEY, whole()),
    "target": (INSIDE_TARGET_KEY, whole()),
    "against": (INSIDE_AGAINST_KEY, _against),
    "near": (INSIDE_NEAR_KEY, text_of(_LONGEST_TOKEN)),
    "first": (INSIDE_ANALOGY_FIRST_KEY, text_of(_LONGEST_TOKEN)),
    "second": (INSIDE_ANALOGY_SECOND_KEY, text_of(_LONGEST_TOKEN)),
    "third": (INSIDE_ANALOGY_THIRD_KEY, text_of(_LONGEST_TOKEN)),
    "beside_run": (INSIDE_BESIDE_RUN_KEY, text_of(_LONGEST_TOKEN)),
    "beside_step": (INSIDE_BESIDE_STEP_KEY, whole()),
    "edited": (INSIDE_EDITED_KEY, text_of(LONGEST_TEXT)),
    "wanted": (INSIDE_STEERED_WANTED_KEY, text_of(LONGEST_TEXT)),
    "others": (INSIDE_STEERED_OTHERS_KEY, text_of(LONGEST_TEXT)),
    "by": (INSIDE_STEERED_BY_KEY, one_of(*STEERED_BY)),
    "word_against": (INSIDE_STEERED_AGAINST_KEY, text_of(_LONGEST_TOKEN)),
    "word": (INSIDE_STEERED_WORD_KEY, text_of(_LONGEST_TOKEN)),
    "words": (INSIDE_STEERED_WORDS_KEY, text_of(_LONGEST_TOKEN)),
    "tried": (INSIDE_STEERED_TRIED_KEY, text_of(LONGEST_TEXT)),
    "strength": (INSIDE_STRENGTH_KEY, one_of(*range(-MOST_STRENGTH, MOST_STRENGTH + 1))),
    **{name: (key, one_of(*known)) for name, (_view, key, known) in LINKED_CHOICES.items()},
}
_OF_VIEWS = {
    "geometry": ("near", "first", "second", "third", "beside_run", "beside_step"),
    "steering": ("by", "wanted", "others", "word", "word_against", "neuron", "feature", "place", "words", "tried", "strength"),
    "compare": ("edited", "beside_run", "beside_step"),
}  # fmt: skip
"""What only one view depends on."""
_OF_MODEL = ("proved",)
"""Choices that begin with another one in another model: always in the link."""
_EMPTY = frozenset(("near", "first", "second", "third"))
"""Fields that are empty at first; any other that was emptied is so in the link, too."""
_ALSO_OF = {"texts_in": "neurons"}
"""Choices of one view that another one depends on as well."""


def linked_features() -> dict[str, Any]:
    """What the view of features looks at; of its settings those that are not the usual."""
    usual = {name: FeaturesQuestion.model_fields[name].default for name in INSIDE_FEATURE_SETTINGS_KEYS}
    chosen = {name: st.session_state.get(key) for name, key in INSIDE_FEATURE_SETTINGS_KEYS.items()}
    return {
        "feature": st.session_state.get(INSIDE_FEATURE_KEY),
        "place": st.session_state.get(INSIDE_FEATURE_PLACE_KEY),
        **{name: value if value != usual[name] else None for name, value in chosen.items()},
    }


def follow_link() -> None:
    """Take the selection from another address; call before any widget."""
    if follow_address(LINKED, INSIDE_LINK_KEY):
        for key in (
            INSIDE_FOR_KEY,
            INSIDE_OTHER_FOR_KEY,
            INSIDE_THRESHOLD_FOR_KEY,
            INSIDE_STEERED_FOR_KEY,
            INSIDE_EDITED_FOR_KEY,
            INSIDE_FEATURE_FOR_KEY,
        ):
            st.session_state.pop(key, None)


def write_link(selection: Selection) -> None:
    """Put the selection into the address; what one view alone depends on only there, and where it is not the usual."""
    values: dict[str, Any] = {
        "text": selection.text,
        "source": selection.source or None,
        "view": selection.view,
        "part": selection.part,
        "layer": selection.layer,
        "head": selection.head,
        "neuron": st.session_state.get(INSIDE_NEURON_KEY) if selection.view == "neurons" else None,
        **(linked_features() if selection.view == "features" else {}),
        "off": ",".join(selection.off) or None,
        "token": selection.token,
        "other": st.session_state.get(INSIDE_OTHER_KEY) or None if selection.view == "patching" else None,
        "threshold": st.session_state.get(INSIDE_THRESHOLD_KEY) if selection.view == "graph" else None,
        "target": selection.target,
        "against": "nothing" if selection.against is None else selection.against,
    }
    chosen_there = {name: st.session_state.get(LINKED[name][0]) for name in _OF_VIEWS.get(selection.view, ())}
    values |= {name: None if value == "" and name in _EMPTY else value for name, value in chosen_there.items()}
    for name, (view, key, known) in LINKED_CHOICES.items():
        chosen, there = st.session_state.get(key), selection.view in (view, _ALSO_OF.get(name))
        values[name] = chosen if there and (chosen != next(iter(known)) or name in _OF_MODEL) else None
    write_address(LINKED, {name: str(value) for name, value in values.items() if value is not None}, INSIDE_LINK_KEY)
