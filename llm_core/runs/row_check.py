"""What a row of a history, and an opened step, must hold, so that whoever draws it may rely on it: for what others bring.

Kinds that are not named here are read by nobody, or by readers that look at each value themselves.
"""

from collections.abc import Callable, Mapping
from typing import Any

from llm_core.runs.sentences import sentence_in

Check = Callable[[object], bool]


def is_number(value: object) -> bool:
    """Whether this is a finite number that can be computed with."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def is_row(row: Mapping[str, Any]) -> bool:
    """Whether a row holds what its kind must, all numbers finite or null."""
    kind, step = row.get("kind"), row.get("step")
    if not (kind is None or isinstance(kind, str)) or not (step is None or _is_count(step)):
        return False
    if row.get("template") is not None and sentence_in(row) is None:
        return False
    needed = _ROWS.get(kind or "")
    if needed is None:
        return True
    figures = all(row.get(name) is None or is_number(row[name]) for name in _NUMBERS)
    return figures and _holds(row, needed) and _are_alike(row, _ALIKE.get(kind or "", ()))


def is_opened_step(value: Mapping[str, Any], step: int) -> bool:
    """Whether this is what `llm_core.training.records.Opened` says of this step."""
    return value.get("step") == step and _holds(value, _OPENED) and _are_alike(value, ("names", *_NORMS, "relative"))


def _holds(row: Mapping[str, Any], needed: Mapping[str, Check]) -> bool:
    return all(check(row.get(name)) for name, check in needed.items())


def _are_alike(row: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return len({len(row[name]) for name in names}) <= 1


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 10**9


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _may_be(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _many(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _is_rate(value: object) -> bool:
    return is_number(value) and value > 0  # type: ignore[operator]


def _are_measures(value: object) -> bool:
    return isinstance(value, dict) and all(map(is_number, value.values()))


def _is_opened_row(value: object) -> bool:
    if not (isinstance(value, dict) and _holds(value, _OPENED_ROW)):
        return False
    return _are_alike(
        value, ("pieces", "losses", *(name for name in ("read", "wanted") if value.get(name) is not None))
    )


_MAY_BE_NUMBER = _may_be(is_number)
_NUMBERS_OR_NOT, _TEXTS, _TABLE = _many(_MAY_BE_NUMBER), _many(_is_text), _many(_many(_MAY_BE_NUMBER))
_NORMS = ("gradient", "weight", "update")
_NUMBERS = (
    "loss", "smoothed", "tokens", "seconds", "learning_rate", "gradient_norm", "tokens_per_second", "perplexity",
    "bits_per_character", "at", "share", "epoch", "budget", "inner_loss", "inner_accuracy", "accuracy", "macro_f1", "baseline",
)  # fmt: skip
"""What is a number, or null, wherever it stands."""
_LANE: dict[str, Check] = {"family": _is_text, "lane": _may_be(_is_text)}
_CELL: dict[str, Check] = {"cell": _is_count, "seed": _is_count}
_AT_STEP: dict[str, Check] = {"step": _is_count}
_ROWS: dict[str, dict[str, Check]] = {
    "step": _AT_STEP,
    "evaluation": _AT_STEP | {"measures": _may_be(_are_measures)},
    "sample": _AT_STEP | {"text": _is_text, "prompt": _is_text, "reference": _may_be(_is_text)},
    "layers": _AT_STEP | {"names": _TEXTS} | dict.fromkeys(_NORMS, _NUMBERS_OR_NOT),
    "fixed_text": {
        "pieces": _TEXTS, "ids": _many(_is_count), "unigram": _NUMBERS_OR_NOT, "threshold": _NUMBERS_OR_NOT,
    },
    "text": _AT_STEP | {"losses": _NUMBERS_OR_NOT},
    "opened": _AT_STEP,
    "branched": _AT_STEP,
    "snapshot": _AT_STEP,
    "baseline": {"name": _is_text, "loss": is_number},
    "rate": _AT_STEP | {"learning_rate": _is_rate},
    "cell": _CELL | {"run": _is_text, "state": _is_text, "at": _may_be(_is_count)},
    "point": _CELL | {"at": _is_count},
    "look": _CELL | {"at": _is_count},
    "heads": _AT_STEP | {"part": _is_text, "score": _is_text} | dict.fromkeys(("mean", "low", "high"), _TABLE),
    "scored": _AT_STEP,
    "family": _LANE | {"state": _is_text},
    "progress": _LANE,
    "fold": _LANE,
    "result": _LANE,
}  # fmt: skip
_ALIKE = {
    "layers": ("names", *_NORMS),
    "fixed_text": ("pieces", "ids", "unigram", "threshold"),
    "heads": ("mean", "low", "high"),
}
"""Lists of one length."""
_OPENED: dict[str, Check] = {
    **dict.fromkeys(("learning_rate", "share", "progress"), is_number),
    **dict.fromkeys(("gradient_norm", "clipping", "cut", "loss_before", "loss_after"), _MAY_BE_NUMBER),
    **dict.fromkeys((*_NORMS, "relative"), _NUMBERS_OR_NOT),
    "schedule": _is_text, "names": _TEXTS, "rows_in_batch": _is_count, "asked": _is_count, "rows": _many(_is_opened_row),
}  # fmt: skip
_OPENED_ROW: dict[str, Check] = {
    "pieces": _TEXTS, "losses": _NUMBERS_OR_NOT, "read": _may_be(_TEXTS), "source": _may_be(_TEXTS),
    "wanted": _may_be(_many(_may_be(_is_text))), "label": _may_be(_is_text), "label_loss": _MAY_BE_NUMBER,
}  # fmt: skip
