"""Path patching: who says it to whom, from one piece straight to another."""

from functools import partial

import streamlit as st

from llm_core.config import TransformerConfig, network
from llm_core.runs.inquired import InquiryConfig, PatchingQuestion, PathsQuestion
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.choices import HEARD_BY, RECEIVERS
from pages.ui.inside.controls import choice, heading
from pages.ui.inside.patching.path_rows import as_csv, paths_of
from pages.ui.inside.pictures.grid import figure
from pages.ui.inside.pictures.head_grid import head_grid, pick_head
from pages.ui.inside.places import piece_of
from pages.ui.inside.selection import Selection
from pages.ui.inside.under_way import answered
from pages.ui.state import INSIDE_HEARD_KEY, INSIDE_RECEIVER_KEY, store
from pages.ui.text import _


def show(selection: Selection, pair: PatchingQuestion, tokens: int, what: str) -> None:
    """What every piece says to the logits, or to the chosen head. Raises UserError."""
    heading(_("Who says it to whom: path patching"))
    st.caption(as_text(_("Only what a piece says straight to the receiver is carried over; all heads between them stay as they are. A click on a head makes it the one that is looked at (Wang et al. 2023).")))  # fmt: skip
    places = st.columns([3, 4], vertical_alignment="bottom")
    name = f"{selection.part}.{selection.layer}.{selection.head}"
    with places[0]:
        to_head = choice(_("Receiver"), INSIDE_RECEIVER_KEY, RECEIVERS) == "head"
    with places[1]:
        heard_by = choice(_("Heard by its"), INSIDE_HEARD_KEY, HEARD_BY) if to_head else "all"
    if to_head and selection.layer == 0 and selection.part != "cross":
        st.info(as_text(_("Nothing but the embedding speaks to {name}: choose a head of a later layer by a click on a grid, or the logits.", name=piece_of(name))))  # fmt: skip
        return
    question = PathsQuestion(
        **{key: getattr(pair, key) for key in ("text", "source", "token", "target", "against", "other")},
        receiver=name if to_head else "", heard_by=heard_by,  # type: ignore[arg-type]
    )  # fmt: skip
    config, code = network(store().find(selection.run).model_config), as_python(selection, question)
    assert isinstance(config, TransformerConfig)
    to = piece_of(name) if to_head else _("the logits")
    label = _("What each piece says to {receiver}", receiver=to)
    answer = answered(
        "inside_paths_inquiry", InquiryConfig(run=selection.run, step=selection.step, question=question), name=_("Path patching"),
        picture=label, code=code, passes=3 * config.layers * (config.heads + 1), tokens=tokens,
    )  # fmt: skip
    if answer is None:
        return
    found = paths_of(answer)
    from llm_core.interpret.components import Component

    said = lambda sender, value: _("What {sender} says to {receiver} brings back {value} of {what}.", sender=sender, receiver=to, value=value, what=what)  # noqa: E731  # fmt: skip
    grid = head_grid({Component.parse(each): value for each, value in found.items()}, selection, said, bar=_("brought back"))  # fmt: skip
    drawing(
        "inside_paths", (selection, question), partial(figure, grid), label=label, height=grid.height, least_width=grid.least_width,
        code=code, table=as_csv(found), name=f"terrarium-paths-{selection.run}-{selection.step}", on_picked=pick_head,
    )  # fmt: skip


def as_python(selection: Selection, question: PathsQuestion) -> str:
    """The same for a notebook."""
    imports = [
        "from llm_core.interpret.components import Component, streams",
        "from llm_core.interpret.patching.pairs import pair_of_readings", "from llm_core.interpret.patching.patching import Patching",
        "from llm_core.interpret.patching.path_patching import patch_paths",
    ]  # fmt: skip
    texts = f"{question.text!r}, {question.other!r}" if question.source else repr(question.other)
    receiver = f"Component.parse({question.receiver!r})" if question.receiver else 'Component(streams(model)[-1], None, "hidden")'  # fmt: skip
    return f"""\
{python.preamble(selection.intact, imports, target=True)}\
other = read(model, tokenizer, {texts})
pair = pair_of_readings(model, reading, other, tokenizer.pieces, target)
for sender, value in patch_paths(Patching(model, pair), {receiver}, {question.heard_by!r}):
    print(f"{{sender!s:24}} {{value:+.4f}}")
"""
