"""What to look for on the Fill in page: sentences, each with buttons that set the view."""

from llm_core.errors import UserError
from llm_core.runs.run import Run
from pages.ui.fill_mask.first_text import Span, first_hidden, first_text, read
from pages.ui.fill_mask.looking import Looking, choose_text, choose_view, compare_with_step, hide
from pages.ui.panels import what_to_look_for
from pages.ui.text import _, language


def look_for(looking: Looking, run: Run) -> None:
    """Four things worth seeing."""
    lines = [
        (
            _("The model looks both ways: what comes after a hidden word counts as much as what comes before."),
            {"telling": _("Hide the telling word")},
        ),
        (
            _("Hidden at once, two neighbours do not know of each other: each is the likeliest by itself, and together they may make no sense. Filled one after another they agree."),
            {"pair": _("Hide two neighbours"), "single": _("One at a time")},
        ),
        (
            _("Hide every token in turn, and those stand out that nobody would have expected. Change a word, and watch the pseudo-perplexity of the text."),
            {"everywhere": _("Every token at once")},
        ),
    ]  # fmt: skip
    steps = run.steps()
    if len(steps) > 1:
        lines.append(
            (
                _("At first every mask gets the most frequent tokens of all, whatever stands around it. What the text says comes later."),
                {"early": _("Put an early step beside")},
            )
        )  # fmt: skip
    what_to_look_for("fill_guide", lines, lambda view: _set_view(view, looking, run))


def _set_view(view: str, looking: Looking, run: Run) -> None:
    if view == "telling":
        text = first_text(run, language())
        choose_view("masks", "joint")
        choose_text(text, first_hidden(run, text))
    elif view == "pair":
        choose_view("masks", "joint")
        hide(_neighbours(looking, run))
    elif view == "single":
        choose_view("masks", "single")
        if len(looking.hidden) < 2:
            hide(_neighbours(looking, run))
    elif view == "everywhere":
        choose_view("everywhere")
    else:
        steps = [step for step in run.steps() if step != looking.step]
        compare_with_step(next((step for step in steps if step), steps[0]))


def _neighbours(looking: Looking, run: Run) -> tuple[Span, ...]:
    """The first token that is hidden, and the one after it; at the end of the text the one before."""
    try:
        masked = read(run, looking.text)
    except UserError:
        return looking.hidden
    spans = [span for span in masked.spans[masked.begin : masked.end] if span[0] < span[1]]
    first = looking.hidden[0][0] if looking.hidden else 0
    at = next((place for place, (start, end) in enumerate(spans) if start <= first < end), 0)
    at = max(0, min(at, len(spans) - 2))
    return tuple(spans[at : at + 2])
