"""A text some of whose tokens are hidden, in the tokens that a model reads. Knows no torch and predicts nothing.

A token is hidden by a mask in the text, "[MASK]" or as the model's own tokenizer writes it, or by its place.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from llm_core.config import ModelConfig
from llm_core.data.tokenizers import Tokenizer
from llm_core.data.vocabulary import MASK
from llm_core.errors import UserError


@dataclass(frozen=True)
class Masked:
    """A text in tokens, the hidden ones replaced by the mask; T counts the control tokens around the text too.

    `ids` (T,) are what the model reads, `given` (T,) what stands there: None for a mask that was typed, since nobody
    knows what is behind it. `tokens` (T,) show `ids`, `spans` (T,) are places (start, end) in the text in characters,
    those of control tokens empty. The text's own tokens stand from `begin` up to, but not including, `end`. `hidden`
    are the places in `ids` of what is hidden, ascending.
    """

    ids: tuple[int, ...]
    given: tuple[int | None, ...]
    tokens: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    begin: int
    end: int
    hidden: tuple[int, ...]
    mask: int

    @property
    def typed(self) -> tuple[int, ...]:
        """The places of masks that were typed."""
        return tuple(place for place in self.hidden if self.given[place] is None)

    def hiding(self, places: Collection[int]) -> tuple[int, ...]:
        """(T,) ids in which exactly these places are hidden, and beside them the masks that were typed."""
        return tuple(self.mask if token is None or place in places else token for place, token in enumerate(self.given))


def why_not(config: ModelConfig) -> UserError | None:
    """Why models of this kind cannot fill in hidden tokens; None for an encoder, which can where it has a mask."""
    if config.family != "transformer":
        return UserError("A model of the family {family} cannot fill in a hidden word; an encoder that was trained on hidden words can.", family=config.family)  # fmt: skip
    if config.architecture == "decoder":
        return UserError("This model reads from left to right and never sees what comes after a hidden word; choose an encoder.")  # fmt: skip
    if config.architecture == "encoder_decoder":
        return UserError("This model turns one text into another and has no mask to fill; choose an encoder.")
    return None


def mask_of(config: ModelConfig, tokenizer: Tokenizer) -> int:
    """The id of the mask. Raises UserError, which says why, for a model that cannot fill one."""
    if (reason := why_not(config)) is not None:
        raise reason
    if tokenizer.mask is None:
        raise UserError("The tokenizer of this model has no mask: the model was not trained to fill in hidden words.")
    return tokenizer.mask


def read_masked(config: ModelConfig, tokenizer: Tokenizer, text: str, places: Collection[int] = ()) -> Masked:
    """The text in tokens with its masks. `places`: tokens to hide besides, counted from 0 at the first one of the text,
    a typed mask counted as one token.

    Where words carry the space before them, the space before a mask belongs to what the mask hides. Raises UserError
    for a model that fills no masks, a place that is not there, and a text that does not fit in the model's context.
    """
    mask = mask_of(config, tokenizer)
    assert config.family == "transformer"
    given, spans = tokens_of(tokenizer, mask, text)
    count = len(given)
    if wrong := [place for place in places if not 0 <= place < count]:
        raise UserError("There is no token {place}: there are {count}, counted from 0.", place=wrong[0], count=count)
    room = config.context - len(tokenizer.begin) - len(tokenizer.end)
    if count > room:
        raise UserError("The text has {have} tokens; this model reads at most {limit} at once. Shorten it.", have=count, limit=room)  # fmt: skip
    begin, end = len(tokenizer.begin), len(tokenizer.begin) + count
    whole = [*tokenizer.begin, *given, *tokenizer.end]
    hidden = sorted({begin + place for place in places} | {at for at, token in enumerate(whole) if token is None})
    ids = tuple(mask if token is None or at in hidden else token for at, token in enumerate(whole))
    pieces = tokenizer.pieces
    return Masked(
        ids=ids,
        given=tuple(whole),
        tokens=tuple(MASK if token == mask else pieces[token] for token in ids),
        spans=((0, 0),) * begin + tuple(spans) + ((len(text), len(text)),) * len(tokenizer.end),
        begin=begin,
        end=end,
        hidden=tuple(hidden),
        mask=mask,
    )


def places_at(masked: Masked, spans: Collection[tuple[int, int]]) -> tuple[int, ...]:
    """Which tokens of the text, counted from 0, share a character with any of these places in characters.

    So the same words are hidden from two models that cut the text differently.
    """
    return tuple(
        place
        for place, (start, end) in enumerate(masked.spans[masked.begin : masked.end])
        if any(start < stop and begin < end for begin, stop in spans)
    )


def tokens_of(tokenizer: Tokenizer, mask: int, text: str) -> tuple[list[int | None], list[tuple[int, int]]]:
    """The ids of a text, None for each mask that is typed in it, and where they stand in it, in characters."""
    spellings = {MASK, tokenizer.pieces[mask]} - {""}
    pattern = "|".join(map(re.escape, sorted(spellings, key=len, reverse=True)))
    ids: list[int | None] = []
    spans: list[tuple[int, int]] = []
    start = 0
    glued = _words_carry_spaces(tokenizer)
    for match in [*re.finditer(pattern, text), None]:
        stop = len(text) if match is None else match.start()
        piece = text[start:stop]
        if match is not None and glued and piece.endswith(" "):
            piece = piece[:-1]
        ids += tokenizer.encode(piece)
        spans += [(start + begin, start + end) for begin, end in tokenizer.spans(piece)]
        if match is not None:
            ids.append(None)
            spans.append(match.span())
            start = match.end()
    return ids, spans


def _words_carry_spaces(tokenizer: Tokenizer) -> bool:
    """Whether there are tokens such as " cat": then a mask for one stands right behind the word before it."""
    return any(len(data) > 1 and data[:1] == b" " and data != b" " * len(data) for data in tokenizer.token_bytes)
