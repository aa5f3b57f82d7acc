"""Scores of all heads over the steps of training, beside the held-out loss: the moment is seen at which a head forms.

Drawn in the browser (`assets/browser/head_steps.js`) from what the table fetches.
"""

from typing import Any

import streamlit as st

from pages.ui import charts
from pages.ui.attention.head_parts import component
from pages.ui.attention.head_rows import HeadRows, rise
from pages.ui.attention.head_words import climb, head_name, score_words, summary_words
from pages.ui.attention.looking import PARTS, Looking, choose_head, choose_step
from pages.ui.attention.measured import loss_at
from pages.ui.live import copy_labels
from pages.ui.state import ATTENTION_SCORE_KEY
from pages.ui.subject import Subject
from pages.ui.text import _, language

STEPS = "attention_head_steps"


def show(looking: Looking, subject: Subject, rows: HeadRows) -> None:
    """The curves of one score, that of the chosen head strong. Nothing is seen until something has been measured."""
    score = chosen_score(rows, looking.part)
    words = score_words() | summary_words()
    component()(
        key=STEPS,
        data={
            "part": "steps", "run": looking.run, "language": language(), "step": looking.step, "score": score,
            "chosen": [looking.part, looking.layer, looking.head],
            "head": head_name(looking.part, looking.layer, looking.head, several=False),
            "titles": [(name, word.title, word.share) for name, word in words.items()],
            "said": moment(rows, looking, subject, score), "themes": charts.themes(),
            "csv": f"./heads/{looking.run}.csv?lang={language()}", "name": f"terrarium-head-steps-{looking.run}",
            "code": as_python(looking, score), "labels": _labels(),
        },
        on_score_change=lambda: _choose_score(st.session_state[STEPS].get("score")),
        on_picked_change=lambda: _pick(subject, st.session_state[STEPS].get("picked")),
    )  # fmt: skip


def chosen_score(rows: HeadRows, part: str) -> str:
    """The score that was chosen, if this part has it; else its first one, induction before all others."""
    known = dict.fromkeys(each.score for each in rows.measured if each.part == part)
    chosen = st.session_state.get(ATTENTION_SCORE_KEY)
    return chosen if chosen in known else "induction" if "induction" in known else next(iter(known), "")


def moment(rows: HeadRows, looking: Looking, subject: Subject, score: str) -> str:
    """When the chosen head's score climbed most, and what the loss did then; empty where it never came to much."""
    pair = rise(rows.over(looking.part, score), looking.layer, looking.head)
    if pair is None or score not in score_words():
        return ""
    before, after = pair
    first, second = loss_at(subject.run, before.step), loss_at(subject.run, after.step)
    known = (first, second) if first is not None and second is not None else None
    return climb(before, after, looking.layer, looking.head, known)


def _choose_score(score: object) -> None:
    if isinstance(score, str):
        st.session_state[ATTENTION_SCORE_KEY] = score


def _pick(subject: Subject, picked: object) -> None:
    """A point that was clicked: its head, and the kept step that is nearest."""
    if not isinstance(picked, dict):
        return
    part, step, layer, head = (picked.get(name) for name in ("part", "step", "layer", "head"))
    if isinstance(part, str) and part in PARTS and type(step) is int and type(layer) is int and type(head) is int:
        wanted = step
        choose_head(part, layer, head)
        choose_step(min(subject.run.steps(), key=lambda kept: abs(kept - wanted)))


def _labels() -> dict[str, Any]:
    values = {"score": "%{y:.3f}", "step": "%{customdata[0]:,}"}
    return {
        "choice": _("Over the steps of training"),
        "picture": _("{title} of all heads over the steps of training, and the held-out loss", title="{title}"),
        "single": _("Only one step of this model was measured: there is no curve to draw."),
        "step": _("Step"),
        "loss_axis": _("Loss (nats)"),
        "loss_short": _("held-out loss"),
        "hover": _("Layer {layer}, head {head} scores {score} at step {step}.", layer="%{customdata[1]}", head="%{customdata[2]}", **values),
        "hover_baseline": _("{baseline} reaches {score} without a model.", baseline="%{customdata}", score="%{y:.3f}"),
        "hover_loss": _("At step {x} the loss on held-out text is {y} nats per token.", x="%{customdata[0]:,}", y="%{y:.3f}"),
        "take_away": _("Take it away"),
        **copy_labels(),
    }  # fmt: skip


def as_python(looking: Looking, score: str) -> str:
    """The curve of the chosen head, for a notebook or a script."""
    return f"""\
from llm_core.runs.head_scores import find_rows
from llm_core.runs.store import Store

store = Store()
for row in find_rows(store, store.find({looking.run!r})):
    if (row["part"], row["score"]) == ({looking.part!r}, {score!r}):
        print(row["step"], row["mean"][{looking.layer}][{looking.head}], row["baseline"])
"""
