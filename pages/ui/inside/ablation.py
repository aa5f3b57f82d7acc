"""Ablation: what changes when a piece of the model or a token is taken away, beside other pieces drawn at random."""

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import streamlit as st

from llm_core.config import TaskConfig
from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from pages.ui.drawing import drawing
from pages.ui.faults import as_text, refuse
from pages.ui.inside import python, tokens_off
from pages.ui.inside.ablation_question import Question, score_of
from pages.ui.inside.choices import INSTEAD, MEASURES
from pages.ui.inside.computed import KEPT, Predicted, opened, refuse_slow
from pages.ui.inside.controls import choice
from pages.ui.inside.grid import figure
from pages.ui.inside.head_grid import FEED_FORWARD, head_grid, picked_head
from pages.ui.inside.off import pieces_of
from pages.ui.inside.other_texts import has_others, reference_of
from pages.ui.inside.places import piece_of
from pages.ui.inside.selection import Selection, choose_piece, intact, switch
from pages.ui.inside.strip import strip
from pages.ui.inside.words import explained, signed
from pages.ui.state import INSIDE_INSTEAD_KEY, INSIDE_MEASURE_KEY, inference, store
from pages.ui.text import _

if TYPE_CHECKING:
    from llm_core.interpret.ablation import Ablated, Control

_DRAWS = 50
"""Sets of random heads at most."""


@lru_cache(maxsize=KEPT)
def ablations(question: Question) -> "tuple[Ablated, ...]":
    """Every head and every feed-forward layer, each taken away alone. Raises UserError where nothing can be measured."""
    with inference():
        from llm_core.interpret.ablation import map_ablations
        from llm_core.interpret.components import feed_forwards, heads

        model, tokenizer, reading = opened(question.asked)
        components = (*heads(model), *feed_forwards(model))
        refuse_slow(model, len(components), len(reading.text.ids))
        others = reference_of(store().find(question.asked.run), model, tokenizer, components) if question.instead != "zero" else None  # fmt: skip
        score = score_of(question, model, tokenizer, reading)
        return tuple(map_ablations(model, score, components, question.instead, others=others))  # type: ignore[arg-type]


@lru_cache(maxsize=KEPT)
def beside_others(question: Question, chosen: tuple[str, ...]) -> "Control":
    """These pieces, taken away together, beside as many others of their kinds. Raises UserError where there are none."""
    with inference():
        from llm_core.interpret.ablation import against_others
        from llm_core.interpret.components import Component, feed_forwards, heads
        from llm_core.interpret.outcome import outcome

        model, tokenizer, reading = opened(question.asked)
        refuse_slow(model, _DRAWS, len(reading.text.ids))
        components = [Component.parse(name) for name in chosen]
        every = (*heads(model), *feed_forwards(model), *components)
        others = reference_of(store().find(question.asked.run), model, tokenizer, every) if question.instead != "zero" else None  # fmt: skip
        score = score_of(question, model, tokenizer, reading)
        return outcome(against_others(
            model, score, components, question.instead, draws=_DRAWS, others=others  # type: ignore[arg-type]
        ))  # fmt: skip


def show(selection: Selection, predicted: Predicted) -> None:
    """The map, then what is off, or else the chosen head, beside others. Raises UserError."""
    run = store().find(selection.run)
    question = _asked_for(selection, isinstance(run.model_config, TaskConfig), has_others(run))
    found = ablations(question)
    what = explained(selection, predicted) if question.measure == "target" else _("the loss (nats)")
    values = {each.components[0]: each.change for each in found}
    code = as_python(selection, question)
    said = lambda name, value: _("Without {name}, {what} changes by {value}. A click takes it away, or puts it back.", name=name, what=what, value=value)  # noqa: E731  # fmt: skip
    grid = head_grid(values, selection, said, off=selection.off)
    before = float(found[0].before.mean())
    st.caption(as_text(_("With everything in place, {what} is {before}. Each cell: by how much it changes without that piece. ✕ stands on what is taken away; the other views show the model without it.", what=what, before=before)))  # fmt: skip
    drawing(
        "inside_ablation", (selection, question), partial(figure, grid), label=_("How {what} changes when each piece is taken away", what=what),
        height=grid.height, least_width=grid.least_width, code=code, table=as_csv(found),
        name=f"terrarium-ablation-{selection.run}-{selection.step}", on_picked=pick,
    )  # fmt: skip
    chosen = pieces_of(selection.off) or (f"{selection.part}.{selection.layer}.{selection.head}",)
    try:
        _show_control(selection, question, chosen, what)
    except UserError as error:
        refuse(error)
    tokens_off.show(selection, predicted, question, what)


def _asked_for(selection: Selection, task: bool, others: bool) -> Question:
    """The controls. Where a choice makes no sense it is not offered, and the page says why."""
    places = st.columns(2, vertical_alignment="bottom")
    with places[0]:
        measure = choice(_("Measured"), INSIDE_MEASURE_KEY, {"target": MEASURES["target"]} if task else MEASURES)
    with places[1]:
        instead = choice(
            _("In its place"), INSIDE_INSTEAD_KEY, INSTEAD if others else {"zero": INSTEAD["zero"]},
            None if others else _("The mean of other texts is offered where the program can write texts of the model's own world."),
        )  # fmt: skip
    return Question(intact(selection), selection.token, selection.target, selection.against, measure, instead)


def _show_control(selection: Selection, question: Question, chosen: tuple[str, ...], what: str) -> None:
    control = beside_others(question, chosen)
    names = ", ".join(map(piece_of, chosen))
    if control.exhaustive:
        said = _("Without {names}, {what} changes by {change}: of all {of} sets of as many pieces of the same kinds it ranks number {rank}.", names=names, what=what, change=signed(control.chosen.change), of=control.of, rank=control.rank)  # fmt: skip
    else:
        said = _("Without {names}, {what} changes by {change}: among {of} sets of as many pieces of the same kinds, drawn at random, it ranks number {rank}.", names=names, what=what, change=signed(control.chosen.change), of=control.of, rank=control.rank)  # fmt: skip
    st.markdown(as_text(said))
    drawing(
        "inside_ablation_control", (selection, question, chosen),
        partial(strip, control.chosen.change, [each.change for each in control.others], what, (_("these pieces"), _("other pieces"))),
        label=_("These pieces beside others drawn at random"), height=150, code=as_python(selection, question, chosen),
        table=_control_csv(control), name=f"terrarium-ablation-control-{selection.run}-{selection.step}",
    )  # fmt: skip


def pick(picked: object) -> None:
    """A head or a feed-forward layer was clicked: it is looked at, and taken away or put back."""
    found = picked_head(picked)
    if found is None:
        return
    part, layer, head = found
    if head == FEED_FORWARD:
        choose_piece(layer)
        switch(f"{part}.{layer}.feed_forward")
    else:
        choose_piece(layer, head, part)
        switch(f"{part}.{layer}.{head}")


def as_csv(found: "tuple[Ablated, ...]") -> str:
    """A row for each piece."""
    rows = ((str(each.components[0]), float(f"{each.change:.7g}"), float(f"{each.after.mean():.7g}")) for each in found)
    return as_table(("component", "change", "value"), rows)


def _control_csv(control: "Control") -> str:
    rows = [(" ".join(map(str, each.components)), float(f"{each.change:.7g}"), each is control.chosen) for each in (control.chosen, *control.others)]  # fmt: skip
    return as_table(("components", "change", "chosen"), rows)


def as_python(selection: Selection, question: Question, chosen: tuple[str, ...] = ()) -> str:
    """The same for a notebook."""
    unchanged = Selection(**{**vars(selection), "off": ()})
    name = "against_others" if chosen else "map_ablations"
    score = "target_of" if question.measure == "target" else "loss_of"
    imports = [f"from llm_core.interpret.ablation import {name}, {score}"]
    if question.measure == "loss":
        imports.append("from llm_core.interpret.loss_texts import loss_texts")
    measured = "target_of(model, reading, target)" if question.measure == "target" else "loss_of(model, loss_texts(model, [reading], mask=getattr(tokenizer, 'mask', None)))"  # fmt: skip
    code = python.preamble(unchanged, imports, target=question.measure == "target")
    others, given = "", ""
    if question.instead != "zero":
        code = "from llm_core.interpret.interventions import reference\nfrom llm_core.interpret.components import feed_forwards, heads\nfrom llm_core.interpret.reading import as_batch\n" + code  # fmt: skip
        others = "texts = [...]  # other texts of its world\nothers = reference(model, [*heads(model), *feed_forwards(model)], [as_batch(read(model, tokenizer, text)) for text in texts])\n"  # fmt: skip
        given = f", {question.instead!r}, others=others"
    if chosen:
        return f"""\
from llm_core.interpret.components import Component
{code}{others}chosen = [Component.parse(name) for name in {list(chosen)!r}]
for each in against_others(model, {measured}, chosen{given}, draws={_DRAWS}):
    print(f"{{each.change:+.4f}}", *each.components)
"""
    return f"""\
{code}{others}for each in map_ablations(model, {measured}{", None" + given if given else ""}):
    print(f"{{each.components[0]!s:24}} {{each.change:+.4f}}")
"""
