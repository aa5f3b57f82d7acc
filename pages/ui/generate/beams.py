"""A beam search drawn: what each step looked at, what it kept, and what became of it, beside the greedy text."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from llm_core.config import DecodingConfig
from llm_core.errors import UserError
from pages.ui.generate.component import view
from pages.ui.generate.python import python_of_beams
from pages.ui.state import inference, store
from pages.ui.streaming import Part, Waiting, streamed
from pages.ui.text import _, language
from pages.ui.writing import LONGEST_PROMPT, Writing, prompt_ids

if TYPE_CHECKING:
    from llm_core.inference.beam import BeamStep

MOST_STEPS, MOST_BEAMS = 48, 16
"""What can be drawn; a longer or wider search goes as far."""


def show(writing: Writing) -> None:
    """The search for a likely whole after this prompt, whatever the method of the page."""
    writing = drawn(writing)
    view(
        "beams",
        identity=writing.identity,
        label=_("The beam search, step by step. The arrow keys move from beginning to beginning."),
        words=_words(),
        code=python_of_beams(writing),
        file=f"terrarium-{writing.run}-{writing.step}-beams",
        url="./beams",
        request=writing.model_dump() | {"language": language()},
        beams=writing.decoding.beams,
        steps=writing.decoding.tokens,
    )


def drawn(writing: Writing) -> Writing:
    """The search that is drawn: no longer and no wider than can be."""
    decoding = writing.decoding
    cut = {
        "method": "beam", "tokens": min(decoding.tokens, MOST_STEPS), "beams": min(decoding.beams, MOST_BEAMS),
        "alternatives": 0, "seed": DecodingConfig().seed,
    }  # fmt: skip
    return writing.model_copy(update={"decoding": decoding.model_copy(update=cut), "choices": ""})


def searched(writing: Writing, waiting: Waiting | None = None) -> Generator[Part, None, None]:
    """`prompt`: its pieces · `step`: a number and `rows`, each (parent, number, text, log-probability, sum, fate) ·
    `path`: in each step, which of its rows was chosen at the end · `score`, `greedy`: the greedy text, of (text,
    log-probability) · `done`. Raises UserError as `write` does.
    """
    if len(writing.prompt) > LONGEST_PROMPT:
        raise UserError("The prompt has {have} characters; at most {limit} can be read.", have=len(writing.prompt), limit=LONGEST_PROMPT)  # fmt: skip
    writing = drawn(writing)
    run = store().find(writing.run)
    with inference(waiting):
        from llm_core.inference.beam import search_steps
        from llm_core.inference.generate import generate
        from llm_core.inference.translate import translates

        model, tokenizer = store().model(run, writing.step)
        if not model.causal or translates(model):
            raise UserError("This model does not write from left to right; choose another.")
        prompt, pieces, stop = prompt_ids(tokenizer, writing.prompt), tokenizer.pieces, tokenizer.end_of_text
        yield {"prompt": [pieces[token] for token in prompt[len(tokenizer.begin) :]]}
        paths = _Paths()
        search = search_steps(model, prompt, writing.decoding, stop=stop)
        while True:
            try:
                step = next(search)
            except StopIteration as finished:
                beam = finished.value
                break
            paths.add(step)
            yield {
                "step": step.step,
                "rows": [
                    [one.parent, one.token.id, pieces[one.token.id], round(one.token.logprobability, 5), round(one.score, 5), one.fate]
                    for one in step.hypotheses
                ],
            }  # fmt: skip
        yield {"path": paths.of([token.id for token in beam.tokens]), "score": round(beam.score, 5)}
        greedy = writing.decoding.model_copy(update={"method": "greedy"})
        taken = [token for (token,) in generate(model, [prompt], greedy, stop=stop)]
        yield {"greedy": [[token.id, pieces[token.id], round(token.logprobability, 5)] for token in taken]}
    yield {"done": {}}


class _Paths:
    """Which rows lead to each beginning, step by step."""

    def __init__(self) -> None:
        self._kept: list[tuple[list[int], list[int]]] = [([], [])]
        self._over: list[tuple[list[int], list[int]]] = []

    def add(self, step: "BeamStep") -> None:
        grown = list[tuple[list[int], list[int]]]()
        for row, one in enumerate(step.hypotheses):
            rows, tokens = self._kept[one.parent]
            path = [*rows, row], [*tokens, one.token.id]
            if one.fate == "kept":
                grown.append(path)
            elif one.fate == "ended":
                self._over.append(path)
        self._kept = grown

    def of(self, tokens: list[int]) -> list[int]:
        return next(rows for rows, known in (*self._over, *self._kept) if known == tokens)


async def beams_route(request: Request) -> Response:
    """POST a `Writing` and a language as JSON; answers with the parts of `searched` as they are found."""
    return await streamed(request, Writing, searched)


def _words() -> dict[str, Any]:
    return {
        "searching": _("Searching… step {step}"),
        "step": _("Step {step}"),
        "said": _("Step {step}: “{text}”, {bits} bits so far, {mean} bits per token; {fate}."),
        "kept": _("goes on"),
        "ended": _("ended here and was set aside"),
        "dropped": _("was dropped"),
        "beam": _("Beam search"),
        "greedy": _("Always the likeliest token"),
        "told": _("{count} tokens, {bits} bits in all, {mean} bits per token"),
        "same": _("Both ways come to the same text."),
        "better": _("The beam search found a text that the model thinks {factor} times as likely per token."),
        "worse": _("Here the greedy text is likelier per token: its beginning was dropped too early, or a shorter text was chosen."),
        "pick": _("Point at a beginning, or click it, to read its text so far."),
        "columns": "step,row,parent row,token number,token,log-probability,sum of log-probabilities,fate",
    }  # fmt: skip
