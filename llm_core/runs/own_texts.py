"""Texts like those that the models of a run have read: what a lens, a probe or an autoencoder is trained and judged on."""

from itertools import islice
from typing import TYPE_CHECKING

from llm_core.config import RunConfig
from llm_core.data.corpora import CORPORA
from llm_core.data.generated import documents, first_unread
from llm_core.data.prepare import open_corpus
from llm_core.data.source import pieces
from llm_core.errors import UserError
from llm_core.runs.run import Run

if TYPE_CHECKING:
    from llm_core.interpret.reading import AnyTokenizer, Reading
    from llm_core.models.base import Model

_TOKENS = 64
"""Tokens of a piece of a long text."""
_CHARACTERS = 240
"""Characters of one, where it is not cut by tokens."""


def has_own_texts(run: Run) -> bool:
    """Whether there are any: not for a model that was brought in, of which nobody knows what it has read."""
    return isinstance(run.settings, RunConfig)


def own_texts(
    run: Run, tokenizer: "AnyTokenizer", count: int, start: int = 0, total: int | None = None
) -> list[tuple[str, str | None]]:
    """`count` texts from number `start` on, each with its source for a model that turns one text into another.

    Written anew where the program can write such texts; else pieces of the text that was held out; of an embedded text
    that is not prepared here, as that of a bundled model, pieces of itself. `total`: how many texts are asked for in all,
    in several calls; a held-out text of fewer pieces is shared out among them in proportion, so that none comes twice and
    each call has fewer. Raises UserError where there are none, or too few.
    """
    if not isinstance(run.settings, RunConfig):
        raise UserError("Nobody knows what the model of run {run} has read, so that there are no texts like those.", run=run.id)  # fmt: skip
    data = run.settings.data
    corpus = CORPORA.get(data.corpus)
    if corpus is not None and corpus.kind != "text":
        parted = [text.partition("\t") for text in documents(corpus, first_unread(data) + start, count)]
        return [(other, text) for text, _tab, other in parted] if corpus.kind == "parallel" else [(text, None) for text, _tab, _other in parted]  # fmt: skip
    found = _held_out(run, tokenizer, start, count, max(total or 0, start + count))
    if found is None and corpus is not None:
        found = _embedded(run, start, count)
    if not found:
        raise UserError("Of the text of run {run} there is nothing at hand that it was not trained on.", run=run.id)
    return [(text, None) for text in found]


def own_readings(
    run: Run, model: "Model", tokenizer: "AnyTokenizer", count: int, start: int = 0, total: int | None = None
) -> "list[Reading]":
    """The same as the model reads them; texts without a token are left out. Raises UserError as `own_texts` does."""
    return list(numbered_readings(run, model, tokenizer, count, start, total).values())


def numbered_readings(
    run: Run, model: "Model", tokenizer: "AnyTokenizer", count: int, start: int = 0, total: int | None = None
) -> "dict[int, Reading]":
    """The same by their place in the list of `own_texts`, in which those that are left out keep theirs."""
    from llm_core.interpret.reading import read

    texts = own_texts(run, tokenizer, count, start, total)
    readings = {number: read(model, tokenizer, text, source) for number, (text, source) in enumerate(texts)}
    return {number: reading for number, reading in readings.items() if reading.text.ids}


def _held_out(run: Run, tokenizer: "AnyTokenizer", start: int, count: int, total: int) -> list[str] | None:
    """None where no text was held out here."""
    if run.digest is None:
        return None
    try:
        tokens = open_corpus(run.corpora / run.digest).held_out
    except UserError:
        return None
    windows = max(1, len(tokens) // _TOKENS)
    first, end = start, start + count
    if windows < total:
        first, end = first * windows // total, end * windows // total
    if first == end:
        raise UserError("Too little text was held out in run {run} for this; train on a longer one.", run=run.id)
    places = range(first * _TOKENS, end * _TOKENS, _TOKENS)
    return [tokenizer.decode([int(token) for token in tokens[place : place + _TOKENS]]) for place in places]


def _embedded(run: Run, start: int, count: int) -> list[str]:
    assert isinstance(run.settings, RunConfig)
    whole = (text for _begins, text in pieces(run.settings.data) if len(text) >= _CHARACTERS)
    cut = (text[at : at + _CHARACTERS] for text in whole for at in range(0, len(text) - _CHARACTERS + 1, _CHARACTERS))
    return list(islice(cut, start, start + count))
