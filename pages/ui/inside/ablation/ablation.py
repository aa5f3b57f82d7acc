"""Ablation: what changes when a piece of the model or a token is taken away, beside other pieces drawn at random."""

from functools import partial

import streamlit as st

from llm_core.config import TaskConfig, TransformerConfig, network
from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from llm_core.runs.inquired import AblationQuestion, InquiryConfig
from llm_core.runs.own_texts import has_own_texts
from pages.ui.drawing import drawing
from pages.ui.faults import as_text, refuse
from pages.ui.inside import python
from pages.ui.inside.ablation import tokens_off
from pages.ui.inside.ablation.ablation_rows import Ablated, Control, ablated_of, before_of, control_of
from pages.ui.inside.choices import INSTEAD, MEASURES
from pages.ui.inside.computed import Predicted
from pages.ui.inside.controls import choice
from pages.ui.inside.off import pieces_of
from pages.ui.inside.pictures.grid import figure
from pages.ui.inside.pictures.head_grid import FEED_FORWARD, head_grid, picked_head
from pages.ui.inside.pictures.strip import strip
from pages.ui.inside.places import listed
from pages.ui.inside.selection import Selection, choose_piece, switch
from pages.ui.inside.under_way import answered, ready, tokens_of
from pages.ui.inside.words import explained, signed
from pages.ui.state import INSIDE_INSTEAD_KEY, INSIDE_MEASURE_KEY, store
from pages.ui.text import _

DRAWS, OTHERS = 50, 24
"""Sets of other pieces, and other texts, at most."""


def strongest(selection: Selection) -> str | None:
    """The name of the head without which what is explained falls most, where that is known or takes a moment. Raises
    UserError where nothing can be measured."""
    question = asked_of(selection)
    config = InquiryConfig(run=selection.run, step=selection.step, question=question)
    answer = ready(config, passes_of(selection, question), tokens_of(selection))
    heads = [each for each in ablated_of(answer) if "feed_forward" not in each.components[0]] if answer else []
    return min(heads, key=lambda each: each.change).components[0] if heads else None


def passes_of(selection: Selection, question: AblationQuestion) -> float:
    """Forward passes of the text that a map takes."""
    model = network(store().find(selection.run).model_config)
    assert isinstance(model, TransformerConfig)
    return model.layers * (model.heads + 1) + (OTHERS if question.instead != "zero" else 0)


def asked_of(selection: Selection, measure: str = "target", instead: str = "zero") -> AblationQuestion:
    """What is lost without each piece of what is looked at, with everything in place."""
    return AblationQuestion(
        text=selection.text, source=selection.source, token=selection.token, target=selection.target,
        against=selection.against, measure=measure, instead=instead,  # type: ignore[arg-type]
    )  # fmt: skip


def show(selection: Selection, predicted: Predicted) -> None:
    """The map, then what is off, or else the chosen head, beside others. Raises UserError."""
    from llm_core.interpret.components import Component

    run = store().find(selection.run)
    question = _asked_for(selection, isinstance(run.model_config, TaskConfig), has_own_texts(run))
    code = as_python(selection, question)
    answer = answered(
        "inside_ablation_inquiry", InquiryConfig(run=selection.run, step=selection.step, question=question), name=_("Ablation"),
        picture=_("What changes without each piece"), code=code, passes=passes_of(selection, question), tokens=tokens_of(selection),
    )  # fmt: skip
    if answer is None:
        return
    found = ablated_of(answer)
    what = explained(selection, predicted) if question.measure == "target" else _("the loss (nats)")
    values = {Component.parse(each.components[0]): each.change for each in found}
    said = lambda name, value: _("Without {name}, {what} changes by {value}. A click takes it away, or puts it back.", name=name, what=what, value=value)  # noqa: E731  # fmt: skip
    grid = head_grid(values, selection, said, off=selection.off)
    before = before_of(answer)
    st.caption(as_text(_("With everything in place, {what} is {before}. Each cell: by how much it changes without that piece. ✕ stands on what is taken away; the other views show the model without it.", what=what, before=before)))  # fmt: skip
    drawing(
        "inside_ablation", (selection, question), partial(figure, grid), label=_("How {what} changes when each piece is taken away", what=what),
        height=grid.height, least_width=grid.least_width, code=code, table=as_csv(found),
        name=f"terrarium-ablation-{selection.run}-{selection.step}", on_picked=pick,
    )  # fmt: skip
    chosen = pieces_of(selection.off) or (f"{selection.part}.{selection.layer}.{selection.head}",)
    try:
        show_control(selection, question, chosen, what)
    except UserError as error:
        refuse(error)
    tokens_off.show(selection, predicted, question, what)


def _asked_for(selection: Selection, task: bool, others: bool) -> AblationQuestion:
    """The controls. Where a choice makes no sense it is not offered, and the page says why."""
    places = st.columns(2, vertical_alignment="bottom")
    with places[0]:
        measure = choice(_("Measured"), INSIDE_MEASURE_KEY, {"target": MEASURES["target"]} if task else MEASURES)
    with places[1]:
        instead = choice(
            _("In its place"), INSIDE_INSTEAD_KEY, INSTEAD if others else {"zero": INSTEAD["zero"]},
            None if others else _("The mean of other texts is offered where the program can write texts of the model's own world."),
        )  # fmt: skip
    return asked_of(selection, measure, instead)


def show_control(selection: Selection, question: AblationQuestion, chosen: tuple[str, ...], what: str) -> None:
    """What is lost without these pieces, beside as many others of their kinds. Raises UserError where there are none."""
    beside = question.model_copy(update={"of": "others", "chosen": chosen})
    code = as_python(selection, question, chosen)
    answer = answered(
        "inside_ablation_control_inquiry", InquiryConfig(run=selection.run, step=selection.step, question=beside), name=_("Ablation"),
        picture=_("These pieces beside others drawn at random"), code=code, passes=DRAWS, tokens=tokens_of(selection),
        button=_("Compare with other pieces"),
    )  # fmt: skip
    if answer is None:
        return
    control = control_of(answer)
    names = listed(chosen)
    if control.exhaustive:
        said = _("Without {names}, {what} changes by {change}: of all {of} sets of as many pieces of the same kinds it ranks number {rank}.", names=names, what=what, change=signed(control.chosen.change), of=control.of, rank=control.rank)  # fmt: skip
    else:
        said = _("Without {names}, {what} changes by {change}: among {of} sets of as many pieces of the same kinds, drawn at random, it ranks number {rank}.", names=names, what=what, change=signed(control.chosen.change), of=control.of, rank=control.rank)  # fmt: skip
    st.markdown(as_text(said))
    drawing(
        "inside_ablation_control", (selection, question, chosen),
        partial(strip, control.chosen.change, [each.change for each in control.others], what, (_("these pieces"), _("other pieces"))),
        label=_("These pieces beside others drawn at random"), height=150, code=code,
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


def as_csv(found: tuple[Ablated, ...]) -> str:
    """A row for each piece."""
    rows = ((each.components[0], float(f"{each.change:.7g}"), float(f"{each.after:.7g}")) for each in found)
    return as_table(("component", "change", "value"), rows)


def _control_csv(control: Control) -> str:
    rows = [(" ".join(each.components), float(f"{each.change:.7g}"), each is control.chosen) for each in (control.chosen, *control.others)]  # fmt: skip
    return as_table(("components", "change", "chosen"), rows)


def as_python(selection: Selection, question: AblationQuestion, chosen: tuple[str, ...] = ()) -> str:
    """The same for a notebook."""
    name = "against_others" if chosen else "map_ablations"
    score = "target_of" if question.measure == "target" else "loss_of"
    imports = [f"from llm_core.interpret.ablation.ablation import {name}, {score}"]
    if question.measure == "loss":
        imports.append("from llm_core.interpret.loss_texts import loss_texts")
    measured = "target_of(model, reading, target)" if question.measure == "target" else "loss_of(model, loss_texts(model, [reading], mask=getattr(tokenizer, 'mask', None)))"  # fmt: skip
    code = python.preamble(selection.intact, imports, target=question.measure == "target")
    others, given = "", ""
    if question.instead != "zero":
        code = "from llm_core.interpret.interventions import reference\nfrom llm_core.interpret.components import feed_forwards, heads\nfrom llm_core.interpret.reading import as_batch\n" + code  # fmt: skip
        others = "texts = [...]  # other texts of its world\nothers = reference(model, [*heads(model), *feed_forwards(model)], [as_batch(read(model, tokenizer, text)) for text in texts])\n"  # fmt: skip
        given = f", {question.instead!r}, others=others"
    if chosen:
        return f"""\
from llm_core.interpret.components import Component
{code}{others}chosen = [Component.parse(name) for name in {list(chosen)!r}]
for each in against_others(model, {measured}, chosen{given}, draws={DRAWS}):
    print(f"{{each.change:+.4f}}", *each.components)
"""
    return f"""\
{code}{others}for each in map_ablations(model, {measured}{", None" + given if given else ""}):
    print(f"{{each.components[0]!s:24}} {{each.change:+.4f}}")
"""
