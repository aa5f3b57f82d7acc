"""What the page shows first of a bundled model, kept beside it: so the picture is there before torch is."""

from typing import Any

from llm_core.errors import UserError
from llm_core.runs.files import read_object, replace_json
from llm_core.runs.run import Run
from pages.ui.fill_mask.answer import Asked, answer
from pages.ui.fill_mask.first_text import first_hidden, first_text
from pages.ui.fill_mask.looking import Looking
from pages.ui.state import store
from pages.ui.text import LANGUAGES

STORED = "fill.json"


def asked_of(looking: Looking) -> Asked:
    """What the browser asks for to draw this."""
    run, step = looking.other or (None, None)
    return Asked(
        run=looking.run,
        step=looking.step,
        text=looking.text,
        hidden=[list(span) for span in looking.hidden],
        way="single" if looking.way == "single" else "joint",
        view="everywhere" if looking.view == "everywhere" else "masks",
        other_run=run,
        other_step=step,
    )


def painted(looking: Looking) -> dict[str, Any] | None:
    """The answer where it is kept beside the model."""
    asked = asked_of(looking).model_dump(mode="json")
    try:
        stored = read_object(store().find(looking.run).folder / STORED) or {}
    except UserError:
        return None
    kept = stored.get("kept")
    for each in kept if isinstance(kept, list) else []:
        if isinstance(each, dict) and each.get("asked") == asked and isinstance(each.get("answer"), dict):
            found: dict[str, Any] = each["answer"]
            return found
    return None


def keep(run: Run) -> None:
    """Keep what the page shows first, in every language, beside a bundled model."""
    kept = []
    for language in LANGUAGES:
        text = first_text(run, language)
        hidden = [list(span) for span in first_hidden(run, text)]
        asked = Asked(run=run.id, step=run.steps()[-1], text=text, hidden=hidden)
        kept.append({"asked": asked.model_dump(mode="json"), "answer": answer(asked)})
    replace_json(run.folder / STORED, {"kept": kept})
