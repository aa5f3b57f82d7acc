"""The table of heads: what each does in the text shown, and how well each does known things over many texts.

The summaries belong to one sentence, which is never evidence; the scores are taken over at least 500 texts and carry
intervals. Drawn and sorted in the browser (`assets/browser/head_table.js`).
"""

import math
import weakref
from typing import Any

import numpy as np
import streamlit as st

from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from llm_core.runs import head_scores
from pages.ui.attention import head_steps
from pages.ui.attention.head_parts import component
from pages.ui.attention.head_rows import HeadRows, find
from pages.ui.attention.head_words import FINDERS, head_name, joined, score_words, summary_words, verdict
from pages.ui.attention.looking import PARTS, Looking, choose_head
from pages.ui.attention.measured import rows_of
from pages.ui.attention.seen import Patterns, patterns
from pages.ui.attention.shape import Shape, shape_of
from pages.ui.faults import refuse
from pages.ui.glossary import meanings
from pages.ui.live import ask, copy_labels, duration_labels
from pages.ui.state import ATTENTION_FAULT_KEY, ATTENTION_FOUND_KEY, ATTENTION_SCORE_KEY, store
from pages.ui.subject import Subject
from pages.ui.text import _, language
from pages.ui.who import owner

TABLE = "attention_heads"

Summaries = dict[str, dict[str, list[list[float]]]]
"""Part, then summary, to its value for each layer and head."""


def show(looking: Looking, subject: Subject) -> None:
    """All heads of the model, the chosen one marked."""
    st.subheader(_("What each head does"), help=meanings("head", "induction head", "interval"))
    if (fault := st.session_state.pop(ATTENTION_FAULT_KEY, None)) is not None:
        refuse(fault)
    shape, rows = shape_of(subject.run), rows_of(subject.run)
    shown = summaries(looking)
    several = len(shape.parts) > 1
    words, scores = summary_words(), score_words()
    heads = [
        (part, layer, head, head_name(part, layer, head, several))
        for part in shape.parts for layer in range(shape.layers) for head in range(shape.heads)
    ]  # fmt: skip
    columns = [name for name in words if any(name in found for found in shown.values())]
    component()(
        key=TABLE,
        data={
            "part": "table", "run": looking.run, "language": language(), "step": looking.step, "version": rows.version,
            "chosen": f"{looking.part}.{looking.layer}.{looking.head}", "heads": heads,
            "columns": [(name, words[name].title, words[name].meaning, words[name].share) for name in columns],
            "summaries": {name: [_value(shown, part, name, layer, head) for part, layer, head, _label in heads] for name in columns},
            "scores": [(name, word.title, word.meaning, True) for name, word in scores.items()],
            "finders": _finders(several),
            "verdict": _verdict(rows, looking, several),
            "csv": table(shape, shown, rows, looking.step), "code": as_python(looking),
            "name": f"terrarium-heads-{looking.run}-{looking.step}", "labels": _labels(),
        },
        on_picked_change=lambda: _pick(st.session_state[TABLE].get("picked")),
        on_find_change=lambda: find_head(rows_of(subject.run), st.session_state[TABLE].get("find"), looking.step),
        on_command_change=lambda: _obey(subject, st.session_state[TABLE].get("command")),
        on_measured_change=lambda: None,
    )  # fmt: skip
    head_steps.show(looking, subject, rows)


def _finders(several: bool) -> list[tuple[str, str]]:
    """The buttons, first the one for what this kind of model is known for."""
    known_for = "alignment" if several else "induction"
    return [(score, _(FINDERS[score])) for score in sorted(FINDERS, key=lambda score: score != known_for)]


def find_head(rows: HeadRows, score: object, step: int) -> None:
    """Look at the best head for a score, and say how good it is; for callbacks."""
    if not isinstance(score, str) or (found := find(rows, score, step)) is None:
        return
    choose_head(found.measured.part, found.layer, found.head)
    st.session_state[ATTENTION_SCORE_KEY] = score
    number = st.session_state.get(ATTENTION_FOUND_KEY, ("", 0))[1] + 1
    st.session_state[ATTENTION_FOUND_KEY] = score, number


def _verdict(rows: HeadRows, looking: Looking, several: bool) -> dict[str, Any] | None:
    """The sentence on what was last asked for, true of the step that is looked at now."""
    score, number = st.session_state.get(ATTENTION_FOUND_KEY, ("", 0))
    found = find(rows, score, looking.step)
    word = score_words().get(score)
    if found is None or word is None:
        return None
    return {
        "score": score, "number": number, "finding": found.finding, "said": verdict(found, word.title, several),
    }  # fmt: skip


def _pick(picked: object) -> None:
    if not isinstance(picked, dict):
        return
    part, layer, head = (picked.get(name) for name in ("part", "layer", "head"))
    if isinstance(part, str) and part in PARTS and type(layer) is int and type(head) is int:
        choose_head(part, layer, head)


def _obey(subject: Subject, command: object) -> None:
    """Begin to measure, or stop; what comes from the browser is checked like anything else from outside."""
    name = command.get("command") if isinstance(command, dict) else None
    try:
        if name == "measure":
            head_scores.start(store(), subject.run, owner())
        elif name == "stop":
            for measuring in head_scores.find_runs(store(), subject.run)[:1]:
                ask(measuring.id, "stop")
    except UserError as error:
        st.session_state[ATTENTION_FAULT_KEY] = error


_kept: "dict[int, tuple[weakref.ref[Patterns], Summaries]]" = {}
"""The summaries of patterns that are still kept, by their identity."""


def summaries(looking: Looking) -> Summaries:
    """What each head does in the text that is looked at. Raises UserError where it cannot be read."""
    found = patterns(looking)
    for key in [key for key, (patterns_of, _made) in list(_kept.items()) if patterns_of() is None]:
        _kept.pop(key, None)
    patterns_of, made = _kept.get(id(found), (None, {}))
    if patterns_of is not None and patterns_of() is found:
        return made
    made = _summarize(looking, found)
    _kept[id(found)] = weakref.ref(found), made
    return made


def _summarize(looking: Looking, found: Patterns) -> Summaries:
    import torch

    from llm_core.interpret.attention.head_summaries import summarize_texts
    from llm_core.interpret.reading import as_batch

    _model, tokenizer = store().model(store().find(looking.run), looking.step)
    tensors = {part: torch.from_numpy(pattern)[:, None] for part, pattern in found.parts.items()}
    many = summarize_texts(tensors, as_batch(found.reading), tokenizer.separators)
    return {part: {name: values[:, 0].tolist() for name, values in each.named().items()} for part, each in many.items()}


def _value(shown: Summaries, part: str, name: str, layer: int, head: int) -> float | None:
    """Rounded to what is shown; None where the part has no such summary, or the text no place for it."""
    values = shown[part].get(name)
    value = values[layer][head] if values is not None else math.nan
    return round(value, 4) if math.isfinite(value) else None


def table(shape: Shape, shown: Summaries, rows: HeadRows, step: int) -> str:
    """The table as CSV: a row a head; for each score its mean, its interval and the baseline."""
    at = rows.at(step)
    names = list(dict.fromkeys(name for found in shown.values() for name in found))
    scores = [score for score in score_words() if any(name == score for _part, name in at)]
    rest = ("", "_low", "_high", "_baseline", "_texts")
    lines = []
    for part in shape.parts:
        for layer, head in np.ndindex(shape.layers, shape.heads):
            line: list[Any] = [part, layer, head, *(_value(shown, part, name, layer, head) for name in names)]
            for score in scores:
                each = at.get((part, score))
                if each is None:
                    line += [None] * len(rest)
                else:
                    line += [*(float(values[layer, head]) for values in (each.mean, each.low, each.high)), each.baseline, each.texts]  # fmt: skip
            lines.append(line)
    heads = ("part", "layer", "head", *names, *(score + end for score in scores for end in rest))
    return as_table(heads, lines)


def _labels() -> dict[str, Any]:
    note = _("One sentence is never evidence: what stands here of the text shown is true of that text alone.")
    return {
        "table": _("All heads of the model"),
        "caption": _("One row a head, counted from 0. A click on a column sorts, a click on a row shows the head in the picture."),
        "head": _("Head"),
        "this_text": _("In the text shown"),
        "many_texts": _("Over {texts} texts or more, at step {step}, with 95 % intervals", texts="{texts}", step="{step}"),
        "baseline": _("Without a model"),
        "baseline_meaning": _("What the best fixed offset reaches: a rule that always looks the same number of tokens away."),
        "weak": _("No better than the rule without a model."),
        "note": note, "note_with_scores": joined(note, _("The scores are means over many other texts; one in faint print is no better than a rule without a model.")),
        "parts": {part: _(name) for part, name in PARTS.items()},
        "empty": _("Here stands how well each head finds the previous token, a repetition, the subject of a verb and more, measured over 500 texts at every kept step."),
        "measure": _("Measure the heads"),
        "measure_more": _("Measure the new steps"),
        "more": _("Measured at {done} of {all} kept steps.", done="{done}", all="{all}"),
        "starting": _("Starting to measure…"),
        "waiting": _("Waits for a worker: one is starting, or all are busy with other runs."),
        "preparing": _("Preparing the texts to measure with…"),
        "measuring": _("Measuring the heads: {share} done.", share="{share}"),
        "measuring_remaining": _("Measuring the heads: {share} done, {time} remaining.", share="{share}", time="{time}"),
        "stop": _("Stop"),
        "offline": _("The server does not answer. Trying again."),
        **duration_labels(),
        "take_away": _("Take it away"),
        **copy_labels(),
    }  # fmt: skip


def as_python(looking: Looking) -> str:
    """What the table shows, for a notebook or a script."""
    source = f", {looking.source!r}" if looking.source else ""
    return f"""\
from llm_core.interpret.attention.attention import see
from llm_core.interpret.attention.head_scores import head_scores
from llm_core.interpret.attention.head_summaries import summarize
from llm_core.interpret.reading import read
from llm_core.runs.store import Store

store = Store()
model, tokenizer = store.model(store.find({looking.run!r}), step={looking.step})
reading = read(model, tokenizer, {looking.text!r}{source})
for part, summaries in summarize(see(model, reading), tokenizer.separators).items():
    for name, values in summaries.named().items():
        print(part, name, values, sep="\\n")
for part, scores in head_scores(model, tokenizer, texts=500).items():
    for name, score in scores.items():
        print(part, name, score.mean, score.low, score.high, score.baseline, sep="\\n")
"""
