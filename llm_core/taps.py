"""Named places in a model where activations are read or replaced.

A `Tap` is an identity module that asks a context variable whether anybody is watching. Module hooks live on the model,
which several browsers share, and leak from thread to thread; a context variable belongs to its thread alone.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from fnmatch import fnmatchcase
from itertools import chain

import torch
from torch import Tensor, nn

Edit = Callable[[Tensor], Tensor]


class _Observer:
    """One open `observe` block: the taps it wants, what it changes, and what it has seen."""

    def __init__(self, wanted: Mapping["Tap", str], edits: Mapping[str, Edit]) -> None:
        self.wanted = wanted
        self.edits = edits
        self.seen: dict[str, Tensor] = {}

    def wants(self, tap: "Tap") -> bool:
        return tap in self.wanted

    def edit(self, tap: "Tap", x: Tensor) -> Tensor:
        edit = self.edits.get(self.wanted.get(tap, "")) if self.edits else None
        return x if edit is None else edit(x)

    def collect(self, tap: "Tap", x: Tensor) -> None:
        name = self.wanted.get(tap)
        if name is not None:
            self.seen[name] = x


_observers: ContextVar[tuple[_Observer, ...]] = ContextVar("observers", default=())


class Tap(nn.Module):
    """Identity, unless an `observe` block that wants this tap is open in this thread."""

    def __call__(self, x: Tensor) -> Tensor:
        # A model has a dozen taps a layer: nn.Module's own way to `forward` takes eight times as long as this.
        return self.forward(x)

    def forward(self, x: Tensor) -> Tensor:
        # ContextVar.get breaks a Dynamo graph; a compiled model is never observed.
        if torch.compiler.is_compiling():
            return x
        for observer in _observers.get():
            x = observer.edit(self, x)
            observer.collect(self, x)
        return x

    def edit(self, x: Tensor) -> Tensor:
        """Let edits change one time step (B, 1, width) of a recurrence; nothing is collected before `collect`."""
        for observer in _observers.get():
            x = observer.edit(self, x)
        return x

    def collect(self, x: Tensor) -> None:
        """Show the steps that `edit` has let through, stacked over time."""
        for observer in _observers.get():
            observer.collect(self, x)

    @property
    def wanted(self) -> bool:
        """Whether anybody watches this tap now: what is costly to compute (scores, pattern) is computed only then."""
        if torch.compiler.is_compiling():
            return False
        return any(observer.wants(self) for observer in _observers.get())


def observing() -> bool:
    """Whether any `observe` block is open in this thread."""
    return not torch.compiler.is_compiling() and bool(_observers.get())


def unwrap(model: nn.Module) -> nn.Module:
    """The model itself, out of `torch.compile` and `DistributedDataParallel`."""
    while True:
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, nn.parallel.DistributedDataParallel):
            inner = model.module
        if inner is None:
            return model
        model = inner


def tap_names(model: nn.Module) -> list[str]:
    """The names of all taps of a model, in the order in which its modules stand."""
    return list(_find(unwrap(model)))


def _find(model: nn.Module) -> dict[str, "Tap"]:
    """All taps by name. A walk of its own: `named_modules` takes twice as long, at every look at a model."""
    found: dict[str, Tap] = {}
    seen: set[nn.Module] = set()  # a module with two names has the first

    def walk(module: nn.Module, prefix: str) -> None:
        for name, child in module._modules.items():
            if child is not None and child not in seen:
                seen.add(child)
                if isinstance(child, Tap):
                    found[prefix + name] = child
                else:
                    walk(child, f"{prefix}{name}.")

    walk(model, "")
    return found


@contextmanager
def observe(
    model: nn.Module, only: Collection[str] | None = None, edits: Mapping[str, Edit] | None = None
) -> Iterator[dict[str, Tensor]]:
    """Collect tensors by tap name while the block is open; `edits` maps a tap's name to a function of its tensor.

    `only` names the taps to collect (`*` matches any characters); None collects all. Edited taps are collected too.
    Blocks nest: an inner one sees what an outer one has changed. Call the model itself inside, never a compiled
    wrapper of it, and never yield from a generator while the block is open.

    Raises KeyError for a name that no tap of the model has.
    """
    edits = edits or {}
    taps = _find(unwrap(model))
    matching = {pattern: _matching(pattern, taps) for pattern in only or ()}
    unknown = [name for name in edits if name not in taps] + [name for name, found in matching.items() if not found]
    if unknown:
        raise KeyError(f"no such tap: {', '.join(sorted(unknown))}")
    chosen = taps if only is None else chain(edits, *matching.values())
    observer = _Observer({taps[name]: name for name in chosen}, edits)
    token = _observers.set((*_observers.get(), observer))
    try:
        yield observer.seen
    finally:
        _observers.reset(token)


def _matching(pattern: str, names: Collection[str]) -> list[str]:
    """The names that a pattern stands for; a name stands for itself."""
    return [pattern] if pattern in names else [name for name in names if fnmatchcase(name, pattern)]
