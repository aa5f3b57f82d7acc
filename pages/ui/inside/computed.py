"""What a model computes for a selection, kept for a while: the same text at the same step is read once for all views.

Bundled models answer in milliseconds. What a large model would compute for long is refused before it begins: it would
keep the server from everybody else.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from llm_core.config import TransformerConfig, network
from llm_core.errors import UserError
from pages.ui.inside.off import edits_of
from pages.ui.state import inference, store

if TYPE_CHECKING:
    from llm_core.interpret.reading import AnyTokenizer, Reading
    from llm_core.models.base import Model
    from llm_core.taps import Edit

MOST_TOKENS = 128
"""More columns than this no picture shows."""
AT_ONCE = 4e10
"""Operations that take one core about a second."""
MOST_OPERATIONS = 4e11
"""Some ten seconds of one core."""
OFFERED = 12
"""So many of the likeliest tokens are offered to be explained."""
KEPT = 12
"""Results of a kind that are kept."""


@dataclass(frozen=True)
class Asked:
    """Which model reads what; `source` is empty for a model that reads only one text. `off`: what is taken away, by name.
    `moment`: when the weights were written, since a run that is trained anew under the same id writes its steps anew.
    """

    run: str
    step: int
    moment: int
    text: str
    source: str = ""
    off: tuple[str, ...] = ()


def ask(run: str, step: int, text: str, source: str = "", off: tuple[str, ...] = ()) -> Asked:
    """The question as it stands now."""
    try:
        moment = (store().find(run).folder / "steps" / f"{step:08d}").stat().st_mtime_ns
    except OSError:
        moment = 0
    return Asked(run, step, moment, text, source, off)


@dataclass(frozen=True)
class Predicted:
    """What a model says at every position, which is one only where it says one thing of the whole text.

    `names` are what it chooses from, tokens or labels. `ids` and `probabilities`: the likeliest of each position, the
    likeliest first. `truth`: what should be said, None where nobody knows. `usual`: the position to ask first, None
    where there is none to choose. `source_tokens` is empty without a source.
    """

    tokens: tuple[str, ...]
    source_tokens: tuple[str, ...]
    left_out: int
    names: tuple[str, ...]
    ids: tuple[tuple[int, ...], ...]
    probabilities: tuple[tuple[float, ...], ...]
    truth: tuple[int | None, ...]
    usual: int | None


def opened(asked: Asked) -> "tuple[Model, AnyTokenizer, Reading]":
    """The model, and the text as it reads it; call within `inference()`. Raises UserError."""
    from llm_core.interpret.reading import read

    model, tokenizer = store().model(store().find(asked.run), asked.step)
    reading = read(model, tokenizer, asked.text, asked.source or None)
    for side in (reading.text, reading.source):
        if side is not None and len(side.ids) > MOST_TOKENS:
            raise UserError("The text has {have} tokens; at most {limit} can be looked into at once. Shorten it.", have=len(side.ids), limit=MOST_TOKENS)  # fmt: skip
    if not reading.text.ids:
        raise UserError("There is no text: type a few words for the model to read.")
    return model, tokenizer, reading


def without(asked: Asked, model: "Model") -> "dict[str, Edit]":
    """The edits that take away what is off. Raises UserError for a piece that is not there."""
    return edits_of(model, asked.off)


def takes_long(model: "Model", passes: float, tokens: int) -> bool:
    """Whether so many forward passes of a text take more than about a second: then they are an inquiry."""
    return passes * _operations(model, tokens) > AT_ONCE


def _operations(model: "Model", tokens: int) -> float:
    """Of one forward pass, about."""
    config = network(model.config)
    assert isinstance(config, TransformerConfig)
    return tokens * (24 * config.layers * config.width**2 + 2 * config.width * (config.vocabulary_size or 0))


def refuse_slow(model: "Model", passes: float, tokens: int) -> None:
    """Raises UserError where so many forward passes of a text would keep the server busy for long."""
    operations = passes * _operations(model, tokens)
    if operations > MOST_OPERATIONS:
        most = int(tokens * MOST_OPERATIONS / operations)
        raise UserError("{have} tokens would take this model too long here; at most {limit} are looked into this way. Shorten the text.", have=tokens, limit=most)  # fmt: skip


@lru_cache(maxsize=KEPT)
def predicted(asked: Asked) -> Predicted:
    """What the model says. Raises UserError where it cannot read the text."""
    with inference():
        import torch

        from llm_core.interpret.names import names_of
        from llm_core.interpret.reading import as_batch
        from llm_core.interpret.target import is_whole, likeliest_target, true_tokens
        from llm_core.taps import observe

        model, tokenizer, reading = opened(asked)
        refuse_slow(model, 1, len(reading.text.ids))
        with torch.inference_mode(), observe(model, only=(), edits=without(asked, model)):
            logits = model(as_batch(reading).to(next(model.parameters()).device))[0].float().cpu()
        rows = logits if logits.ndim == 2 else logits[None]  # (T, V), or one row
        best = rows.softmax(-1).topk(min(OFFERED, rows.shape[-1]))
        source = reading.source
        return Predicted(
            tokens=reading.text.tokens,
            source_tokens=() if source is None else source.tokens,
            left_out=reading.left_out,
            names=names_of(model, tokenizer, store().find(asked.run).labels),
            ids=tuple(map(tuple, best.indices.tolist())),
            probabilities=tuple(map(tuple, best.values.tolist())),
            truth=(None,) if is_whole(model) else true_tokens(model, reading),
            usual=likeliest_target(model, reading, logits).position,
        )
