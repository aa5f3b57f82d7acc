"""Heads that do a known thing: found by what they look at, or write, and then proved by taking them away."""

from functools import partial
from typing import TYPE_CHECKING

import streamlit as st

from llm_core.config import RunConfig, TransformerConfig, network
from llm_core.data.corpora import CORPORA
from llm_core.data.table_writing import as_table
from llm_core.runs.inquired import InquiryConfig, ProofQuestion
from llm_core.runs.run import Run
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.inside.choices import PROVED
from pages.ui.inside.circuits.proof_rows import HEIGHT, Proved, as_csv, marks, proved
from pages.ui.inside.computed import Predicted
from pages.ui.inside.controls import choice, heading
from pages.ui.inside.pictures.grid import figure
from pages.ui.inside.pictures.head_grid import FEED_FORWARD, head_grid, picked_head
from pages.ui.inside.places import listed
from pages.ui.inside.selection import Selection, choose_piece, switch
from pages.ui.inside.under_way import answered
from pages.ui.state import INSIDE_PROVED_KEY, store
from pages.ui.text import _, language, translate

if TYPE_CHECKING:
    from llm_core.interpret.components import Component

_LOST = 0.1
"""Less of the right answers than this lost, and heads are called not missed."""


def question_of(about: str) -> ProofQuestion:
    """What the page asks; the same for what comes with bundled models."""
    return ProofQuestion(about=about)  # type: ignore[arg-type]


def offered(run: Run) -> dict[str, str]:
    """What heads of a model can be looked for: that of the subject where its texts are stories, and only of models that
    write what needs it."""
    corpus = CORPORA.get(run.settings.data.corpus) if isinstance(run.settings, RunConfig) else None
    config = network(run.model_config) if run.has_model else None
    writes = isinstance(config, TransformerConfig) and config.architecture == "decoder"
    known = {about: label for about, label in PROVED.items() if writes or about != "successor"}
    if isinstance(config, TransformerConfig) and config.architecture == "encoder":
        known.pop("induction")
    if not (writes and corpus is not None and corpus.source == "stories"):
        known.pop("subject")
    # Random tokens are none of a story model's world: what it is asked first is what stories are full of.
    return {"subject": known["subject"], **known} if "subject" in known else known


def show(selection: Selection, _predicted: Predicted) -> None:
    """The scores of all heads, what came out, and the found ones beside others. Raises UserError."""
    about = choice(_("Heads for"), INSIDE_PROVED_KEY, offered(store().find(selection.run)))
    config = InquiryConfig(run=selection.run, step=selection.step, question=question_of(about))
    answer = answered(
        "inside_heads_inquiry", config, name=_("Heads found and proved"), picture=_("What is lost without the heads that were found"),
        code=as_python(selection, about),
    )  # fmt: skip
    found = None if answer is None else proved(answer)
    if found is None:
        return
    from llm_core.interpret.components import Component

    values = dict(zip(map(Component.parse, found.scores["heads"]), found.scores["scores"], strict=True))
    said = lambda name, value: _("{name} scores {value}. A click takes it away, or puts it back.", name=name, value=value)  # noqa: E731  # fmt: skip
    grid = head_grid(values, selection, said, off=selection.off)
    heading(_("Found"))
    st.caption(as_text(_found(about, found)))
    drawing(
        "inside_heads", (selection, about, found.scores["scores"]), partial(figure, grid), label=_("The score of each head"), height=grid.height,
        least_width=grid.least_width, code=as_python(selection, about), table=_scores_csv(values),
        name=f"terrarium-heads-{about}-{selection.run}-{selection.step}", on_picked=pick,
    )  # fmt: skip
    if found.chosen is None or found.proof is None:
        return
    heading(_("Proved?"))
    st.markdown(as_text(told(found)))
    drawing(
        "inside_heads_proof", (selection, about, found.chosen), partial(marks, found, partial(translate, code=language())),
        label=_("What is lost without the heads that were found"), height=HEIGHT, code=as_python(selection, about), table=as_csv(found),
        name=f"terrarium-proof-{about}-{selection.run}-{selection.step}",
    )  # fmt: skip
    proof = found.proof
    st.caption(as_text(_("Measured in {items} answers on other texts than those on which the heads were found. The loss there goes from {before} to {after} nats.", items=proof["items"], before=proof["loss_before"], after=proof["loss_after"])))  # fmt: skip
    names = tuple(found.chosen["components"])
    if not set(names) <= set(selection.off):
        st.button(_("Take these heads away in all views"), key="inside_heads_off", on_click=take_away, args=(names, selection.off))  # fmt: skip


def take_away(names: tuple[str, ...], off: tuple[str, ...]) -> None:
    """For a callback: these heads are away, and what was away stays so."""
    for name in names:
        if name not in off:
            switch(name)


def pick(picked: object) -> None:
    """A head was clicked: it is looked at, and taken away or put back. What comes from the browser is checked."""
    found = picked_head(picked)
    if found is not None and found[2] != FEED_FORWARD:
        part, layer, head = found
        choose_piece(layer, head, part)
        switch(f"{part}.{layer}.{head}")


def _found(about: str, found: Proved) -> str:
    scores = found.scores
    meaning = {
        "successor": _("How often, of a sequence such as one, two, three, a head by its weights alone makes the next member likelier than any other."),
        "subject": _("How often most attention of all words goes to what decides: in English the subject of the verb, in Chinese where it was told how many there are."),
        "induction": _("In random tokens that come twice: the share of attention that goes to the token that came next the first time."),
        "previous_token": _("In random tokens that come twice: the share of attention that goes to the token right before."),
        "duplicate_token": _("In random tokens that come twice: the share of attention that goes from the second copy of a token to the first."),
    }[about]  # fmt: skip
    if not scores["chosen"]:
        nothing = _("No head does it at all, so that nothing is taken away.")
        return f"{meaning} {nothing}"
    names = listed(scores["chosen"])
    if scores["reached"]:
        which = _("These reach {least}: {names}.", least=scores["least"], names=names)
    else:
        which = _("None reaches {least}; the best one is taken away below: {names}.", least=scores["least"], names=names)  # fmt: skip
    if scores["baseline"] is None:
        return f"{meaning} {which}"
    least = _("The best that chance, or always looking equally far, gets: {baseline}.", baseline=scores["baseline"])
    return f"{meaning} {which} {least}"


def told(found: Proved) -> str:
    """What came out, whatever it is."""
    assert found.chosen is not None
    assert found.proof is not None
    chosen, proof = found.chosen, found.proof
    after = sorted(row["after"] for row in found.others)
    values = {
        "before": _percent(chosen["before"]), "after": _percent(chosen["after"]), "of": proof["of"] - 1, "worst": _percent(after[0]),
        "middle": _percent(after[len(after) // 2]), "worse": proof["rank"] - 1,
    }  # fmt: skip
    if proof["exhaustive"]:
        said = _("With all heads the model gets {before} right, without those that were found {after}. Without each of all {of} other sets of as many heads it gets {middle} in the middle and {worst} at worst; {worse} of them are missed as much or more.", **values)  # fmt: skip
    else:
        said = _("With all heads the model gets {before} right, without those that were found {after}. Without each of {of} other sets of as many heads, drawn at random, it gets {middle} in the middle and {worst} at worst; {worse} of them are missed as much or more.", **values)  # fmt: skip
    lost = chosen["before"] - chosen["after"]
    if lost < _LOST:
        verdict = _(
            "So these heads are not missed: what they look at is not what the answers hang on, or others stand in."
        )
    elif proof["rank"] == 1:
        near = chosen["before"] - after[0] > lost / 2
        verdict = _("So the answers do hang on these heads. Some other sets come near: they may hold what these heads need.") if near else _("So it is these heads that the answers hang on, and no others are missed as much.")  # fmt: skip
    else:
        verdict = _("So the answers do hang on these heads, but not on them alone.")
    return f"{said} {verdict}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _scores_csv(values: "dict[Component, float]") -> str:
    return as_table(("head", "score"), ((str(head), value) for head, value in values.items()))


def as_python(selection: Selection, about: str) -> str:
    """The same for a notebook."""
    question = question_of(about)
    vocabulary = "" if about in ("successor", "subject") else ", vocabulary=used_tokens(run, tokenizer)"
    return f"""\
from llm_core.interpret.outcome import outcome
from llm_core.interpret.circuits.prove_heads import find_heads, prove_found
from llm_core.runs.store import Store
from llm_core.runs.used_tokens import spoken_language, used_tokens

store = Store()
run = store.find({selection.run!r})
model, tokenizer = store.model(run, step={selection.step})
given = dict(language=spoken_language(run) or "en", texts={question.texts}{vocabulary})
found = find_heads(model, tokenizer, {about!r}, **given)
for head, score in sorted(zip(found.heads, found.scores), key=lambda pair: -pair[1]):
    print(f"{{head!s:16}} {{score:.3f}}")
if found.chosen:
    proof = outcome(prove_found(model, tokenizer, found, draws={question.draws}, **given))
    print("right before", proof.accuracy.chosen.before.mean(), "without", proof.accuracy.chosen.after.mean())
    print("without others", sorted(round(float(other.after.mean()), 3) for other in proof.accuracy.others))
    print("rank", proof.rank, "of", len(proof.accuracy.others) + 1)
"""
