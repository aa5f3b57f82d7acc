"""The command line: `python -m llm_core train gpt`, and so on. Thin: `llm_core.commands` has what each command does.

Errors go to stderr in one line; the exit status is 2 for bad input and 1 for a run that failed. With `--json` the
last line on stdout is one JSON object.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from llm_core.commands import classifying, inspecting, lists, models, neurons, sweeping, training
from llm_core.devices import KERNEL_CACHES
from llm_core.errors import UserError

Values = dict[str, Any]


def _print_values(values: Values, indent: str = "") -> None:
    """One value a line; what belongs to a name stands under it."""
    for name, value in values.items():
        if isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values()):
            print(f"{indent}{name}:")
            _print_values(value, indent + "  ")
        elif isinstance(value, dict):
            print(f"{indent}{name}: {', '.join(f'{key} {_short(inner)}' for key, inner in value.items())}")
        else:
            print(f"{indent}{name}: {_short(value)}")


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def _sentence(error: UserError) -> str:
    """What is wrong, in one line, with the nearest settings that work where the sentence itself does not name them."""
    text = " ".join(str(error).split())
    ways = []
    for path, values in error.suggestions.items():
        said = [json.dumps(value) if isinstance(value, bool) else str(value) for value in values]
        if not all(re.search(rf"(?<![\w.]){re.escape(value)}(?!\w)", text) for value in said):
            ways.append(f"{path}={' or '.join(said)}")
    return f"{text} What would do: {', '.join(ways)}." if ways else text


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence."""

    def error(self, message: str) -> NoReturn:
        raise UserError("{message} (see {program} --help)", message=message, program=self.prog)


def parser() -> argparse.ArgumentParser:
    """Every command with its flags."""
    main_parser = _Parser(prog="python -m llm_core", description="Train small language models and look at them.", allow_abbrev=False)  # fmt: skip
    commands = main_parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)

    def command(name: str, action: Callable[[argparse.Namespace], Values | None], run: bool = False, **places: Any) -> argparse.ArgumentParser:  # fmt: skip
        text = (action.__doc__ or "").strip()
        made: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        made.set_defaults(action=action, json=False, runs=None)
        if run:
            made.add_argument("run", metavar="RUN", help="a run's folder, its id, or the name of a bundled one")
        return made

    actions = {
        "train": training.train, "resume": training.resume, "branch": training.branch, "race": classifying.race, "generate": models.generate,
        "fill": models.fill, "classify": classifying.classify, "evaluate": models.evaluate, "export": models.export,
        "import": models.bring_in, "inspect": inspecting.inspect, "neurons": neurons.neurons, "sweep": sweeping.sweep,
    }  # fmt: skip
    for name, action in actions.items():
        made = command(name, action, run=name not in ("train", "race", "import", "sweep"))
        if name == "train":
            made.add_argument("recipe", metavar="RECIPE", help="one of those that `recipes` lists")
            made.add_argument("--corpus", metavar="NAME_OR_FILE", help="an embedded text, a file or a folder")
            made.add_argument("--encoding", metavar="NAME", help="character encoding of the file")
            made.add_argument("--set", metavar="SECTION.NAME=VALUE", nargs="+", action="extend", default=[])
            made.add_argument("--seconds", type=float, metavar="N", help="train for this long instead of a number of steps")  # fmt: skip
            made.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"))
            made.add_argument("--name", help="what the run is called")
        elif name == "branch":
            made.add_argument("--step", type=int, metavar="N", help="the step after which it goes on; the last kept one otherwise")  # fmt: skip
            made.add_argument("--set", metavar="SECTION.NAME=VALUE", nargs="+", action="extend", default=[])
            made.add_argument("--name", help="what the new run is called")
        elif name == "sweep":
            sweeping.sweep_flags(made)
        elif name == "race":
            classifying.race_flags(made)
        elif name == "classify":
            classifying.classify_flags(made)
        elif name == "inspect":
            inspecting.inspect_flags(made)
        elif name == "neurons":
            neurons.neurons_flags(made)
        elif name == "generate":
            made.add_argument("--prompt", required=True, metavar="TEXT")
            made.add_argument("--step", type=int, metavar="N", help="the model as it was at this step")
            made.add_argument("--tokens", type=int, metavar="N")
            made.add_argument("--temperature", type=float, metavar="X", help="0 always takes the likeliest token")
            made.add_argument("--top-k", type=int, metavar="N")
            made.add_argument("--top-p", type=float, metavar="X")
            made.add_argument("--seed", type=int, metavar="N")
        elif name == "fill":
            made.add_argument(
                "--text", required=True, metavar="TEXT", help='a text with [MASK], as in "the [MASK] sat"'
            )
            made.add_argument("--top", type=int, default=10, metavar="N", help="how many tokens behind each mask")
        elif name == "evaluate":
            made.add_argument(
                "--corpus",
                metavar="NAME_OR_FILE",
                help="another text, all of it; of one that is written when it is needed, what is held out",
            )
        elif name == "export":
            made.add_argument("folder", type=Path, metavar="DIR", help="a new or an empty folder")
        elif name == "import":
            made.add_argument("folder", type=Path, metavar="DIR", help="config.json, safetensors and a tokenizer, on this computer")  # fmt: skip
            made.add_argument("--name", help="what the run is called")
        made.add_argument("--json", action="store_true", help="end with one JSON object on stdout")
        made.add_argument("--runs", type=Path, metavar="DIR", help="where runs live")
    command("runs", lists.list_runs).add_argument("--runs", type=Path, metavar="DIR", help="where runs live")
    command("corpora", lists.list_corpora)
    command("recipes", training.list_recipes)
    return main_parser


def main(words: list[str] | None = None) -> int:
    """Carry out one command line; its exit status."""
    for name, value in KERNEL_CACHES.items():
        os.environ.setdefault(name, value)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")  # what a model writes need not fit a console
    try:
        arguments = parser().parse_args(words)
        values = arguments.action(arguments)
        if arguments.json:
            print(json.dumps(values, ensure_ascii=False, allow_nan=False), flush=True)
        elif values is not None and arguments.command not in ("generate", "fill", "inspect"):
            _print_values(values)
    except UserError as error:
        print(_sentence(error), file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads any more; nothing to flush into
        return 1
    except OSError as error:
        print(f"Stopped: {error.strerror or error}{f' ({error.filename})' if error.filename else ''}.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
