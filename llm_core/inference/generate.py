"""Writing: a generator of tokens, each with its probability and what else it could have been.

Knows no tokenizer and no family: it steps any causal model. Rows of unequal prompts stand flush left and advance
together, a row taking its own prompt while it lasts, so that positions are what they would be for the row alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random

import torch

from llm_core.config import DecodingConfig
from llm_core.inference.beam import beam_search
from llm_core.inference.decoding import choose
from llm_core.inference.reader import Edits, Reader, Token, describe
from llm_core.models.base import Batch, Model


def generate(
    model: Model,
    prompts: Sequence[Sequence[int]],
    decoding: DecodingConfig,
    *,
    stop: int | None = None,
    edits: Edits | None = None,
    source: Batch | None = None,
    forced: Mapping[int, int] | None = None,
) -> Iterator[list[Token]]:
    """Write after each prompt; yields, position by position, a token for every row that gets one there.

    A row ends after `decoding.tokens` tokens or with the token `stop`, which is yielded as its last. A row's text does
    not depend on the other rows; row r draws with seed `decoding.seed + r`. `edits` change taps in every forward pass,
    or where a function of place and number of the tokens read at once says so.
    A beam search yields when it is done. Text longer than the model's context is seen through a window.
    `source`: what an encoder-decoder reads beside each prompt (`translate` makes it). `forced`: tokens that stand at
    places, counted from the first that is written, whatever the method would choose. The dice are thrown there all the
    same, so that what follows differs by the choice alone; its probabilities stay the model's own.

    Raises ValueError for a model in training mode, an empty prompt, a model that does not write, or tokens forced on a
    beam search.
    """
    if model.training:
        raise ValueError("put the model in eval mode before it writes")
    if not model.causal:
        raise ValueError("this model does not write left to right")
    if not all(prompts):
        raise ValueError("a prompt needs at least one token")
    if decoding.method == "beam":
        if forced:
            raise ValueError("a beam search chooses all of its tokens")
        yield from beam_search(model, prompts, decoding, stop=stop, edits=edits, source=source)
        return
    sequences = [list(prompt) for prompt in prompts]
    ends = [len(prompt) + decoding.tokens for prompt in prompts]
    dice = [Random(decoding.seed + row) for row in range(len(prompts))]
    live = list(range(len(prompts)))
    position = min(map(len, prompts), default=0)
    reader = Reader(model, max(ends, default=0), edits, source)
    while live:
        logits = reader.read([sequences[row] for row in live], position)  # (live rows, V)
        writing = [index for index, row in enumerate(live) if len(sequences[row]) == position]
        if writing:
            rows = [live[index] for index in writing]
            logits = logits if len(writing) == len(live) else logits[writing]
            chosen = choose(logits, [sequences[row] for row in rows], decoding, [dice[row] for row in rows])
            if forced:
                places = [position - len(prompts[row]) for row in rows]
                wanted = [forced.get(place, token) for place, token in zip(places, chosen.tolist(), strict=True)]
                chosen = torch.tensor(wanted, device=chosen.device)
            yield describe(logits, chosen, rows, position, decoding.alternatives)
            for row, token in zip(rows, chosen.tolist(), strict=True):
                sequences[row].append(token)
                if token == stop:
                    ends[row] = position + 1
        position += 1
        going = [index for index, row in enumerate(live) if position < ends[row]]
        if 0 < len(going) < len(live):
            reader.select(going)
        live = [live[index] for index in going]
