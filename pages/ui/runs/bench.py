"""The table of all runs and what is done with chosen ones, drawn in the browser by `assets/browser/run_page.js`."""

from functools import cache
from typing import Any

import streamlit as st

from llm_core.errors import N_, UserError
from pages.ui import charts
from pages.ui.classroom.standing import in_class
from pages.ui.faults import refuse
from pages.ui.live import BROWSER, STATES, copy_labels, in_line, script
from pages.ui.runs import rows
from pages.ui.runs.rows import ROWS, Query
from pages.ui.runs.ways import show_run
from pages.ui.state import RUNS_TURN_KEY, store
from pages.ui.subject import bundled, name_of
from pages.ui.text import _, language
from pages.ui.who import owner

KINDS = {
    "train": N_("trained here"), "import": N_("brought in"), "race": N_("race of classifiers"), "classify": N_("one classifier"),
    "head_scores": N_("heads measured"), "data_sizes": N_("data sizes"), "classify_file": N_("file classified"),
    "pretraining": N_("worth of pre-training"), "inquiry": N_("question about a model"), "sweep": N_("sweep"),
    "range_test": N_("range test"),
}  # fmt: skip
"""What each kind of run is called on screen."""


@cache
def _component() -> Any:
    names = ("format", "curve", "takeaway", "address", "saving", "run_table", "run_acts", "run_list", "run_curves", "run_settings", "run_places", "run_page")  # fmt: skip
    return st.components.v2.component(
        "terrarium_run_page",
        css="\n".join((BROWSER / f"{name}.css").read_text(encoding="utf-8") for name in ("sheet", "run_page")),
        js=script(*names),
        isolate_styles=False,
    )


def bench() -> None:
    """Draw it, with the first rows, so that they are there with the page itself. A click on a name opens the run."""
    key = "runs_bench"
    opened = _component()(
        key=key,
        data={
            "language": language(), "labels": labels(), "themes": charts.themes(), "rows": ROWS, "in_class": in_class(),
            "first": rows.rows(store(), Query(), owner(), language()), "turn": st.session_state.get(RUNS_TURN_KEY, 0),
        },
        on_open_change=lambda: None,
    ).open  # fmt: skip
    if isinstance(opened, str):
        try:
            show_run(store().find(opened))
        except UserError as error:
            refuse(error)


def labels() -> dict[str, Any]:
    """Every word that the scripts show, in the language of this session."""
    return {
        "title": _("Runs"),
        "search": _("Search names, texts, recipes, tags, ids"),
        "filters": {"kind": _("All kinds"), "state": _("All states"), "tag": _("All tags")},
        "own": _("Only mine"), "yours": _("yours"), "teacher": _("the teacher's"), "student": _("student {code}", code="{code}"),
        "columns": {
            "name": _("Run"), "state": _("State"), "step": _("Step"), "loss": _("Loss (nats)"), "size": _("On disk"), "created": _("Made"),
        },
        "kinds": {kind: _(name) for kind, name in KINDS.items()},
        "states": {state: _(name) for state, name in STATES.items()}, "queued": _("waiting for its turn"), "place": in_line(),
        "bundled": _("comes with Terrarium, read-only"),
        "open": _("Open this run"), "children": _("The runs that belong to it"),
        "select": _("Choose {name}", name="{name}"),
        "none": _("Here your runs will be listed. What you start on Train shows here at once."),
        "none_fits": _("No run fits. Take a word out of the search, or a filter away."),
        "range": _("{from} to {to} of {total}", **{"from": "{from}", "to": "{to}", "total": "{total}"}),
        "range_of": _("{from} to {to} of {total} that fit, of {all}", **{"from": "{from}", "to": "{to}", "total": "{total}", "all": "{all}"}),
        "before": _("Previous page"), "after": _("Next page"),
        "choose": _("Choose runs to lay their curves over each other, compare their settings, tag, delete or take them along."),
        "chosen": _("{count} chosen", count="{count}"),
        "acts": {
            "clear": _("Choose none"), "rename": _("Rename"), "tag": _("Tags"), "zip": _("Zip"), "delete": _("Delete"),
        },
        "fields": {"rename": _("New name"), "tag": _("A tag, at most 24 characters")},
        "confirm": {"rename": _("Rename"), "tag": _("Put on"), "delete": _("To the trash")},
        "untag": _("Take {tag} off", tag="{tag}"),
        "deleting": _("{count} runs with {size} go to the trash, from which they can come back.", count="{count}", size="{size}"),
        "deleting_some": _("{count} runs with {size} go to the trash; {others} others are not yours or come with the program.", count="{count}", size="{size}", others="{others}"),
        "deleted": _("{count} in the trash.", count="{count}"), "restored": _("{count} brought back.", count="{count}"),
        "emptied": _("{count} removed for good.", count="{count}"), "freed": _("{size} freed.", size="{size}"),
        "offline": _("The server does not answer. Trying again."),
        "overlay": _("Loss of the chosen runs"),
        "line": _("Which loss"), "x": _("Horizontal axis"), "logarithmic": _("Logarithmic axes"), "smoothing": _("Smoothing of training loss"),
        "choices": {
            "both": _("Both"), "training": _("Training text"), "held_out": _("Held-out text"),
            "step": _("Steps"), "tokens": _("Tokens"), "seconds": _("Seconds"),
        },
        "log": {"x": _("log x"), "y": _("log y")},
        "axes": {
            "step": _("Step"), "tokens": _("Tokens read"), "seconds": _("Seconds of training"),
            "loss": _("Loss (nats per token)"), "loss_short": _("Loss (nats)"),
        },
        "hover": {
            "training": _("{name}: training loss {y} at {x}", name="{name}", y="{y}", x="{x}"),
            "held_out": _("{name}: held-out loss {y} at {x}", name="{name}", y="{y}", x="{x}"),
        },
        "too_many": _("The first {shown} of {count} chosen runs are drawn.", shown="{shown}", count="{count}"),
        "no_loss": _("{name} has no loss to draw.", name="{name}"),
        "settings": _("Settings"), "setting": _("Setting"),
        "differing": _("{count} settings differ, {equal} are the same.", count="{count}", equal="{equal}"),
        "all_equal": _("All {equal} settings are the same.", equal="{equal}"),
        "equal": _("{count} that are the same", count="{count}"), "all_settings": _("All {count} settings", count="{count}"),
        "empty": _("empty"), "yes": _("yes"), "no": _("no"),
        "trash": _("Trash"), "trash_empty": _("The trash is empty. A run that you delete lies here until you empty it."),
        "restore": _("Bring back"), "empty_trash": _("Empty the trash ({count}, {size})", count="{count}", size="{size}"),
        "emptying": _("{count} runs with {size} are removed for good. Nothing brings them back.", count="{count}", size="{size}"),
        "empty_now": _("Remove for good"), "keep": _("Keep them"),
        "disk": _("Disk"),
        "uses": {"runs": _("Runs"), "texts": _("Texts"), "trash": _("Trash"), "free": _("Free")},
        "largest": _("Largest runs first"),
        "remove_texts": _("Remove texts that no run needs ({size})", size="{size}"),
        "what": _("What to look for"), "guide": _guide(),
        "take_away": _("Take it away"), **copy_labels(),
    }  # fmt: skip


def _guide() -> list[dict[str, Any]]:
    """What to look for, each with a view that shows it."""
    stories = [{"run": run.id, "name": name_of(run)} for run in bundled() if run.id.startswith("stories-")][:2]
    lines = [
        {
            "text": _("Two models that tell the same stories in two languages: on a logarithmic axis of steps one sees when each has learnt the words, and when the stories."),
            "button": _("Lay both over each other"), "view": {"runs": stories, "log": "x", "line": "both"},
        },
        {
            "text": _("A steep beginning and a long slow end look alike in every run; compare where the held-out loss ends, not where it begins."),
            "button": _("Lowest loss first"), "view": {"sort": "loss", "down": False},
        },
        {
            "text": _("Snapshots take more room than anything else of a run."),
            "button": _("Largest first"), "view": {"sort": "size", "down": True},
        },
    ]  # fmt: skip
    return lines if len(stories) == 2 else lines[1:]
