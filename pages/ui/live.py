"""The live component: what a run says while it trains, drawn in the browser from the route `./live/<run>`.

A page places its parts: `picture` (the loss curve with state and buttons), `samples`, `measures`, `skills`, `guide`,
`takeaway`.
All of them share one feed in the browser, and none of what moves costs a script run. Commands (pause, resume, stop,
one step) come back through the component and are carried out here.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from llm_core.config import READING, RunConfig, TaskConfig
from llm_core.data.corpora import CORPORA
from llm_core.errors import N_, UserError
from llm_core.runs.owners import may_change
from llm_core.runs.run import Run
from pages.ui import charts
from pages.ui.glossary import SKILLS, meaning
from pages.ui.state import FAULT_KEY, store
from pages.ui.text import _, language, translate
from pages.ui.who import owner

BROWSER = Path(__file__).resolve().parents[2] / "assets" / "browser"

STATES = {
    "waiting": N_("about to start"),
    "preparing": N_("preparing the text"),
    "running": N_("training"),
    "paused": N_("paused"),
    "stopped": N_("stopped"),
    "finished": N_("finished"),
    "interrupted": N_("interrupted"),
    "diverged": N_("diverged"),
    "failed": N_("failed"),
    "stalled": N_("no sign of life"),
}
"""What each state of a run is called on screen."""

Part = Literal["picture", "samples", "measures", "skills", "guide", "takeaway"]


def script(*names: str) -> str:
    """Browser modules as one: Streamlit takes a component's script as a single text."""
    return "\n".join((BROWSER / f"{name}.js").read_text(encoding="utf-8") for name in names)


@cache
def _component() -> Any:
    return st.components.v2.component(
        "terrarium_live",
        js=script("format", "feed", "curve", "parts", "skills", "takeaway", "closing", "live"),
        isolate_styles=False,
    )


def live(part: Part, run: Run, *, replay: bool = False, **data: Any) -> None:
    """Place one part for a run. `replay`: draw a run that is over from its start, once, when it first appears."""
    key = f"live_{part}"
    _component()(
        key=key,
        data={
            "part": part, "run": run.id, "language": language(), "labels": labels(run), "themes": charts.themes(),
            "controls": may_change(run, owner()), "replay": replay, **data,
        },
        on_command_change=lambda: _obey(key),
    )  # fmt: skip


def _obey(key: str) -> None:
    """Carry out a button of the picture. What comes from the browser is checked like anything else from outside."""
    command = st.session_state[key].get("command")
    if not isinstance(command, dict):
        return
    try:
        ask(str(command.get("run")), str(command.get("command")))
    except UserError as error:
        st.session_state[FAULT_KEY] = error


def ask(reference: str, command: str) -> None:
    """Pause, resume, stop a run, or take one step. Raises UserError when it is not there or not ours."""
    run = store().find(reference)
    if command == "pause":
        store().want(run, "paused", owner=owner())
    elif command == "stop":
        store().want(run, "stopped", owner=owner())
    elif command in ("resume", "step"):
        until = run.status().step + 1 if command == "step" else None
        store().want(run, "running", until_step=until, owner=owner())
        store().start(run)


def measures() -> Sequence[dict[str, Any]]:
    """The small figures under the picture."""
    return (
        {"column": "rate", "title": _("Learning rate"), "color": "training", "logarithmic": False},
        {"column": "norm", "title": _("Gradient norm"), "color": "held_out", "logarithmic": True},
        {"column": "speed", "title": _("Tokens per second"), "color": "ngram", "logarithmic": False},
    )


LINES = {
    "training": N_("training text"), "held_out": N_("held-out text"), "uniform": N_("uniform guess"),
    "ngram": N_("{order}-gram"), "floor": N_("entropy floor"), "step": N_("Step"), "loss": N_("Loss (nats per token)"),
}  # fmt: skip


def line_names(run: Run, code: str) -> dict[str, str]:
    """The lines of the loss curve, as they are labelled in the language of that code."""
    return {key: translate(name, code).format(order=_order(run)) for key, name in LINES.items()}


def _order(run: Run) -> int:
    """How many tokens the n-gram counts together that the curve is compared with."""
    model = run.config.model
    return model.order if model.family == "ngram" else 5


def no_floor(run: Run) -> str:
    """Why no curve of this run can have a floor, where that is known before its text is read; else empty."""
    from llm_core.evaluate.floor import HIDDEN, NO_TRANSLATIONS, NO_WRITING, UNKNOWN

    corpus = CORPORA.get(run.config.data.corpus)
    if reads(run):
        return _(HIDDEN.template)
    if answers(run):
        return _(NO_WRITING.template)
    if corpus is not None and corpus.kind == "parallel":
        return _(NO_TRANSLATIONS.template)
    return "" if corpus is not None and corpus.kind != "text" else _(UNKNOWN.template)


def reads(run: Run) -> bool:
    """Whether its model learns to fill in what is hidden from it, and does not write."""
    return isinstance(run.settings, RunConfig) and run.settings.training.objective in READING


def answers(run: Run) -> bool:
    """Whether its model learns to say something of a text: its class, its entities, the answer to a question."""
    return isinstance(run.settings, RunConfig) and isinstance(run.settings.model, TaskConfig)


def skill_names(run: Run | None = None) -> dict[str, tuple[str, str]]:
    """The measures beside the loss: what each is called, and what it means. Others keep their own names.

    `run`: whose measures they are, where one name means several things.
    """
    right = (
        _("Right answers"),
        _(
            "the share of questions that are answered right to the last token, or of hidden tokens that are guessed right"
        ),
    )
    follows = (
        _("Which text follows"),
        _("the share of pairs of which it is known whether the second text stands right behind the first"),
    )
    translations = {
        "exact_match": (_("Exact translations"), _("the share of held-out sentences that come out just as the reference has them")),
        "chrf": (_("Likeness (chrF)"), _("how many runs of one to six characters translation and reference share; 1 when all are alike")),
    }  # fmt: skip
    if run is not None and answers(run):
        right = _("Right classes"), _("the share of held-out texts whose class is right")
    said = {
        "entity_precision": (_("Entities: precision"), _("the share of the entities it names that are right, from the first word to the last")),
        "entity_recall": (_("Entities: recall"), _("the share of the entities in held-out texts that it finds, from the first word to the last")),
        "entity_f1": (_("Entities: F1"), _("precision and recall in one figure; 1 when all entities are found and no other")),
        "answer_exact": (_("Exact answers"), _("the share of held-out questions whose answer is just right, capitals, punctuation and articles aside")),
        "answer_f1": (_("Answers: F1"), _("how much answer and right answer share, in words, or in characters of Chinese; 1 when all are alike")),
    }  # fmt: skip
    return (
        {"accuracy": right, "next_sentence": follows}
        | translations
        | said
        | {f"skill.{key}": (_(name), _(sense)) for key, (name, sense) in SKILLS.items()}
    )


def copy_labels() -> dict[str, str]:
    """What the button that copies the link says."""
    return {
        "link": _("Copy link"), "copied": _("Copied"), "not_copied": _("Not copied: copy it from the address bar"),
    }  # fmt: skip


def duration_labels() -> dict[str, str]:
    """How the browser says a time; places are filled there."""
    return {
        "seconds": _("{s} s", s="{s}"), "minutes": _("{m} min {s} s", m="{m}", s="{s}"), "hours": _("{h} h {m} min", h="{h}", m="{m}"),
    }  # fmt: skip


def labels(run: Run) -> dict[str, Any]:
    """Every word that the script shows, in the language of this session."""
    return {
        **line_names(run, language()),
        "loss_short": _("Loss (nats)"),
        "picture": _("Loss over steps: training, held-out, uniform guess, n-gram and entropy floor"),
        "gap": _("Gap to the floor closed"),
        "gap_track": _("{share} of the way from the {order}-gram to the entropy floor", share="{share}", order=_order(run)),
        "not_yet": _("not past the {order}-gram yet", order=_order(run)),
        "no_floor": no_floor(run),
        "skills": skill_names(run),
        "skills_title": _("What it can do"),
        "right": _("{share} right at step {step}", share="{share}", step="{step}"),
        "states": {state: _(name) for state, name in STATES.items()},
        "pending": {
            "pause": _("pausing…"), "stop": _("stopping…"), "resume": _("resuming…"), "step": _("taking one step…"),
        },
        "covers": {
            "waiting": _("Waits for a worker: one is starting, or all are busy with other runs."),
            "preparing": _("Cutting the text into tokens…"),
            "running": _("The first step is on its way…"),
            "paused": _("This run was paused before its first step. Resume goes on."),
            "stalled": _("This run gives no sign of life and has not come to its first step."),
            "diverged": _("This run diverged before its first point could be drawn."),
            "finished": _("This run is finished and has left no points to draw."),
            "failed": _("This run ended before its first step."),
            "stopped": _("This run was stopped before its first step."),
            "interrupted": _("This run was interrupted before its first step. Resume starts it again."),
        },
        "offline": _("The server does not answer. The training itself goes on; trying again."),
        "of": _("{a} of {b}", a="{a}", b="{b}"),
        "meanings": {
            "step": meaning("step"), "held_out_loss": meaning("loss"), "bits": meaning("bits per character"),
            "accuracy": skill_names(run)["accuracy"][1], "gap": meaning("gap closed"), "floor": meaning("entropy floor"), "skills": meaning("skill"),
            "rate": meaning("learning rate"), "norm": meaning("gradient"), "speed": meaning("token"),
        },
        "held_out_loss": _("Held-out loss (nats)"),
        "accuracy": skill_names(run)["accuracy"][0],
        "bits": _("Bits per character"),
        "speed": _("Tokens per second"),
        "remaining": _("Remaining"),
        "trained": _("Trained for"),
        **duration_labels(),
        "pause": _("Pause"), "resume": _("Resume"), "stop": _("Stop"), "one_step": _("One step"),
        "replay": _("Play again"), "end_replay": _("To the end"),
        "samples": _("What it fills in") if reads(run) else _("What it says of texts") if answers(run) else _("What it writes"),
        "sample_step": _("Sample at step"),
        "at_step": _("at step {step}", step="{step}"),
        "reference": _("reference: {text}", text="{text}"),
        "as_reference": _("just as the reference has it"),
        "no_samples": _("The first sample comes with the first steps."),
        "take_away": _("Take it away"),
        **copy_labels(),
        "hover": {
            "training": _("At step {x} the training loss is {y} nats per token.", x="%{x:,}", y="%{y:.3f}"),
            "held_out": _("At step {x} the loss on held-out text is {y} nats per token.", x="%{x:,}", y="%{y:.3f}"),
            "rate": _("At step {x} the learning rate is {y}.", x="%{x:,}", y="%{y:.3g}"),
            "norm": _("At step {x} the gradient is {y} long.", x="%{x:,}", y="%{y:.3g}"),
            "speed": _("At step {x} it reads {y} tokens per second.", x="%{x:,}", y="%{y:,.0f}"),
        },
    }  # fmt: skip
