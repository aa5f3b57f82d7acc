"""What the Generate page shows, in the address: prompt, decoding, view, and the tree of branches.

Run and step are written by the subject bar.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import streamlit as st

from llm_core.config import DecodingConfig, parse
from llm_core.errors import UserError
from llm_core.runs.run import Run
from pages.ui import forms
from pages.ui.address import Linked, asked_for, like, one_of, whole, write_address
from pages.ui.generate.pair_chosen import BESIDE
from pages.ui.generate.samples_chosen import COUNTS
from pages.ui.generate.settings import FOLDED, SHOWN, within_sliders
from pages.ui.generate.tree import Tree, keep, tree_in
from pages.ui.generate.views import VIEWS
from pages.ui.state import (
    GENERATE_BESIDE_KEY,
    GENERATE_BESIDE_RUN_KEY,
    GENERATE_BESIDE_RUN_STEP_KEY,
    GENERATE_BESIDE_STEP_KEY,
    GENERATE_COUNT_KEY,
    GENERATE_LINK_KEY,
    GENERATE_LINKED_TREE_KEY,
    GENERATE_PLACE_FOR_KEY,
    GENERATE_PLACE_KEY,
    GENERATE_TRIED_KEY,
    GENERATE_VIEW_KEY,
    PROMPT_KEY,
)
from pages.ui.writing import DEFAULT, LONGEST_PROMPT, Writing, default_prompt

_DECODING = (*SHOWN, *FOLDED)
_RUN = re.compile(r"[0-9a-z][0-9a-z-]{0,63}")
_TRIED = re.compile(r"[0-9.]{1,8}(_[0-9.]{0,8}){4}")

SEEN: Linked = {
    "view": (GENERATE_VIEW_KEY, one_of(*VIEWS)),
    "place": (GENERATE_PLACE_KEY, whole(most=4095)),
    "tried": (GENERATE_TRIED_KEY, like(_TRIED)),
    "beside": (GENERATE_BESIDE_KEY, one_of(*BESIDE)),
    "beside_step": (GENERATE_BESIDE_STEP_KEY, whole()),
    "beside_run": (GENERATE_BESIDE_RUN_KEY, like(_RUN)),
    "beside_run_step": (GENERATE_BESIDE_RUN_STEP_KEY, whole()),
    "count": (GENERATE_COUNT_KEY, one_of(*COUNTS)),
}
_ONLY_IN = {
    "place": ("next",), "tried": ("next",), "beside": ("pair",), "beside_step": ("pair",), "beside_run": ("pair",),
    "beside_run_step": ("pair",), "count": ("samples",),
}  # fmt: skip
"""In which views a thing is seen, of those that are seen in some only."""
_ALL = ("prompt", *_DECODING, "tree", "branch", *SEEN)


def follow_link(run: Run) -> None:
    """Take all from the address when it is not the one that this page wrote itself: what it does not name is as the
    page begins."""
    asked = asked_for({name: (name, str) for name in _ALL}, GENERATE_LINK_KEY)
    if not asked:
        return
    state = st.session_state
    state[PROMPT_KEY] = asked["prompt"][:LONGEST_PROMPT] if "prompt" in asked else default_prompt(run)
    for name, (key, read) in SEEN.items():
        value = read(asked[name]) if name in asked else None
        if value is not None:
            state[key] = value
        elif name == "view":
            state[key] = "text"
    state.pop(GENERATE_PLACE_FOR_KEY, None)
    tree = tree_in(asked.get("tree", "")) or Tree()
    number = asked.get("branch", "0")
    at = int(number) if number.isascii() and number.isdigit() and len(number) < 3 else 0
    state[GENERATE_LINKED_TREE_KEY] = tree.gone_to(at)
    try:
        said = {name: _value(asked[name]) for name in _DECODING if name in asked}
        forms.fill(within_sliders(parse(DecodingConfig, DEFAULT.model_dump() | said)))
    except UserError:
        return  # A link that was cut or edited: what the page has stays.


def linked_tree(writing: Writing) -> None:
    """The tree of the address becomes that of this text, once it is known which text that is."""
    tree = st.session_state.pop(GENERATE_LINKED_TREE_KEY, None)
    if tree is not None:
        keep(writing, tree)


def write_link(writing: Writing, run: Run, tree: Tree) -> None:
    """Put what is seen into the address: what is not as the page begins, and the view always, by which going back finds
    its way."""
    link = {"prompt": writing.prompt} if writing.prompt != default_prompt(run) else {}
    for name, value in writing.decoding.model_dump().items():
        if value != getattr(DEFAULT, name):
            link[name] = json.dumps(value) if not isinstance(value, str) else value
    if tree.branches:
        link |= {"tree": tree.written(), "branch": str(tree.at)}
    view = st.session_state.get(GENERATE_VIEW_KEY, "text")
    link |= {name: str(value) for name, value in _seen(view).items()}
    write_address(_ALL, link, GENERATE_LINK_KEY)


def _seen(view: str) -> Mapping[str, Any]:
    state, found = st.session_state, {"view": view}
    beside = state.get(GENERATE_BESIDE_KEY)
    for name, (key, _read) in SEEN.items():
        value = state.get(key)
        if value is None or view not in _ONLY_IN.get(name, ()):
            continue
        if (name == "beside_step" and beside != "step") or (name.startswith("beside_run") and beside != "model"):
            continue
        found[name] = value
    return found


def _value(text: str) -> Any:
    """A number or null where the text is one, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
