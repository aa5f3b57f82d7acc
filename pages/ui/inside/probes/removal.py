"""Whether the model uses what a probe reads: it is taken out, and the verb agrees still, or does not."""

from functools import partial

import streamlit as st

from llm_core.config import TransformerConfig
from llm_core.runs.inquired import InquiryConfig, RemovalQuestion
from llm_core.runs.run import Run
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.controls import heading
from pages.ui.inside.probes.probe_rows import layer_of
from pages.ui.inside.probes.removal_rows import HEIGHT, as_csv, lines, rows_of
from pages.ui.inside.selection import Selection
from pages.ui.inside.under_way import answered
from pages.ui.inside.vectors import place_name
from pages.ui.text import _, language, translate


def show(selection: Selection, run: Run, texts_in: str) -> None:
    """The picture, for models that write left to right; nothing for others."""
    if not isinstance(run.model_config, TransformerConfig) or run.model_config.architecture != "decoder":
        return
    heading(_("Does the model use it?"))
    st.caption(_("Asked here of one thing that the model can be caught using: right before a verb, how many there are. Or before 都, in Chinese. What a probe reads there is taken out of the stream; then it is counted whether the right word is still ahead. As many random directions are the control."))  # fmt: skip
    code = as_python(selection, texts_in)
    answer = answered(
        "inside_removal_inquiry", InquiryConfig(run=selection.run, step=selection.step, question=RemovalQuestion(language=texts_in)),  # type: ignore[arg-type]
        name=_("Taking out what a probe reads"), picture=_("How often the right word is ahead without what a probe reads"), code=code,
    )  # fmt: skip
    rows = [] if answer is None else rows_of(answer)
    if not rows:
        return
    drawing(
        "inside_removal", (selection.run, selection.step, texts_in), partial(lines, rows, partial(translate, code=language())),
        label=_("How often the right word is ahead without what a probe reads"), height=HEIGHT, code=code, table=as_csv(rows),
        name=f"terrarium-probe-removal-{selection.run}-{selection.step}",
    )  # fmt: skip
    least = min(rows, key=lambda row: float(row["lead_after"]))
    st.caption(
        as_text(
            _(
                "Over {texts} texts with another number in the way. At {place} taking it out costs most: the right word is ahead in {after} of texts in place of {before}, and its lead falls from {lead_before} to {lead_after} logits. Where a probe reads the number and nothing breaks, the model does not read it there. Where something breaks, the directions may still have carried more than number.",
                texts=least["texts"], place=place_name(layer_of(least["place"])), after=f"{100 * least['after']:.3g} %", before=f"{100 * least['before']:.3g} %",
                lead_before=float(least["lead_before"]), lead_after=float(least["lead_after"]),
            )
        )
    )  # fmt: skip


def as_python(selection: Selection, texts_in: str) -> str:
    """The same for a notebook."""
    question = RemovalQuestion(language=texts_in)  # type: ignore[arg-type]
    return f"""\
{python.preamble(selection.intact, ["from llm_core.interpret.probes.probe_removal import probe_removal"])}\
for found in probe_removal(model, tokenizer, texts={question.texts}, language={texts_in!r}):
    if not isinstance(found, float):
        print(f"{{found.place!s:28}} probe {{found.probe:.3f}} agrees {{found.before:.3f}} without it {{found.after:.3f}}")
"""
