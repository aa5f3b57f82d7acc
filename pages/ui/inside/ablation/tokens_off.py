"""What changes when one token of the text is taken away: nothing stands where its vector stood, its place stays."""

from functools import partial

import streamlit as st

from llm_core.data.table_writing import as_table
from llm_core.runs.inquired import AblationQuestion, InquiryConfig
from pages.ui.attention.words import token_label
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.ablation.ablation_rows import ablated_of
from pages.ui.inside.computed import Predicted
from pages.ui.inside.controls import heading
from pages.ui.inside.pictures.bars import Bar, upright
from pages.ui.inside.selection import Selection, switch
from pages.ui.inside.under_way import answered
from pages.ui.text import _


def show(selection: Selection, predicted: Predicted, question: AblationQuestion, what: str) -> None:
    """A bar for each token. A click takes it away, or puts it back. Raises UserError."""
    asked, count = question.model_copy(update={"of": "tokens", "instead": "zero"}), len(predicted.tokens)
    code = as_python(selection, question)
    answer = answered(
        "inside_tokens_off_inquiry", InquiryConfig(run=selection.run, step=selection.step, question=asked), name=_("Ablation"),
        picture=_("What changes without each token"), code=code, passes=count, tokens=count, button=_("Take each token away"),
    )  # fmt: skip
    if answer is None:
        return
    changes = [each.change for each in ablated_of(answer)]
    heading(_("Without one token"))
    bars = [
        Bar(("✕ " if f"position.{place}" in selection.off else "") + token_label(token), change, _("position {place}", place=place), place)
        for place, (token, change) in enumerate(zip(predicted.tokens, changes, strict=True))
    ]  # fmt: skip
    drawing(
        "inside_tokens_off", (selection, question), partial(upright, bars, what), height=290, least_width=90 + 34 * len(bars),
        label=_("How {what} changes when each token is taken away", what=what), code=code,
        table=as_table(("position", "token", "change"), ((place, token, float(f"{change:.7g}")) for place, (token, change) in enumerate(zip(predicted.tokens, changes, strict=True)))),
        name=f"terrarium-tokens-off-{selection.run}-{selection.step}", on_picked=partial(_pick, len(bars)),
    )  # fmt: skip
    st.caption(as_text(_("The token's vector is set to zero where the residual stream begins: its place stays and can be looked at, empty. A click takes a token away, for all views.")))  # fmt: skip


def _pick(count: int, picked: object) -> None:
    """A bar was clicked. What comes from the browser is checked."""
    if type(picked) is int and 0 <= picked < count:
        switch(f"position.{picked}")


def as_python(selection: Selection, question: AblationQuestion) -> str:
    """The same for a notebook."""
    target = question.measure == "target"
    imports = [
        f"from llm_core.interpret.ablation.ablation import ablated, {'target_of' if target else 'loss_of'}",
        "from llm_core.interpret.components import Component, streams",
    ]
    if not target:
        imports.append("from llm_core.interpret.loss_texts import loss_texts")
    score = "target_of(model, reading, target)" if target else "loss_of(model, loss_texts(model, [reading], mask=getattr(tokenizer, 'mask', None)))"  # fmt: skip
    return f"""\
{python.preamble(selection.intact, imports, target=target)}\
score = {score}
embedding = Component(streams(model)[-1], None, "embedding")
for position, token in enumerate(reading.text.tokens):
    print(f"{{token!r:16}} {{ablated(model, score, [embedding], positions=[position]).change:+.4f}}")
"""
