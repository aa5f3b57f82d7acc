"""All families of classifiers together, in the order of a race."""

from llm_core.runs.race import FAMILIES, RaceConfig
from llm_core.runs.store import Store
from llm_core.training.classifiers.base import Family
from llm_core.training.classifiers.families import FAMILIES as TRAINED
from llm_core.transfer.encoder import read_encoder
from llm_core.transfer.families import FAMILIES as TRANSFERRED
from llm_core.transfer.families import families_on


def families_for(settings: RaceConfig, store: Store) -> dict[str, Family]:
    """By name: those that learn from the table alone, then those that begin from the encoder that the race names.

    Raises UserError when that encoder is gone.
    """
    transferred: dict[str, Family] = dict(TRANSFERRED)
    if settings.encoder is not None:
        folder = store.find(settings.encoder).folder
        transferred = families_on(lambda: read_encoder(folder))
    known = {**TRAINED, **transferred}
    return {name: known[name] for name in FAMILIES}
