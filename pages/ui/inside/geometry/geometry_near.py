"""What lies near a token, by its vectors and by what the model makes of it here; and analogies, beside what is no analogy."""

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING

import streamlit as st

from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from pages.ui.attention.shape import shape_of
from pages.ui.attention.words import token_label
from pages.ui.drawing import drawing
from pages.ui.faults import as_text, refuse
from pages.ui.inside import python
from pages.ui.inside.computed import KEPT, Asked, Predicted
from pages.ui.inside.controls import heading
from pages.ui.inside.geometry.geometry_map import words_in
from pages.ui.inside.pictures.bars import Bar, across
from pages.ui.inside.selection import Selection, intact
from pages.ui.inside.vectors import cloud, layer_choice, place_name, states, texts_of, token_vectors, wanted
from pages.ui.state import (
    INSIDE_ANALOGY_FIRST_KEY,
    INSIDE_ANALOGY_SECOND_KEY,
    INSIDE_ANALOGY_THIRD_KEY,
    INSIDE_NEAR_KEY,
    inference,
    store,
)
from pages.ui.text import _, explain, number

if TYPE_CHECKING:
    from llm_core.interpret.geometry.analogies import AnalogyScore
    from llm_core.interpret.geometry.geometry import Analogy, Neighbours

LONGEST_TOKEN = 40
_COUNT = 8
_HEIGHT = 46 + 27 * _COUNT
_OPERATIONS = 6e9


@dataclass(frozen=True)
class Scores:
    """How far known analogies hold; None where a model has too few, and the pairs that were asked, as text."""

    score: "AnalogyScore | None"
    pairs: tuple[tuple[str, str], ...]


@lru_cache(maxsize=KEPT)
def near_token(asked: Asked, which: str, token: int) -> "Neighbours":
    """By one of the two matrices. Raises UserError."""
    from llm_core.interpret.geometry.geometry import neighbours

    vectors = token_vectors(asked.run, asked.step, asked.moment, which)
    with inference():
        return neighbours(vectors, token, _COUNT)


@lru_cache(maxsize=KEPT)
def scores(asked: Asked, which: str) -> Scores:
    """Singular to plural, over the nouns of the grammar. Raises UserError for a model without such vectors."""
    vectors = token_vectors(asked.run, asked.step, asked.moment, which)
    with inference():
        from llm_core.interpret.geometry.analogies import number_pairs, score_analogies

        tokenizer = store().model(store().find(asked.run), asked.step)[1]
        most = int((_OPERATIONS / vectors.size) ** 0.5)
        pairs = number_pairs(tokenizer)[: max(3, most)]
        shown = tuple((tokenizer.pieces[one].strip(), tokenizer.pieces[many].strip()) for one, many in pairs)
        return Scores(score_analogies(vectors, pairs) if len(pairs) >= 3 else None, shown)


def show(selection: Selection, predicted: Predicted) -> None:
    """The token, its neighbours three ways, and analogies. Raises UserError."""
    asked = intact(selection)
    places = st.columns([2, 2, 3], vertical_alignment="bottom")
    with places[0]:
        typed = st.text_input(
            _("Token"), key=INSIDE_NEAR_KEY, max_chars=LONGEST_TOKEN, persist_state="session",
            placeholder=token_label(predicted.tokens[selection.token or 0]), help=_("Empty: the chosen token of the text."),
        )  # fmt: skip
    with places[1]:
        layer = layer_choice(selection, shape_of(store().find(selection.run)).layers, all_of_them=False)
    with places[2]:
        language = words_in(selection)
    named = _token(asked, str(typed or ""))
    here, token = named is None, _chosen_id(asked, selection) if named is None else named
    columns = st.columns(3, gap="medium")
    for column, which, title in zip(columns, ("input", "output"), (_("As it is read"), _("As it is written")), strict=False):  # fmt: skip
        with column:
            heading(title)
            try:
                _bars(selection, asked, which, token, near_token(asked, which, token))
            except UserError as reason:
                st.info(as_text(explain(reason)))
    with columns[2]:
        heading(_("As it stands here, {place}", place=place_name(layer)))
        if here and layer is not None:
            _in_context(selection, asked, layer, language)
        else:
            st.caption(_("A token that is typed stands in no text; empty the field to see the chosen one."))
    _analogies(selection, asked)


def _token(asked: Asked, typed: str) -> int | None:
    """The token that was typed, None for nothing. Raises UserError for what is not one token."""
    if not typed:
        return None
    with inference():
        from llm_core.interpret.geometry.analogies import token_of

        tokenizer = store().model(store().find(asked.run), asked.step)[1]
        if typed in tokenizer.pieces:  # a space is one, too, of many models
            return int(tokenizer.pieces.index(typed))
        if not typed.strip():
            return None
        found = token_of(tokenizer, typed.strip())
    if found is None:
        raise UserError("{word!r} is not one token of this model; type one that is.", word=typed.strip())
    return found


def _chosen_id(asked: Asked, selection: Selection) -> int:
    from pages.ui.inside.computed import opened

    with inference():
        _model, _tokenizer, reading = opened(asked)
        return reading.text.ids[selection.token or 0]


def _bars(selection: Selection, asked: Asked, which: str, token: int, found: "Neighbours") -> None:
    tokenizer = store().model(store().find(asked.run), asked.step)[1]
    names = [token_label(tokenizer.pieces[each]) for each in found.ids]
    bars = [Bar(name, cosine, picks=each) for name, cosine, each in zip(names, found.cosines, found.ids, strict=True)]
    drawing(
        f"inside_near_{which}", (selection.run, selection.step, which, token), partial(across, bars, _("cosine")),
        label=_("The nearest tokens by cosine"), height=_HEIGHT, code=_near_python(selection, which, token), table=_near_csv(names, found),
        name=f"terrarium-neighbours-{which}-{selection.run}-{selection.step}", on_picked=lambda picked: pick(picked, tokenizer.pieces),
    )  # fmt: skip
    _control(found)


def _control(found: "Neighbours") -> None:
    st.caption(as_text(_("All others: {mean} ± {deviation}.", mean=number(found.mean), deviation=number(found.deviation))))  # fmt: skip


def pick(picked: object, pieces: list[str]) -> None:
    """A neighbour was clicked: its own neighbours are shown. What comes from the browser is checked."""
    if type(picked) is int and 0 <= picked < len(pieces):
        st.session_state[INSIDE_NEAR_KEY] = pieces[picked]


def _in_context(selection: Selection, asked: Asked, layer: int, language: str) -> None:
    """Tokens of other texts whose vectors at this layer point where the chosen one's does."""
    from llm_core.interpret.geometry.geometry import neighbours_of

    others, here = cloud(wanted(asked, "states", layer, language)), states(asked)
    at = min(selection.token or 0, len(here.tokens) - 1)
    found = neighbours_of(others.vectors, here.states[layer + 1, at], _COUNT)
    names = [
        _("{token}, text {text}: {position}", token=token_label(others.tokens[row]), text=int(others.text[row]), position=int(others.position[row]))
        for row in found.ids
    ]  # fmt: skip
    bars = [Bar(name, cosine, picks=int(others.ids[row])) for name, cosine, row in zip(names, found.cosines, found.ids, strict=True)]  # fmt: skip
    pieces = store().model(store().find(asked.run), asked.step)[1].pieces
    drawing(
        "inside_near_states", (selection, layer, language), partial(across, bars, _("cosine")), label=_("The nearest tokens of other texts by cosine"),
        height=_HEIGHT, code=_states_python(selection, layer, at, language), table=_near_csv(names, found),
        name=f"terrarium-neighbours-states-{selection.run}-{selection.step}", on_picked=lambda picked: pick(picked, pieces),
    )  # fmt: skip
    _control(found)


def _near_csv(names: list[str], found: "Neighbours") -> str:
    return as_table(("id", "token", "cosine"), ((each, name, float(f"{cosine:.6g}")) for each, name, cosine in zip(found.ids, names, found.cosines, strict=True)))  # fmt: skip


# ---- analogies


def _analogies(selection: Selection, asked: Asked) -> None:
    """a is to b as c is to what? With what is found without any analogy; and how far the known ones hold."""
    heading(_("Analogies"))
    try:
        known = {which: scores(asked, which) for which in ("input", "output")}
    except UserError as reason:
        st.info(as_text(explain(reason)))
        return
    usual = _usual(known["input"].pairs)
    columns = st.columns(3)
    words = []
    for column, key, label, word in zip(
        columns, (INSIDE_ANALOGY_FIRST_KEY, INSIDE_ANALOGY_SECOND_KEY, INSIDE_ANALOGY_THIRD_KEY),
        (_("This"), _("is to this"), _("as this is to …")), usual, strict=True,
    ):  # fmt: skip
        with column:
            typed = str(st.text_input(label, key=key, max_chars=LONGEST_TOKEN, persist_state="session", placeholder=word) or "")  # fmt: skip
            words.append(typed if typed.strip() else word)
    if all(words):
        try:
            _asked_analogy(selection, asked, words)
        except UserError as reason:
            refuse(reason)
    else:
        st.caption(_("Type three tokens: the third is to the answer as the first is to the second."))
    for which, title in (("input", _("As tokens are read")), ("output", _("As they are written"))):
        found = known[which].score
        if found is not None:
            st.caption(as_text(f"{title}: {_score_said(found)}"))
    if known["input"].score is None:
        st.caption(_("This model has fewer than three nouns of the grammar as tokens for one and for several, so that known analogies cannot be scored."))  # fmt: skip


def _usual(pairs: tuple[tuple[str, str], ...]) -> tuple[str, str, str]:
    known = dict(pairs)
    first = "apple" if "apple" in known else next(iter(known), "")
    third = "stone" if "stone" in known else next((one for one in known if one != first), "")
    return first, known.get(first, ""), third


def _asked_analogy(selection: Selection, asked: Asked, words: list[str]) -> None:
    tokens = [_token(asked, word) for word in words]
    tokenizer = store().model(store().find(asked.run), asked.step)[1]
    columns = st.columns(2, gap="medium")
    for column, which, title in zip(columns, ("input", "output"), (_("As tokens are read"), _("As they are written")), strict=True):  # fmt: skip
        with column:
            found = _analogy(asked, which, *(int(token) for token in tokens if token is not None))
            names = [token_label(tokenizer.pieces[each]) for each in found.found.ids]
            bars = [Bar(name, cosine, picks=each) for name, cosine, each in zip(names, found.found.cosines, found.found.ids, strict=True)]  # fmt: skip
            st.caption(as_text(title))
            drawing(
                f"inside_analogy_{which}", (selection.run, selection.step, which, *words), partial(across, bars, _("cosine to second − first + third")),
                label=_("What the analogy finds"), height=_HEIGHT, code=_analogy_python(selection, which, tokens), table=_near_csv(names, found.found),
                name=f"terrarium-analogy-{which}-{selection.run}-{selection.step}", on_picked=lambda picked: pick(picked, tokenizer.pieces),
            )  # fmt: skip
            nearest = token_label(tokenizer.pieces[found.without.ids[0]]) if found.without.ids else ""
            st.caption(as_text(_("Without any analogy, nearest to “{third}” alone: “{token}”.", third=words[2], token=nearest)))  # fmt: skip


@lru_cache(maxsize=KEPT)
def _analogy(asked: Asked, which: str, first: int, second: int, third: int) -> "Analogy":
    from llm_core.interpret.geometry.geometry import analogy

    vectors = token_vectors(asked.run, asked.step, asked.moment, which)
    with inference():
        return analogy(vectors, first, second, third, _COUNT)


def _score_said(found: "AnalogyScore") -> str:
    share = {name: f"{100 * getattr(found, name):.3g} %" for name in ("accuracy", "given", "without", "random")}
    return _(
        "of {asked} known analogies, one to several for {pairs} nouns of the grammar, {accuracy} are right; what is nearest to the third token alone is right in {without}, an offset of two random tokens in {random}. In {given} of cases the nearest of all is one of the three given ones, which do not count.",
        asked=found.asked, pairs=found.pairs, **share,
    )  # fmt: skip


# ---- the same for a notebook


def _near_python(selection: Selection, which: str, token: int) -> str:
    return f"""\
{_head(selection, f"from llm_core.interpret.geometry.token_vectors import {which}_vectors", "neighbours")}\
found = neighbours({which}_vectors(model).numpy(), {token}, {_COUNT})
for token, cosine in zip(found.ids, found.cosines):
    print(repr(tokenizer.pieces[token]), round(cosine, 3))
print("all others", found.mean, found.deviation)
"""


def _analogy_python(selection: Selection, which: str, tokens: list[int | None]) -> str:
    return f"""\
{_head(selection, f"from llm_core.interpret.geometry.token_vectors import {which}_vectors", "analogy")}\
found = analogy({which}_vectors(model).numpy(), *{tokens!r})
print([tokenizer.pieces[token] for token in found.found.ids])
print("without an analogy", [tokenizer.pieces[token] for token in found.without.ids])
"""


def _states_python(selection: Selection, layer: int, at: int, language: str) -> str:
    imports = ["from llm_core.interpret.components import streams", "from llm_core.interpret.geometry.clouds import states_cloud", "from llm_core.interpret.geometry.hidden_states import hidden_states"]  # fmt: skip
    return f"""\
{_head(selection, *imports, "neighbours_of")}\
cloud = states_cloud(model, tokenizer, {layer}, texts={texts_of(selection)}, language={language!r})
here = hidden_states(model, [reading], streams(model)[0]).states[{layer + 1}, {at}]
found = neighbours_of(cloud.vectors, here, {_COUNT})
print([(cloud.tokens[row], round(cosine, 3)) for row, cosine in zip(found.ids, found.cosines)])
"""


def _head(selection: Selection, *imports: str) -> str:
    *others, function = imports
    return python.preamble(selection.intact, [*others, f"from llm_core.interpret.geometry.geometry import {function}"])
