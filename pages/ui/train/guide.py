"""What to look for on the page Train: sentences, each with a button that shows it."""

from llm_core.runs.run import Run
from pages.ui.text import _
from pages.ui.train.task import answers, no_floor, reads
from pages.ui.writing import is_translator


def what_to_look_for(run: Run) -> list[dict[str, str]]:
    """Each with the `view` of the curve, or the panel below it (`look`), that its button shows."""
    views = [_start(run) if no_floor(run) else _floor()]
    if not answers(run):
        views += [_crossing(run), _tokens()]
    end = _("When training loss falls on but held-out loss does not, the model is learning its text by heart.")
    return [*views, {"view": "end", "button": _("Show the end"), "text": end}]


def _floor() -> dict[str, str]:
    return {
        "view": "floor", "button": _("Show the floor"),
        "text": _("The floor is the chance that is in the texts themselves. What is left above it is what the model has not yet understood."),
    }  # fmt: skip


def _start(run: Run) -> dict[str, str]:
    return {
        "view": "start", "button": _("Show the start"),
        "text": _("The first steps fall steepest: the model leaves the uniform guess behind as soon as it knows which answers are frequent.")
        if answers(run) else
        _("The first steps fall steepest: the model leaves the uniform guess behind as soon as it knows which tokens are frequent."),
    }  # fmt: skip


def _crossing(run: Run) -> dict[str, str]:
    return {
        "view": "ngram", "button": _("Show the crossing"),
        "text": _("Where the curve passes the n-gram, which sees the translation alone, the model has begun to use the sentence that it reads.")
        if is_translator(run) else
        _("Where the curve passes the n-gram, which knows what comes before a token and nothing after it, the model makes use of both sides.")
        if reads(run) else
        _("Where the curve passes the n-gram, the model begins to use more than the last few tokens."),
    }  # fmt: skip


def _tokens() -> dict[str, str]:
    return {
        "look": "text", "button": _("Show the tokens"),
        "text": _("Frequent tokens and what the grammar demands become easy first; rare words, and what must be remembered from further back, come late or never."),
    }  # fmt: skip
