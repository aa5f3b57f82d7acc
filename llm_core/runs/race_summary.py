"""What the command line says of a race."""

from typing import Any

from llm_core.errors import RunFailed
from llm_core.runs.augmentation_effect import effects
from llm_core.runs.raced import Race, outcome_of


def summary(race: Race) -> dict[str, Any]:
    """What the command line says of a race: the figures of each family that has finished, what augmentation did for it
    where both were tried, why others have not finished. Raises RunFailed where all that were tried have failed.
    """
    shown = ("accuracy", "macro_f1", "seconds", "parameters", "accuracy_low", "accuracy_high", "folds")
    families = {
        family: {name: result[name] for name in shown if name in result} for family, result in race.results.items()
    }
    for effect in effects(race):
        families[effect.family]["augmentation"] = {"kind": race.settings.augmentation, **effect.figures}
    told = {lane: child.status() for lane, child in race.lanes.items() if outcome_of(child) is None}
    failed = {family: status for family, status in told.items() if status.state == "failed" and status.template}
    if failed and not families:
        first = next(iter(failed.values()))
        raise RunFailed(str(first.template), **first.values)
    sentences = {family: str(status.template).format(**status.values) for family, status in failed.items()}
    return {"run": str(race.run.folder), "families": families, "failed": sentences}
