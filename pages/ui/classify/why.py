"""Why: for one text, what carried the decision of some families, side by side; the work is done behind a route."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import streamlit as st

from llm_core.errors import N_, UserError
from llm_core.runs.raced import Race
from pages.ui.charts import LIGHT
from pages.ui.classify import why_link
from pages.ui.classify.families import sign, title
from pages.ui.classify.scored import Scored, scored
from pages.ui.classify.why_answer import LONGEST
from pages.ui.faults import refuse
from pages.ui.glossary import meanings
from pages.ui.live import BROWSER, copy_labels, script
from pages.ui.state import (
    CLASSIFY_WHY_CLASS_KEY,
    CLASSIFY_WHY_FAMILIES_KEY,
    CLASSIFY_WHY_FOR_KEY,
    CLASSIFY_WHY_METHOD_KEY,
    CLASSIFY_WHY_TEXT_KEY,
    CLASSIFY_WHY_TURN_KEY,
)
from pages.ui.text import _, language

MOST_FAMILIES = 4
METHODS = {
    "integrated_gradients": N_("Integrated gradients"),
    "gradient_input": N_("Gradient × input"),
    "occlusion": N_("Occlusion"),
}
"""What can be asked of a network: its name in links, and on screen."""


@cache
def _component() -> Any:
    return st.components.v2.component(
        "terrarium_why",
        css=(BROWSER / "why.css").read_text(encoding="utf-8"),
        js=script("format", "curve", "takeaway", "why_picture", "why"),
        isolate_styles=False,
    )


def show(race: Race) -> None:
    """The section; nothing is seen before a family has finished."""
    try:
        found = scored(race)
        if found is None:
            return
        st.subheader(_("Why"), anchor="why", help=meanings("margin", "attribution"))
        _begin(found)
        text = _choose_text(found)
        families, target, method = _controls(found)
        if text.strip() and families:
            _explain(found, text, families, target, method)
        else:
            st.caption(_("Here stands which words carried the decision, for a text and one family or more."))
        why_link.write(found, _place(found, text), (usual_families(found), _class_of(found, text)), list(METHODS))
    except UserError as error:
        refuse(error)


def usual_families(found: Scored) -> list[str]:
    """The linear model, whose reasons are exact, and the best of the networks beside it."""
    usable = [family for family in found.ranked if family in found.usable]
    networks = [family for family in usable if found.results[family].get("neural")]
    linear = [family for family in ("tfidf_logistic_regression",) if family in usable]
    return (linear + networks[:1]) or usable[:2]


def wrong(found: Scored) -> list[int]:
    """Places of the test texts that the usual families call by another name, the most confident first."""
    return _by_confidence(found, usual_families(found), right=False)


def unsure(found: Scored) -> list[int]:
    """Places of all test texts, those first of which the best family is least sure."""
    best = found.probabilities[found.ranked[0]].max(axis=1)
    return [int(place) for place in np.argsort(best, kind="stable")]


def _by_confidence(found: Scored, families: Sequence[str], right: bool) -> list[int]:
    sure = np.mean([found.probabilities[family].max(axis=1) for family in families], axis=0)
    chosen = np.any([found.right(family) == right for family in families], axis=0)
    return [int(place) for place in np.argsort(-sure, kind="stable") if chosen[place]]


def _begin(found: Scored) -> None:
    """Forget what was chosen of another race and take what the link says; begin with a text that was called wrong, where
    there is one."""
    state = st.session_state
    if state.get(CLASSIFY_WHY_FOR_KEY) != found.run:
        for key in (CLASSIFY_WHY_TEXT_KEY, CLASSIFY_WHY_FAMILIES_KEY, CLASSIFY_WHY_CLASS_KEY):
            state.pop(key, None)
        state[CLASSIFY_WHY_FOR_KEY] = found.run
        state[CLASSIFY_WHY_TURN_KEY] = {}
    why_link.follow(found, list(METHODS), LONGEST)
    if CLASSIFY_WHY_TEXT_KEY not in state:
        state[CLASSIFY_WHY_TEXT_KEY] = found.texts[next(iter(wrong(found)), 0)][:LONGEST]


def _choose_text(found: Scored) -> str:
    text = str(
        st.text_area(
            _("Text to explain"), key=CLASSIFY_WHY_TEXT_KEY, max_chars=LONGEST, height=90, persist_state="session",
            placeholder=_("Type a text, or take one of the test part."),
        )
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        for kind, places, label in (
            ("wrong", wrong(found), _("One called wrong")),
            ("unsure", unsure(found), _("An unsure one")),
        ):
            st.button(
                label, key=f"classify_why_{kind}", disabled=not places, on_click=_take, args=(found, kind, places)
            )
        place = _place(found, text)
        if place is not None:
            st.text(_("A text of the test part; its label is {label}.", label=found.names[found.labels[place]]))
    return text


def _take(found: Scored, kind: str, places: Sequence[int]) -> None:
    """The next text of its kind; for callbacks."""
    turns = st.session_state.setdefault(CLASSIFY_WHY_TURN_KEY, {})
    turn = turns.get(kind, -1) + 1
    turns[kind] = turn
    st.session_state[CLASSIFY_WHY_TEXT_KEY] = found.texts[places[turn % len(places)]][:LONGEST]
    st.session_state.pop(CLASSIFY_WHY_CLASS_KEY, None)


def _controls(found: Scored) -> tuple[list[str], int, str]:
    """The families, the class that is explained, and how networks are asked."""
    state = st.session_state
    if not set(state.get(CLASSIFY_WHY_FAMILIES_KEY, ["-"])) <= set(found.usable):
        state[CLASSIFY_WHY_FAMILIES_KEY] = usual_families(found)
    if state.get(CLASSIFY_WHY_CLASS_KEY) not in range(len(found.names)):
        state[CLASSIFY_WHY_CLASS_KEY] = _class_of(found, state[CLASSIFY_WHY_TEXT_KEY])
    left, middle, right = st.columns([2.2, 1, 1.8], gap="medium", vertical_alignment="bottom")
    with left:
        families = st.multiselect(
            _("Families side by side"), found.usable, key=CLASSIFY_WHY_FAMILIES_KEY, format_func=title,
            max_selections=MOST_FAMILIES, persist_state="session",
        )  # fmt: skip
    with middle:
        target = st.selectbox(
            _("What speaks for"), range(len(found.names)), key=CLASSIFY_WHY_CLASS_KEY, format_func=found.names.__getitem__,
            persist_state="session", help=_("The class that is explained: each word speaks for it or against it."),
        )  # fmt: skip
    with right:
        method = st.segmented_control(
            _("Networks are asked by"), list(METHODS), key=CLASSIFY_WHY_METHOD_KEY, required=True, default="integrated_gradients",
            format_func=lambda method: _(METHODS[method]), persist_state="session",
            help=meanings("gradient × input", "integrated gradients", "occlusion"),
        )  # fmt: skip
    return list(families), int(target), str(method)


def _class_of(found: Scored, text: str) -> int:
    """The class that the best family gives a text of the test; of another text the first class."""
    place = _place(found, text)
    return 0 if place is None else int(found.predicted[found.ranked[0]][place])


def _place(found: Scored, text: str) -> int | None:
    """Where a text stands in the test part; None where it does not."""
    return next((place for place, one in enumerate(found.texts) if one[:LONGEST] == text), None)


def _explain(found: Scored, text: str, families: Sequence[str], target: int, method: str) -> None:
    _component()(
        key="classify_why",
        data={
            "run": found.run, "text": text, "target": target, "method": method, "language": language(),
            "names": list(found.names), "labels": labels(), "name": f"terrarium-why-{found.run}",
            "families": [{"name": one, "title": title(one), "sign": asdict(sign(one))} for one in families],
            "colors": {
                "background": LIGHT.background, "text": LIGHT.text, "against": LIGHT.differences[1], "for": LIGHT.differences[-2],
            },
            "code": python(found.run, text, families, target, method),
        },
    )  # fmt: skip


def labels() -> dict[str, Any]:
    """Every word that the component says. Places are filled in the browser."""
    return {
        "looking": _("looking…"),
        "lost": _("The server did not answer. Reload the page to try again."),
        "called": _("calls it {label} ({share})"),
        "scale": _("{method}: blue with a whole line speaks for {label}, brown with a broken one against it; the strongest word counts {most}."),
        "nothing": _("{method}: no word speaks for {label} or against it."),
        "methods": {**{name: _(title) for name, title in METHODS.items()}, "weights": _("Weights")},
        "shows": {
            "weights": _("This is what the model adds up, exactly; that the words truly mean it is not proved."),
            "integrated_gradients": _("It shares the whole decision out among the words, measured from a text that says nothing; with another beginning it would be shared out another way."),
            "gradient_input": _("It shows what the smallest change would do, and says little where the network is sure."),
            "occlusion": _("It shows what leaving out one word at a time would do; two words that say the same hide each other."),
        },
        "complete": _("All together they make {sum}, as they must: the decision is {all} from nothing."),
        "incomplete": _("All together they make {sum} and should make {all}: here the method is not exact."),
        "rest": _("What stands on no word, as spaces and the signs around a text, adds {rest}."),
        "path": _("The questions that led the tree here. It asked of nothing else; another tree may ask other questions and be as good."),
        "no_path": _("The tree asked nothing: it is one leaf."),
        "question": _("“{word}” more than {threshold} times? It is there {value} times:"),
        "yes": _("yes"),
        "no": _("no"),
        "nearest_title": _("Nearest training texts"),
        "nearest": {
            "vectors": _("By what the network makes of them, among {of} training texts. They lie near; that it decided by them is not proved."),
            "words": _("By the words that they share, rare ones more, among {of} training texts. They are like it; that anything was decided by them is not proved."),
            "none": _("No training text shares a word with it."),
        },
        "near": _("{label} · cosine {cosine} · row {row}"),
        "flips_title": _("What flips it"),
        "flips_note": _("The smallest changes that make it call the text something else. They show what the decision hangs on, not what the text means."),
        "kinds": {
            "deletions": _("Words left out:"),
            "opposites": _("What tells this class put in another class's words:"),
            "synonyms": _("Words of the same meaning:"),
        },
        "smallest": _("no smaller change does it."),
        "perhaps": _("the smallest found; not every smaller one was tried."),
        "none": _("nothing of this kind flips it; {count} texts were tried."),
        "late": _("nothing found in time; {count} texts were tried."),
        "no_change": _("there is nothing of this kind to change."),
        "becomes": _("→ {label} ({share})"),
        "take_away": _("Take it away"),
        **copy_labels(),
    }  # fmt: skip


def python(run: str, text: str, families: Sequence[str], target: int, method: str) -> str:
    """The same for a notebook."""
    function = {
        "integrated_gradients": "integrated_gradients",
        "gradient_input": "gradient_times_input",
        "occlusion": "occlusion",
    }[method]
    imported = ", ".join(sorted({function, "linear_weights", "occlusion", "onto_words"}))
    network = (
        f"    elif isinstance(classifier, NetworkClassifier):\n        found = {function}(classifier, text, target)\n"
        if method != "occlusion"
        else ""
    )
    classes = "LinearClassifier, NetworkClassifier" if network else "LinearClassifier"
    return f"""\
from llm_core.inference.classifiers.base import {classes}
from llm_core.interpret.attribution.class_attribution import {imported}
from llm_core.interpret.attribution.flips import deletions, flip
from llm_core.runs.raced import open_race
from llm_core.runs.store import Store

race = open_race(Store().find({run!r}))
text, target = {text!r}, {target}
for family in {list(families)!r}:
    classifier = race.classifier(family)
    if isinstance(classifier, LinearClassifier):
        found = linear_weights(classifier, text, target)
{network}    else:
        found = occlusion(classifier, text, target)
    spans, scores, rest = onto_words(found, text)
    print(family, found.method, race.names[target])
    for (start, end), score in zip(spans, scores):
        print(f"{{score:+9.3f}}  {{text[start:end]}}")
    for one in flip(classifier, text, deletions(text)).found:
        print(race.names[one.label], one.probability, one.text)
"""
