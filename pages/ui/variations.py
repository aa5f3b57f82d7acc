"""Variations of a recipe: each changes one idea, and says what that will show. What differs is computed, not told."""

import functools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llm_core.config import Config, RunConfig, TaskConfig, network, parse
from llm_core.data.generated import generated
from llm_core.errors import UserError

FILE = Path(__file__).resolve().parents[2] / "assets" / "variations.toml"
_MUON = "muon_"


@dataclass(frozen=True)
class Variation:
    """`title` and `shows` are English templates, to be translated where they are shown. `given` and `times`: new values and
    factors by the path of a setting; `when`: the values that a recipe has to have there; `written`: only for texts that the
    program writes itself, of any length."""

    name: str
    title: str
    shows: str
    given: Mapping[str, Any] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)
    when: Mapping[str, list[Any]] = field(default_factory=dict)
    written: bool = False

    def of(self, config: RunConfig) -> RunConfig | None:
        """The recipe with this one idea changed; None where it has nothing to change there, or what comes out is invalid."""
        if any(value_at(config, path) not in allowed for path, allowed in self.when.items()):
            return None
        if self.written and generated(config.data) is None:
            return None
        changes = {**{path: scaled(value_at(config, path), by) for path, by in self.times.items()}, **self.given}
        changes = {path: value for path, value in changes.items() if has(config, path) and value is not None}
        if changes.get("training.optimizer", config.training.optimizer) != "muon":
            changes = {path: value for path, value in changes.items() if _MUON not in path}
        try:
            changed = with_values(config, changes)
        except UserError:
            return None
        return changed if changed != config else None


@functools.cache
def variations() -> tuple[Variation, ...]:
    """All of them, in the order of the file."""
    values = tomllib.loads(FILE.read_text(encoding="utf-8"))["variation"]
    return tuple(Variation(**{"given" if key == "set" else key: value for key, value in each.items()}) for each in values)  # fmt: skip


def variations_of(config: RunConfig) -> dict[str, tuple[Variation, RunConfig]]:
    """Those that a recipe offers, by name, each with the settings that come out."""
    made = {variation.name: (variation, variation.of(config)) for variation in variations()}
    return {name: (variation, changed) for name, (variation, changed) in made.items() if changed is not None}


@dataclass(frozen=True)
class Difference:
    """A setting that two configs have otherwise. `part` and `name`: where its label stands."""

    part: type[Config]
    name: str
    before: Any
    after: Any


def differences(before: Iterable[Config], after: Iterable[Config]) -> list[Difference]:
    """Every setting that differs between parts of configs, but for the text itself."""
    found = [each for was, now in zip(before, after, strict=True) for each in _different(was, now)]
    return [each for each in found if each.name not in ("corpus", "encoding", "text_column")]


def _different(before: Config, after: Config) -> list[Difference]:
    found: list[Difference] = []
    for name in type(after).model_fields:
        was, now = getattr(before, name, None), getattr(after, name)
        if isinstance(was, Config) and isinstance(now, Config):
            found += _different(was, now)
        elif was != now:
            found.append(Difference(type(after), name, was, now))
    return found


def holder(config: RunConfig, path: str) -> Config:
    """The part of a config that has the setting of this path."""
    section, _, name = path.partition(".")
    part: Config = getattr(config, section)
    if isinstance(part, TaskConfig) and name not in type(part).model_fields:
        return network(part)
    return part


def has(config: RunConfig, path: str) -> bool:
    """Whether there is such a setting."""
    return path.partition(".")[2] in type(holder(config, path)).model_fields


def value_at(config: RunConfig, path: str) -> Any:
    """The value of a setting; None where there is none."""
    return getattr(holder(config, path), path.partition(".")[2], None)


def scaled(value: Any, by: float) -> Any:
    """A number so many times as large, a whole one where it was whole; None for what is none or nothing."""
    if not value or isinstance(value, (bool, str)):
        return None
    return max(1, round(value * by)) if isinstance(value, int) else float(f"{value * by:.6g}")


def with_values(config: RunConfig, changes: Mapping[str, Any]) -> RunConfig:
    """The config with some settings changed. Raises UserError where they cannot be so."""
    values: dict[str, Any] = config.model_dump()
    for path, value in changes.items():
        section, _, name = path.partition(".")
        inside = values[section]
        (inside if name in inside else inside["body"])[name] = value
    return parse(RunConfig, values)
