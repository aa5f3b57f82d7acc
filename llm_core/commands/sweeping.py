"""The command that trains again and again: `sweep`, over a grid of settings or, with --range-test, over learning rates."""

import argparse
from collections.abc import Sequence
from typing import Any

from llm_core.commands.training import configure, work_on
from llm_core.config import parse
from llm_core.errors import UserError
from llm_core.runs.store import Store
from llm_core.runs.swept import SETTINGS, RangeTestConfig, SweepConfig

Values = dict[str, Any]


def sweep_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `sweep`."""
    parser.add_argument("recipe", metavar="RECIPE", help="one of those that `recipes` lists")
    parser.add_argument("--axis", metavar="SECTION.NAME=VALUE,VALUE", action="append", default=[], help=f"once or twice; one of {', '.join(SETTINGS)}")  # fmt: skip
    parser.add_argument("--range-test", action="store_true", help="one training whose learning rate grows, instead of a grid")  # fmt: skip
    parser.add_argument("--corpus", metavar="NAME_OR_FILE", help="an embedded text, a file or a folder")
    parser.add_argument("--encoding", metavar="NAME", help="character encoding of the file")
    parser.add_argument("--set", metavar="SECTION.NAME=VALUE", nargs="+", action="extend", default=[])
    parser.add_argument("--steps", type=int, metavar="N", help="how many steps each training takes")
    parser.add_argument("--seconds", type=float, metavar="N", help="how long each training takes, instead")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="how often each is trained")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"))
    parser.add_argument("--name", help="what the sweep is called")


def sweep(arguments: argparse.Namespace) -> Values:
    """Train a recipe again and again with other settings, and compare how the trainings end."""
    from llm_core.devices import physical_cores

    if bool(arguments.axis) == arguments.range_test:
        raise UserError("Say what to sweep, as in --axis training.learning_rate=0.001,0.01, or --range-test.")
    if arguments.steps is not None and not arguments.range_test:
        arguments.set.append(f"training.steps={arguments.steps}")
    base = configure(arguments).model_dump(mode="json")
    config: SweepConfig | RangeTestConfig
    if arguments.range_test:
        steps = {} if arguments.steps is None else {"steps": arguments.steps}
        config = parse(RangeTestConfig, {"base": base, **steps})
    else:
        config = parse(SweepConfig, {"base": base, "axes": _axes(arguments.axis), "seeds": arguments.seeds})
    store = Store(arguments.runs)
    name = arguments.name or f"{'range test' if arguments.range_test else 'sweep'} of {arguments.recipe}"
    return work_on(store.create(config, name=name, recipe=arguments.recipe, threads=physical_cores()))


def _axes(words: Sequence[str]) -> list[Values]:
    axes = []
    for word in words:
        name, _equals, values = word.partition("=")
        try:
            axes.append({"setting": name, "values": [float(value) for value in values.split(",")]})
        except ValueError:
            raise UserError("{text!r} is no axis; write it like {example}.", text=word[:100], example="training.learning_rate=0.001,0.01") from None  # fmt: skip
    return axes
