"""What the settings leave of the next token: the logits at one place, fetched once, and the sliders that cut them.

The reckoning is done in the browser (`assets/browser/distribution.js`), as `llm_core.inference.decoding` does it, so
that the bars move with the slider. What is tried here changes the text only when a button says so.
"""

import base64
from typing import Any

import streamlit as st
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from llm_core.config import Config, DecodingConfig, parse
from llm_core.errors import UserError
from pages.ui import forms
from pages.ui.generate.component import view
from pages.ui.generate.python import python_of_next
from pages.ui.generate.settings import key_of, within_sliders
from pages.ui.generate.views import choose_view
from pages.ui.http import answered
from pages.ui.state import GENERATE_PLACE_FOR_KEY, GENERATE_PLACE_KEY, GENERATE_TRIED_KEY, inference, store
from pages.ui.text import _, language
from pages.ui.writing import LONGEST_PROMPT, Writing, painted, prompt_ids, whole

TRIED = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")
_SHOWN = 20


class Place(Config):
    """A place in a text: that of the token `place`, counted from the first written one."""

    writing: Writing
    place: int = Field(0, ge=0, le=4095)


def show(writing: Writing) -> None:
    """The bars, the sliders, and the text to choose a place in."""
    tried = tried_of(writing.decoding)
    place = _place_in(writing)
    known = painted(writing)
    asked = Place(writing=writing, place=place)
    view(
        "next",
        identity=f"{writing.identity} {place}",
        label=_("The likeliest next tokens: the probability of each before the settings and after them."),
        words=_words(),
        code=python_of_next(writing, tried),
        file=f"terrarium-{writing.run}-{writing.step}-next",
        url="./next",
        request=asked.model_dump() | {"language": language()},
        text=[token["text"] for token in known["tokens"]] if known else [],
        text_request=writing.model_dump() | {"language": language()},
        place=place,
        tried={name: getattr(tried, name) for name in TRIED},
        own={name: getattr(writing.decoding, name) for name in TRIED},
        method=writing.decoding.method,
        on={"place": look_at, "tried": _try, "taken": _take},
    )


def _place_in(writing: Writing) -> int:
    """The place that is looked at: the end of the prompt in a text that has come since it was chosen."""
    state = st.session_state
    if state.get(GENERATE_PLACE_FOR_KEY, writing.identity) != writing.identity:
        state.pop(GENERATE_PLACE_KEY, None)
    state[GENERATE_PLACE_FOR_KEY] = writing.identity
    return int(state.get(GENERATE_PLACE_KEY) or 0)


def look_at(place: object) -> None:
    """Look at this place of the text that is seen; for callbacks."""
    if type(place) is int and 0 <= place <= 4095:
        st.session_state[GENERATE_PLACE_KEY] = place
        st.session_state.pop(GENERATE_PLACE_FOR_KEY, None)


def tried_of(own: DecodingConfig) -> DecodingConfig:
    """The settings that the sliders have; those of the page until one is moved."""
    written = st.session_state.get(GENERATE_TRIED_KEY)
    if not isinstance(written, str):
        return own
    try:
        numbers = [float(part) if part else None for part in written.split("_")]
        values: dict[str, Any] = dict(zip(TRIED, numbers, strict=True))
        values["top_k"] = None if values["top_k"] is None else int(values["top_k"])
        return parse(DecodingConfig, own.model_dump() | values)
    except (ValueError, OverflowError, UserError):
        return own


def _try(values: object) -> None:
    """What the sliders say, kept as a link has it."""
    if not isinstance(values, dict):
        return
    parts = [values.get(name) for name in TRIED]
    if all(part is None or (isinstance(part, int | float) and not isinstance(part, bool)) for part in parts):
        st.session_state[GENERATE_TRIED_KEY] = "_".join("" if part is None else f"{part:.6g}" for part in parts)


def _take(values: object) -> None:
    """Write with what the sliders say."""
    _try(values)
    own = parse(DecodingConfig, forms.read(DecodingConfig()))
    taken = within_sliders(tried_of(own))
    for name in TRIED:
        st.session_state[key_of(name)] = getattr(taken, name)
    st.session_state[key_of("method")] = "sample"
    st.session_state.pop(GENERATE_TRIED_KEY, None)
    choose_view("text")


def logits_at(asked: Place) -> dict[str, Any]:
    """`logits`: as base64 of 32-bit floats, least byte first · `seen`: numbers of the tokens before, each once ·
    `pieces`: the likeliest tokens · `text`: pieces of the prompt · `token`: the one that was written there, if any.

    Raises UserError for a model that does not write, and a place that the text has not.
    """
    writing = asked.writing
    if len(writing.prompt) > LONGEST_PROMPT:
        raise UserError("The prompt has {have} characters; at most {limit} can be read.", have=len(writing.prompt), limit=LONGEST_PROMPT)  # fmt: skip
    # Where the text has to be known, it is written first: it holds a place for itself.
    text = whole(writing) if asked.place else painted(writing)
    tokens = text["tokens"] if text else []
    if asked.place and asked.place >= len(tokens):
        raise UserError("The text has {count} tokens; there is no token {place}.", count=len(tokens), place=asked.place + 1)  # fmt: skip
    run = store().find(writing.run)
    with inference():
        import numpy as np

        from llm_core.inference.reader import Reader
        from llm_core.inference.translate import translates

        model, tokenizer = store().model(run, writing.step)
        if not model.causal or translates(model):
            raise UserError("This model does not write from left to right; choose another.")
        prompt = prompt_ids(tokenizer, writing.prompt)
        before = [*prompt, *(token["id"] for token in tokens[: asked.place])]
        logits = Reader(model, len(before) + 1).read([before], len(before))[0].float().cpu()
        best = logits.topk(min(2 * _SHOWN, logits.shape[0])).indices.tolist()
        packed = np.ascontiguousarray(logits.numpy(), dtype="<f4").tobytes()
    return {
        "logits": base64.b64encode(packed).decode("ascii"),
        "seen": sorted(set(before)),
        "pieces": [[token, tokenizer.pieces[token]] for token in best],
        "text": [tokenizer.pieces[token] for token in prompt[len(tokenizer.begin) :]],
        "token": tokens[asked.place]["id"] if asked.place < len(tokens) else None,
    }


async def next_route(request: Request) -> Response:
    """POST a `Place` and a language as JSON; answers as `logits_at` does."""
    return await answered(request, Place, logits_at, "Looking at the next token")


def _words() -> dict[str, str]:
    return {
        **{name: _(DecodingConfig.model_fields[name].title or "") for name in TRIED},
        "off": _("off"),
        "kept": _("{count} of {all} tokens stay; before the cut they had {mass} of the probability."),
        "sharper": _("{before} bits of surprise before, {after} after."),
        "greedy": _("The method now chosen takes the likeliest token and does not throw dice: these settings count when it is “by chance”."),
        "before": _("the model itself"),
        "after": _("after the settings"),
        "cut": _("cut away"),
        "others": _("all others"),
        "bar": _("{token}: {before} before, {after} after"),
        "bar_cut": _("{token}: {before} before, cut away"),
        "written": _("This one was written."),
        "at_end": _("At the end of the prompt"),
        "at_place": _("In place of token {position}"),
        "choose": _("Click a token to look at the choice that was made there."),
        "take": _("Write with these settings"),
        "back": _("As the page has them"),
        "columns": "token number,token,probability before,probability after",
        "probability": _("Probability"),
    }  # fmt: skip
