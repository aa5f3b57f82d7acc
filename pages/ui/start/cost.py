"""What a training will cost, in words: parameters, time on this computer, memory, and how often the text is read."""

from pathlib import PurePath

import streamlit as st

from llm_core.config import NgramConfig, RunConfig
from llm_core.runs.estimate import Estimate, estimate
from llm_core.runs.speed import Speed, read_speed
from llm_core.runs.text_size import TextSize, text_size
from pages.ui.state import store
from pages.ui.text import _
from pages.ui.text_source import Source

_LOOKED_AT = 1_000_000
_SEVERAL = 2.0
_WORTH_SAYING = 3.0


def size_of(config: RunConfig, source: Source | None) -> TextSize:
    """How long the chosen text is; that of the recipe where none is chosen."""
    if source is None:
        return text_size(config.data, store().corpora)
    if source.embedded is not None:
        return text_size(config.data.model_copy(update={"corpus": source.embedded}), store().corpora)
    beginning = source.raw[:_LOOKED_AT]
    letters = len(beginning.decode(source.encoding or "utf-8", "ignore")) * len(source.raw) / max(1, len(beginning))
    return text_size(
        config.data.model_copy(update={"corpus": PurePath(source.name).name}), store().corpora, int(letters)
    )


def show_cost(config: RunConfig, text: TextSize, speed: Speed) -> None:
    """Two quiet lines under the knobs."""
    found = estimate(config, text, speed)
    if isinstance(config.model, NgramConfig):
        st.caption(_("No parameters to train: it counts sequences of up to {order} tokens, in about {time}, with about {memory} MB of memory.", order=config.model.order, time=duration(found.seconds), memory=found.memory / 1e6))  # fmt: skip
        return
    st.caption(headline(found))
    st.caption(details(found))


def headline(found: Estimate) -> str:
    """Parameters, time and memory."""
    if found.measured:
        return _(
            "About {parameters} parameters; training takes about {time} on this computer, and about {memory} MB of memory.",
            parameters=float(found.parameters), time=duration(found.seconds), memory=found.memory / 1e6,
        )  # fmt: skip
    return _(
        "About {parameters} parameters; training takes about {memory} MB of memory, and perhaps {low} to {high}: how fast this computer is has not been measured yet. It is being done, once, in about a minute.",
        parameters=float(found.parameters), memory=found.memory / 1e6, low=duration(found.low), high=duration(found.high),
    )  # fmt: skip


def details(found: Estimate) -> str:
    """How often the text is read, how much of it there is for each parameter, and how sure the time is."""
    each = found.tokens / max(1, found.parameters)
    if found.epochs >= _SEVERAL:
        read = _("It reads the text {times} times over: {tokens} tokens, {each} for each parameter.", times=found.epochs, tokens=found.tokens, each=each)  # fmt: skip
    elif found.epochs >= 1:
        read = _("It reads all of the text, and some of it twice: {tokens} tokens, {each} for each parameter.", tokens=found.tokens, each=each)  # fmt: skip
    else:
        read = _("It reads {share} % of the text: {tokens} tokens, {each} for each parameter.", share=100 * found.epochs, tokens=found.tokens, each=each)  # fmt: skip
    if not found.measured:
        return read
    sure = _("Between {low} and {high}.", low=duration(found.low), high=duration(found.high))
    if found.preparing >= _WORTH_SAYING:
        sure = _("Between {low} and {high}, about {preparing} of it to prepare the text, once.", low=duration(found.low), high=duration(found.high), preparing=duration(found.preparing))  # fmt: skip
    return f"{sure} {read}"


def duration(seconds: float) -> str:
    """A length of time as one would say it, no more exact than an estimate is."""
    if seconds < 10:
        return _("{seconds} s", seconds=max(1, round(seconds)))
    if seconds < 60:
        return _("{seconds} s", seconds=5 * round(seconds / 5))
    if seconds < 600:
        minutes, rest = divmod(10 * round(seconds / 10), 60)
        return _("{minutes} min {seconds} s", minutes=minutes, seconds=rest) if rest else _("{minutes} min", minutes=minutes)  # fmt: skip
    if seconds < 5400:
        return _("{minutes} min", minutes=round(seconds / 60))
    if seconds < 172_800:
        hours, minutes = divmod(10 * round(seconds / 600), 60)
        return _("{hours} h {minutes} min", hours=hours, minutes=minutes) if minutes else _("{hours} h", hours=hours)
    return _("{days} days", days=round(seconds / 86_400))


def known_speed() -> Speed:
    """What is known of this computer."""
    return read_speed(store().root)
