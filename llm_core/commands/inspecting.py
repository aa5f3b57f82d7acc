"""The command that looks inside a model where a number is the answer: `inspect`."""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from llm_core.commands.asked_inside import Asked, Table, Values, about_of, asked_of, print_table, told_of
from llm_core.commands.over_steps import MEASURE, over_steps
from llm_core.config import parse
from llm_core.errors import UserError
from llm_core.interpret.dynamics.step_measures import MEASURES
from llm_core.runs.inquired import ProbesQuestion, ProofQuestion
from llm_core.runs.store import Store

if TYPE_CHECKING:
    from llm_core.runs.inquiry_subject import Subject

_DIGITS = 6
_TOP = 3


def inspect_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `inspect`."""
    parser.add_argument("method", metavar="METHOD", choices=(*_ABOUT_A_TEXT, *_ABOUT_A_MODEL), help=f"one of {', '.join((*_ABOUT_A_TEXT, *_ABOUT_A_MODEL))}")  # fmt: skip
    parser.add_argument("--text", metavar="TEXT", help=f"what the model reads; needed for {', '.join(_ABOUT_A_TEXT)}")
    parser.add_argument("--source", metavar="TEXT", help="of a model that translates: what it translates; --text is what it has written so far")  # fmt: skip
    parser.add_argument("--other", metavar="TEXT", help="for patching: a text of as many tokens that is answered differently (of a model that translates: a source)")  # fmt: skip
    parser.add_argument("--position", type=int, metavar="N", help="explain what is said at this token, counted from 0; the last one, or the first that is hidden, otherwise")  # fmt: skip
    parser.add_argument("--token", metavar="T", help="explain this token, or class; the likeliest otherwise")
    parser.add_argument("--against", metavar="T", help="hold it against this one, `others` or `nothing`; the next likeliest otherwise")  # fmt: skip
    parser.add_argument("--step", type=int, metavar="N", help="the model as it was at this step")
    parser.add_argument("--measure", choices=tuple(MEASURES), default=MEASURE, metavar="NAME", help=f"for training: one of {', '.join(MEASURES)}")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the texts on which heads and probes are measured")  # fmt: skip


def inspect(arguments: argparse.Namespace) -> Values:
    """Look inside a model: what each layer would say, what adds to an answer, what is lost without each piece, what brings
    an answer back, heads that are found and proved, what can be read off each layer, how it came about in training."""
    from llm_core.devices import physical_cores, use_threads
    from llm_core.runs.inquiry_subject import Subject

    store = Store(arguments.runs)
    run = store.find(arguments.run, paths=True)
    use_threads(physical_cores())
    model, tokenizer = store.model(run, arguments.step)
    steps = run.steps()
    step = arguments.step if arguments.step is not None or not steps else steps[-1]
    with tempfile.TemporaryDirectory() as folder:
        subject = Subject(store, run, step, model, tokenizer, Path(folder), ())
        if arguments.method in _ABOUT_A_MODEL:
            values, tables = _ABOUT_A_MODEL[arguments.method](subject, arguments)
        else:
            asked = asked_of(subject, arguments)
            found, tables = _ABOUT_A_TEXT[arguments.method](asked)
            values = {**told_of(asked), **found}
    if not arguments.json:
        for title, rows in tables:
            print(title)
            print_table(rows)
    return {"run": run.id, "step": step, "method": arguments.method, **values}


def _lens(asked: Asked) -> tuple[Values, list[Table]]:
    from llm_core.interpret.lenses.logit_lens import logit_lens

    found = logit_lens(asked.subject.model, asked.reading, top=_TOP, pinned=[asked.target.token])
    column = len(found.columns) - 1 if asked.target.position is None else asked.target.position
    names = asked.subject.names
    rows: list[Values] = [
        {
            "place": str(place), "top": [{"token": names[token], "probability": _short(share)} for token, share in zip(found.top[row, column], found.probabilities[row, column], strict=True)],
            "token_probability": _short(found.pinned_probabilities[row, column, 0]), "token_rank": int(found.pinned_ranks[row, column, 0]),
            "entropy": _short(found.entropies[row, column]), "divergence": _short(found.divergences[row, column]),
        }
        for row, place in enumerate(found.rows)
    ]  # fmt: skip
    cells = [
        [row["place"], ", ".join(f"{each['token']!r} {each['probability']:.3f}" for each in row["top"]), row["token_probability"], row["token_rank"], row["entropy"], row["divergence"]]
        for row in rows
    ]  # fmt: skip
    header = [
        "place",
        "would say",
        f"p({names[asked.target.token]!r})",
        "rank",
        "entropy (nats)",
        "KL to output (nats)",
    ]
    return {"rows": rows}, [(f"logit lens, {about_of(asked)}", [header, *cells])]


def _attribution(asked: Asked) -> tuple[Values, list[Table]]:
    from llm_core.interpret.attribution.logit_attribution import attribute_logit

    found = attribute_logit(asked.subject.model, asked.reading, asked.target)
    contributions = {str(name): _short(value) for name, value in zip(found.components, found.contributions, strict=True)}  # fmt: skip
    constants = {name: _short(value) for name, value in zip(found.constant_names, found.constants, strict=True)}
    cells = [[name, value] for name, value in sorted({**contributions, **constants}.items(), key=lambda item: -abs(item[1]))]  # fmt: skip
    values = {
        "value": _short(found.value), "total": _short(found.total), "remainder": _short(found.remainder),
        "contributions": contributions, "constants": constants, "explains": found.explains, "output": _short(found.output),
    }  # fmt: skip
    cap = f" before the soft cap ({found.output:.4f} after it)" if found.explains == "before_soft_cap" else ""
    title = f"what adds to {about_of(asked)}{cap}, {found.value:.4f} in all, {found.remainder:.1e} unexplained"
    return values, [(title, [["piece", "adds"], *cells])]


def _ablation(asked: Asked) -> tuple[Values, list[Table]]:
    from llm_core.interpret.ablation.ablation import map_ablations, target_of

    model = asked.subject.model
    found = list(map_ablations(model, target_of(model, asked.reading, asked.target)))
    changes = {str(each.components[0]): _short(each.change) for each in found}
    before = _short(found[0].before.mean()) if found else None
    cells = [[name, change] for name, change in sorted(changes.items(), key=lambda item: -abs(item[1]))]
    return {"value": before, "changes": changes}, [(f"{about_of(asked)} is {before}; without a piece it changes by", [["piece", "change"], *cells])]  # fmt: skip


def _patching(asked: Asked) -> tuple[Values, list[Table]]:
    from llm_core.interpret.components import streams
    from llm_core.interpret.patching.pairs import pair_of_readings
    from llm_core.interpret.patching.patching import Patching
    from llm_core.interpret.reading import read

    flags, model = asked.flags, asked.subject.model
    if flags.other is None:
        raise UserError("Patching compares two texts: give the other one with {flag}.", flag="--other")
    texts = (flags.text, flags.other) if asked.reading.source is not None else (flags.other, None)
    other = read(model, asked.subject.tokenizer, *texts)
    chosen = flags.position is not None or flags.token is not None or flags.against is not None
    pair = pair_of_readings(model, asked.reading, other, asked.subject.names, asked.target if chosen else None)
    found = Patching(model, pair).map("residual", streams(model)[0])
    told = told_of(Asked(asked.subject, asked.reading, pair.target, flags))
    values = [[_short(value) for value in row] for row in found.values]
    cells = [[row, *line] for row, line in zip(found.rows, values, strict=True)]
    title = f"{about_of(Asked(asked.subject, asked.reading, pair.target, flags))}: {found.clean:.4f} in the text, {found.corrupted:.4f} in the other; the share that each place of the stream brings back"  # fmt: skip
    return {
        **told, "clean": _short(found.clean), "corrupted": _short(found.corrupted), "rows": list(found.rows), "columns": list(found.columns), "values": values,
    }, [(title, [["place", *found.columns], *cells])]  # fmt: skip


def _heads(subject: "Subject", flags: argparse.Namespace) -> tuple[Values, list[Table]]:
    from llm_core.runs.inquiries.proof import answer

    kinds: Values = {}
    absent: dict[str, str] = {}
    for about in get_args(ProofQuestion.model_fields["about"].annotation):
        question = parse(ProofQuestion, {"about": about, "seed": flags.seed})
        try:
            rows = [row for row in answer(question, subject) if isinstance(row, dict)]
        except UserError as error:
            absent[about] = str(error)
            continue
        scores, ends = rows[0], {row["kind"]: row for row in rows[1:] if row["kind"] != "other"}
        kinds[about] = {
            "scores": dict(zip(scores["heads"], scores["scores"], strict=True)), "heads": scores["chosen"], "reached": scores["reached"], "baseline": scores["baseline"],
        }  # fmt: skip
        if "proof" in ends:
            others = [row["after"] for row in rows if row["kind"] == "other"]
            kinds[about] |= {
                "right_before": ends["chosen"]["before"], "right_without": ends["chosen"]["after"], "right_without_others": others,
                "rank": ends["proof"]["rank"], "of": ends["proof"]["of"], "items": ends["proof"]["items"],
            }  # fmt: skip
    header = ["kind", "heads", "right", "without them", "without as many others", "rank"]
    cells = [
        [
            about, " ".join(found["heads"]) + ("" if found["reached"] else " (best, too low)"), found.get("right_before", ""), found.get("right_without", ""),
            _range(found.get("right_without_others", [])), f"{found['rank']} of {found['of']}" if "rank" in found else "",
        ]
        for about, found in kinds.items()
    ]  # fmt: skip
    tables = [("heads, found on some texts and taken away on others", [header, *cells])] if cells else []
    tables += [("what cannot be looked for", [["kind", "why"], *([about, why] for about, why in absent.items())])] if absent else []  # fmt: skip
    return {"kinds": kinds, "absent": absent}, tables


def _probes(subject: "Subject", flags: argparse.Namespace) -> tuple[Values, list[Table]]:
    from llm_core.runs.inquiries.probes import answer
    from llm_core.runs.used_tokens import spoken_language

    language = spoken_language(subject.run) or "en"
    properties: Values = {}
    absent: dict[str, str] = {}
    cells: list[list[Any]] = []
    for about in get_args(ProbesQuestion.model_fields["about"].annotation):
        question = parse(ProbesQuestion, {"about": about, "language": language, "seed": flags.seed})
        try:
            rows = [row for row in answer(question, subject) if isinstance(row, dict)]
        except UserError as error:
            absent[about] = str(error)
            continue
        kept = ("place", "accuracy", "low", "high", "control", "majority", "by_word")
        properties[about] = [{name: row[name] for name in kept} for row in rows if row["kind"] == "probe"]
        cells += [[about, *(row[name] for name in kept)] for row in properties[about]]
    header = ["property", "after", "accuracy", "low", "high", "control task", "most frequent", "word alone"]
    tables: list[Table] = [("linear probes, trained on some texts and asked about others", [header, *cells])] if cells else []  # fmt: skip
    tables += [("what cannot be asked", [["property", "why"], *([about, why] for about, why in absent.items())])] if absent else []  # fmt: skip
    return {"properties": properties, "absent": absent}, tables


_ABOUT_A_TEXT: dict[str, Callable[[Asked], tuple[Values, list[Table]]]] = {
    "lens": _lens, "attribution": _attribution, "ablation": _ablation, "patching": _patching,
}  # fmt: skip
_ABOUT_A_MODEL: dict[str, Callable[["Subject", argparse.Namespace], tuple[Values, list[Table]]]] = {
    "heads": _heads, "probes": _probes, "training": over_steps,
}  # fmt: skip


def _short(value: Any) -> float:
    return round(float(value), _DIGITS)


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.3f} to {max(values):.3f}" if values else ""
