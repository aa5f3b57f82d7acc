"""Features: a sparse autoencoder of one place, trained here, judged beside one of random directions, and looked into."""

from functools import partial

import streamlit as st

from llm_core.config import TransformerConfig, network
from llm_core.data.table_writing import as_table
from llm_core.errors import N_, UserError
from llm_core.models.size import inner_width
from llm_core.runs.features import trained_autoencoders
from llm_core.runs.inquired import FeaturesQuestion, InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui.drawing import drawing
from pages.ui.inside import python
from pages.ui.inside.computed import Predicted, ask
from pages.ui.inside.features.feature_active import show_active
from pages.ui.inside.features.feature_card import FeatureCard, show_card
from pages.ui.inside.features.feature_data import Files, excitement_in, files_of, strengths_in, strongest, table_of
from pages.ui.inside.features.feature_rows import HEIGHT, curve, curve_csv, densities, labels_of, report_of
from pages.ui.inside.features.feature_search import show_search
from pages.ui.inside.selection import LONGEST_TEXT, Selection, choose_text, intact
from pages.ui.inside.under_way import answered
from pages.ui.state import (
    INSIDE_FEATURE_FOR_KEY,
    INSIDE_FEATURE_KEY,
    INSIDE_FEATURE_PLACE_KEY,
    INSIDE_FEATURE_SETTINGS_KEYS,
    INSIDE_SOURCE_KEY,
    store,
)
from pages.ui.text import _, language, number, translate

_KINDS = {
    "residual_after": N_("residual stream after layer {layer}"),
    "feed_forward": N_("what the feed-forward of layer {layer} adds"),
    "attention": N_("what the attention of layer {layer} adds"),
}
_SETTINGS = {
    "features": (N_("Features"), N_("How many directions it may use; more are finer, and more of them may be dead."), 8, 8192),
    "k": (N_("Speak at once"), N_("L0: so many features at most speak at a token. Fewer are easier to read, and explain less."), 1, 256),
    "steps": (N_("Updates"), N_("How long it learns; as long again goes into the control."), 1, 20_000),
    "seed": (N_("Seed"), N_("Another one finds features anew: those that come again are worth more."), 0, 1_000_000),
}  # fmt: skip


def show(selection: Selection, predicted: Predicted) -> None:
    """The place, how good the autoencoder is, and what its features do. Raises UserError."""
    question = _asked_for(selection, predicted)
    config = InquiryConfig(run=selection.run, step=selection.step, question=question)
    code = as_python(selection, question)
    answer = answered(
        "inside_features_inquiry", config, name=_("Features"), picture=_("How the autoencoder learns, and its control after it"),
        code=code, button=_("Train it"),
        empty=_("{count} features of this place will be learned from {texts} texts: about a minute.", count=question.features, texts=question.texts),
    )  # fmt: skip
    if answer is None:
        return
    files, saved = files_of(answer), f"terrarium-features-{selection.run}-{selection.step}-{question.place}"
    _show_report(question, answer, code, saved)
    strengths = strengths_in(intact(selection), files)
    crossed = bool(predicted.source_tokens) and question.place.startswith("encoder")
    active = strongest(strengths, None if crossed else selection.token)
    feature = _feature(selection, strengths.shape[1], active)
    labels = labels_of(answer)
    show_active(selection, predicted, files, active, feature, labels, everywhere=crossed, code=code, saved=saved)
    show_search(labels, feature, code=code, saved=saved)
    _show_feature(selection, predicted, question, files, feature)


def places_of(selection: Selection) -> dict[str, str]:
    """The places that can be chosen, by name, in words."""
    config = network(store().find(selection.run).model_config)
    assert isinstance(config, TransformerConfig)
    parts = {"decoder": ("decoder",), "encoder": ("encoder",)}.get(config.architecture, ("decoder", "encoder"))
    kinds = [kind for kind in _KINDS if kind != "feed_forward" or inner_width(config)]
    found = {}
    for part in parts:
        for kind in kinds:
            for layer in range(config.layers):
                said = _(_KINDS[kind], layer=layer)
                found[f"{part}.{layer}.{kind}"] = (
                    _("{part}, {place}", part=_(part), place=said) if len(parts) > 1 else said
                )
    return found


def usual_place(selection: Selection, places: dict[str, str]) -> str:
    """One that has been trained, else the stream in the middle of the model."""
    for known in trained_autoencoders(store(), store().find(selection.run), selection.step):
        if known.place in places:
            return known.place
    streams = [place for place in places if place.endswith("residual_after") and place.startswith(next(iter(places))[:7])]  # fmt: skip
    return streams[(len(streams) - 1) // 2]


def _asked_for(selection: Selection, predicted: Predicted) -> FeaturesQuestion:
    """The controls."""
    state, places = st.session_state, places_of(selection)
    if state.get(INSIDE_FEATURE_PLACE_KEY) not in places:
        state[INSIDE_FEATURE_PLACE_KEY] = usual_place(selection, places)
    columns = st.columns([3, 1], vertical_alignment="bottom")
    with columns[0]:
        place = st.selectbox(
            _("Place in the model"), list(places), key=INSIDE_FEATURE_PLACE_KEY, format_func=lambda name: places[name], persist_state="session",
            help=_("Where in the model vectors are taken apart."),
        )  # fmt: skip
    values = {}
    with columns[1], st.popover(_("More"), width="stretch"):
        for name, (title, help_text, least, most) in _SETTINGS.items():
            key, usual = INSIDE_FEATURE_SETTINGS_KEYS[name], FeaturesQuestion.model_fields[name].default
            chosen = state.get(key)
            state[key] = min(max(chosen, least), most) if type(chosen) is int else usual
            values[name] = int(st.number_input(_(title), least, most, key=key, help=_(help_text), persist_state="session"))  # fmt: skip
    if values["k"] > values["features"]:
        raise UserError("There are {features} features, so that at most {features} can speak at once; choose a number from 1 to {features}, not {k}.", features=values["features"], k=values["k"])  # fmt: skip
    question = FeaturesQuestion(place=str(place), features=values["features"], k=values["k"], steps=values["steps"], seed=values["seed"])  # fmt: skip
    of = selection.run, selection.step, question
    if state.setdefault(INSIDE_FEATURE_FOR_KEY, of) != of:  # the same number is another feature there
        state.pop(INSIDE_FEATURE_KEY, None)
        state[INSIDE_FEATURE_FOR_KEY] = of
    return question


def _show_report(question: FeaturesQuestion, answer: Answer, code: str, saved: str) -> None:
    """Four figures, each with that of the control, then how it learned and how often features speak."""
    learnt, random = report_of(answer, "learnt"), report_of(answer, "random")
    if learnt is None or random is None:
        raise UserError("This answer is not whole; have it worked out again.")
    shown = (
        (_("Loss recovered"), "recovered", _("100 % would be a model that loses nothing when it has only these features here, 0 % one that has nothing here at all.")),
        (_("Variance explained"), "explained", _("Of the vectors at this place, in texts that it has not seen.")),
        (_("Speak at a token (L0)"), "active", _("Features that are not zero, on average.")),
        (_("Dead features"), "dead", _("Those that never speak in {count} tokens.", count=learnt["positions"])),
    )  # fmt: skip
    for place, (title, name, help_text) in zip(st.columns(4), shown, strict=True):
        with place:
            st.metric(title, _figure(learnt[name], name), help=help_text)
            st.caption(_("random directions: {value}", value=_figure(random[name], name)))
    st.caption(
        _("On {count} tokens that it has not seen the model loses {intact} nats a token; {spliced} with its features alone, {random} with as many random directions, {zeroed} with nothing at this place.", count=learnt["positions"], intact=number(learnt["intact"]), spliced=number(learnt["spliced"]), random=number(random["spliced"]), zeroed=number(learnt["zeroed"]))
    )  # fmt: skip
    words = partial(translate, code=language())
    with st.expander(_("How it learned, and how often its features speak")):
        left, right = st.columns(2, gap="medium")
        with left:
            drawing(
                "inside_features_curve", (saved, question), partial(curve, answer.rows, words), label=_("How the autoencoder learns, and its control after it"),
                height=HEIGHT, code=code, table=curve_csv(answer.rows), name=f"{saved}-curve",
            )  # fmt: skip
        with right:
            rows = ((place, one, other) for place, (one, other) in enumerate(zip(learnt["density"], random["density"], strict=True)))  # fmt: skip
            drawing(
                "inside_features_density", (saved, question), partial(densities, learnt["density"], random["density"], words),
                label=_("How many features speak how often"), height=HEIGHT, code=code, table=as_table(("feature", "density", "random"), rows), name=f"{saved}-density",
            )  # fmt: skip


def _figure(value: float | None, name: str) -> str:
    if value is None:
        return "–"
    return number(value) if name == "active" else f"{number(100 * value)} %"


def _feature(selection: Selection, count: int, active: list[tuple[int, float]]) -> int:
    """The one that is looked at: the chosen one, or the strongest here."""
    chosen = st.session_state.get(INSIDE_FEATURE_KEY)
    if type(chosen) is not int or not 0 <= chosen < count:
        chosen = active[0][0] if active else 0
    return chosen


def _show_feature(
    selection: Selection, predicted: Predicted, question: FeaturesQuestion, files: Files, feature: int
) -> None:
    table = table_of(files)
    key = "inside_feature_number"
    st.session_state[key] = feature
    st.number_input(
        _("Feature"), 0, len(table.density) - 1, key=key, width=160,
        on_change=lambda: choose_feature(st.session_state[key]),
    )  # fmt: skip
    excitement, texts = excitement_in(ask(selection.run, selection.step, ""), files, feature, question.texts)
    most = table.promoted.shape[1]
    pairs = [
        (predicted.names[int(token)], float(value))
        for token, value in zip([*table.promoted[feature], *table.suppressed[feature]], table.effects[feature], strict=True)
    ]  # fmt: skip
    card = FeatureCard(
        name=_("feature {feature}", feature=feature), excitement=excitement,
        promoted=tuple(pair for pair in pairs[:most] if pair[1] > 0), suppressed=tuple(pair for pair in pairs[most:] if pair[1] < 0),
        effect=_("logit added directly for each unit of activation"),
        why_not=_("What is written at this place says no token by itself: other parts of the model read it first."),
        heights=tuple(table.random_heights.tolist()), largest=tuple(table.random_effects.tolist()),
        random=_("features with random directions"),
    )  # fmt: skip

    def read_text(number: int) -> None:
        text, source = texts[number]
        choose_text(text)
        if source is not None:
            st.session_state[INSIDE_SOURCE_KEY] = source[:LONGEST_TEXT]

    show_card(
        "inside_feature", card, code=as_python(selection, question, feature),
        name=f"terrarium-feature-{selection.run}-{selection.step}-{question.place}-{feature}", on_text=read_text,
    )  # fmt: skip


def choose_feature(feature: int) -> None:
    """Look at this feature; for callbacks."""
    st.session_state[INSIDE_FEATURE_KEY] = feature


def as_python(selection: Selection, question: FeaturesQuestion, feature: int | None = None) -> str:
    """The same for a notebook."""
    imports = [
        "from llm_core.interpret.features.autoencoder_report import features_of_texts, judge_autoencoder",
        "from llm_core.interpret.features.autoencoder_training import train_autoencoder, vectors_at",
        "from llm_core.interpret.components import Component",
        "from llm_core.interpret.loss_texts import loss_texts",
        "from llm_core.interpret.outcome import outcome",
        "from llm_core.runs.features import JUDGED, LOOKED_AT, texts_needed",
        "from llm_core.runs.inquiries.features import learnt_from",
        "from llm_core.runs.own_texts import own_readings",
    ]
    shown = "" if feature is None else f"print(autoencoder.direction({feature}))\n"
    return f"""\
{python.preamble(selection.intact, imports)}\
run = store.find({selection.run!r})
mask, needed = getattr(tokenizer, "mask", None), texts_needed({question.texts})
known = own_readings(run, model, tokenizer, {question.texts}, LOOKED_AT + JUDGED, needed)
others = own_readings(run, model, tokenizer, JUDGED, LOOKED_AT, needed)
place = Component.parse({question.place!r})
vectors = vectors_at(model, place, learnt_from(model, known, mask))
autoencoder = outcome(train_autoencoder(vectors, place, features={question.features}, k={question.k}, steps={question.steps}, seed={question.seed}))
asked = loss_texts(model, others, mask=mask)
print(judge_autoencoder(model, autoencoder, asked).recovered)
(strengths,) = features_of_texts(model, autoencoder, [reading])
print(strengths[-1].nonzero()[0])
{shown}"""
