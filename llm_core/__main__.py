"""The command line: `python -m llm_core train gpt`, and so on. Thin: every command is a few calls into the rooms.

Errors go to stderr in one sentence; the exit status is 2 for bad input and 1 for a run that failed. With `--json` the
last line on stdout is one JSON object.
"""

import argparse
import codecs
import contextlib
import dataclasses
import json
import os
import signal
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

from llm_core.config import DataConfig, DecodingConfig, RunConfig, load_recipe, parse
from llm_core.data.corpora import CORPORA, with_corpus
from llm_core.errors import RunFailed, UserError
from llm_core.runs.history import Row
from llm_core.runs.result import result_of
from llm_core.runs.run import Run
from llm_core.runs.settings import with_settings
from llm_core.runs.store import Store

RECIPES = Path(__file__).parents[1] / "assets" / "recipes"
Values = dict[str, Any]


def train(arguments: argparse.Namespace) -> Values:
    """Make a run after a recipe and train it in this process."""
    from llm_core.devices import choose_device, physical_cores
    from llm_core.runs.check import prepared

    config = _configure(arguments)
    if config.training.device in ("cuda", "mps"):
        choose_device(config.training.device)
    store = Store(arguments.runs)
    with _ended_like_an_interrupt():
        corpus = prepared(config, store.corpora)
    size, asked = corpus.tokenizer.vocabulary_size, config.data.vocabulary_size
    if size < asked and any(word.startswith("data.vocabulary_size") for word in arguments.set):
        print(f"This text gives a vocabulary of {size} tokens, not {asked}.", file=sys.stderr)
    run = store.create(config, name=arguments.name or "", recipe=arguments.recipe, threads=physical_cores())
    return _work(run)


@contextlib.contextmanager
def _ended_like_an_interrupt() -> Iterator[None]:
    """While a text is prepared, let SIGTERM end the process as Ctrl-C does, so that nothing half-made is left."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def resume(arguments: argparse.Namespace) -> Values:
    """Go on with a run from its last full checkpoint. A finished one stays as it is."""
    store = Store(arguments.runs)
    run = store.find(arguments.run, paths=True)
    if run.problem is not None:
        raise run.problem
    status = run.status()
    if status.state == "finished":
        return dataclasses.asdict(result_of(run))
    if status.state == "diverged":
        raise RunFailed(status.template or "Run {run} has diverged.", **{"run": run.id, **status.values})
    if run.alive():
        raise UserError("Run {run} is already under way in another process.", run=run.id)
    store.want(run, "running", owner=run.owner)
    return _work(run)


def _configure(arguments: argparse.Namespace) -> RunConfig:
    known = {path.stem: path for path in RECIPES.glob("*.toml")}
    if arguments.recipe not in known:
        raise UserError("There is no recipe {name!r}; recipes are {known}.", name=arguments.recipe[:100], known=", ".join(sorted(known)))  # fmt: skip
    config = load_recipe(known[arguments.recipe])
    if arguments.corpus is not None:
        config = with_corpus(config, arguments.corpus)
    data: Values = {"encoding": arguments.encoding} if arguments.encoding else {}
    training: Values = {"device": arguments.device} if arguments.device else {}
    if arguments.seconds is not None:
        training["seconds"] = arguments.seconds
    values = config.model_dump(mode="json")
    values["data"] |= data
    values["training"] |= training
    config = with_settings(parse(RunConfig, values), arguments.set)
    if config.data.corpus in ("", *CORPORA):
        return config
    # A run must find its text again, wherever it is resumed from.
    return config.model_copy(update={"data": config.data.model_copy(update={"corpus": str(Path(config.data.corpus).absolute())})})  # fmt: skip


def _work(run: Run) -> Values:
    from llm_core.runs.worker import work

    print(f"run {run.folder}", file=sys.stderr)
    status = work(run, report=_report)
    full_disk = status.state == "paused" and status.template is not None
    if status.state in ("failed", "diverged") or full_disk:
        raise RunFailed(status.template or "The run failed.", **status.values)
    return dataclasses.asdict(result_of(run))


def _report(row: Row) -> None:
    if row["kind"] == "evaluation":
        bits, accuracy = row["bits_per_character"], row["measures"].get("accuracy")
        beside = f", {accuracy:.1%} right" if accuracy is not None else ""
        beside = beside if bits is None else f", {bits:.4f} bits per character"
        print(f"step {row['step']}: held-out loss {row['loss']:.4f}{beside}, {row['seconds']:.1f} s", file=sys.stderr)


def generate(arguments: argparse.Namespace) -> Values:
    """Write after a prompt, or translate it; the text appears as it is written."""
    import torch

    from llm_core.devices import choose_device, physical_cores
    from llm_core.inference.generate import generate as write
    from llm_core.inference.translate import translate, translates

    given = {name: getattr(arguments, name) for name in ("tokens", "temperature", "top_k", "top_p", "seed")}
    chosen: Values = {name: value for name, value in given.items() if value is not None} | {"alternatives": 0}
    if chosen.get("temperature") == 0:
        chosen |= {"temperature": 1.0, "method": "greedy"}
    decoding = parse(DecodingConfig, chosen)
    store = Store(arguments.runs)
    torch.set_num_threads(physical_cores())
    model, tokenizer = store.model(store.find(arguments.run, paths=True), arguments.step)
    model = model.to(choose_device("auto"))
    show: Callable[[str], None] = (lambda text: None) if arguments.json else _print_now
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text, count, started = "", 0, time.perf_counter()
    if not model.causal:
        raise UserError("This model does not write from left to right: it is an encoder, which reads a whole text at once.")  # fmt: skip
    if translates(model):
        written = translate(model, tokenizer, [arguments.prompt], decoding)
    else:
        prompt = [*tokenizer.begin, *tokenizer.encode(arguments.prompt)]
        written = write(model, [prompt], decoding, stop=tokenizer.end_of_text)
        show(arguments.prompt)
    for tokens in written:
        if tokens[0].id != tokenizer.end_of_text:
            count += 1
            piece = decoder.decode(tokenizer.token_bytes[tokens[0].id])
            text += piece
            show(piece)
    piece = decoder.decode(b"", final=True)
    show(piece + "\n")
    return {"text": text + piece, "tokens": count, "seconds": time.perf_counter() - started}


def fill(arguments: argparse.Namespace) -> Values:
    """Fill in what [MASK] hides in a text: the likeliest tokens behind each mask, all masks hidden at once."""
    import torch

    from llm_core.devices import choose_device, physical_cores
    from llm_core.inference.fill_mask import predict

    if arguments.top < 1:
        raise UserError("{field} must be at least {limit}; it is {value}.", field="--top", limit=1, value=arguments.top)
    store = Store(arguments.runs)
    torch.set_num_threads(physical_cores())
    model, tokenizer = store.model(store.find(arguments.run, paths=True))
    found = predict(model.to(choose_device("auto")), tokenizer, arguments.text, top=arguments.top)
    rows = [list(zip(pieces, shares.tolist(), strict=True)) for pieces, shares in zip(found.pieces, found.probabilities, strict=True)]  # fmt: skip
    if not arguments.json:
        for number, row in enumerate(rows, 1):
            print(f"mask {number}: {', '.join(f'{token!r} {share:.4f}' for token, share in row)}")
    return {"predictions": [[{"token": token, "probability": share} for token, share in row] for row in rows]}


def evaluate(arguments: argparse.Namespace) -> Values:
    """Score a model on the held-out part of its own text, or on another one; with all that is known where the text knows its truth."""
    import torch

    from llm_core.devices import choose_device, physical_cores
    from llm_core.evaluate.language_model import score
    from llm_core.runs import truth
    from llm_core.runs.held_out import held_out, other_text, same_text

    store = Store(arguments.runs)
    run = store.find(arguments.run, paths=True)
    torch.set_num_threads(physical_cores())
    model, tokenizer = store.model(run)
    model, config = model.to(choose_device("auto")), run.config
    if same_text(run, arguments.corpus):
        corpus = held_out(run, tokenizer)
    else:
        corpus = other_text(run, tokenizer, arguments.corpus)
        other = {"corpus": arguments.corpus, "documents": None, "held_out": DataConfig().held_out}
        config = config.model_copy(update={"data": config.data.model_copy(update=other)})
    found = score(model, corpus)
    return {
        "validation_loss": found.loss,
        "perplexity": found.perplexity,
        "bits_per_character": found.bits_per_character,
        "tokens": found.tokens,
        **truth.known_truth(config, model, corpus, found.loss, written=truth.WRITTEN),
    }


def export(arguments: argparse.Namespace) -> Values:
    """Write a model as a Hugging Face folder: settings, safetensors and tokenizer."""
    from llm_core import hub
    from llm_core.data.foreign_files import write_tokenizer

    folder: Path = arguments.folder
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError("{folder} is there already; name a new or an empty folder.", folder=str(folder))
    store = Store(arguments.runs)
    model, tokenizer = store.model(store.find(arguments.run, paths=True))
    model_type = hub.write_folder(model, folder)
    write_tokenizer(tokenizer, folder)
    return {"folder": str(folder.absolute()), "model_type": model_type}


def bring_in(arguments: argparse.Namespace) -> Values:
    """Bring in a local Hugging Face folder (GPT-2, BERT, Llama, Qwen) as a run."""
    from llm_core.models.size import count_parameters
    from llm_core.runs.importing import import_folder

    run = import_folder(Store(arguments.runs), arguments.folder, name=arguments.name or "")
    return {"run": str(run.folder), "name": run.name, "parameters": count_parameters(run.model_config)}


def list_runs(arguments: argparse.Namespace) -> None:
    """One run a line: name, id, state, step."""
    store = Store(arguments.runs)
    for run in [*store.runs(), *store.bundled()]:
        status = run.status()
        print(run.id if run.read_only else run.name, run.id, status.state, status.step, sep="\t")


def list_corpora(arguments: argparse.Namespace) -> None:
    """One embedded text a line: name, title."""
    for corpus in CORPORA.values():
        print(corpus.name, corpus.title, sep="\t")


def list_recipes(arguments: argparse.Namespace) -> None:
    """One recipe a line: name, title."""
    for path in sorted(RECIPES.glob("*.toml")):
        print(path.stem, tomllib.loads(path.read_text(encoding="utf-8")).get("about", {}).get("title", ""), sep="\t")


def _print_now(text: str) -> None:
    print(text, end="", flush=True)


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
            made.add_argument("run", metavar="RUN", help="a run's folder, its id, or a bundled model's name")
        return made

    actions = {"train": train, "resume": resume, "generate": generate, "fill": fill, "evaluate": evaluate, "export": export, "import": bring_in}  # fmt: skip
    for name, action in actions.items():
        made = command(name, action, run=name not in ("train", "import"))
        if name == "train":
            made.add_argument("recipe", metavar="RECIPE", help="one of those that `recipes` lists")
            made.add_argument("--corpus", metavar="NAME_OR_FILE", help="an embedded text, a file or a folder")
            made.add_argument("--encoding", metavar="NAME", help="character encoding of the file")
            made.add_argument("--set", metavar="SECTION.NAME=VALUE", nargs="+", action="extend", default=[])
            made.add_argument("--seconds", type=float, metavar="N", help="train for this long instead of a number of steps")  # fmt: skip
            made.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"))
            made.add_argument("--name", help="what the run is called")
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
    command("runs", list_runs).add_argument("--runs", type=Path, metavar="DIR", help="where runs live")
    command("corpora", list_corpora)
    command("recipes", list_recipes)
    return main_parser


def main(words: list[str] | None = None) -> int:
    """Carry out one command line; its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")  # what a model writes need not fit a console
    try:
        arguments = parser().parse_args(words)
        values = arguments.action(arguments)
        if arguments.json:
            print(json.dumps(values, ensure_ascii=False, allow_nan=False), flush=True)
        elif values is not None and arguments.command not in ("generate", "fill"):
            _print_values(values)
    except UserError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
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
