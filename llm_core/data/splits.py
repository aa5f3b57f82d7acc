"""Which rows of labelled texts stand on which side: the same share of every class, and texts that are alike together.

Rows are numbers here; nothing is known of files. A group is a set of rows whose texts are alike: copies on both sides of
a split would be tested by having been learned by heart.
"""

import unicodedata
from collections.abc import Sequence
from functools import cache
from itertools import chain

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def normalised(text: str) -> str:
    """What two texts have in common that differ in capitals, spaces, punctuation, width or invisible marks alone.

    Symbols stay, for an emoji may be all that a text says; where nothing else is left, so does punctuation.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    return plain.translate(_unsaid()) or "".join(plain.split())


def groups_of(texts: Sequence[str]) -> Integers:
    """(N,) the same number for texts that are alike, counted up from 0 in order of first appearance."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(normalised(text), len(numbers)) for text in texts], dtype=np.int64)


def stratified(labels: Integers, groups: Integers, share: float, seed: int, least: int = 0) -> NDArray[np.bool_]:
    """(N,) which rows are held out: of each class its share to within one row, where its texts allow it.

    labels, groups: (N,) class and group of each row · least: rows of a class that are held out at the least, though
    never all of it. Rows that are alike stay on the kept side as long as a class has others; only then do whole groups
    go over, never one with rows of several classes.
    """
    random = np.random.default_rng(seed)
    labels, groups = _numbered(labels), _numbered(groups)
    held_out = np.zeros(len(labels), dtype=np.bool_)
    sizes = np.bincount(groups)
    for label, quota in enumerate(_quotas(np.bincount(labels), share, least)):
        rows = random.permutation(np.flatnonzero(labels == label))
        single = sizes[groups[rows]] == 1
        chosen = rows[single][:quota]
        held_out[chosen] = True
        missing = quota - len(chosen)
        for group in _own_groups(rows[~single], labels, groups, sizes) if missing else ():
            if sizes[group] <= missing:
                held_out[groups == group] = True
                missing -= int(sizes[group])
            if not missing:
                break
    return held_out


def fold_numbers(labels: Integers, groups: Integers, count: int, seed: int) -> Integers:
    """(N,) the fold of each row, 0 to count - 1: each class is dealt out evenly, rows of a group to the same fold."""
    random = np.random.default_rng(seed)
    labels, groups = _numbered(labels), _numbered(groups)
    folds = np.full(len(labels), -1, dtype=np.int64)
    dealt = np.zeros((int(labels.max(initial=-1)) + 1, count), dtype=np.int64)
    sizes = np.bincount(groups)
    order = np.argsort(groups, kind="stable")
    ends = np.cumsum(sizes)
    several = random.permutation(np.flatnonzero(sizes > 1))
    # The large ones first: what they leave uneven, the small ones and the single rows make even again.
    for group in several[np.argsort(-sizes[several], kind="stable")]:
        rows = order[ends[group] - sizes[group] : ends[group]]
        fold = _emptiest(dealt[labels[rows]].sum(axis=0), dealt.sum(axis=0))
        folds[rows] = fold
        dealt[:, fold] += np.bincount(labels[rows], minlength=len(dealt))
    for label in range(len(dealt)):
        rows = random.permutation(np.flatnonzero((labels == label) & (folds < 0)))
        takes = _levelled(dealt[label], len(rows), dealt.sum(axis=0))
        folds[rows] = np.repeat(np.arange(count), takes)
        dealt[label] += takes
    return folds


def _numbered(values: Integers) -> Integers:
    """The same values as numbers without gaps."""
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _quotas(counts: Integers, share: float, least: int) -> list[int]:
    """Rows to hold out of each class: largest remainders, so that the sum is right as well."""
    exact = counts * share
    quotas = np.floor(exact).astype(np.int64)
    left = round(float(counts.sum()) * share) - int(quotas.sum())
    quotas[np.argsort(quotas - exact, kind="stable")[: max(0, left)]] += 1
    quotas = np.clip(np.maximum(quotas, least), 0, np.maximum(counts - 1, 0))
    return [int(quota) for quota in quotas]


def _own_groups(rows: Integers, labels: Integers, groups: Integers, sizes: Integers) -> list[int]:
    """The groups of these rows that have no row of another class, in the order of the rows, the small ones first."""
    within = np.bincount(groups[rows], minlength=len(sizes))
    own = [int(group) for group in dict.fromkeys(groups[rows].tolist()) if within[group] == sizes[group]]
    return sorted(own, key=lambda group: int(sizes[group]))


def _emptiest(of_class: Integers, of_all: Integers) -> int:
    return int(np.lexsort((of_all, of_class))[0])


def _levelled(have: Integers, rows: int, of_all: Integers) -> Integers:
    """How many rows each fold takes so that their counts come as close to each other as they can."""
    order = np.lexsort((of_all, have))
    ordered = have[order]
    for low in range(1, len(have) + 1):
        # Fill up the lowest folds, as many as lie below the level that comes of it.
        level, rest = divmod(int(ordered[:low].sum()) + rows, low)
        if low == len(have) or level <= ordered[low]:
            break
    takes = np.zeros(len(have), dtype=np.int64)
    filled = order[:low]
    takes[filled] = level - have[filled]
    takes[filled[np.argsort(of_all[filled], kind="stable")[:rest]]] += 1
    return takes


@cache
def _unsaid() -> dict[int, None]:
    """Punctuation, spaces and invisible marks, for `str.translate` to leave out: the categories P, Z, Cc and Cf."""
    # Beyond these planes of Unicode there are none.
    codes = chain(range(0x20000), range(0xE0000, 0xE0100))
    return {code: None for code in codes if unicodedata.category(chr(code)) in _CATEGORIES}


_CATEGORIES = {"Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Zs", "Zl", "Zp", "Cc", "Cf"}
