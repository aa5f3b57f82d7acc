"""The subject bar: which model a page looks at, and at which step. The same on every page, kept when one changes page,
and written in the link (`?run=...&step=...`)."""

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import streamlit as st

from llm_core.errors import N_, UserError
from llm_core.runs.names import ID
from llm_core.runs.run import WITH_MODEL, Run, open_run
from pages.ui.bringing import bring_a_model
from pages.ui.faults import as_text
from pages.ui.state import ASIDE_KEY, BROUGHT_KEY, RUN_KEY, STEP_KEY, store
from pages.ui.text import _, explain, language

FITS_A_PHONE = 30  # characters
MOST_OFFERED = 200
"""The newest so many runs are offered, and the one that is asked for: a longer list is searched on the page Runs."""
BUNDLED_NAMES = (
    N_("Story GPT in English"),
    N_("Story GPT in Chinese"),
    N_("Small GPT on the Python reference"),
    N_("Induction heads in words"),
    N_("Translator from English to Chinese"),
    N_("Cloze encoder in English and Chinese"),
    N_("Entity tagger in English and Chinese"),
    N_("Question answerer in English and Chinese"),
)
"""What the models that come along are called in their folders."""


@dataclass(frozen=True)
class Subject:
    """What is looked at. `step` is None on pages that show a run as a whole."""

    run: Run
    step: int | None = None


Unfit = Callable[[Run], UserError | None]
"""Why a page cannot show the models of a run; None where it can."""


def subject_bar(*, steps: bool = True, unfit: Unfit | None = None) -> Subject | None:
    """Draw the bar and return what is chosen; None when there is no model at all yet.

    `steps`: offer the snapshots of the run, and only runs that have one. `unfit`: a page that only some models fit
    offers those; the one that was the subject before comes back on the next page.
    """
    runs = {run.id: run for run in available(needs_steps=steps) if unfit is None or unfit(run) is None}
    if not runs:
        bring_a_model()
        return None
    _take_brought(runs)
    _come_back()
    _follow_link(runs, unfit)
    if st.session_state.get(RUN_KEY) not in runs:
        if unfit is not None:
            _set_aside(next(iter(runs)))
        st.session_state[RUN_KEY] = next(iter(runs))
    labels = titles(runs.values())
    columns = st.columns([3, 2, 1.2], vertical_alignment="bottom") if steps else st.columns([3, 2])[:1]
    with columns[0]:
        chosen = st.selectbox(
            _("Model"), list(runs), key=RUN_KEY, format_func=labels.__getitem__, persist_state="session",
            on_change=_write_link, help=_help(len(runs)),
        )  # fmt: skip
        # On a phone the field cuts off a long name: there it stands below in full, by assets/style.css.
        if len(labels[chosen]) > FITS_A_PHONE:
            with st.container(key="subject_name"):
                st.caption(as_text(labels[chosen]))
    run = runs[chosen]
    if not steps:
        _write_link()
        return Subject(run)
    with columns[1]:
        step = _step(run)
    with columns[2]:
        bring_a_model()
    _write_link()
    return Subject(run, step)


def _help(offered: int) -> str:
    text = _("A run of yours, or a model that comes with the program.")
    if offered < MOST_OFFERED:
        return text
    return (
        text
        + " "
        + _("The newest {count} are here; the page Runs finds all others, and opens them.", count=MOST_OFFERED)
    )


def bundled() -> list[Run]:
    """The models that come with the program, the one that tells stories in the person's language first."""
    whole = [run for run in store().bundled() if run.problem is None]
    own = f"stories-{language()}"
    return sorted(whole, key=lambda run: (run.id != own, run.id.startswith("stories-")))


def available(*, needs_steps: bool) -> list[Run]:
    """Runs that can be shown: bundled ones after one's own, of which the newest and those that are asked for."""
    asked = {st.query_params.get("run"), *(st.session_state.get(key) for key in (RUN_KEY, BROUGHT_KEY))}
    asked.add(st.session_state.get(ASIDE_KEY, (None,))[0])
    found: list[Run] = []
    for one in store().listing.fixed():
        if one.kind in WITH_MODEL and (len(found) < MOST_OFFERED or one.id in asked):
            run = open_run(store().root / one.id, store().corpora)
            if run.has_model and (run.steps() or not needs_steps):
                found.append(run)
    found += _children(asked - {run.id for run in found}, needs_steps)
    return [*found, *(run for run in bundled() if run.steps() or not needs_steps)]


def _children(references: Iterable[str | None], needs_steps: bool) -> list[Run]:
    """Of what is asked for, the trainings of a sweep: they are in no list, but can be looked at as any other."""
    found = []
    for reference in references:
        if reference and ID.fullmatch(reference):
            with contextlib.suppress(UserError):
                run = store().find(reference)
                if run.has_model and (run.steps() or not needs_steps):
                    found.append(run)
    return found


def name_of(run: Run) -> str:
    """What a run is called on screen: one that comes along in the person's language, any other as it was named."""
    return _(run.name) if run.read_only and run.name in BUNDLED_NAMES else run.name


def titles(runs: Iterable[Run]) -> dict[str, str]:
    """The names of runs as lists show them, each only once: a widget tells its options apart by what they show.

    A new run never takes the shown name of an older one, which may be chosen in some tab.
    """
    found: dict[str, str] = {}
    for run in sorted(runs, key=lambda run: (not run.read_only, run.created, run.id)):
        name = _("{name} (comes with Terrarium)", name=name_of(run)) if run.read_only else run.name
        if name in found.values():
            name += time.strftime(" · %Y-%m-%d %H:%M", time.localtime(run.created))
        found[run.id] = name if name not in found.values() else f"{name} · {run.id}"
    return found


def choose(run: Run) -> None:
    """Make this run the subject of all pages; for callbacks, before any widget is drawn."""
    st.session_state[RUN_KEY] = run.id
    st.session_state.pop(STEP_KEY, None)
    _write_link()


def _take_brought(runs: dict[str, Run]) -> None:
    """A model that has just been brought in is what all pages look at now."""
    brought = st.session_state.pop(BROUGHT_KEY, None)
    if brought in runs:
        choose(runs[brought])


def _set_aside(stand_in: str) -> None:
    """Remember the subject that is not offered here."""
    st.session_state[ASIDE_KEY] = st.session_state.get(RUN_KEY), st.session_state.pop(STEP_KEY, None), stand_in


def _come_back() -> None:
    """What another page could not show is the subject again, unless a person has chosen something since."""
    if ASIDE_KEY not in st.session_state or "run" in st.query_params:
        return
    run, step, stand_in = st.session_state.pop(ASIDE_KEY)
    if run is not None and st.session_state.get(RUN_KEY) == stand_in:
        st.session_state[RUN_KEY] = run
        st.session_state[STEP_KEY] = step


def _follow_link(runs: dict[str, Run], unfit: Unfit | None) -> None:
    """A link, or going back, sets the subject. What it names may be gone, or may never have been."""
    reference = st.query_params.get("run")
    if reference and reference != st.session_state.get(RUN_KEY):
        if reference in runs:
            st.session_state[RUN_KEY] = reference
        else:
            _say_why_missing(reference, unfit)
    step = st.query_params.get("step", "")
    if step.isascii() and step.isdigit() and len(step) < 9:
        st.session_state[STEP_KEY] = int(step)


def _say_why_missing(reference: str, unfit: Unfit | None) -> None:
    try:
        run = store().find(reference)
    except UserError as error:
        st.warning(as_text(explain(error)))
        return
    if run.problem is not None:
        st.warning(as_text(explain(run.problem)))
    elif unfit is not None and run.has_model and (reason := unfit(run)) is not None:
        st.info(as_text(explain(reason)))
    else:
        st.info(as_text(_("The run {name} has no model to look at yet.", name=name_of(run))))


def _step(run: Run) -> int:
    steps = run.steps()
    if len(steps) == 1:
        st.session_state[STEP_KEY] = steps[0]
        st.caption(_("Step {step}", step=steps[0]))
        return steps[0]
    wanted = st.session_state.get(STEP_KEY)
    if wanted not in steps:
        # Beyond what was kept: the nearest snapshot; without a wish: the newest.
        nearest = min(steps, key=lambda step: abs(step - wanted)) if isinstance(wanted, int) else steps[-1]
        st.session_state[STEP_KEY] = nearest
    return int(
        st.select_slider(
            _("Step"), steps, key=STEP_KEY, persist_state="session", on_change=_write_link,
            help=_("How far the model had been trained. Early steps write noise; later ones write words."),
        )
    )  # fmt: skip


def _write_link() -> None:
    """Put the subject into the address, so that the link opens exactly what was seen."""
    for name, key in (("run", RUN_KEY), ("step", STEP_KEY)):
        value = st.session_state.get(key)
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)
