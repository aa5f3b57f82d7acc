"""In which settings runs differ: a table with a row for each setting and a column for each run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from llm_core.errors import N_
from llm_core.runs.files import read_object
from llm_core.runs.listing import last_part
from llm_core.runs.run import Run

Value = bool | int | float | str | None

_KIND = N_("Kind of run")
_RECIPE = N_("Recipe")


@dataclass(frozen=True)
class SettingRow:
    """One setting. `name` is dotted, as on the command line; `title` and `description` are English templates, empty where
    there are none. `values` has one for each run; `present` says which runs have this setting at all."""

    name: str
    title: str
    description: str
    unit: str
    values: tuple[Value, ...]
    present: tuple[bool, ...]

    @property
    def differs(self) -> bool:
        """Whether two of the runs do not have the same."""
        if not all(self.present):
            return True
        return any(type(value) is not type(self.values[0]) or value != self.values[0] for value in self.values)


def differences(runs: Sequence[Run]) -> list[SettingRow]:
    """All settings of the runs, in the order in which their forms have them. A broken run has none."""
    flat = [_flat(run) for run in runs]
    names = list(dict.fromkeys(name for one in flat for name in one))
    titles: dict[str, tuple[str, str, str]] = {}
    for run in runs:
        if run.settings is not None:
            titles |= {name: said for name, said in _titles(run.settings).items() if name not in titles}
    usual = {"kind": (_KIND, "", ""), "recipe": (_RECIPE, "", "")}
    return [
        SettingRow(
            name, *titles.get(name, usual.get(name, ("", "", ""))),
            values=tuple(one.get(name) for one in flat), present=tuple(name in one for one in flat),
        )
        for name in names
    ]  # fmt: skip


def _flat(run: Run) -> dict[str, Value]:
    if run.settings is None:
        return {}
    found: dict[str, Value] = {"kind": run.kind, "recipe": run.recipe}
    _flatten(run.settings.model_dump(mode="json"), "", found)
    for name in ("data.corpus", "table.file", "table.test_file", "file"):
        if isinstance(found.get(name), str):
            found[name] = last_part(str(found[name]))
    versions = (read_object(run.folder / "run.json") or {}).get("versions")
    for package, version in sorted(versions.items()) if isinstance(versions, dict) else ():
        found[f"versions.{str(package)[:40]}"] = str(version)[:40]
    return found


def _flatten(values: Mapping[str, Any], before: str, found: dict[str, Value]) -> None:
    for name, value in values.items():
        if isinstance(value, dict):
            _flatten(value, f"{before}{name}.", found)
        elif isinstance(value, list):
            found[before + name] = json.dumps(value, ensure_ascii=False)
        else:
            found[before + name] = value


def _titles(settings: BaseModel, before: str = "") -> dict[str, tuple[str, str, str]]:
    """Title, description and unit of each field, by its dotted name; of the models that the fields really hold."""
    found: dict[str, tuple[str, str, str]] = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        if isinstance(value, BaseModel):
            found |= _titles(value, f"{before}{name}.")
        else:
            extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
            found[before + name] = field.title or "", field.description or "", str(extra.get("unit") or "")
    return found
