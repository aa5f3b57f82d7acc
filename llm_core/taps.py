"""Named places in a model where activations are read or replaced.

A `Tap` is an identity module that asks a context variable whether anybody is watching. Module hooks live on the model,
which several browsers share, and leak from thread to thread; a context variable belongs to its thread alone.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

Edit = Callable[[Tensor], Tensor]


class _Observer:
    """One open `observe` block: the names it watches, what it changes, and what it has seen."""

    def __init__(self, names: Mapping["Tap", str], wanted: Collection["Tap"], edits: Mapping[str, Edit]) -> None:
        self.names = names
        self.wanted = wanted
        self.edits = edits
        self.seen: dict[str, Tensor] = {}

    def wants(self, tap: "Tap") -> bool:
        return tap in self.wanted

    def edit(self, tap: "Tap", x: Tensor) -> Tensor:
        edit = self.edits.get(self.names[tap]) if tap in self.wanted else None
        return x if edit is None else edit(x)

    def collect(self, tap: "Tap", x: Tensor) -> None:
        if tap in self.wanted:
            self.seen[self.names[tap]] = x


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
    return [name for name, module in unwrap(model).named_modules() if isinstance(module, Tap)]


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
    names = {module: name for name, module in unwrap(model).named_modules() if isinstance(module, Tap)}
    known = set(names.values())
    unknown = [name for name in edits if name not in known]
    unknown += [pattern for pattern in only or () if not any(fnmatchcase(name, pattern) for name in known)]
    if unknown:
        raise KeyError(f"no such tap: {', '.join(sorted(unknown))}")
    wanted = {
        tap
        for tap, name in names.items()
        if only is None or name in edits or any(fnmatchcase(name, pattern) for pattern in only)
    }
    observer = _Observer(names, wanted, edits)
    token = _observers.set((*_observers.get(), observer))
    try:
        yield observer.seen
    finally:
        _observers.reset(token)
