"""What a model sees in a text, computed once and kept for a while: the picture, the other views and files share it."""

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from llm_core.errors import UserError
from pages.ui.attention.looking import LONGEST_TEXT, Looking
from pages.ui.state import inference, store

if TYPE_CHECKING:
    from llm_core.interpret.attention.attention import Floats, Part, Seen
    from llm_core.interpret.reading import AnyTokenizer, Reading
    from llm_core.models.base import Model

MOST_TOKENS = 512
"""More tokens than this are not looked at: memory and pictures grow with their square."""

Kept = TypeVar("Kept")
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Patterns:
    """What the heads look at, and nothing else: each part's pattern (layers, heads, T, S)."""

    reading: "Reading"
    parts: "dict[Part, Floats]"


def seen(looking: Looking, *, off: bool = True) -> "Seen":
    """All of a model's attention to the text that is looked at, and its predictions; `off=False`: nothing switched off.

    Raises UserError where the model has no attention or cannot read the text.
    """
    return _seen.get(_key(looking, off), lambda: _see(looking, off), _size_of_seen)


def patterns(looking: Looking) -> Patterns:
    """Only what the heads look at: far less to compute and to keep. Raises UserError as `seen` does."""
    return _patterns.get(_key(looking, True), lambda: _see_patterns(looking), _size_of_patterns)


def read_text(model: "Model", tokenizer: "AnyTokenizer", looking: Looking) -> "Reading":
    """The text as the model reads it, at most `MOST_TOKENS` of each side; what is left out is counted."""
    from dataclasses import replace

    from llm_core.interpret.reading import read

    for text in (looking.text, looking.source):
        if len(text) > LONGEST_TEXT:
            raise UserError("The text has {have} characters; at most {limit} can be looked at.", have=len(text), limit=LONGEST_TEXT)  # fmt: skip
    text, left_out = _shorten(tokenizer, looking.text)
    source, source_left_out = _shorten(tokenizer, looking.source)
    reading = read(model, tokenizer, text, source or None)
    return replace(reading, left_out=reading.left_out + left_out + source_left_out)


def _shorten(tokenizer: "AnyTokenizer", text: str) -> tuple[str, int]:
    room = MOST_TOKENS - len(tokenizer.begin) - len(tokenizer.end)
    spans = tokenizer.spans(text)
    if len(spans) <= room:
        return text, 0
    return text[: spans[room - 1][1]], len(spans) - room


def _see(looking: Looking, off: bool) -> "Seen":
    with inference():
        from llm_core.interpret.attention.attention import HeadName, see

        model, tokenizer = store().model(store().find(looking.run), looking.step)
        reading = read_text(model, tokenizer, looking)
        if not off:
            return see(model, reading)
        return see(
            model,
            reading,
            heads_off=[HeadName.parse(name) for name in looking.heads_off],
            tokens_off=looking.tokens_off,
            source_tokens_off=looking.source_tokens_off,
        )


def _see_patterns(looking: Looking) -> Patterns:
    if looking.heads_off or looking.tokens_off or looking.source_tokens_off:
        found = seen(looking)
        return Patterns(found.reading, {part: attention.pattern for part, attention in found.parts.items()})
    with inference():
        from llm_core.interpret.attention.attention import see_patterns
        from llm_core.interpret.reading import as_batch

        model, tokenizer = store().model(store().find(looking.run), looking.step)
        reading = read_text(model, tokenizer, looking)
        batch = as_batch(reading).to(next(model.parameters()).device)
        return Patterns(reading, {part: found[:, 0].cpu().numpy() for part, found in see_patterns(model, batch).items()})  # fmt: skip


def _key(looking: Looking, off: bool) -> Key:
    """What the result depends on. A run that is trained anew under the same id writes its steps anew."""
    run = store().find(looking.run)
    try:
        moment = (run.folder / "steps" / f"{looking.step:08d}").stat().st_mtime_ns
    except OSError:
        moment = 0
    switches = (looking.heads_off, looking.tokens_off, looking.source_tokens_off) if off else ()
    return run.folder, moment, looking.step, looking.text, looking.source, switches


class _Kept:
    """The last results, at most so many bytes of them."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._kept: OrderedDict[Key, tuple[Any, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key, make: Callable[[], Kept], size_of: Callable[[Kept], int]) -> Kept:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                found: Kept = self._kept[key][0]
                return found
        made = make()
        with self._lock:
            self._kept[key] = made, size_of(made)
            # The newest stays, however large: the views of one page ask for it one after another.
            while sum(size for _made, size in self._kept.values()) > self._most and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return made


def _size_of_seen(found: "Seen") -> int:
    arrays = [value for attention in found.parts.values() for value in vars(attention).values()]
    return sum(int(getattr(array, "nbytes", 0)) for array in arrays) + found.logits.nbytes + sys.getsizeof(found)


def _size_of_patterns(found: Patterns) -> int:
    return sum(pattern.nbytes for pattern in found.parts.values()) + sys.getsizeof(found)


_seen, _patterns = _Kept(200_000_000), _Kept(200_000_000)
