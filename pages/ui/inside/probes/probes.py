"""Probes: what a linear map can read off the residual stream at each layer, beside what it only learns by heart."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from html import escape

import numpy as np
import streamlit as st

from llm_core.config import RunConfig
from llm_core.data.corpora import CORPORA
from llm_core.data.table_writing import as_table
from llm_core.runs.inquired import InquiryConfig, ProbesQuestion
from llm_core.runs.inquiry import Answer
from llm_core.runs.run import Run
from pages.ui.attention.words import token_label
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside import python
from pages.ui.inside.choices import PROBED, PROBED_AT, TEXTS_IN
from pages.ui.inside.computed import KEPT, Asked, Predicted, opened
from pages.ui.inside.controls import choice, heading
from pages.ui.inside.labels import css_of, in_order, label_name
from pages.ui.inside.pictures.grid import Grid, figure, short
from pages.ui.inside.probes import removal
from pages.ui.inside.probes.probe_rows import HEIGHT, Layers, as_csv, layers_of, lines
from pages.ui.inside.selection import Selection, choose_piece, intact
from pages.ui.inside.under_way import answered
from pages.ui.inside.vectors import place_name
from pages.ui.state import INSIDE_PROBED_AT_KEY, INSIDE_PROBED_KEY, INSIDE_TEXTS_IN_KEY, inference, store
from pages.ui.text import _, language, number, translate

_MOST_COLUMNS = 64


@dataclass(frozen=True)
class Said:
    """What probes say of the tokens of a text: the likeliest label (places, T) by number and its share; and what is true,
    None where nobody knows."""

    tokens: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]
    shares: tuple[tuple[float, ...], ...]
    truth: tuple[str | None, ...]


def language_of(run: Run) -> str | None:
    """The one language that a model has read, None where it has several or nobody knows."""
    corpus = CORPORA.get(run.settings.data.corpus) if isinstance(run.settings, RunConfig) else None
    return corpus.language if corpus is not None and corpus.language in TEXTS_IN else None


def chosen_language(selection: Selection) -> str:
    """In which language the texts of the grammar are; a choice where the model has read several, or nobody knows."""
    own = language_of(store().find(selection.run))
    if own is not None:
        return own
    return choice(_("Texts of the grammar in"), INSIDE_TEXTS_IN_KEY, TEXTS_IN)


def question_of(about: str, texts_in: str) -> ProbesQuestion:
    """What the page asks; the same for what comes with bundled models."""
    return ProbesQuestion(about=about, language=texts_in)  # type: ignore[arg-type]


def show(selection: Selection, predicted: Predicted) -> None:
    """The lines, the typed text, and what is taken for what. Raises UserError."""
    places = st.columns([3, 2], vertical_alignment="bottom")
    with places[1]:
        texts_in = chosen_language(selection)
    known = {name: label for name, label in PROBED.items() if texts_in == "en" or name != "number"}
    with places[0]:
        about = choice(_("Property"), INSIDE_PROBED_KEY, known)
    config = InquiryConfig(run=selection.run, step=selection.step, question=question_of(about, texts_in))
    answer = answered(
        "inside_probes_inquiry", config, name=_("Probes"), picture=_("How many tokens a probe gets right, layer by layer"),
        code=as_python(selection, about, texts_in),
    )  # fmt: skip
    found = None if answer is None else layers_of(answer)
    if answer is None or found is None:
        return
    layer = _place(selection, found)
    row = found.rows[found.places.index(layer)]
    st.markdown(as_text(_summary(row, layer, about)))
    drawing(
        "inside_probes", (selection, about, texts_in, layer), partial(lines, found, partial(translate, code=language()), marked=layer),
        label=_("How many tokens a probe gets right, layer by layer"), height=HEIGHT, code=as_python(selection, about, texts_in),
        table=as_csv(found), name=f"terrarium-probes-{selection.run}-{selection.step}", on_picked=lambda picked: pick(picked, found),
    )  # fmt: skip
    _show_text(selection, answer, found, layer, about, texts_in)
    _show_confusion(selection, found, layer, about, texts_in)
    removal.show(selection, store().find(selection.run), texts_in)


def _place(selection: Selection, found: Layers) -> int:
    """The place that is looked at: the chosen layer, or the embedding."""
    at = st.session_state.get(INSIDE_PROBED_AT_KEY)
    return -1 if at == "embedding" else min(max(selection.layer, 0), max(found.places))


def pick(picked: object, found: Layers) -> None:
    """A point was clicked: its place is looked at. What comes from the browser is checked."""
    if type(picked) is int and picked in found.places:
        st.session_state[INSIDE_PROBED_AT_KEY] = "embedding" if picked < 0 else next(iter(PROBED_AT))
        if picked >= 0:
            choose_piece(picked)


def _summary(row: dict[str, object], layer: int, about: str) -> str:
    share = {name: f"{100 * float(row[name]):.3g} %" for name in ("accuracy", "control", "majority", "by_word")}  # type: ignore[arg-type]  # fmt: skip
    left = number(100 * (float(row["accuracy"]) - float(row["control"])))  # type: ignore[arg-type]
    return _(
        "{place}: in {tokens} tokens of texts that it has not seen the probe is right at {accuracy}; with random labels one learns {control} by heart, so that {selectivity} points are left. The most frequent label alone would be right at {majority}, the word alone at {by_word}.",
        place=place_name(layer).capitalize(), tokens=row["tokens"], selectivity=left, **share,
    )  # fmt: skip


@lru_cache(maxsize=KEPT)
def said_of(asked: Asked, about: str, texts_in: str, path: str, names: tuple[str, ...], longest: int, words: tuple[tuple[str, str], ...]) -> Said:  # fmt: skip
    """What the probes of an answer say of a text. Raises UserError where their file cannot be read."""
    with inference():
        from pathlib import Path

        from llm_core.interpret.components import streams
        from llm_core.interpret.geometry.hidden_states import hidden_states
        from llm_core.interpret.probes.probe_truth import truth_of
        from llm_core.runs.inquiries.probes import readers_of

        model, _tokenizer, reading = opened(asked)
        stream = streams(model)[0]
        crossed = stream == "encoder" and reading.source is not None
        side, text = (reading.source, asked.source) if crossed and reading.source else (reading.text, asked.text)
        states = hidden_states(model, [reading], stream)
        readers = readers_of(Path(path), len(states.states), len(names), states.states.shape[-1])
        shares = [reader.shares(vectors) for reader, vectors in zip(readers, states.states, strict=True)]
        return Said(
            side.tokens, tuple(tuple(each.argmax(-1).tolist()) for each in shares), tuple(tuple(each.max(-1).tolist()) for each in shares),
            truth_of(text, side, about, dict(words), longest),  # type: ignore[arg-type]
        )  # fmt: skip


def _show_text(selection: Selection, answer: Answer, found: Layers, layer: int, about: str, texts_in: str) -> None:
    names, words = tuple(found.asked["names"]), tuple(sorted(found.asked["words"].items()))
    said = said_of(intact(selection), about, texts_in, str(answer.file("probes.safetensors")), names, found.asked["longest"], words)  # fmt: skip
    row = found.places.index(layer)
    heading(_("What the probe says of the text above"))
    chips = [
        _chip(token, names[label], truth, names, about)
        for token, label, truth in zip(said.tokens, said.labels[row], said.truth, strict=True)
    ]
    st.html(f"<div class='t-host t-still'><p class='t-read'>{''.join(chips)}</p></div>")
    known = [at for at, truth in enumerate(said.truth) if truth is not None]
    right = sum(names[said.labels[row][at]] == said.truth[at] for at in known)
    note = _note(about) if not known else _("Where the truth is known, of {count} tokens, the probe is right at {right}; ✗ says what is true where it is wrong. Tokens in grey are none that it was asked about: parts of words, and words that are not always the same in the grammar.", count=len(known), right=right)  # fmt: skip
    st.caption(as_text(note))
    if len(said.tokens) <= _MOST_COLUMNS:
        grid = _grid(said, names, found.places, row, about)
        drawing(
            "inside_probes_text", (selection, about, texts_in, layer), partial(figure, grid),
            label=_("What the probe of each layer says of each token"), height=grid.height, least_width=grid.least_width,
            code=as_python(selection, about, texts_in), table=_text_csv(said, names, found), name=f"terrarium-probes-text-{selection.run}-{selection.step}",
            on_picked=lambda picked: pick(picked[0] if isinstance(picked, list) and picked else None, found),
        )  # fmt: skip


def _note(about: str) -> str:
    if about == "depth":
        return _("No token of this text is known to the grammar in this respect: type brackets, such as ([]), to see what the probe says of them.")  # fmt: skip
    return _("No token of this text is known to the grammar in this respect, so that nobody can say whether the probe is right.")  # fmt: skip


def _chip(token: str, label: str, truth: str | None, names: Sequence[str], about: str) -> str:
    """A token as HTML, all of it escaped; in colour where it is known what is true."""
    shown = escape(token_label(token)) or "&nbsp;"
    if truth is None:
        return f"<span style='opacity:.55'>{shown}</span> "
    wrong = "" if truth == label else f" ✗ {escape(label_name(about, truth))}"
    color = css_of(about, label, names)
    return f"<mark class='t-entity' style='--entity: {color}'>{shown}<small>{escape(label_name(about, label))}{wrong}</small></mark> "


def _grid(said: Said, names: Sequence[str], places: Sequence[int], marked: int, about: str) -> Grid:
    """A row for each layer: blue where the probe is right, brown where wrong, empty where nobody knows."""
    shown = {label: label_name(about, label) for label in names}
    unknown = _("nobody knows what")
    values = np.array(
        [
            [
                np.nan if truth is None else share if names[label] == truth else -share
                for label, share, truth in zip(labels, shares, said.truth, strict=True)
            ]
            for labels, shares in zip(said.labels, said.shares, strict=True)
        ],
        dtype=np.float64,
    )
    hovers = [
        [
            _("“{token}”, {place}: {label}, with a probability of {share}; true is {truth}", token=token_label(token), place=place_name(places[row]), label=shown[names[label]], share=float(share), truth=shown.get(truth or "", unknown))
            for token, label, share, truth in zip(said.tokens, said.labels[row], said.shares[row], said.truth, strict=True)
        ]
        for row in range(len(places))
    ]  # fmt: skip
    return Grid(
        values=values, low=-1.0, high=1.0, signed=True, hovers=hovers, picks=[[[place, at] for at in range(len(said.tokens))] for place in places],
        texts=[[short(shown[names[label]], 7) if truth is not None else "" for label, truth in zip(labels, said.truth, strict=True)] for labels in said.labels],
        rows=[place_name(place) for place in places], columns=[short(token) for token in said.tokens], bar=_("right, or wrong"), upward=True,
        marked=(marked, next((at for at, truth in enumerate(said.truth) if truth is not None), 0)), cell_width=58,
    )  # fmt: skip


def _text_csv(said: Said, names: Sequence[str], found: Layers) -> str:
    rows = (
        (row["place"], at, token, names[said.labels[number][at]], float(f"{said.shares[number][at]:.7g}"), said.truth[at] or "")
        for number, row in enumerate(found.rows)
        for at, token in enumerate(said.tokens)
    )  # fmt: skip
    return as_table(("place", "position", "token", "said", "probability", "truth"), rows)


def _show_confusion(selection: Selection, found: Layers, layer: int, about: str, texts_in: str) -> None:
    names = list(found.asked["names"])
    order = in_order(about, names)
    counts = np.array(found.rows[found.places.index(layer)]["confusion"], dtype=np.int64)
    counts = counts[np.ix_([names.index(each) for each in order], [names.index(each) for each in order])]
    shares = counts / np.maximum(1, counts.sum(1, keepdims=True))
    shown = [label_name(about, each) for each in order]
    grid = Grid(
        values=shares, low=0.0, high=1.0, rows=shown, columns=shown, bar=_("share of the row"), bar_format=".0%",
        hovers=[[_("Of {all} tokens that are “{truth}” the probe calls {count} “{said}”.", all=int(counts[row].sum()), truth=shown[row], count=int(counts[row, column]), said=shown[column]) for column in range(len(order))] for row in range(len(order))],
        picks=[[[row, column] for column in range(len(order))] for row in range(len(order))],
        texts=[[str(count) if count else "" for count in row] for row in counts.tolist()], column_title=_("the probe says"), cell_width=46,
    )  # fmt: skip
    heading(_("What it takes for what, at {place}", place=place_name(layer)))
    st.caption(_("A row is what tokens are, a column what the probe says; numbers are tokens."))
    table = as_table(("is", "says", "tokens"), ((order[row], order[column], int(counts[row, column])) for row in range(len(order)) for column in range(len(order))))  # fmt: skip
    drawing(
        "inside_probes_confusion", (selection, about, texts_in, layer, "confusion"), partial(figure, grid), label=_("What the probe takes for what"),
        height=grid.height, least_width=grid.least_width, code=as_python(selection, about, texts_in), table=table,
        name=f"terrarium-probes-confusion-{selection.run}-{selection.step}",
    )  # fmt: skip


def as_python(selection: Selection, about: str, texts_in: str) -> str:
    """The same for a notebook."""
    question = question_of(about, texts_in)
    imports = ["from llm_core.interpret.probes.probe_labels import labelled_tokens", "from llm_core.interpret.probes.probes import probe"]  # fmt: skip
    return f"""\
{python.preamble(selection.intact, imports)}\
labelled = labelled_tokens(model, tokenizer, {about!r}, texts={question.texts}, language={texts_in!r})
for found in probe(model, labelled):
    print(f"{{found.place!s:28}} {{found.accuracy:.3f}} control {{found.control:.3f}} majority {{found.majority:.3f}}")
"""
