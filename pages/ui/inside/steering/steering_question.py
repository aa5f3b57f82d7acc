"""The controls of steering: where the direction comes from, where it is added, and how strongly."""

import streamlit as st

from llm_core.config import TaskConfig
from llm_core.data.vocabulary import MASK
from llm_core.errors import UserError
from llm_core.runs.features import Trained, trained_autoencoders
from llm_core.runs.inquired import SteeringQuestion
from pages.ui.attention.shape import Shape, shape_of
from pages.ui.inside.choices import MOST_STRENGTH, STEERED_BY, STEERED_WAYS, STEERED_WHERE
from pages.ui.inside.computed import Predicted
from pages.ui.inside.controls import choice
from pages.ui.inside.features.feature_data import autoencoder_of, files_at
from pages.ui.inside.features.features import places_of
from pages.ui.inside.first_text import other_text
from pages.ui.inside.probes.probe_rows import layer_of
from pages.ui.inside.selection import LONGEST_TEXT, Selection, choose_piece, intact
from pages.ui.inside.steering.first_steering import Contrast, first_contrast
from pages.ui.inside.steering.steering_seen import Steer
from pages.ui.state import (
    INSIDE_FEATURE_KEY,
    INSIDE_FEATURE_PLACE_KEY,
    INSIDE_NEURON_KEY,
    INSIDE_STEERED_AGAINST_KEY,
    INSIDE_STEERED_BY_KEY,
    INSIDE_STEERED_FOR_KEY,
    INSIDE_STEERED_OTHERS_KEY,
    INSIDE_STEERED_TRIED_KEY,
    INSIDE_STEERED_WANTED_KEY,
    INSIDE_STEERED_WAY_KEY,
    INSIDE_STEERED_WHERE_KEY,
    INSIDE_STEERED_WORD_KEY,
    INSIDE_STEERED_WORDS_KEY,
    INSIDE_STRENGTH_KEY,
    store,
)
from pages.ui.text import _

_USUAL = 40
_MOST_TEXTS, _MOST_WORDS, _LONGEST_WORD = 64, 32, 40


def asked_for(selection: Selection, predicted: Predicted) -> Steer:
    """Draw the controls; what they say. Raises UserError for a word that is no token of the model."""
    run = store().find(selection.run)
    shape, writes = shape_of(run), getattr(run.model_config, "architecture", "") != "encoder" and not isinstance(run.model_config, TaskConfig)  # fmt: skip
    _begin(selection, predicted)
    trained = trained_autoencoders(store(), run, selection.step)
    known = {name: label for name, label in STEERED_BY.items() if (name != "token" or not isinstance(run.model_config, TaskConfig)) and (name != "neuron" or shape.neurons) and (name != "feature" or trained)}  # fmt: skip
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        by = choice(_("Where the direction comes from"), INSIDE_STEERED_BY_KEY, known, None if trained else _("Features can be steered by as soon as an autoencoder of this model has been trained, in the view Features."))  # fmt: skip
    with right:
        way = choice(_("What is done with it"), INSIDE_STEERED_WAY_KEY, STEERED_WAYS, _("Added, it pushes the model its way; taken out at every layer, nothing of it is left."))  # fmt: skip
    number, against, place = _source(by, selection, predicted, shape, trained)
    places = st.columns([2, 3, 3], vertical_alignment="bottom")
    with places[0]:
        _layer(layer_of(place) if by == "feature" else selection.layer, shape, fixed=by == "feature")
    with places[1]:
        st.slider(
            _("Strength, % of the mean length of the stream's vectors"), -MOST_STRENGTH, MOST_STRENGTH, key=INSIDE_STRENGTH_KEY, step=5,
            disabled=way == "out", persist_state="session",
        )  # fmt: skip
    with places[2]:
        where = choice(_("Where in the text"), INSIDE_STEERED_WHERE_KEY, STEERED_WHERE if writes else {"all": STEERED_WHERE["all"]})  # fmt: skip
    words, tried = _more(writes)
    question = SteeringQuestion(
        source=by,  # type: ignore[arg-type]
        wanted=_lines(INSIDE_STEERED_WANTED_KEY) if by == "texts" else (), others=_lines(INSIDE_STEERED_OTHERS_KEY) if by == "texts" else (),
        number=number, against=against, place=place, tried=tried, words=words,
    )  # fmt: skip
    return Steer(intact(selection), selection.token, question, int(st.session_state[INSIDE_STRENGTH_KEY]), way, where)


def _begin(selection: Selection, predicted: Predicted) -> None:
    """What belongs to one text begins anew with another."""
    state, of = st.session_state, (selection.run, selection.text)
    config = store().find(selection.run).model_config
    usual = None if isinstance(config, TaskConfig) else first_contrast(selection.text)
    usual = usual or _contrast(selection, predicted)
    told = predicted.names[selection.target].strip()
    word = usual.words[0] if usual.words else told
    values = {
        INSIDE_STEERED_WANTED_KEY: "\n".join(usual.wanted), INSIDE_STEERED_OTHERS_KEY: "\n".join(usual.others),
        INSIDE_STEERED_WORDS_KEY: ", ".join(usual.words), INSIDE_STEERED_TRIED_KEY: "\n".join(usual.tried),
        INSIDE_STEERED_WORD_KEY: word, INSIDE_STEERED_AGAINST_KEY: told if told != word else "",
    }  # fmt: skip
    for key, value in values.items():
        if key not in state or state.get(INSIDE_STEERED_FOR_KEY, of) != of:
            state[key] = value
    state[INSIDE_STEERED_FOR_KEY] = of
    state.setdefault(INSIDE_STRENGTH_KEY, _USUAL)
    # A hidden word can be named, where two sets of texts leave little trace in a small encoder.
    state.setdefault(INSIDE_STEERED_BY_KEY, "token" if getattr(config, "architecture", "") == "encoder" else "texts")


def _contrast(selection: Selection, predicted: Predicted) -> Contrast:
    """Of another text: the same one with what it is held against in it, and with what is explained."""
    text, other = selection.text, other_text(selection.text)
    against = predicted.names[selection.against] if isinstance(selection.against, int) else ""
    if other:
        return Contrast((other,), (text,), (against.strip(),) if against else (), (text,))
    told = predicted.names[selection.target]
    sets = [text.replace(MASK, word.strip()) if MASK in text else text + word for word in (against, told)]
    return Contrast((sets[0],), (sets[1],), (against.strip(),) if against else (), (text,))


def _source(by: str, selection: Selection, predicted: Predicted, shape: Shape, trained: list[Trained]) -> tuple[int, int | None, str]:  # fmt: skip
    """What the direction is made of: its number, that of a word it is held against, and the place."""
    stream = "decoder" if selection.part == "cross" else selection.part
    place = f"{stream}.{selection.layer}.residual_after"
    if by == "texts":
        for column, label, key in zip(
            st.columns(2), (_("Towards these texts, one a line"), _("and away from these")), (INSIDE_STEERED_WANTED_KEY, INSIDE_STEERED_OTHERS_KEY), strict=True,
        ):  # fmt: skip
            with column:
                st.text_area(label, key=key, height=110, max_chars=LONGEST_TEXT, persist_state="session", help=_("What counts is where a text ends, since the next word is to change; of an encoder the hidden word, written [MASK]."))  # fmt: skip
        return 0, None, place
    if by == "token":
        left, right = st.columns(2)
        with left:
            st.text_input(_("Towards this word"), key=INSIDE_STEERED_WORD_KEY, max_chars=_LONGEST_WORD, persist_state="session")  # fmt: skip
        with right:
            st.text_input(_("and away from this one"), key=INSIDE_STEERED_AGAINST_KEY, max_chars=_LONGEST_WORD, persist_state="session", help=_("Left empty, it is the mean of all words."))  # fmt: skip
        other = str(st.session_state[INSIDE_STEERED_AGAINST_KEY])
        number = token_of(str(st.session_state[INSIDE_STEERED_WORD_KEY]), predicted.names)
        return number, token_of(other, predicted.names) if other.strip() else None, place
    if by == "neuron":
        state = st.session_state
        state[INSIDE_NEURON_KEY] = min(max(int(state.get(INSIDE_NEURON_KEY) or 0), 0), shape.neurons - 1)
        st.number_input(_("Neuron"), 0, shape.neurons - 1, key=INSIDE_NEURON_KEY, persist_state="session", width=200)
        return int(state[INSIDE_NEURON_KEY]), None, place
    number, place = _feature(selection, trained, place)
    return number, None, place


def _feature(selection: Selection, trained: list[Trained], usual: str) -> tuple[int, str]:
    """Which one of which place: the newest autoencoder of each, at first that of the chosen layer's end."""
    state, known = st.session_state, {each.place: each for each in reversed(trained)}
    if state.get(INSIDE_FEATURE_PLACE_KEY) not in known:
        state[INSIDE_FEATURE_PLACE_KEY] = usual if usual in known else trained[0].place
    said = places_of(selection)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        place = str(st.selectbox(_("Place in the model"), list(known), key=INSIDE_FEATURE_PLACE_KEY, format_func=lambda name: said.get(name, name), persist_state="session", width=420))  # fmt: skip
        most = autoencoder_of(files_at(known[place].path)).features - 1
        state[INSIDE_FEATURE_KEY] = min(max(int(state.get(INSIDE_FEATURE_KEY) or 0), 0), most)
        st.number_input(_("Feature"), 0, most, key=INSIDE_FEATURE_KEY, persist_state="session", width=200)
    return int(state[INSIDE_FEATURE_KEY]), place


def token_of(word: str, names: tuple[str, ...]) -> int:
    """The token that is this word; one that begins with a space first, as words within a text do."""
    found = [number for number, name in enumerate(names) if name.strip() == word.strip()]
    if not word.strip() or not found:
        raise UserError("{word!r} is not one token of this model; choose a word that is.", word=word[:_LONGEST_WORD])
    return max(found, key=lambda number: len(names[number]))


def _layer(layer: int, shape: Shape, *, fixed: bool) -> None:
    key = f"inside_steered_at_{layer}"  # another one where a click elsewhere has chosen another layer
    st.selectbox(
        _("Layer"), range(shape.layers), index=layer, key=key, disabled=fixed,
        on_change=lambda: choose_piece(int(st.session_state[key])), help=_("The direction is added where this layer ends."),
    )  # fmt: skip


def _more(writes: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is counted, and in which texts."""
    with st.expander(_("More")):
        st.text_input(_("Wanted words, with commas between them"), key=INSIDE_STEERED_WORDS_KEY, max_chars=_LONGEST_WORD, persist_state="session")  # fmt: skip
        st.text_area(
            _("Tried on these texts, one a line"), key=INSIDE_STEERED_TRIED_KEY, height=110, max_chars=LONGEST_TEXT, persist_state="session",
            help=_("Each is written on from twice.") if writes else _("What is asked for is hidden, written [MASK]."),
        )  # fmt: skip
    words = str(st.session_state[INSIDE_STEERED_WORDS_KEY]).replace("，", ",").split(",")
    return tuple(word.strip() for word in words if word.strip())[:_MOST_WORDS], _lines(INSIDE_STEERED_TRIED_KEY)


def _lines(key: str) -> tuple[str, ...]:
    return tuple(line for line in str(st.session_state.get(key, "")).splitlines() if line.strip())[:_MOST_TEXTS]
