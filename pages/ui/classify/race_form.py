"""The form of a race: which families, in how much time, and the button."""

from pathlib import Path
from typing import Any

import streamlit as st

from llm_core.config import TableConfig, parse
from llm_core.data.table_examples import EXAMPLES
from llm_core.errors import UserError
from llm_core.runs.race import FAMILIES, RaceConfig
from pages.ui import forms
from pages.ui.classify import long_texts
from pages.ui.classify.families import title
from pages.ui.classify.race_chosen import write_link
from pages.ui.double_click import form_token
from pages.ui.faults import refuse, show_fault
from pages.ui.state import (
    CLASSIFY_ENCODER_KEY,
    CLASSIFY_FAMILIES_KEY,
    CLASSIFY_FAULT_KEY,
    CLASSIFY_FORM_TOKEN_KEY,
    CLASSIFY_RACE_KEY,
    store,
)
from pages.ui.subject import available, titles
from pages.ui.text import _
from pages.ui.who import owner

DEFAULT = RaceConfig(table=TableConfig())
SHOWN = ("seconds", "seed")
FOLDED = ("augmentation", "long_texts", "folds")


def show(table: TableConfig | None) -> None:
    """Draw the form; a race can be started when there is a table."""
    st.session_state.setdefault(CLASSIFY_FAMILIES_KEY, list(FAMILIES))
    st.pills(
        _("Families"), FAMILIES, selection_mode="multi", key=CLASSIFY_FAMILIES_KEY, format_func=title, persist_state="session",
        help=_("Ways to learn from labelled texts. All of them get the same texts, and are tested on the same others."),
    )  # fmt: skip
    with st.container(key="race_knobs"):
        for column, name in zip(st.columns(len(SHOWN), gap="small"), SHOWN, strict=True):
            with column:
                forms.field(DEFAULT, name)
    config, fault = settings(table)
    if fault is not None and table is not None:
        refuse(fault)
    st.button(
        _("Start the race"), key="race_start", type="primary", width="stretch", disabled=config is None,
        on_click=_start, args=(table,),
    )  # fmt: skip
    if table is None:
        st.caption(_("Choose a table first."))
    with st.expander(_("More")):
        forms.fields(DEFAULT, FOLDED)
        _encoder()
    if config is not None:
        long_texts.say(table, config.encoder, config.long_texts)
    fault = st.session_state.pop(CLASSIFY_FAULT_KEY, None)
    if fault is not None:
        show_fault(fault)


def settings(table: TableConfig | None) -> tuple[RaceConfig | None, UserError | None]:
    """The settings as the form has them, or what is wrong with them."""
    values: dict[str, Any] = forms.read(DEFAULT) | {
        "table": (table or TableConfig()).model_dump(), "families": st.session_state.get(CLASSIFY_FAMILIES_KEY, []),
        "encoder": st.session_state.get(CLASSIFY_ENCODER_KEY) or None,
    }  # fmt: skip
    try:
        config = parse(RaceConfig, values)
    except UserError as error:
        return None, error
    return (config, None) if table is not None else (None, None)


def _encoder() -> None:
    """Which pre-trained encoder is fine-tuned, where there is a choice."""
    runs = {run.id: run for run in available(needs_steps=True) if _reads(run.model_config)}
    labels = titles(runs.values())
    if st.session_state.get(CLASSIFY_ENCODER_KEY) not in runs:
        st.session_state[CLASSIFY_ENCODER_KEY] = None
    st.selectbox(
        _("Encoder"), [None, *runs], key=CLASSIFY_ENCODER_KEY, persist_state="session",
        format_func=lambda name: _("the one that comes with Terrarium") if name is None else labels[name],
        help=_("The pre-trained model that is fine-tuned. One that you have trained with hidden tokens can be chosen here."),
    )  # fmt: skip


def _reads(model: Any) -> bool:
    return getattr(model, "architecture", "") == "encoder"


def _start(table: TableConfig | None) -> None:
    """Make the race and hand it to a worker; the page looks at it. A double click makes one."""
    config, fault = settings(table)
    if config is None:
        st.session_state[CLASSIFY_FAULT_KEY] = fault
        return
    example = EXAMPLES.get(config.table.file)
    name = _(example.title) if example else Path(config.table.file).name
    try:
        run = store().create(
            config, name=name, owner=owner(), form_token=form_token(CLASSIFY_FORM_TOKEN_KEY, config.model_dump_json())
        )
        store().start(run, owner())
    except UserError as error:
        st.session_state[CLASSIFY_FAULT_KEY] = error
        return
    st.session_state[CLASSIFY_RACE_KEY] = run.id
    write_link()
