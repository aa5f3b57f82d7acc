"""The form that starts a run: text, recipe, the knobs that matter, what it will cost, and the button."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from llm_core.config import Config, RunConfig, TaskConfig, network, parse
from llm_core.data.corpora import values_with_corpus, with_corpus
from llm_core.errors import Setting, UserError
from llm_core.runs.before_start import Trial, refuse_settings, tried
from llm_core.runs.run import Run
from llm_core.runs.speed import read_speed
from pages.ui import forms
from pages.ui.double_click import form_token
from pages.ui.faults import refuse
from pages.ui.recipes import FIRST, Recipe, recipes
from pages.ui.start.cost import show_cost, size_of
from pages.ui.start.variation import choose_variation, show_differences, show_meaning
from pages.ui.start.ways_out import CORPUS, RECIPE, offer
from pages.ui.state import (
    CORPUS_CHOSEN_KEY,
    CORPUS_KEY,
    FAULT_KEY,
    FITTED_KEY,
    FORM_TOKEN_KEY,
    RECIPE_KEY,
    VARIATION_KEY,
    store,
)
from pages.ui.subject import choose
from pages.ui.text import _
from pages.ui.text_source import Source, choose_text
from pages.ui.variations import Variation, variations, variations_of
from pages.ui.who import owner

KNOBS: dict[str, tuple[str, ...]] = {
    "transformer": ("width", "layers"),
    "recurrent": ("width", "layers"),
    "ngram": ("order",),
    "task": ("width", "layers"),
}
"""The settings of a model that stand beside the picture; with text, recipe and steps there are at most five."""

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
    text = "" if source is None else source.embedded or ""
    recipe = known[str(st.session_state[RECIPE_KEY])]
    offered = _offered(recipe, text)
    _fit(text, {name: changed for name, (_variation, changed) in offered.items()})
    st.selectbox(
        _("Recipe"), list(known), key=RECIPE_KEY, format_func=lambda name: _(known[name].title), on_change=_take_recipe,
        persist_state="session", help=_("A kind of model with settings that work. Change what you like below."),
    )  # fmt: skip
    st.caption(_(recipe.description))
    variation = choose_variation([variation for variation, _changed in offered.values()])
    show_meaning(recipe, variation)
    _knobs(recipe)
    config, fault = _settings(recipe, source)
    if fault is not None:
        refuse(fault)
        offer(fault, recipe.config, lambda path, value: _works(recipe, source, path, value), _take_recipe)
    elif config is not None:
        show_cost(config, size_of(config, source), read_speed(store().root))
        _note_vocabulary(config, source)
        show_differences(_parts(recipe.config, text), (config.model, config.data, config.training))
    st.button(
        _("Train"), key="train_start", type="primary", width="stretch", disabled=source is None or config is None,
        on_click=_start, args=(source, recipe),
    )  # fmt: skip
    if source is None:
        st.caption(_("Bring a text first."))


def _knobs(recipe: Recipe) -> None:
    """The settings that matter most, side by side."""
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
    st.session_state[VARIATION_KEY] = ""


def _fit(text: str, varied: Mapping[str, RunConfig]) -> None:
    """When another text or another variation is chosen, change what it wants otherwise than the one before.

    `text`: the name of an embedded one, empty for a person's own. `varied`: the settings of each variation on it.
    """
    recipe = recipes()[st.session_state[RECIPE_KEY]].config
    chosen = varied.get(str(st.session_state.get(VARIATION_KEY, "")))
    new = _parts(recipe, text) if chosen is None else (chosen.model, chosen.data, chosen.training)
    fitted: tuple[Config, Config, Config] = st.session_state.get(FITTED_KEY) or _parts(recipe, "")
    st.session_state[FITTED_KEY] = new
    for part, other in zip(fitted, new, strict=True):
        _take_changes(part, other)


def _offered(recipe: Recipe, text: str) -> dict[str, tuple[Variation, RunConfig]]:
    """The variations of a recipe on a text, each with its settings; none where the two do not fit."""
    try:
        return variations_of(with_corpus(recipe.config, text) if text else recipe.config)
    except UserError:
        return {}


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


def _values(recipe: Recipe) -> dict[str, Any]:
    """The settings as the form has them, whether or not they fit together."""
    config = recipe.config
    return {"model": forms.read(config.model), "data": forms.read(config.data), "training": forms.read(config.training)}


def _settings(recipe: Recipe, source: Source | None) -> tuple[RunConfig | None, UserError | None]:
    """The settings as the form has them, or what is wrong with them, also beside the text."""
    try:
        return _checked(_values(recipe), source), None
    except UserError as error:
        return None, error


def _checked(values: Mapping[str, Any], source: Source | None) -> RunConfig:
    """Settings that can work on this text as far as is quickly known. Raises UserError."""
    made = parse(RunConfig, values)
    if source is None:
        return made
    known = source.embedded or ""
    on_text = made.model_copy(update={"data": made.data.model_copy(update={"corpus": known})})
    refuse_settings(on_text, size_of(made, source), read_speed(store().root))
    trial = _tried(on_text, source)
    if trial is not None and trial.fault is not None:
        raise trial.fault
    return made


def _tried(config: RunConfig, source: Source) -> Trial | None:
    own = None if source.embedded else source.raw
    return tried(config, own, source.name, source.encoding, source.column)


def _note_vocabulary(config: RunConfig, source: Source | None) -> None:
    """Say so where a person's own text has fewer different tokens than the model might know."""
    trial = None if source is None or source.embedded else _tried(config, source)
    if trial is not None and 0 < trial.vocabulary < config.data.vocabulary_size:
        st.caption(_("This text has only {have} different tokens: so many the model will know, not {asked}.", have=trial.vocabulary, asked=config.data.vocabulary_size))  # fmt: skip


def _works(recipe: Recipe, source: Source | None, path: str, value: Setting) -> bool:
    """Whether one setting changed puts everything right."""
    if path == RECIPE:
        return bool(recipes()[str(value)].config.data.rows == _values(recipe)["data"]["rows"])
    values = _values(recipe)
    section, _dot, name = path.partition(".")
    if path == CORPUS:
        source = Source(title="", embedded=str(value))
    else:
        inside = values[section]
        (inside if name in inside else inside["body"])[name] = value
    try:
        _checked(values, source)
    except UserError:
        return False
    return True


def _start(source: Source | None, recipe: Recipe) -> None:
    """Make the run and hand it to a worker. A double click makes one."""
    config, fault = _settings(recipe, source)
    if source is None or config is None:
        st.session_state[FAULT_KEY] = fault
        return
    token = form_token(FORM_TOKEN_KEY, repr((config, source.title, len(source.raw), source.encoding, source.column)))
    try:
        data = config.data.model_copy(update=source.settings())
        run = store().create(
            config.model_copy(update={"data": data}), name=_name(recipe, source), owner=owner(),
            recipe=recipe.name, form_token=token,
        )  # fmt: skip
        store().start(run, owner())
    except UserError as error:
        st.session_state[FAULT_KEY] = error
        return
    choose(run)


def _name(recipe: Recipe, source: Source) -> str:
    """What a run is called: recipe, variation and text."""
    chosen = str(st.session_state.get(VARIATION_KEY, ""))
    titles = [_(variation.title) for variation in variations() if variation.name == chosen]
    return " · ".join((_(recipe.title), *titles, source.title))


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
