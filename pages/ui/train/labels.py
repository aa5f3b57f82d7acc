"""Every word of the live component of the page Train, in the language of the session."""

from collections.abc import Sequence
from typing import Any

from llm_core.errors import N_
from llm_core.runs.run import Run
from pages.ui.glossary import SKILLS, meaning
from pages.ui.live import STATES, copy_labels, duration_labels
from pages.ui.text import _, language, translate
from pages.ui.train.bench_labels import bench_labels
from pages.ui.train.task import answers, no_floor, reads

LINES = {
    "training": N_("training text"), "held_out": N_("held-out text"), "uniform": N_("uniform guess"),
    "unigram": N_("unigram"), "ngram": N_("{order}-gram"), "floor": N_("entropy floor"), "step": N_("Step"), "loss": N_("Loss (nats per token)"),
}  # fmt: skip


def line_names(run: Run, code: str) -> dict[str, str]:
    """The lines of the loss curve, as they are labelled in the language of that code."""
    return {key: translate(name, code).format(order=_order(run)) for key, name in LINES.items()}


def _order(run: Run) -> int:
    """How many tokens the n-gram counts together that the curve is compared with."""
    model = run.config.model
    return model.order if model.family == "ngram" else 5


def measures() -> Sequence[dict[str, Any]]:
    """The small figures under the picture."""
    return (
        {"column": "rate", "title": _("Learning rate"), "color": "training", "logarithmic": False},
        {"column": "norm", "title": _("Gradient norm"), "color": "held_out", "logarithmic": True},
        {"column": "speed", "title": _("Tokens per second"), "color": "ngram", "logarithmic": False},
    )


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


def labels(run: Run) -> dict[str, Any]:
    """Every word that the script shows, in the language of this session."""
    return {
        **line_names(run, language()),
        "loss_short": _("Loss (nats)"),
        "picture": _("Loss over steps: training, held-out, uniform guess, unigram, n-gram and entropy floor"),
        "gap": _("Gap to the floor closed"),
        "gap_track": _("{share} of the way from the {order}-gram to the entropy floor", share="{share}", order=_order(run)),
        "not_yet": _("not past the {order}-gram yet", order=_order(run)),
        "no_floor": no_floor(run),
        "skills": skill_names(run),
        "skills_title": _("What it can do"),
        "right": _("{share} right at step {step}", share="{share}", step="{step}"),
        "states": {state: _(name) for state, name in STATES.items()} | {"queued": _("waiting for its turn")},
        "pending": {
            "pause": _("pausing…"), "stop": _("stopping…"), "resume": _("resuming…"), "step": _("taking one step…"),
        },
        "covers": {
            "waiting": _("Waits for a worker: one is starting, or all are busy with other runs."),
            "queued": _("Waits for its turn: place {place} of {waiting}. It begins by itself.", place="{place}", waiting="{waiting}"),
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
        **bench_labels(run),
        "axes": _("Axes and smoothing"),
        "log_steps": _("steps logarithmic"),
        "log_loss": _("loss logarithmic"),
        "smoothing": _("smoothing"),
        "smoothings": {"none": _("none"), "some": _("usual"), "more": _("strong")},
        "branched_at": _("branched at step {step}", step="{step}"),
        "branch": _("Branch"),
        "before_it": _("Under way: {names}.", names="{names}"),
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
