"""What a written text is worth, where a grammar knows its world: each token's surprise beside the perfect predictor's,
the sentences and the whole text checked by parsing, and what could have stood where the text leaves the grammar.

The drawing is done in the browser (`assets/browser/truth.js`), which asks the route `truth` once the text is written:
a line for the tokens and the whole, then one for the sentences, whose check takes longer.
"""

from collections.abc import Generator
from functools import cache
from typing import Any
from urllib.parse import quote

import streamlit as st
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from llm_core.config import RunConfig, parse
from llm_core.data.corpora import CORPORA, Corpus
from llm_core.errors import UserError
from llm_core.runs.files import read_object
from llm_core.runs.run import Run
from pages.ui.glossary import meaning, meanings
from pages.ui.http import NO_STORE, language_of, object_in
from pages.ui.live import BROWSER, script
from pages.ui.state import inference, store
from pages.ui.streaming import Part, lines_of
from pages.ui.text import _, language
from pages.ui.writing import STORED, Writing, painted, prompt_ids, whole

_TRUTH = "truth"


def world_of(run: Run) -> Corpus | None:
    """The embedded text of a grammar on which a run was trained; None for any other text, or one that is not known."""
    corpus = CORPORA.get(run.settings.data.corpus) if isinstance(run.settings, RunConfig) else None
    return corpus if corpus is not None and corpus.kind == "grammar" else None


def judged(writing: Writing) -> Generator[Part, None, None]:
    """The judgement in two parts, as the browser draws them. Raises UserError where there is nothing to judge by."""
    if (kept := _kept(writing)) is not None:
        yield from kept
        return
    run = store().find(writing.run)
    world = world_of(run)
    if world is None:
        raise UserError("The text of this run was not written by a grammar.")
    text = painted(writing) or whole(writing)
    from llm_core.data.grammar.grammar import load_grammar
    from llm_core.evaluate.judging import judge, judge_sentences

    grammar = load_grammar(world.source)
    with inference():
        model, tokenizer = store().model(run, writing.step)
        given = prompt_ids(tokenizer, writing.prompt)[1:]
        judgement = judge(model, tokenizer, grammar, world.language, given, [token["id"] for token in text["tokens"]])
    model_nats, perfect_nats = judgement.compared
    yield {
        "tokens": [
            [one.text, round(one.model, 4), _finite(one.perfect), int(one.start < judgement.given), one.start]
            for one in judgement.tokens
        ],
        "story": judgement.story, "left": judgement.left, "expected": judgement.expected,
        "nats": [model_nats, perfect_nats],
    }  # fmt: skip
    yield {
        "sentences": [[one.start, one.end, one.valid] for one in judge_sentences(grammar, world.language, judgement)]
    }


def _finite(nats: float | None) -> float | None:
    return None if nats is None or nats == float("inf") else round(nats, 4)


def keep_truth(writing: Writing) -> None:
    """Put the judgement beside the stored text of a bundled model, so that it is there at once."""
    from llm_core.runs.files import replace_json

    run = store().find(writing.run)
    path = run.folder / STORED
    stored = read_object(path)
    if world_of(run) is not None and stored is not None:
        replace_json(path, stored | {_TRUTH: list(judged(writing))})


def _kept(writing: Writing) -> list[Part] | None:
    try:
        stored = read_object(store().find(writing.run).folder / STORED) or {}
    except UserError:
        return None
    parts = stored.get(_TRUTH)
    return parts if stored.get("identity") == writing.identity and isinstance(parts, list) else None


def truth_route(request: Request) -> Response:
    """The judgement of the text that `?writing=` names, a part a line, as it is found."""
    try:
        writing = parse(Writing, object_in(request.query_params.get("writing", "")))
    except (ValueError, RecursionError, UserError):
        return Response(status_code=400)
    lines = lines_of(lambda _waiting: judged(writing), language_of(request))
    return StreamingResponse(lines, media_type="application/x-ndjson", headers=NO_STORE)


@cache
def _component() -> Any:
    style = (BROWSER / "truth.css").read_text(encoding="utf-8")
    return st.components.v2.component("terrarium_truth", css=style, js=script("format", "truth"))


def show_truth(writing: Writing, run: Run) -> None:
    """The judgement under the tokens; nothing for a model of a text whose truth is not known."""
    if world_of(run) is None:
        return
    st.subheader(_("Beside the perfect predictor"), help=meanings("perfect predictor", "surprise", "nat"))
    st.markdown(
        _("Above each token stands how surprised the model was by it, below how surprised the perfect predictor was. Where the upper bar is longer, the model had missed something that the text had told.")
    )  # fmt: skip
    address = f"./truth?lang={language()}&writing={quote(writing.model_dump_json())}"
    data = {"identity": writing.identity, "url": address, "labels": _labels()}
    _component()(key="generate_truth", data=data)


def _labels() -> dict[str, str]:
    """Every word that the component says. Places are filled in the browser."""
    return {
        "waiting": _("This comes when the text has been written."),
        "working": _("Reading the text as the perfect predictor does…"),
        "checking": _("Checking each sentence…"),
        "lost": _("The server did not answer. Reload the page to try again."),
        "model": _("the model"),
        "perfect": _("the perfect predictor"),
        "surprise": meaning("surprise"),
        "valid": _("The whole text is one that the grammar can tell."),
        "open": _("So far the grammar can tell this text; it has not been ended."),
        "left": _("The text leaves the grammar at token {position}."),
        "left_given": _("The prompt is no beginning of a text of the grammar; it leaves it at token {position}."),
        "sentences": _("{valid} of {count} sentences are valid by themselves."),
        "sentence_valid": _("A valid sentence."),
        "sentence_invalid": _("No sentence of the grammar."),
        "totals": _("Surprise in all: the model {model} nats, the perfect predictor {perfect}."),
        "totals_left": _("Surprise up to there: the model {model} nats, the perfect predictor {perfect}."),
        "token": _("{token}: the model {model} nats ({share}), the perfect predictor {perfect} nats ({perfect_share})"),
        "token_left": _("{token}: the model {model} nats ({share}); no text of the grammar has it here"),
        "token_after": _("{token}: the model {model} nats ({share}); after a text has left the grammar there is nothing to compare with"),
        "instead": _("What the perfect predictor expected in place of {token}"),
        "end": _("the end"),
        "text": _("The text, token by token, with the surprise of both. The arrow keys move from token to token."),
    }  # fmt: skip
