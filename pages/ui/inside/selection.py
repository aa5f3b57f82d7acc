"""What the page *Inside* looks at: one selection that drives every view, kept in the session and in the link.

A view takes a `Selection` and draws; to change what is looked at, a callback calls one of the `choose_...` functions.
Layers, heads and tokens count from 0, in links and on screen, as on the Attention page.
"""

from dataclasses import dataclass, replace

import streamlit as st

from pages.ui.attention.first_head import first_head
from pages.ui.attention.shape import Shape, shape_of
from pages.ui.inside.computed import Asked, Predicted, ask
from pages.ui.inside.first_text import first_source, first_text, telling
from pages.ui.inside.off import is_there, pieces_of, position_of
from pages.ui.inside.views import VIEWS
from pages.ui.state import (
    INSIDE_AGAINST_KEY,
    INSIDE_FEATURE_KEY,
    INSIDE_FEATURE_PLACE_KEY,
    INSIDE_FOR_KEY,
    INSIDE_HEAD_KEY,
    INSIDE_LAYER_KEY,
    INSIDE_NEURON_KEY,
    INSIDE_OFF_KEY,
    INSIDE_PART_KEY,
    INSIDE_SOURCE_KEY,
    INSIDE_TARGET_KEY,
    INSIDE_TEXT_KEY,
    INSIDE_TOKEN_KEY,
    INSIDE_USUAL_KEY,
    INSIDE_VIEW_KEY,
    STEP_KEY,
)
from pages.ui.subject import Subject
from pages.ui.text import language

LONGEST_TEXT = 2_000  # characters; it travels in links

_OF_A_MODEL = (
    INSIDE_PART_KEY, INSIDE_LAYER_KEY, INSIDE_HEAD_KEY, INSIDE_NEURON_KEY, INSIDE_FEATURE_KEY, INSIDE_FEATURE_PLACE_KEY,
)  # fmt: skip
"""What names another thing in another model, or none."""

Against = int | str | None
"""What a token is held against: another one, `others` for the mean of all others, None for nothing."""


@dataclass(frozen=True)
class Selection:
    """Everything that the pictures depend on. `token`: the position whose prediction is explained, None of a model that
    says one thing of the whole text; `target` is explained, `against` what it is held against. `part`, `layer` and
    `head`: the piece of the model; `off`: what is taken away, by name (`pages.ui.inside.off`).
    """

    run: str
    step: int
    text: str
    source: str
    view: str
    part: str
    layer: int
    head: int
    off: tuple[str, ...] = ()
    token: int | None = None
    target: int = 0
    against: Against = None

    @property
    def intact(self) -> "Selection":
        """The same with nothing taken away."""
        return replace(self, off=())


def begin(subject: Subject) -> Selection:
    """What is looked at, as far as it is known before the model has read the text: no token yet.

    What is missing in the session is put there. Raises UserError for a model that has nothing to look into.
    """
    assert subject.step is not None
    state, shape = st.session_state, shape_of(subject.run)
    _begin_texts(subject)
    _forget(subject, shape)
    return Selection(
        run=subject.run.id,
        step=subject.step,
        text=state[INSIDE_TEXT_KEY],
        source=state[INSIDE_SOURCE_KEY] if shape.has_source else "",
        view=state[INSIDE_VIEW_KEY],
        part=state[INSIDE_PART_KEY],
        layer=state[INSIDE_LAYER_KEY],
        head=state[INSIDE_HEAD_KEY],
        off=state[INSIDE_OFF_KEY],
    )


def whole(selection: Selection, predicted: Predicted) -> Selection:
    """The same with its token and target: those that were chosen where they are there, else what is asked first of the
    model with all its heads, which has `predicted` this."""
    state, count, size = st.session_state, len(predicted.tokens), len(predicted.names)
    token = state.get(INSIDE_TOKEN_KEY)
    if predicted.usual is None:
        token = None
    elif token not in range(count):
        token = predicted.usual
    row = predicted.ids[0 if token is None else token]
    chosen, against = state.get(INSIDE_TARGET_KEY, -1), state.get(INSIDE_AGAINST_KEY)
    target: int = chosen if chosen in range(size) else row[0]
    if against == target or (against not in ("nothing", "others") and against not in range(size)):
        against = telling(selection.text, predicted.names, target) if token == predicted.usual else None
        against = next((each for each in row if each != target), "nothing") if against is None else against
    # Kept, so that going through the steps shows how the same tokens came to be told apart.
    state[INSIDE_TARGET_KEY], state[INSIDE_AGAINST_KEY] = target, against
    state[INSIDE_OFF_KEY] = tuple(name for name in selection.off if (position_of(name) or 0) < count)
    return replace(
        selection, off=state[INSIDE_OFF_KEY], token=token, target=target, against=None if against == "nothing" else against
    )  # fmt: skip


def asked(selection: Selection) -> Asked:
    """Which model reads what."""
    return ask(selection.run, selection.step, selection.text, selection.source, selection.off)


def intact(selection: Selection) -> Asked:
    """The same with nothing taken away."""
    return asked(selection.intact)


def _begin_texts(subject: Subject) -> None:
    """A text that nobody has touched is the one of the model that was looked at before."""
    state = st.session_state
    usual = first_text(subject.run, language()), first_source()
    before = state.get(INSIDE_USUAL_KEY, (None, None))
    for key, now, then in zip((INSIDE_TEXT_KEY, INSIDE_SOURCE_KEY), usual, before, strict=True):
        if state.get(key) in (None, then):
            state[key] = now
    state[INSIDE_USUAL_KEY] = usual


def _forget(subject: Subject, shape: Shape) -> None:
    """What was chosen of one text is not looked at in another; nor a head of one model in another."""
    state = st.session_state
    now = subject.run.id, state[INSIDE_TEXT_KEY], state[INSIDE_SOURCE_KEY] if shape.has_source else ""
    then = state.get(INSIDE_FOR_KEY, now)  # a link names all of it together
    if then != now:
        for key in (INSIDE_TOKEN_KEY, INSIDE_TARGET_KEY, INSIDE_AGAINST_KEY):
            state.pop(key, None)
        state[INSIDE_OFF_KEY] = pieces_of(state.get(INSIDE_OFF_KEY, ()))
    if then[0] != now[0]:
        for key in (*_OF_A_MODEL, INSIDE_OFF_KEY):
            state.pop(key, None)
    state[INSIDE_FOR_KEY] = now
    if state.get(INSIDE_PART_KEY) not in shape.parts:
        state[INSIDE_PART_KEY] = "decoder" if "decoder" in shape.parts else shape.parts[-1]
    layer, head = first_head(subject.run, state[INSIDE_PART_KEY])
    state.setdefault(INSIDE_LAYER_KEY, layer)
    state.setdefault(INSIDE_HEAD_KEY, head)
    for key, count in ((INSIDE_LAYER_KEY, shape.layers), (INSIDE_HEAD_KEY, shape.heads)):
        state[key] = min(max(state[key], 0), count - 1)
    state[INSIDE_OFF_KEY] = tuple(name for name in state.get(INSIDE_OFF_KEY, ()) if is_there(name, shape))
    if state.get(INSIDE_VIEW_KEY) not in VIEWS:
        state[INSIDE_VIEW_KEY] = next(iter(VIEWS))


def choose_token(token: int) -> None:
    """Explain what is predicted at this position; for callbacks, as all that follow."""
    if st.session_state.get(INSIDE_TOKEN_KEY) != token:
        st.session_state[INSIDE_TOKEN_KEY] = token
        for key in (INSIDE_TARGET_KEY, INSIDE_AGAINST_KEY):
            st.session_state.pop(key, None)


def choose_target(target: int, against: int | str | None = None) -> None:
    """Explain this token or class; `against`: hold it against another, `others` or `nothing`; None leaves that as it is."""
    st.session_state[INSIDE_TARGET_KEY] = target
    if against is not None:
        st.session_state[INSIDE_AGAINST_KEY] = against


def choose_piece(layer: int, head: int | None = None, part: str | None = None) -> None:
    """Look at this layer, and this head of it; a neuron of another layer is another one."""
    if st.session_state.get(INSIDE_LAYER_KEY) != layer:
        st.session_state.pop(INSIDE_NEURON_KEY, None)
    st.session_state[INSIDE_LAYER_KEY] = layer
    if head is not None:
        st.session_state[INSIDE_HEAD_KEY] = head
    if part is not None:
        st.session_state[INSIDE_PART_KEY] = part


def switch(name: str) -> None:
    """Take a piece or a token away, by its name (`pages.ui.inside.off`), or put it back."""
    off = set(st.session_state.get(INSIDE_OFF_KEY, ()))
    st.session_state[INSIDE_OFF_KEY] = tuple(sorted(off ^ {name}))


def put_back() -> None:
    """Nothing is taken away."""
    st.session_state[INSIDE_OFF_KEY] = ()


def choose_view(view: str) -> None:
    """Look in this way."""
    st.session_state[INSIDE_VIEW_KEY] = view


def choose_step(step: int) -> None:
    """Look at the model as it was at this step."""
    st.session_state[STEP_KEY] = step
    st.query_params["step"] = str(step)  # the subject bar reads it there first


def choose_text(text: str) -> None:
    """Look at this text."""
    st.session_state[INSIDE_TEXT_KEY] = text[:LONGEST_TEXT]
