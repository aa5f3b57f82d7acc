"""The map: token vectors or hidden states, drawn by PCA or t-SNE in a plane or in space, coloured by what is true of them."""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from llm_core.runs.inquired import InquiryConfig, TsneQuestion
from pages.ui.attention.shape import shape_of
from pages.ui.attention.words import token_label
from pages.ui.charts import DARK, LIGHT, Colors
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.choices import AXES, COLOURED, DRAWN, VECTORS, WORDS_IN
from pages.ui.inside.computed import KEPT, Predicted
from pages.ui.inside.controls import choice
from pages.ui.inside.labels import color_of, in_order, label_name
from pages.ui.inside.pictures.scatter import HEIGHT, Points, figure, groups_of
from pages.ui.inside.probes.probes import language_of
from pages.ui.inside.selection import Selection, intact
from pages.ui.inside.under_way import answered
from pages.ui.inside.vectors import Wanted, cloud, layer_choice, texts_of, wanted
from pages.ui.state import (
    INSIDE_AXES_KEY,
    INSIDE_COLOURED_KEY,
    INSIDE_DRAWN_KEY,
    INSIDE_NEAR_KEY,
    INSIDE_SHOWN_KEY,
    INSIDE_VECTORS_KEY,
    INSIDE_WORDS_IN_KEY,
    inference,
    store,
)
from pages.ui.text import _, number

if TYPE_CHECKING:
    from llm_core.interpret.geometry.clouds import Cloud
    from llm_core.interpret.geometry.geometry import Projection, Trust


def words_in(selection: Selection) -> str:
    """In which language the texts of the grammar are; a choice where the model has read several, or nobody knows."""
    own = language_of(store().find(selection.run))
    return own if own is not None else choice(_("Texts of the grammar in"), INSIDE_WORDS_IN_KEY, WORDS_IN)


@lru_cache(maxsize=KEPT)
def by_pca(want: Wanted, dimensions: int) -> "Projection":
    """Drawn at once. Raises UserError."""
    found = cloud(want)
    with inference():
        from llm_core.interpret.geometry.geometry import project

        return project(found.vectors, "pca", dimensions)


@lru_cache(maxsize=KEPT)
def _trust(want: Wanted, points: bytes, dimensions: int) -> "Trust":
    """How far a drawing can be trusted; asked once it is out, since it takes longer than the drawing."""
    with inference():
        from llm_core.interpret.geometry.geometry import trust_in

        return trust_in(cloud(want).vectors, np.frombuffer(points, dtype=np.float32).reshape(-1, dimensions))


def show(selection: Selection, predicted: Predicted) -> None:
    """The choices and the map. Raises UserError."""
    places = st.columns([5, 3], vertical_alignment="bottom")
    with places[0]:
        which = choice(_("Vectors"), INSIDE_VECTORS_KEY, VECTORS)
    layer: int | None = -1
    with places[1]:
        if which == "states":
            layer = layer_choice(selection, shape_of(store().find(selection.run)).layers, all_of_them=True)
    places = st.columns([2, 2, 5], vertical_alignment="bottom")
    with places[0]:
        method = choice(_("Drawn by"), INSIDE_DRAWN_KEY, DRAWN)
    with places[1]:
        axes = int(choice(_("Dimensions"), INSIDE_AXES_KEY, AXES))
    language = words_in(selection)
    want = wanted(intact(selection), which, layer, language)
    found = cloud(want)
    known = {
        name: label for name, label in COLOURED.items() if any(each is not None for each in found.labels.get(name, ()))
    }
    if not known:
        known = {"part_of_speech": COLOURED["part_of_speech"]}
    with places[2]:
        coloured = choice(_("Coloured by"), INSIDE_COLOURED_KEY, known)
    projection = by_pca(want, axes) if method == "pca" else _by_tsne(selection, want, axes)
    if projection is None:
        return
    code = as_python(selection, want, method, axes)
    points = points_of(found, projection, coloured, _marked(found, want, predicted, selection))
    drawing(
        "inside_geometry_map", (selection, want, method, axes, coloured), lambda colors: _figure(points, colors),
        label=_("Where the vectors lie, each point a token"), height=HEIGHT, code=code, table=as_csv(found, projection),
        name=f"terrarium-geometry-{selection.run}-{selection.step}", on_picked=lambda picked: pick(picked, found),
    )  # fmt: skip
    st.caption(as_text(_said(found, projection, _trust(want, projection.points.tobytes(), axes), coloured)))


def _figure(points: Points, colors: Colors) -> go.Figure:
    return figure(points, "light" if colors is LIGHT else "dark", colors)


def _by_tsne(selection: Selection, want: Wanted, axes: int) -> "Projection | None":
    """By a worker; None until it is done. Raises UserError where the answer does not fit."""
    question = tsne_question(want, axes, texts_of(selection) if want.which == "states" else None)
    answer = answered(
        "inside_tsne_inquiry", InquiryConfig(run=selection.run, step=selection.step, question=question), name=_("t-SNE"),
        picture=_("Where the vectors lie, each point a token"), code=as_python(selection, want, "tsne", axes),
        empty=_("t-SNE moves points about until neighbours lie together, which takes some seconds."),
    )  # fmt: skip
    row = next((row for row in answer.rows if row.get("kind") == "points"), None) if answer is not None else None
    if row is None:
        return None
    from llm_core.interpret.geometry.geometry import Projection

    points = np.array(row["points"], dtype=np.float32)
    if points.shape != (len(cloud(want).tokens), axes):
        raise UserError("This answer was worked out for other vectors; draw them by PCA.")
    return Projection("tsne", points, None)


def tsne_question(want: Wanted, axes: int, texts: int | None = None) -> TsneQuestion:
    """What the page asks; the same for what comes with bundled models."""
    given = {} if texts is None else {"texts": texts}
    return TsneQuestion(vectors=want.which, layer=want.layer, dimensions=axes, language=want.language, **given)  # type: ignore[arg-type]  # fmt: skip


def points_of(found: "Cloud", projection: "Projection", coloured: str, marked: int | None) -> Points:
    """The cloud as it is drawn: a group for each label, those without one below them."""
    labels = found.labels.get(coloured, (None,) * len(found.tokens))
    order = in_order(coloured, sorted({label for label in labels if label is not None}))
    groups = []
    for label, rows in groups_of(labels, order).items():
        name = _("not known") if label is None else label_name(coloured, label)
        colors = {
            "light": LIGHT.grid if label is None else color_of(coloured, label, order, LIGHT),
            "dark": DARK.grid if label is None else color_of(coloured, label, order, DARK),
        }
        groups.append((name, rows.tolist(), colors))
    known = {(about, label) for about, each in found.labels.items() for label in set(each) if label is not None}
    names = {(about, label): label_name(about, label) for about, label in known}
    between = _(", ")
    hovers = [_hover(found, row, names, between) for row in range(len(found.tokens))]
    return Points(projection.points, hovers, found.ids.tolist(), groups, axis_titles(projection), marked=marked)


def axis_titles(projection: "Projection") -> list[str]:
    """With the share of the variance where there is one."""
    if projection.explained is None:
        return [""] * projection.points.shape[1]
    return [
        _("axis {number}: {share} % of the variance", number=at + 1, share=f"{100 * float(share):.3g}")
        for at, share in enumerate(projection.explained)
    ]


def _hover(found: "Cloud", row: int, names: Mapping[tuple[str, str], str], between: str) -> str:
    said = f"“{token_label(found.tokens[row])}”"
    if found.text[row] >= 0:
        said += "\n" + _("text {text}, position {place}", text=int(found.text[row]), place=int(found.position[row]))
    labels = [names[about, label] for about, each in found.labels.items() if (label := each[row]) is not None]
    return said + ("\n" + between.join(labels) if labels else "")


def _marked(found: "Cloud", want: Wanted, predicted: Predicted, selection: Selection) -> int | None:
    """The row of the chosen token, among vectors of the vocabulary."""
    if want.which == "states" or selection.token is None:
        return None
    rows = [row for row, token in enumerate(found.tokens) if token == predicted.tokens[selection.token]]
    return rows[0] if rows else None


def _said(found: "Cloud", projection: "Projection", trust: "Trust", coloured: str) -> str:
    known = sum(label is not None for label in found.labels.get(coloured, ()))
    said = _(
        "{count} vectors of {width} numbers; of {known} it is known what colours them. Of {neighbours} neighbours in the drawing the trustworthiness is {trust}, where 1 is as in truth; points thrown at random would have {chance}.",
        count=len(found.tokens), width=found.vectors.shape[1], known=known, neighbours=trust.neighbours,
        trust=number(trust.trust), chance=number(trust.chance),
    )  # fmt: skip
    if found.places:
        said += " " + _("Each is brought to one length, as the norm before each layer does it.")
    if projection.method == "tsne":
        said += " " + _("How far apart clusters lie and how large they are means nothing in a t-SNE drawing; it even finds clusters in noise.")  # fmt: skip
    return said


def pick(picked: object, found: "Cloud") -> None:
    """A point was clicked: the neighbours of its token are shown. What comes from the browser is checked."""
    rows = np.flatnonzero(found.ids == picked) if type(picked) is int else np.zeros(0, dtype=np.int64)
    if len(rows):
        st.session_state[INSIDE_NEAR_KEY] = found.tokens[int(rows[0])]
        st.session_state[INSIDE_SHOWN_KEY] = "near"


def as_csv(found: "Cloud", projection: "Projection") -> str:
    """A row for each point."""
    names = list(found.labels)
    rows = (
        (int(found.ids[row]), token, int(found.text[row]), int(found.position[row]), str(found.places[row]) if found.places else "",
         *(float(f"{value:.6g}") for value in projection.points[row]), *(found.labels[name][row] or "" for name in names))
        for row, token in enumerate(found.tokens)
    )  # fmt: skip
    axes = [f"axis_{at + 1}" for at in range(projection.points.shape[1])]
    return as_table(("id", "token", "text", "position", "place", *axes, *names), rows)


def as_python(selection: Selection, want: Wanted, method: str, axes: int) -> str:
    """The same for a notebook."""
    made = "states_cloud" if want.which == "states" else "vocabulary_cloud"
    given = f"{want.layer!r}, texts={texts_of(selection)}" if want.which == "states" else repr(want.which)
    imports = [
        f"from llm_core.interpret.geometry.clouds import {made}",
        "from llm_core.interpret.geometry.geometry import project, trust_in",
    ]
    return f"""\
{python.preamble(selection.intact, imports)}\
cloud = {made}(model, tokenizer, {given}, language={want.language!r})
drawn = project(cloud.vectors, {method!r}, {axes})
trust = trust_in(cloud.vectors, drawn.points)
print(drawn.explained, "trustworthiness", trust.trust, "of random points", trust.chance)
for token, point in list(zip(cloud.tokens, drawn.points))[:20]:
    print(repr(token), point.round(3))
"""
