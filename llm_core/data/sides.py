"""A text as the two sides of a corpus, and the tokenizer for it: read where it is there, else written now.

What is read is read three times (for its split, its tokenizer, its tokens), what is written is written once. Either way
it streams through in pieces. Knows no file but by `source`.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from llm_core.config import DataConfig
from llm_core.data.annotated import ASKED, Annotated, Asked, names_of
from llm_core.data.corpora import CORPORA, Corpus
from llm_core.data.generated import annotated_documents, counts, documents, generated, weighed
from llm_core.data.pairs import both, sides_of_pairs
from llm_core.data.source import pieces
from llm_core.data.split import HELD_OUT, LEFT_OUT, TRAINING, Split, Splitter, cut_near_line_end
from llm_core.data.targets import turns
from llm_core.data.tokenizers import Tokenizer, train_tokenizer

Progress = Callable[[float], None]
"""Told the share that is done, 0 to 1, several times a second; may raise to cancel, which leaves nothing behind."""

_Text = tuple[int, bool, str]
Sided = _Text | tuple[int, bool, NDArray[np.uint32]]
"""The side that a piece of text stands on, whether a document begins here, and the piece, or numbers in place of one."""

_SAMPLE = 2_000_000
_WRITTEN_SAMPLE = 6_000_000
_REPORT = 1 << 19


@dataclass(frozen=True)
class Sides:
    """`pieces` may be gone through once; then `nats` has -log P of each held-out document, where that is known. `labels`:
    the classes or tags that its targets count, where there are some."""

    tokenizer: Tokenizer
    pieces: Iterator[Sided]
    nats: list[float] = field(default_factory=list)
    labels: tuple[str, ...] = ()


def sides_of(config: DataConfig, report: Progress) -> Sides:
    """The text of these settings. Raises UserError for all that can be wrong with it."""
    corpus = generated(config)
    if corpus is not None and corpus.kind in ASKED:
        return _annotated(config, corpus, corpus.kind, report)
    return _written(config, report) if corpus else _read(config, report)


def _read(config: DataConfig, report: Progress) -> Sides:
    split, characters = _scan(config, report)
    tokenizer = train_tokenizer(
        config.tokenizer, config.vocabulary_size, _sample(config, split, report), config.byte_fallback,
        config.mask_token,
    )  # fmt: skip
    return Sides(tokenizer, _told(_sided(config, split), characters, report))


def _written(config: DataConfig, report: Progress) -> Sides:
    """The tokenizer learns from the beginning: documents that are drawn alike need not be spread."""
    corpus = CORPORA[config.corpus]
    training, held_out = counts(config)
    texts = documents(corpus, 0, training)
    beginning: list[str] = []
    size = 0
    for text in texts:
        beginning.append(text)
        size += len(text)
        if size > _WRITTEN_SAMPLE:
            break
    report(0.3)
    paired = corpus.kind == "parallel"
    learnt = (half for pair in beginning for half in both(pair)) if paired else iter(beginning)
    tokenizer = train_tokenizer(
        config.tokenizer, config.vocabulary_size, learnt, config.byte_fallback, config.mask_token
    )
    nats: list[float] = []
    characters = size * (training + held_out) // len(beginning)

    def trained_on() -> Iterator[str]:
        yield from beginning
        beginning.clear()
        yield from texts

    def sided() -> Iterator[Sided]:
        if paired:
            for unseen, text in sides_of_pairs(trained_on(), documents(corpus, training, held_out)):
                yield HELD_OUT if unseen else TRAINING, True, text
            return
        for text in trained_on():
            yield TRAINING, True, text
        for text, lost in weighed(corpus, training, held_out):
            if lost is not None:
                nats.append(lost)
            yield HELD_OUT, True, text

    return Sides(tokenizer, _told(sided(), characters, report), nats)


def _annotated(config: DataConfig, corpus: Corpus, asked: Asked, report: Progress) -> Sides:
    """Texts with what is to be said of them, in turns: the tokens of each text, then its targets."""
    training, held_out = counts(config)
    beginning, size = list[Annotated](), 0
    rest = annotated_documents(corpus, 0, training)
    for made in rest:
        beginning.append(made)
        size += len(made.whole)
        if size > _SAMPLE:
            break
    report(0.3)
    tokenizer = train_tokenizer(
        config.tokenizer, config.vocabulary_size, (made.whole for made in beginning), config.byte_fallback,
        config.mask_token,
    )  # fmt: skip
    labels = names_of(asked, corpus.source)

    def sided() -> Iterator[Sided]:
        for made in chain(beginning, rest):
            for turn in turns(made, asked, labels, tokenizer):
                yield TRAINING, True, turn
        for made in annotated_documents(corpus, training, held_out):
            for turn in turns(made, asked, labels, tokenizer):
                yield HELD_OUT, True, turn

    tokens = size * (training + held_out) // len(beginning) // 2  # a guess, to tell how much is done
    return Sides(tokenizer, _told(sided(), tokens, report), labels=labels)


def _told(sided: Iterator[Sided], characters: int, report: Progress) -> Iterator[Sided]:
    """The same, while telling how much of it is done."""
    done = 0
    for piece in sided:
        yield piece
        text = piece[2]
        if (done + len(text)) // _REPORT > done // _REPORT:
            report(0.3 + 0.7 * min(1.0, done / characters))
        done += len(text)


def _scan(config: DataConfig, report: Progress) -> tuple[Split, int]:
    """Read everything once: all faults come out here, and the split and the number of characters come back."""
    splitter = Splitter(config.held_out)
    digest, length, total = hashlib.blake2b(digest_size=8), 0, 0
    for begins, text in pieces(config):
        if begins and length:
            splitter.add(int.from_bytes(digest.digest(), "big"), length)
            digest, length = hashlib.blake2b(digest_size=8), 0
        digest.update(text.encode("utf-8", "surrogatepass"))
        length += len(text)
        if (total + len(text)) // _REPORT > total // _REPORT:
            report(0.05)  # how much is to come is not known yet
        total += len(text)
    splitter.add(int.from_bytes(digest.digest(), "big"), length)
    return splitter.finish(), total


def _sided(config: DataConfig, split: Split) -> Iterator[_Text]:
    """Pieces with their side; a document that is cut begins anew on the held-out side."""
    document, position = -1, 0
    for begins, text in pieces(config):
        document += begins
        side = split.sides[document]
        if side == LEFT_OUT:
            continue
        if split.cut is None:
            yield side, begins, text
            continue
        start, position = position, position + len(text)
        if position <= split.cut:
            yield TRAINING, begins, text
        elif start > split.cut:
            yield HELD_OUT, False, text
        else:
            # split.cut falls into this piece, at its start at the earliest.
            at = split.cut - start
            place = cut_near_line_end(text, at, max(1, split.cut // 50)) if at > 0 else 0
            if place:
                yield TRAINING, begins, text[:place]
            yield HELD_OUT, True, text[place:]


def _sample(config: DataConfig, split: Split, report: Progress) -> Iterator[str]:
    """Training text of bounded length, spread evenly over all of it, for the tokenizer to learn from."""
    share = min(1.0, _SAMPLE / max(1, split.characters))
    due, taken = 0.0, 0
    for side, _, text in _sided(config, split):
        if side != TRAINING:
            continue
        due += share * len(text)
        if due >= taken + len(text) / 2:
            taken += len(text)
            report(0.1 + 0.2 * min(1.0, taken / _SAMPLE))
            yield text
