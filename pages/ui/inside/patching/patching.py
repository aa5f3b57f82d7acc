"""Activation patching: which place, carried over from the clean text into another one, brings the answer back."""

from functools import partial

import streamlit as st

from llm_core.config import TransformerConfig, network
from llm_core.runs.inquired import InquiryConfig, PatchingQuestion
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.choices import SITES
from pages.ui.inside.computed import Predicted
from pages.ui.inside.controls import choice, part_choice
from pages.ui.inside.first_text import other_text
from pages.ui.inside.patching import grammar_pair, paths
from pages.ui.inside.patching.patching_rows import Map, as_csv, grid_of, map_of_rows
from pages.ui.inside.pictures.grid import figure
from pages.ui.inside.selection import LONGEST_TEXT, Selection, choose_piece
from pages.ui.inside.under_way import answered
from pages.ui.inside.words import explained
from pages.ui.state import INSIDE_OTHER_FOR_KEY, INSIDE_OTHER_KEY, INSIDE_SITE_KEY, store
from pages.ui.text import _, language, number, translate


def show(selection: Selection, predicted: Predicted) -> None:
    """The other text, and the map. Raises UserError."""
    grammar_pair.show(selection)
    other = _other(selection)
    places = st.columns([3, 2], vertical_alignment="bottom")
    with places[0]:
        where = choice(_("Carried over"), INSIDE_SITE_KEY, SITES)
    with places[1]:
        part = part_choice(selection, predicted, cross=where in ("attention", "heads"))
    if not other.strip():
        st.info(_("Type another text of as many tokens, in which one word is different: so that the model says something else."))  # fmt: skip
        return
    what, tokens = explained(selection, predicted), len(predicted.source_tokens or predicted.tokens)
    question = PatchingQuestion(
        text=selection.text, source=selection.source, other=other, token=selection.token, target=selection.target,
        against=selection.against, where=where, part=part,  # type: ignore[arg-type]
    )  # fmt: skip
    config = network(store().find(selection.run).model_config)
    assert isinstance(config, TransformerConfig)
    answer = answered(
        "inside_patching_inquiry", InquiryConfig(run=selection.run, step=selection.step, question=question), name=_("Patching"),
        picture=_("What each place brings back of {what}", what=what), code=as_python(selection, question),
        passes=3 + config.layers * (config.heads if where == "heads" else tokens) / 2, tokens=tokens,
    )  # fmt: skip
    found = None if answer is None else map_of_rows(question, answer)
    if found is None:
        return
    column = selection.head if where == "heads" else selection.token
    grid = grid_of(found, partial(translate, code=language()), selection.layer, column)
    st.caption(as_text(_("In the text above {what} is {clean}, in the other one {corrupted}. 1 brings back all of the difference, 0 nothing of it.", what=what, clean=found.clean, corrupted=found.corrupted)))  # fmt: skip
    drawing(
        "inside_patching", (selection, question), partial(figure, grid), label=_("What each place brings back of {what}", what=what),
        height=grid.height, least_width=grid.least_width, code=as_python(selection, question), table=as_csv(found),
        name=f"terrarium-patching-{selection.run}-{selection.step}", on_picked=lambda picked: pick(picked, found),
    )  # fmt: skip
    if found.correlation is not None:
        st.caption(as_text(_("Attribution patching, which reckons with slopes in place of carrying anything over, would draw nearly this map in one go: the two correlate by {correlation} (Nanda 2023).", correlation=number(found.correlation)) if found.correlation >= 0.7 else _("Attribution patching, which reckons with slopes in place of carrying anything over, would mislead here: the two maps correlate by {correlation} only (Nanda 2023).", correlation=number(found.correlation))))  # fmt: skip
    paths.show(selection, question, tokens, what)


def _other(selection: Selection) -> str:
    """The text that is compared with; it begins anew with the text that it is for."""
    state, of = st.session_state, (selection.text, selection.source)
    if INSIDE_OTHER_KEY not in state or state.get(INSIDE_OTHER_FOR_KEY, of) != of:
        state[INSIDE_OTHER_KEY] = other_text(selection.source or selection.text)
    state[INSIDE_OTHER_FOR_KEY] = of
    return str(
        st.text_area(
            _("The other source") if selection.source else _("The other text"), key=INSIDE_OTHER_KEY, height=68, max_chars=LONGEST_TEXT,
            persist_state="session", help=_("The same but for a word, and as many tokens, so that each token has a partner."),
        )
    )  # fmt: skip


def pick(picked: object, found: Map) -> None:
    """A cell was clicked: its layer, and its head or token. What comes from the browser is checked."""
    if not (isinstance(picked, list) and len(picked) == 2 and all(type(each) is int and each >= 0 for each in picked)):
        return
    row, column = picked
    if row < len(found.rows) and column < len(found.columns):
        choose_piece(row, column if found.where == "heads" else None, found.part)


def as_python(selection: Selection, question: PatchingQuestion) -> str:
    """The same for a notebook."""
    imports = ["from llm_core.interpret.patching.pairs import pair_of_readings", "from llm_core.interpret.patching.patching import Patching"]  # fmt: skip
    texts = f"{selection.text!r}, {question.other!r}" if selection.source else repr(question.other)
    return f"""\
{python.preamble(selection.intact, imports, target=True)}\
other = read(model, tokenizer, {texts})
pair = pair_of_readings(model, reading, other, tokenizer.pieces, target)
found = Patching(model, pair).map({question.where!r}, {question.part!r})
for name, values in zip(found.rows, found.values):
    print(f"{{name:28}}", values.round(3))
"""
