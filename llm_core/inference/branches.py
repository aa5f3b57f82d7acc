"""Writing that was led elsewhere: at some places another token was chosen than the one that would have been written.

A text is named by its choices alone, since all else is seeded: so a path of choices in a link opens the same text.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from llm_core.config import DecodingConfig
from llm_core.errors import UserError
from llm_core.inference.generate import generate
from llm_core.inference.reader import Token
from llm_core.models.base import Model

Choice = tuple[int, int]
"""Place, counted from the first written token, and the token that was chosen there."""


def follow(
    model: Model,
    prompt: Sequence[int],
    decoding: DecodingConfig,
    choices: Sequence[Choice],
    *,
    stop: int | None = None,
) -> Iterator[Token]:
    """Write after the prompt, with these tokens at these places; yields as `generate` does for one row.

    Where chance has a say it says the same at every place as without the choices. A beam search begins anew after each
    choice, with what stands before it as the prompt. A choice beyond the end of the text changes nothing.
    Raises UserError for places that do not rise or are beyond `decoding.tokens`, and for tokens that the model has not.
    """
    check_choices(choices, decoding.tokens, model.config.vocabulary_size or 0)
    if decoding.method != "beam":
        for (written,) in generate(model, [prompt], decoding, stop=stop, forced=dict(choices)):
            yield written
        return
    known = list[int]()
    for place, token in choices:
        if known and known[-1] == stop:
            break
        searched = _search(model, [*prompt, *known], decoding, decoding.tokens - len(known), stop)
        before = [each.id for each in searched][: place - len(known)]
        known += before
        if len(known) < place or before[-1:] == [stop]:
            break  # the text has ended before
        known.append(token)
    yield from read(model, prompt, known, alternatives=decoding.alternatives)
    rest = decoding.tokens - len(known)
    if rest and not (known and known[-1] == stop):
        yield from _search(model, [*prompt, *known], decoding, rest, stop)


def read(model: Model, prompt: Sequence[int], written: Sequence[int], *, alternatives: int = 0) -> Iterator[Token]:
    """What the model thinks of a text that stands already, token by token, as if it had written it itself."""
    if not written:
        return
    decoding = DecodingConfig(method="greedy", tokens=len(written), alternatives=alternatives)
    for (token,) in generate(model, [prompt], decoding, forced=dict(enumerate(written))):
        yield token


def check_choices(choices: Sequence[Choice], tokens: int, vocabulary_size: int) -> None:
    """Raises UserError for choices that no text of so many tokens can have."""
    if any(later <= earlier for (earlier, _), (later, _) in pairwise(choices)):
        raise UserError("The places of the choices must rise.")
    for place, token in choices:
        if not 0 <= place < tokens:
            raise UserError("There is no token {place}: the text has at most {limit}.", place=place + 1, limit=tokens)
        if not 0 <= token < vocabulary_size:
            raise UserError("There is no token with the number {token}; the model knows {limit}.", token=token, limit=vocabulary_size)  # fmt: skip


def _search(model: Model, prompt: list[int], decoding: DecodingConfig, tokens: int, stop: int | None) -> list[Token]:
    beamed = decoding.model_copy(update={"tokens": tokens})
    return [token for (token,) in generate(model, [prompt], beamed, stop=stop)]
