"""How alike translations and their references are, in characters: chrF (Popović 2015). Knows no model and no token.

Chinese is written without spaces, and words would have to be found before they could be compared: characters need not.
"""

from collections import Counter
from collections.abc import Sequence

ORDER, BETA = 6, 2.0


def chrf(translations: Sequence[str], references: Sequence[str]) -> float:
    """chrF2 of a whole text, from 0 to 1: recall counts twice as much as precision, of runs of one to six characters.

    Counted over all sentences together, white space left out; equal to sacreBLEU's chrF2 (which is from 0 to 100).
    """
    written, known, shared = [0] * ORDER, [0] * ORDER, [0] * ORDER
    for translation, reference in zip(translations, references, strict=True):
        for place in range(ORDER):
            ours, theirs = _runs(translation, place + 1), _runs(reference, place + 1)
            if theirs:  # runs that the reference is too short for say nothing
                written[place] += ours.total()
            known[place] += theirs.total()
            shared[place] += (ours & theirs).total()
    orders = [place for place in range(ORDER) if written[place] and known[place]]
    if not orders:
        return 0.0
    precision = sum(shared[place] / written[place] for place in orders) / len(orders)
    recall = sum(shared[place] / known[place] for place in orders) / len(orders)
    both = BETA**2 * precision + recall
    return (1 + BETA**2) * precision * recall / both if both else 0.0


def _runs(text: str, length: int) -> Counter[str]:
    """Every run of so many characters, white space left out, and how often it comes."""
    letters = "".join(text.split())
    return Counter(letters[start : start + length] for start in range(len(letters) - length + 1))
