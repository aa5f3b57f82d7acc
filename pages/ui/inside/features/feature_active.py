"""The features that speak at the chosen token, and what is lost without each: the others are the control of the chosen one."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from pages.ui.attention.words import token_label
from pages.ui.drawing import drawing
from pages.ui.faults import as_text, refuse
from pages.ui.inside.computed import Predicted
from pages.ui.inside.controls import heading
from pages.ui.inside.features.feature_data import Files, changes_without
from pages.ui.inside.features.feature_rows import Label, told_by
from pages.ui.inside.labels import label_name
from pages.ui.inside.pictures.bars import Bar, across
from pages.ui.inside.selection import Selection, intact
from pages.ui.inside.words import explained, signed
from pages.ui.state import INSIDE_FEATURE_KEY
from pages.ui.text import _

_SHOWN = 24


def show_active(
    selection: Selection,
    predicted: Predicted,
    files: Files,
    active: Sequence[tuple[int, float]],
    chosen: int,
    labels: Sequence[Label],
    *,
    everywhere: bool,
    code: str,
    saved: str,
) -> None:
    """Bars of activation, the strongest first, and beside them bars of what changes without each. A click looks at one."""
    if everywhere or selection.token is None:
        heading(_("Features that speak in the text"))
    else:
        heading(_("Features that speak at “{token}”", token=token_label(predicted.tokens[selection.token])))
    if not active:
        st.info(_("No feature speaks here."))
        return
    shown, told = list(active[:_SHOWN]), told_by(labels)
    names = [_name(feature, told, feature == chosen) for feature, _value in shown]
    left, right = st.columns([3, 2], gap="medium")
    height = 62 + 22 * len(shown)
    with left:
        bars = [Bar(name, value, _("A click looks at this feature."), feature) for name, (feature, value) in zip(names, shown, strict=True)]  # fmt: skip
        drawing(
            "inside_features_active", (selection, files, tuple(names)), partial(across, bars, _("activation")), label=_("The features that speak here, the strongest first"),
            height=height, code=code, table=as_table(("feature", "activation"), ((feature, float(f"{value:.6g}")) for feature, value in shown)),
            name=f"{saved}-active", on_picked=pick,
        )  # fmt: skip
    features = tuple(feature for feature, _value in shown)
    with right:
        try:
            changes = changes_without(
                intact(selection), files, selection.token, selection.target, selection.against, features
            )
        except UserError as error:
            refuse(error)
            return
        what = explained(selection, predicted)
        bars = [Bar(_("without {feature}", feature=feature), value, "", feature) for feature, value in zip(features, changes, strict=True)]  # fmt: skip
        drawing(
            "inside_features_without", (selection, files, features, chosen), partial(across, bars, what), label=_("How {what} changes without each feature", what=what),
            height=height, code=code, table=as_table(("feature", "change"), ((feature, float(f"{value:.6g}")) for feature, value in zip(features, changes, strict=True))),
            name=f"{saved}-without", on_picked=pick,
        )  # fmt: skip
    if chosen not in features:
        st.caption(_("Feature {feature} does not speak here: taking it out changes nothing.", feature=chosen))
        return
    mine = changes[features.index(chosen)]
    rank = 1 + sum(abs(change) > abs(mine) for change in changes)
    st.caption(as_text(_("Without feature {feature}, taken out of the whole text, {what} changes by {change}: of the {count} features that speak here it matters as number {rank}. The others are its control.", feature=chosen, what=what, change=signed(mine), count=len(features), rank=rank)))  # fmt: skip


def _name(feature: int, told: dict[int, Label], chosen: bool) -> str:
    label = told.get(feature)
    said = str(feature) if label is None else f"{feature} · {label_name(label.about, label.label)}"
    return f"▸ {said}" if chosen else said


def pick(picked: object) -> None:
    """A bar was clicked. What comes from the browser is checked."""
    if type(picked) is int and 0 <= picked < 100_000:
        st.session_state[INSIDE_FEATURE_KEY] = picked
