"""The words of the panels below the curve, in the language of the session."""

from typing import Any

from llm_core.runs.run import Run
from pages.ui.text import _
from pages.ui.train.task import answers, reads


def bench_labels(run: Run) -> dict[str, Any]:
    """What the tabs and the panels under them say."""
    return {
        "bench": _("What happens while it learns"),
        "large": _("Whole screen"),
        "small": _("Back to the page"),
        "panels": {
            "samples": _("What it fills in") if reads(run) else _("What it says of texts") if answers(run) else _("What it writes"),
            "text": _("Token by token"),
            "layers": _("Layer by layer"),
            "opened": _("One step, opened"),
            "measures": _("Rate and speed"),
        },
        **_text(), **_layers(), **_opened(),
    }  # fmt: skip


def _text() -> dict[str, Any]:
    return {
        "fixed_text": _("A held-out text, each token coloured by its loss"),
        "text_step": _("The text at step"),
        "text_map": _("Every position over steps"),
        "place": _("Position in the text"),
        "play": _("Play"),
        "nats": _("{nats} nats", nats="{nats}"),
        "no_text": _("Here stands one held-out text, each token coloured by what it costs the model, and when it became easy. Runs that were made before this was recorded have none, and neither has a model that says something of whole texts."),
        "one_token": _("One token over steps"),
        "token_over_steps": _("“{token}” over steps", token="{token}"),
        "by_frequency": _("Frequent and rare tokens, a third each: mean loss"),
        "classes": {"frequent": _("frequent"), "middle": _("in between"), "rare": _("rare")},
        "class_hover": _("At step {x} {tokens} tokens cost {y} nats; {share} of them have become easy.", x="%{x:,}", y="%{y:.2f}", share="%{customdata:.0%}", tokens="{tokens}"),
        "easy_below": _("easy below"),
        "easy_first": _("Easy first"),
        "easy_last": _("Easy last"),
        "easy_never": _("Not easy yet: {count}", count="{count}"),
        "none_yet": _("none yet"),
        "easy_count": _("{count} of {all} tokens have become easy, and stay so; the mean is {mean} nats. Easy is what costs less than 1 nat, and less than half of what it costs by its frequency alone. Under a token stands the step since when.", count="{count}", all="{all}", mean="{mean}"),
        "token_costs": _("“{token}” costs {nats} nats here; by its frequency alone {unigram}.", token="{token}", nats="{nats}", unigram="{unigram}"),
        "token_easy": _("Easy since step {step}.", step="{step}"),
        "token_never": _("Not easy yet."),
        "token_not_asked": _("“{token}” is not asked for.", token="{token}"),
        "token_nats": _("“{token}” costs {nats} nats.", token="{token}", nats="{nats}"),
        "token_place": _("position {place}", place="{place}"),
        "token_hover": _("At step {step} “{token}”, position {place}, costs {nats} nats.", step="{step}", token="{token}", place="{place}", nats="{nats}"),
        "token_line_hover": _("At step {x} “{token}” costs {y} nats.", x="%{x:,}", y="%{y:.3f}", token="{token}"),
    }  # fmt: skip


def _layers() -> dict[str, Any]:
    places: dict[str, str] = {"x": "%{x:,}", "y": "%{y:.3g}", "part": "{part}"}
    return {
        "norm_shown": _("What is drawn"),
        "norms": {"gradient": _("Gradient"), "weight": _("Weights"), "ratio": _("Update / weights")},
        "norm_axis": {"gradient": _("Length of the gradient"), "weight": _("Length of the weights"), "ratio": _("Update / weights")},
        "norm_says": {
            "gradient": _("How steeply the loss rises along each part, before clipping. A part whose gradient is a thousand times shorter than the others’ hardly learns."),
            "weight": _("How long the row of all weights of each part is. Weights that grow without end, or shrink to nothing, are a sign to look closer."),
            "ratio": _("By what share of its length one step moves each part. About 1 in 1,000 is usual; 1 in 10 is a leap, 1 in 100,000 stands still."),
        },
        "norm_hover": {
            "gradient": _("At step {x} the gradient of {part} is {y} long.", **places),
            "weight": _("At step {x} the weights of {part} are {y} long.", **places),
            "ratio": _("At step {x} the update of {part} is {y} of its weights.", **places),
        },
        "parts": {
            "embedding": _("embedding"), "head": _("output head"), "block": _("block {number}", number="{number}"),
            "encoder block": _("encoder block {number}", number="{number}"),
            "decoder block": _("decoder block {number}", number="{number}"), "encoder norm": _("encoder norm"),
        },
        "no_layers": _("Here stand the lengths of gradient, weights and update of each layer. Runs that were made before this was recorded have none, and neither has a model that only counts."),
    }  # fmt: skip


def _opened() -> dict[str, Any]:
    return {
        "no_opened": _("Nothing to open yet. Pause the training and press “One step”: the step is taken alone and can be looked into here, from the batch to the change of each layer."),
        "opened_title": _("Step {step}, opened ({place} of {all})", step="{step}", place="{place}", all="{all}"),
        "look_into": _("Look into step {step}", step="{step}"),
        "opened_before": _("Opened before"),
        "opened_after": _("Opened after"),
        "opened_advice": _("Look at which tokens cost most, and whether the loss on this very batch is lower after the step than before: that is all that one step does."),
        "opened_batch": _("The batch: {rows} rows, {tokens} tokens asked for", rows="{rows}", tokens="{tokens}"),
        "row": _("row {row}", row="{row}"),
        "row_source": _("from: {text}", text="{text}"),
        "row_label": _("class: {label}, {nats} nats", label="{label}", nats="{nats}"),
        "token_read": _("The model read “{token}” in its place.", token="{token}"),
        "more_rows": _("Show {count} more rows", count="{count}"),
        "fewer_rows": _("Show fewer rows"),
        "loss_before_after": _("Loss on this batch (nats)"),
        "loss_before_after_sense": _("before the step and after it, without dropout"),
        "rate": _("Learning rate"),
        "rate_sense": _("{share} of its highest, after {done} of the training", share="{share}", done="{done}"),
        "gradient_norm": _("Gradient norm"),
        "clipping": _("Clipping"),
        "clipping_sense": _("a gradient longer than a limit is shortened to it, so that one odd batch cannot throw the model off"),
        "not_clipping": _("none"),
        "not_clipped": _("not needed (limit {limit})", limit="{limit}"),
        "clipped": _("shortened to {share}", share="{share}"),
        "part": _("Part"),
        "relative": _("Change of its weights"),
    }  # fmt: skip
