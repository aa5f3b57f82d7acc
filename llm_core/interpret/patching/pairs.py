"""Two texts alike but for one thing, and the two answers that part at it: what patching compares.

A grammar tells a text a second time with one variable changed, so that what differs and what must follow is known: the
number of the subject and its verb, who it is that a name names, where a thing was put. Both texts have as many tokens,
so that each position of the one stands for the same position of the other (Wang et al. 2023, "Interpretability in the
wild", 3.1; Heimersheim & Nanda 2024, "How to use and interpret activation patching", 2).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import Any, Literal

import torch

from llm_core.config import TransformerConfig
from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.lexicon import Word
from llm_core.data.grammar.retelling import Original
from llm_core.data.grammar.truth import Item, Truth
from llm_core.data.tokenizers import Tokenizer
from llm_core.data.vocabulary import MASK
from llm_core.errors import N_, UserError
from llm_core.inference.masks import mask_of
from llm_core.interpret.reading import AnyTokenizer, Reading, Side, as_batch, read
from llm_core.interpret.target import Target, check_target, likeliest_target
from llm_core.models.base import Model

Kind = Literal["number", "name", "place"]
KINDS: dict[Kind, str] = {"number": N_("Number of the subject"), "name": N_("Name"), "place": N_("Place")}
"""What is changed: the name in links, and on screen."""

_SKILLS: dict[Kind, frozenset[str]] = {
    "number": frozenset({"agreement"}), "name": frozenset({"recall", "holder"}), "place": frozenset({"place"}),
}  # fmt: skip
_ENTITIES: dict[Kind, frozenset[str]] = {"name": frozenset({"person"}), "place": frozenset({"spot", "place"})}
_OTHER_LANGUAGE = {"en": "zh", "zh": "en"}
_FRESH = 2_000_003
"""Added to seeds, so that no text is one that a model was trained on, or that heads were asked about."""
_PATIENCE = 100
"""At most so many texts are looked at for one pair."""
_OTHERS = 12
"""At most so many other values of a variable are tried in a text."""


@dataclass(frozen=True)
class Pair:
    """Two readings of T tokens each (and S of their sources), and what is asked of them: the logit of the answer to the
    clean text minus that of the answer to the corrupted one. `answers` are these two as text."""

    clean: Reading
    corrupted: Reading
    target: Target
    answers: tuple[str, str]

    @property
    def differing(self) -> tuple[int, ...]:
        """The positions of the text at which the two have different tokens."""
        return _differing(self.clean.text, self.corrupted.text)

    @property
    def source_differing(self) -> tuple[int, ...]:
        """The same of the sources of an encoder-decoder."""
        if self.clean.source is None or self.corrupted.source is None:
            return ()
        return _differing(self.clean.source, self.corrupted.source)


def grammar_pairs(
    model: Model, tokenizer: AnyTokenizer, kind: Kind, language: str, seed: int = 0, grammar: str = "stories"
) -> Iterator[Pair]:
    """Pairs out of the texts of a grammar, at most one a text, without end.

    A decoder reads a text up to the place where the answer comes; an encoder up to the end of that sentence, with the
    answer hidden; an encoder-decoder reads a sentence in `language`, and its translation up to where the two answers
    part. Raises UserError for a model that has no answer to give, and where no text makes a pair: the tokens of the
    model's own vocabulary decide whether two texts are of the same length.
    """
    config = model.config
    if not isinstance(config, TransformerConfig) or not config.layers:
        raise UserError("Pairs from the grammar ask for the next or a hidden token, which only language models with layers answer. Type two texts instead.")  # fmt: skip
    if config.architecture == "encoder":
        mask_of(config, tokenizer)  # type: ignore[arg-type]  # says why it cannot be asked
    world = load_grammar(grammar)
    since = 0
    for index in count():
        original = Original(world, language, _FRESH + seed, index)
        if config.architecture == "encoder_decoder":
            found = _first(_translated(model, tokenizer, kind, original, _OTHER_LANGUAGE[language]))
        else:
            found = _first(_told(model, tokenizer, kind, original))
        since = 0 if found else since + 1
        if found:
            yield found
        if since == _PATIENCE:
            raise UserError(
                "No pair of this kind was found in {texts} texts: this model's tokens cut none of them into two of the same length.",
                texts=_PATIENCE,
            )  # fmt: skip


def pair_of_readings(
    model: Model, clean: Reading, corrupted: Reading, names: Sequence[str], target: Target | None = None
) -> Pair:
    """A pair of any two readings of a model. names: what each token, or each class, is called.

    Without a target it is asked where one asks a text of this kind first, for the likeliest answer to the clean one
    against the likeliest to the corrupted one, or, where these are the same, against the second. Raises UserError where
    the tokens do not stand for each other, one by one, and where there is nothing to tell the texts or answers apart.
    """
    sides = ((clean.text, corrupted.text), (clean.source, corrupted.source))
    for one, other in sides:
        if one is not None and other is not None and len(one.ids) != len(other.ids):
            raise UserError(
                "The two texts have {clean} and {corrupted} tokens; each token needs a partner. Change words for others of as many tokens: {clean_tokens} / {corrupted_tokens}",
                clean=len(one.ids), corrupted=len(other.ids), clean_tokens=_cut(one), corrupted_tokens=_cut(other),
            )  # fmt: skip
    if all(one is None or other is None or one.ids == other.ids for one, other in sides):
        raise UserError("The two texts are the same; change a word of one of them.")
    if target is None:
        target = _likeliest(model, clean, corrupted)
    check_target(model, clean, target)
    if not isinstance(target.against, int):
        raise UserError("Patching compares two answers; name both.")
    target.direction(len(names))
    return Pair(clean, corrupted, target, (names[target.token], names[target.against]))


def _likeliest(model: Model, clean: Reading, corrupted: Reading) -> Target:
    """The likeliest answers to both texts."""
    with torch.inference_mode():
        logits = [model(as_batch(reading).to(next(model.parameters()).device))[0] for reading in (clean, corrupted)]
    right = likeliest_target(model, clean, logits[0])
    wrong = int((logits[1] if right.position is None else logits[1][right.position]).argmax())
    return right if wrong == right.token else replace(right, against=wrong)


def _told(model: Model, tokenizer: AnyTokenizer, kind: Kind, original: Original) -> Iterator[Pair]:
    """Pairs from one text for a decoder or an encoder: at each item of a skill that hangs on what is changed."""
    assert isinstance(model.config, TransformerConfig)
    hides = model.config.architecture == "encoder"
    if not any(item.skill in _SKILLS[kind] for item in original.truth.items):
        return
    for text, truth in _changed(original, kind, None):
        for mine, theirs in zip(original.truth.items, truth.items, strict=False):
            asked = mine.skill == theirs.skill and mine.skill in _SKILLS[kind]
            if not asked or original.text[mine.start : mine.end] == text[theirs.start : theirs.end]:
                continue
            told = (original.text, original.truth, mine), (text, truth, theirs)
            found = _hidden_pair(model, tokenizer, *told) if hides else _next_pair(model, tokenizer, *told)
            if found is not None:
                yield found


def _changed(original: Original, kind: Kind, language: str | None) -> Iterator[tuple[str, Truth]]:
    """The text with each of its variables of a kind changed, in its own language or the other."""
    for variable in original.variables:
        for value in _others(original, variable, kind):
            told = original.retold(variable, value, language)
            if told is not None:
                yield told


def _others(original: Original, variable: str, kind: Kind) -> list[Any]:
    """Values to put in the place of a variable's: one for many, a name of the same gender, another place."""
    value = original.value(variable)
    others = original.others(variable)
    if kind == "number":
        return [other for other in others if (other == 1) != (value == 1)][:1] if isinstance(value, int) else []
    if not isinstance(value, Word) or value.entity not in _ENTITIES[kind]:
        return []
    return [other for other in others if other.gender == value.gender][:_OTHERS]


Told = tuple[str, Truth, Item]
"""A text, its truth, and the item of it that is asked."""


def _next_pair(model: Model, tokenizer: AnyTokenizer, clean: Told, corrupted: Told) -> Pair | None:
    """The texts up to the token at which the answers part; None where their tokens do not go together."""
    sides = [read(model, tokenizer, text[: item.end]) for text, _, item in (clean, corrupted)]
    starts = [_token_at(side.text, item.start) for side, (_, _, item) in zip(sides, (clean, corrupted), strict=True)]
    if any(side.left_out for side in sides) or starts[0] != starts[1]:
        return None
    one, other = (side.text for side in sides)
    parted = _parting(one, other, starts[0])
    if parted is None or one.ids[:parted] == other.ids[:parted]:
        return None
    return _asked(_until(sides[0], parted), _until(sides[1], parted), parted - 1, one, other, parted)


def _hidden_pair(model: Model, tokenizer: AnyTokenizer, clean: Told, corrupted: Told) -> Pair | None:
    """The texts up to the end of the sentence with the answers hidden, all of their tokens."""
    assert isinstance(tokenizer, Tokenizer)
    assert tokenizer.mask is not None
    readings, places = [], []
    for text, truth, item in (clean, corrupted):
        end = next((node.end for node in truth.tree.children if node.start <= item.start < node.end), len(text))
        reading = read(model, tokenizer, text[:end])
        readings.append(reading)
        places.append((_token_at(reading.text, item.start), _token_at(reading.text, item.end)))
    one, other = (reading.text for reading in readings)
    if any(reading.left_out for reading in readings) or len(one.ids) != len(other.ids) or places[0] != places[1]:
        return None
    begin, end = places[0]
    parted = _parting(one, other, begin)
    if parted is None or parted >= end:
        return None
    hidden = [_hiding(reading, tokenizer.mask, range(parted, end)) for reading in readings]
    if hidden[0].text.ids == hidden[1].text.ids:
        return None
    return _asked(hidden[0], hidden[1], parted, one, other, parted)


def _translated(model: Model, tokenizer: AnyTokenizer, kind: Kind, original: Original, language: str) -> Iterator[Pair]:
    """Pairs from the sentences of one text for a model that turns them into another language."""
    for variable in original.variables:
        for value in _others(original, variable, kind):
            told = [original.retold(variable, original.value(variable), language), original.retold(variable, value), original.retold(variable, value, language)]  # fmt: skip
            if any(one is None for one in told):
                continue
            sources = _sentences((original.text, original.truth)), _sentences(told[1])
            targets = _sentences(told[0]), _sentences(told[2])
            for source, other_source, target, other_target in zip(*sources, *targets, strict=False):
                if source != other_source and target != other_target:
                    pair = _source_pair(model, tokenizer, (source, target), (other_source, other_target))
                    if pair is not None:
                        yield pair


def _source_pair(
    model: Model, tokenizer: AnyTokenizer, clean: tuple[str, str], corrupted: tuple[str, str]
) -> Pair | None:
    """Two sources with the translation up to the token at which the two translations part."""
    readings = [read(model, tokenizer, target, source) for source, target in (clean, corrupted)]
    one, other = (reading.text for reading in readings)
    sources = [reading.source for reading in readings]
    assert sources[0] is not None
    assert sources[1] is not None
    parted = _parting(one, other, 1)
    alike = len(sources[0].ids) == len(sources[1].ids) and sources[0].ids != sources[1].ids
    if parted is None or not alike or any(reading.left_out for reading in readings):
        return None
    return _asked(_until(readings[0], parted), _until(readings[1], parted), parted - 1, one, other, parted)


def _asked(clean: Reading, corrupted: Reading, position: int, one: Side, other: Side, parted: int) -> Pair:
    """The pair that is asked at a position for what the whole texts have where they part."""
    target = Target(position, one.ids[parted], other.ids[parted])
    return Pair(clean, corrupted, target, (one.tokens[parted], other.tokens[parted]))


def _sentences(told: tuple[str, Truth] | None) -> list[str]:
    assert told is not None
    text, truth = told
    return [text[node.start : node.end] for node in truth.tree.children]


def _token_at(side: Side, character: int) -> int:
    """The first token that reaches beyond a character; control tokens at the end have nothing beyond it."""
    return next((at for at, (_, end) in enumerate(side.spans) if end > character), len(side.ids) - _signs_after(side))


def _signs_after(side: Side) -> int:
    """How many control tokens stand at the end: their spans are empty."""
    return next((at for at, (start, end) in enumerate(reversed(side.spans)) if end > start), len(side.ids))


def _parting(one: Side, other: Side, start: int) -> int | None:
    """The first position from `start` on at which both have a token of their own text and it is not the same."""
    shortest = min(len(side.ids) - _signs_after(side) for side in (one, other))
    return next((at for at in range(start, shortest) if one.ids[at] != other.ids[at]), None)


def _until(reading: Reading, end: int) -> Reading:
    """The reading with only the first tokens of its text."""
    side = reading.text
    return replace(reading, text=Side(side.ids[:end], side.tokens[:end], side.spans[:end]))


def _hiding(reading: Reading, mask: int, places: range) -> Reading:
    """The reading with masks at some places."""
    side = reading.text
    ids = tuple(mask if at in places else token for at, token in enumerate(side.ids))
    tokens = tuple(MASK if at in places else token for at, token in enumerate(side.tokens))
    return replace(reading, text=Side(ids, tokens, side.spans))


def _differing(one: Side, other: Side) -> tuple[int, ...]:
    return tuple(at for at, (mine, theirs) in enumerate(zip(one.ids, other.ids, strict=True)) if mine != theirs)


def _cut(side: Side) -> str:
    """The beginning of a text as the tokens it is cut into."""
    return "|".join(side.tokens[:24])


def _first(pairs: Iterator[Pair]) -> Pair | None:
    return next(chain(pairs, (None,)))
