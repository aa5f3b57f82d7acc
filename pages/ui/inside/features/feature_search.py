"""Features looked for by what a grammar knows: which one tells plural nouns, names, verbs."""

from collections.abc import Sequence
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from llm_core.data.table_writing import as_table
from pages.ui.charts import Colors
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside.choices import PROBED
from pages.ui.inside.controls import heading
from pages.ui.inside.features.feature_active import pick
from pages.ui.inside.features.feature_rows import Label
from pages.ui.inside.labels import in_order, label_name
from pages.ui.inside.pictures.bars import Bar, across
from pages.ui.inside.pictures.grid import safe
from pages.ui.state import INSIDE_FEATURE_LABEL_KEY
from pages.ui.text import _, number

_CHANCE = 0.5


def show_search(labels: Sequence[Label], chosen: int, *, code: str, saved: str) -> None:
    """A label, and the features that tell it, beside the best with random directions."""
    heading(_("Look for a feature"))
    if not labels:
        st.info(
            _("No grammar knows what is true of what this place reads, so that features cannot be looked for by it.")
        )
        return
    known = {f"{label.about}.{label.label}": label for label in _sorted(labels)}
    if st.session_state.get(INSIDE_FEATURE_LABEL_KEY) not in known:
        st.session_state[INSIDE_FEATURE_LABEL_KEY] = max(known, key=lambda name: known[name].areas[0])
    name = st.selectbox(
        _("That tells"), list(known), key=INSIDE_FEATURE_LABEL_KEY, persist_state="session",
        format_func=lambda name: _("{about}: {label}", about=_(PROBED[known[name].about]), label=label_name(known[name].about, known[name].label)),
    )  # fmt: skip
    label = known[str(name)]
    bars = [
        Bar(
            f"▸ {feature}" if feature == chosen else str(feature), area - _CHANCE,
            _("speaks at {on} of such tokens and at {elsewhere} of the others", on=_percent(on), elsewhere=_percent(elsewhere)), feature,
        )
        for feature, area, on, elsewhere in zip(label.features, label.areas, label.on, label.elsewhere, strict=True)
    ]  # fmt: skip
    title = _("area under the ROC curve, above the 0.5 of chance")
    drawing(
        "inside_features_search", (saved, name, label, chosen), partial(_figure, bars, title, label.random - _CHANCE),
        label=_("The features that tell it best"), height=70 + 24 * len(bars), code=code,
        table=as_table(("feature", "area", "on", "elsewhere"), zip(label.features, label.areas, label.on, label.elsewhere, strict=True)),
        name=f"{saved}-search", on_picked=pick,
    )  # fmt: skip
    st.caption(
        as_text(
            _("Feature {feature} is stronger at a token that is “{label}” than at one that is not in {share} of cases, the best with random directions (dotted) in {random}. Found in one half of the texts, measured at {count} such tokens of the other half.", feature=label.features[0], label=label_name(label.about, label.label), share=_percent(label.areas[0]), random=_percent(label.random), count=label.tokens)
        )
    )  # fmt: skip


def _sorted(labels: Sequence[Label]) -> list[Label]:
    """Property by property, each in the order in which its labels are listed."""
    found = []
    for about in dict.fromkeys(label.about for label in labels):
        mine = {label.label: label for label in labels if label.about == about}
        found += [mine[name] for name in in_order(about, list(mine))]
    return found


def _figure(bars: Sequence[Bar], title: str, random: float, colors: Colors) -> go.Figure:
    made = across(bars, title, colors)
    made.add_shape(
        type="line", x0=random, x1=random, yref="paper", y0=0, y1=1,
        line={"color": colors.quiet, "width": 1.5, "dash": "dot"},
    )  # fmt: skip
    made.update_xaxes(range=[min(-0.02, *(1.2 * bar.value for bar in bars)), 0.58])
    made.update_yaxes(title={"text": safe(_("feature")), "standoff": 4})
    return made


def _percent(value: float) -> str:
    return f"{number(100 * value)} %"
