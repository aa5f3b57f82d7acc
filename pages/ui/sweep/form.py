"""The form of a sweep: what is trained, on what, which settings change, how many trainings that makes and how long they take."""

import math
import re
from typing import Any

import streamlit as st

from llm_core.config import RunConfig, TransformerConfig, network, parse
from llm_core.data.corpora import CORPORA, values_with_corpus
from llm_core.data.generated import generated
from llm_core.errors import N_, UserError
from llm_core.runs.estimate import estimate
from llm_core.runs.speed import read_speed
from llm_core.runs.swept import SETTINGS, RangeTestConfig, Setting, SweepConfig
from llm_core.runs.text_size import text_size
from pages.ui.double_click import form_token
from pages.ui.faults import refuse, show_fault
from pages.ui.recipes import recipes
from pages.ui.start.cost import duration
from pages.ui.state import (
    SWEEP_AXIS_KEYS,
    SWEEP_CORPUS_KEY,
    SWEEP_FAULT_KEY,
    SWEEP_FORM_TOKEN_KEY,
    SWEEP_KNOB_KEYS,
    SWEEP_RECIPE_KEY,
    SWEEP_VALUE_KEYS,
    SWEEP_WAY_KEY,
    store,
)
from pages.ui.sweep.chosen import take
from pages.ui.sweep.words import TITLES
from pages.ui.text import _, language
from pages.ui.text_source import offered
from pages.ui.who import owner

USUAL: dict[str, int] = {"width": 32, "layers": 2, "steps": 200}
"""Small and short: a sweep is many trainings, and what it shows it shows with small ones."""
VALUES: dict[Setting, str] = {
    "training.learning_rate": "0.001, 0.003, 0.01, 0.03", "model.width": "16, 32, 64", "model.layers": "1, 2, 4",
    "data.documents": "100, 400, 1600, 6400",
}  # fmt: skip
_SEPARATORS = re.compile(r"[\s,;，、；]+")
_KNOBS = {"width": N_("Width"), "layers": N_("Layers"), "steps": N_("Steps each")}


def show() -> None:
    """Draw the form."""
    way = st.segmented_control(
        _("Kind"), ("sweep", "range_test"), key=SWEEP_WAY_KEY, default="sweep", required=True, persist_state="session", width="stretch",
        format_func={"sweep": _("Sweep"), "range_test": _("Range test")}.__getitem__,
        help=_("A sweep trains the same model again and again with other settings. A range test is one short training whose learning rate grows until the loss runs away (Smith 2017)."),
    )  # fmt: skip
    known = {name: recipe for name, recipe in recipes().items() if recipe.config.model.family != "ngram"}
    st.selectbox(_("Recipe"), list(known), key=SWEEP_RECIPE_KEY, format_func=lambda name: _(known[name].title), persist_state="session")  # fmt: skip
    st.session_state.setdefault(SWEEP_CORPUS_KEY, f"stories-{language()}")
    st.selectbox(_("Included text"), offered(), key=SWEEP_CORPUS_KEY, format_func=lambda name: _(CORPORA[name].title), persist_state="session")  # fmt: skip
    with st.container(key="sweep_knobs"):
        for column, (name, usual) in zip(st.columns(len(USUAL), gap="small"), USUAL.items(), strict=True):
            with column:
                st.session_state.setdefault(SWEEP_KNOB_KEYS[name], usual)
                st.number_input(_(_KNOBS[name]), min_value=1, max_value=4096 if name != "steps" else 100_000, key=SWEEP_KNOB_KEYS[name], persist_state="session")  # fmt: skip
    if way == "sweep":
        _axes()
    config, fault = settings(way)
    if fault is not None:
        refuse(fault)
    elif config is not None:
        st.caption(cost(config))
    label = _("Start the sweep") if way == "sweep" else _("Start the range test")
    st.button(label, key="sweep_start", type="primary", width="stretch", disabled=config is None, on_click=_start, args=(way,))  # fmt: skip
    fault = st.session_state.pop(SWEEP_FAULT_KEY, None)
    if fault is not None:
        show_fault(fault)


def _axes() -> None:
    """One setting or two, each with its values."""
    names = (_("First setting"), _("Second setting"))
    for place, (axis_key, value_key) in enumerate(zip(SWEEP_AXIS_KEYS, SWEEP_VALUE_KEYS, strict=True)):
        offered_here = [*SETTINGS] if place == 0 else [None, *SETTINGS]
        st.session_state.setdefault(axis_key, SETTINGS[place])
        chosen: Setting | None = st.selectbox(
            names[place], offered_here, key=axis_key, persist_state="session", on_change=_usual_values, args=(place,),
            format_func=lambda name: _("none") if name is None else _(TITLES[name]),
        )  # fmt: skip
        if chosen is not None:
            st.session_state.setdefault(value_key, VALUES[chosen])
            st.text_input(_("Its values"), key=value_key, max_chars=300, persist_state="session", help=_("Numbers, with commas between them. All settings together make at most 36 trainings."))  # fmt: skip


def _usual_values(place: int) -> None:
    chosen = st.session_state[SWEEP_AXIS_KEYS[place]]
    if chosen is not None:
        st.session_state[SWEEP_VALUE_KEYS[place]] = VALUES[chosen]


def settings(way: str) -> tuple[SweepConfig | RangeTestConfig | None, UserError | None]:
    """The settings as the form has them, or what is wrong with them."""
    try:
        axes = _chosen_axes() if way == "sweep" else []
        base = _base(axes)
        if way != "sweep":
            return parse(RangeTestConfig, {"base": base.model_dump(mode="json"), "highest": 3.0}), None
        return parse(SweepConfig, {"base": base.model_dump(mode="json"), "axes": axes}), None
    except UserError as error:
        return None, error


def _chosen_axes() -> list[dict[str, Any]]:
    axes = []
    for axis_key, value_key in zip(SWEEP_AXIS_KEYS, SWEEP_VALUE_KEYS, strict=True):
        setting = st.session_state.get(axis_key)
        if setting is not None:
            axes.append({"setting": setting, "values": numbers(str(st.session_state.get(value_key) or ""))})
    return axes


def numbers(text: str) -> list[float]:
    """The numbers in a list as a person types it. Raises UserError for what is none."""
    found = []
    for word in filter(None, _SEPARATORS.split(text)):
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise UserError("{text!r} is no number; write the values like {example}.", text=word[:40], example="0.001, 0.003, 0.01")  # fmt: skip
        found.append(value)
    return found


def _base(axes: list[dict[str, Any]]) -> RunConfig:
    """The recipe on the text, in the size that was asked for, with looks and snapshots as a short training needs them."""
    recipe = recipes()[st.session_state[SWEEP_RECIPE_KEY]].config
    corpus = st.session_state[SWEEP_CORPUS_KEY]
    values = values_with_corpus(recipe, corpus) if corpus != recipe.data.corpus else recipe.model_dump(mode="json")
    values["data"]["corpus"] = corpus
    width, layers, steps = (int(st.session_state[SWEEP_KNOB_KEYS[name]]) for name in USUAL)
    model = values["model"].get("body", values["model"])
    model |= {"width": width, "layers": layers}
    swept = next((axis["values"] for axis in axes if axis["setting"] == "model.width"), [width])
    part = network(recipe.model)
    if isinstance(part, TransformerConfig):
        model["heads"] = heads_for([int(each) for each in (*swept, width)], part.heads)
        if model.get("key_value_heads"):
            model["key_value_heads"] = None
        if model.get("feed_forward_width"):
            model["feed_forward_width"] = None
    values["training"] |= {
        "steps": steps, "seconds": None, "evaluation_every": max(1, steps // 10), "sample_every": steps, "checkpoint_every": max(1, steps // 2),
        "evaluation_tokens": min(4096, values["training"]["evaluation_tokens"]),
    }  # fmt: skip
    config = parse(RunConfig, values)
    if any(axis["setting"] == "data.documents" for axis in axes) and not generated(config.data):
        raise UserError("Only a text that the program writes itself can have another number of documents; choose one of the stories.")  # fmt: skip
    return config


def heads_for(widths: list[int], most: int) -> int:
    """The most heads, up to so many, that divide all widths into heads of an even size; 1 where none do.

    >>> heads_for([16, 32, 64], 4), heads_for([8, 12], 4), heads_for([7], 4)
    (4, 2, 1)
    """
    return next((heads for heads in range(most, 1, -1) if all(width % (2 * heads) == 0 for width in widths)), 1)


def cost(config: SweepConfig | RangeTestConfig) -> str:
    """How many trainings, and how long all of them take on this computer."""
    speed = read_speed(store().root)
    if isinstance(config, RangeTestConfig):
        one = estimate(config.base, text_size(config.base.data, store().corpora), speed)
        seconds = one.preparing + (one.seconds - one.preparing) * config.steps / config.base.training.steps
        return _("One training of at most {steps} steps, about {time}.", steps=config.steps, time=duration(seconds))
    seconds, preparing = 0.0, {}
    for cell in config.cells:
        each = config.config(cell)
        found = estimate(each, text_size(each.data, store().corpora), speed)
        seconds += config.seeds * (found.seconds - found.preparing)
        preparing[each.data] = found.preparing  # a text is prepared once for all that learn from it
    seconds += sum(preparing.values())
    return _("{count} trainings of {steps} steps, about {time} in all on this computer.", count=len(config.trainings), steps=config.base.training.steps, time=duration(seconds))  # fmt: skip


def _start(way: str) -> None:
    """Make the sweep and hand it to a worker; the page looks at it. A double click makes one."""
    config, fault = settings(way)
    if config is None:
        st.session_state[SWEEP_FAULT_KEY] = fault
        return
    named = [_("Range test")] if isinstance(config, RangeTestConfig) else [_(TITLES[axis.setting]) for axis in config.axes]  # fmt: skip
    name = " · ".join([*named, _(CORPORA[config.base.data.corpus].title)])
    try:
        run = store().create(config, name=name, owner=owner(), recipe=st.session_state[SWEEP_RECIPE_KEY], form_token=form_token(SWEEP_FORM_TOKEN_KEY, config.model_dump_json()))  # fmt: skip
        store().start(run, owner())
    except UserError as error:
        st.session_state[SWEEP_FAULT_KEY] = error
        return
    take(run)
