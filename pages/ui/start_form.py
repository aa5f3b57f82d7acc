"""The form that starts a run: text, recipe, the knobs that matter, what it will cost, and the button."""

import secrets
import time
from collections.abc import Sequence
from typing import Any

import streamlit as st

from llm_core.config import Config, NgramConfig, RunConfig, TaskConfig, network, parse, with_vocabulary_size
from llm_core.data.corpora import values_with_corpus
from llm_core.data.generated import check_rows
from llm_core.errors import UserError
from llm_core.runs.run import Run
from pages.ui import forms
from pages.ui.faults import refuse
from pages.ui.recipes import FIRST, Recipe, recipes
from pages.ui.state import (
    CORPUS_CHOSEN_KEY,
    CORPUS_KEY,
    FAULT_KEY,
    FITTED_KEY,
    FORM_TOKEN_KEY,
    RECIPE_KEY,
    store,
)
from pages.ui.subject import choose
from pages.ui.text import _
from pages.ui.text_source import Source, choose_text
from pages.ui.who import owner

KNOBS: dict[str, tuple[str, ...]] = {
    "transformer": ("width", "layers"),
    "recurrent": ("width", "layers"),
    "ngram": ("order",),
    "task": ("width", "layers"),
}
"""The settings of a model that stand beside the picture; with text, recipe and steps there are at most five."""

DOUBLE_CLICK = 2.0  # seconds
ACROSS = 4  # folded settings in a row

NOT_ASKED = (
    "corpus", "encoding", "text_column", "architecture", "segments", "head_transform", "sentence_head", "query_stream",
    "mask_token", "objective", "steps",
)  # fmt: skip
"""Chosen elsewhere on the page, or what a recipe has to have."""
MASKED = ("mask_share", "masking")
"""Settings of what hides tokens behind masks."""

NOT_FOR_TASKS = ("task", "body", "labels", "tied_embeddings", "head_bias", "logit_softcap", "sample_prompt", "sample_tokens")  # fmt: skip
"""Decided by the recipe and its text, or without meaning for a model that writes nothing."""


def show() -> None:
    """Draw the form."""
    known = recipes()
    linked = st.query_params.pop("recipe", None)
    if linked in known:  # another page sends here for just this
        st.session_state[RECIPE_KEY] = linked
        st.session_state.pop(CORPUS_CHOSEN_KEY, None)
        _take_recipe()
    if st.session_state.get(RECIPE_KEY) not in known:
        st.session_state[RECIPE_KEY] = FIRST if FIRST in known else next(iter(known))
        _take_recipe()
    source = choose_text()
    _fit("" if source is None else source.embedded or "")
    name = st.selectbox(
        _("Recipe"), list(known), key=RECIPE_KEY, format_func=lambda name: _(known[name].title), on_change=_take_recipe,
        persist_state="session", help=_("A kind of model with settings that work. Change what you like below."),
    )  # fmt: skip
    recipe = known[name]
    st.caption(_(recipe.description))
    model, training = network(recipe.config.model), recipe.config.training
    knobs = KNOBS[recipe.config.model.family]
    with st.container(key="train_knobs"):
        columns = st.columns(len(knobs) + (model.family != "ngram"), gap="small")
        for column, knob in zip(columns, knobs, strict=False):
            with column:
                forms.field(model, knob)
        if model.family != "ngram":
            with columns[-1]:
                forms.field(training, "steps")
    config, fault = _settings(recipe, source)
    if fault is not None:
        refuse(fault)
    elif config is not None:
        st.caption(cost(config))
    st.button(
        _("Train"), key="train_start", type="primary", width="stretch", disabled=source is None or config is None,
        on_click=_start, args=(source, recipe),
    )  # fmt: skip
    if source is None:
        st.caption(_("Bring a text first."))


def cost(config: RunConfig) -> str:
    """Parameters and memory before anything is built."""
    from llm_core.models.size import count_parameters, estimate_memory

    if isinstance(config.model, NgramConfig):
        return _("No parameters to train: it counts sequences of up to {order} tokens.", order=config.model.order)
    model = with_vocabulary_size(config.model, config.data.vocabulary_size)
    if isinstance(model, TaskConfig):
        model = model.model_copy(update={"labels": model.labels or 2})  # the text tells; its share is small
    return _(
        "About {parameters} parameters; training takes about {memory} MB of memory.",
        parameters=float(count_parameters(model)), memory=estimate_memory(model, config.training) / 1e6,
    )  # fmt: skip


def run_in_python(run: Run) -> str:
    """The same training as a script."""
    config = run.config
    defaults = {"model": type(config.model)(), "data": type(config.data)(), "training": type(config.training)()}
    lines = []
    for part, default in defaults.items():
        chosen = getattr(config, part)
        changed = {
            k: v for k, v in chosen.model_dump().items() if v != getattr(default, k) and k not in ("family", "threads")
        }
        arguments = ", ".join(f"{key}={value!r}" for key, value in changed.items())
        lines.append(f"    {part}={type(chosen).__name__}({arguments}),")
    names = ", ".join(sorted({"RunConfig", *(type(getattr(config, part)).__name__ for part in defaults)}))
    return "\n".join((
        "from pathlib import Path", "", f"from llm_core.config import {names}",
        "from llm_core.data.prepare import prepare", "from llm_core.training.loop import train",
        "from llm_core.training.records import Evaluation, Sample", "",
        "config = RunConfig(", *lines, ")",
        'for record in train(config, prepare(config.data, Path("runs/corpora"))):',
        "    if isinstance(record, Evaluation | Sample):", "        print(record)",
    ))  # fmt: skip


def _take_recipe() -> None:
    """Set the whole form to the chosen recipe, but for a text that the person has chosen."""
    config = recipes()[st.session_state[RECIPE_KEY]].config
    for part in (config.model, config.data, config.training):
        forms.fill(part)
    if not st.session_state.get(CORPUS_CHOSEN_KEY):
        st.session_state[CORPUS_KEY] = config.data.corpus
    st.session_state.pop(FITTED_KEY, None)


def _fit(text: str) -> None:
    """When another text is chosen, change what it wants otherwise than the one before.

    `text`: the name of an embedded one, empty for a person's own.
    """
    before = st.session_state.get(FITTED_KEY, "")
    if text == before:
        return
    st.session_state[FITTED_KEY] = text
    recipe = recipes()[st.session_state[RECIPE_KEY]].config
    old, new = _parts(recipe, before), _parts(recipe, text)
    for part, other in zip(old, new, strict=True):
        _take_changes(part, other)


def _take_changes(part: Config, other: Config) -> None:
    for name, value in other:
        before = getattr(part, name)
        if isinstance(value, Config):
            _take_changes(before, value)
        elif value != before and name != "corpus":
            st.session_state[forms.form_key(type(other), name)] = value


def _parts(recipe: RunConfig, text: str) -> tuple[Config, Config, Config]:
    """The recipe's settings on a text."""
    if text in ("", recipe.data.corpus):
        return recipe.model, recipe.data, recipe.training
    # Section by section: together they may not fit, which is said under the form.
    values = values_with_corpus(recipe, text)
    parts: dict[str, Config] = {"model": recipe.model, "data": recipe.data, "training": recipe.training}
    model, data, training = (parse(type(part), values[name]) for name, part in parts.items())
    return model, data, training


def _settings(recipe: Recipe, source: Source | None) -> tuple[RunConfig | None, UserError | None]:
    """The settings as the form has them, or what is wrong with them, also beside the text."""
    config = recipe.config
    values: dict[str, Any] = {
        "model": forms.read(config.model), "data": forms.read(config.data), "training": forms.read(config.training),
    }  # fmt: skip
    try:
        made = parse(RunConfig, values)
        if source is not None:
            check_rows(made.data.model_copy(update={"corpus": source.embedded or ""}))
        return made, None
    except UserError as error:
        return None, error


def _start(source: Source | None, recipe: Recipe) -> None:
    """Make the run and hand it to a worker. A double click makes one."""
    config, fault = _settings(recipe, source)
    if source is None or config is None:
        st.session_state[FAULT_KEY] = fault
        return
    token = _form_token(repr((config, source.title, len(source.raw), source.encoding, source.column)))
    try:
        data = config.data.model_copy(update=source.settings())
        run = store().create(
            config.model_copy(update={"data": data}), name=f"{_(recipe.title)} · {source.title}", owner=owner(),
            recipe=recipe.name, form_token=token,
        )  # fmt: skip
        store().start(run, owner())
    except UserError as error:
        st.session_state[FAULT_KEY] = error
        return
    choose(run)


def _form_token(contents: str) -> str:
    """The same token for the same form pressed twice within moments: the store makes one run of it."""
    token, before, pressed = st.session_state.get(FORM_TOKEN_KEY, ("", "", 0.0))
    if before != contents or time.monotonic() - pressed > DOUBLE_CLICK:
        token = secrets.token_hex(8)
    st.session_state[FORM_TOKEN_KEY] = (token, contents, time.monotonic())
    return str(token)


def more() -> None:
    """Every other setting, folded; drawn only when it is opened."""
    folded = st.expander(_("More settings"), key="train_more", on_change="rerun")
    if not folded.open:
        return
    config = recipes()[st.session_state[RECIPE_KEY]].config
    asked = {*NOT_ASKED, *KNOBS[config.model.family]}
    if config.training.objective not in ("masked", "next_sentence"):
        asked |= {*MASKED}
    task = isinstance(config.model, TaskConfig)
    if task:
        asked |= set(NOT_FOR_TASKS)
    parts: dict[str, tuple[Config, set[str]]] = {
        _("Text"): (config.data, {*asked, "rows"} if task else asked),
        _("Model"): (network(config.model), {*asked, "vocabulary_size"}),  # the tokenizer tells it
        **({_("Head"): (config.model, asked)} if task else {}),
        _("Training"): (config.training, asked),
    }
    with folded:
        for tab, (part, shown) in zip(st.tabs(list(parts)), parts.values(), strict=True):
            with tab:
                _grid(part, forms.folded_names(type(part), shown))


def _grid(part: Config, names: Sequence[str]) -> None:
    """Fields in rows, read from left to right."""
    for start in range(0, len(names), ACROSS):
        row = st.columns(ACROSS, vertical_alignment="bottom")
        for column, name in zip(row, names[start : start + ACROSS], strict=False):
            with column:
                forms.field(part, name)
