"""Tags of words as entities: where each begins and ends, by the rules of the CoNLL evaluation.

A tag is `O`, or a sign and a kind: `B-person` begins an entity, `I-person` goes on with one. What no scheme allows is read
as kindly as conlleval and seqeval (in its default mode) do: an `I-` that continues nothing of its kind begins an entity.
"""

from collections.abc import Sequence

OUTSIDE = "O"
Span = tuple[str, int, int]
"""The kind of an entity, its first word and the one after its last."""


def tag_spans(tags: Sequence[str]) -> list[Span]:
    """The entities in a row of tags, from left to right."""
    found: list[Span] = []
    kind, start = "", 0
    for place, tag in enumerate((*tags, OUTSIDE)):
        sign, _, name = tag.partition("-")
        goes_on = sign == "I" and name == kind
        if kind and not goes_on:
            found.append((kind, start, place))
            kind = ""
        if sign != OUTSIDE and not goes_on:
            kind, start = name, place
    return found
