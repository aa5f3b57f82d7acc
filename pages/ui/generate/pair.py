"""Two models side by side: both write on from one prompt with the same dice, and each says what it thinks of the other's text."""

from collections.abc import Generator
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response

from llm_core.config import Config
from pages.ui.generate.component import view
from pages.ui.generate.pair_chosen import beside, names_of
from pages.ui.generate.python import python_of_pair
from pages.ui.state import inference, store
from pages.ui.streaming import Part, Waiting, streamed
from pages.ui.text import _, language
from pages.ui.writing import Writing, prompt_ids, whole

if TYPE_CHECKING:
    from llm_core.data.tokenizers import Tokenizer


class Both(Config):
    """Two texts."""

    one: Writing
    other: Writing


def show(writing: Writing) -> None:
    """What stands beside it, and both texts."""
    other = beside(writing)
    if other is None:
        return
    speak = {"language": language()}
    view(
        "pair",
        identity=f"{writing.identity} {other.identity}",
        label=_("Two texts, token by token. The arrow keys move from token to token."),
        words=_words(),
        code=python_of_pair(writing, other),
        file=f"terrarium-{writing.run}-{writing.step}-{other.run}-{other.step}",
        url="./write",
        requests=[writing.model_dump() | speak, other.model_dump() | speak],
        crossed_url="./crossed",
        crossed=Both(one=writing, other=other).model_dump() | speak,
        names=names_of(writing, other),
    )


def crossed(both: Both, waiting: Waiting | None = None) -> Generator[Part, None, None]:
    """`one`, `other`: the probability that each token of that text has under the model of the other text; or `apart`, a
    word for why not. Raises UserError as `write` does."""
    texts = [whole(each) for each in (both.one, both.other)]
    runs = [store().find(each.run) for each in (both.one, both.other)]
    with inference(waiting):
        from llm_core.inference.branches import read
        from llm_core.inference.translate import translates

        models = [store().model(run, each.step) for run, each in zip(runs, (both.one, both.other), strict=True)]
        if any(translates(model) for model, _tokenizer in models):
            yield {"apart": "apart_translates", "done": {}}
            return
        if not _alike(models[0][1], models[1][1]):
            yield {"apart": "apart_tokens", "done": {}}
            return
        named = zip(("one", "other"), (both.one, both.other), texts, models[::-1], strict=True)
        for name, writing, text, (model, tokenizer) in named:
            prompt, written = prompt_ids(tokenizer, writing.prompt), [token["id"] for token in text["tokens"]]
            yield {name: [round(token.probability, 7) for token in read(model, prompt, written)]}
    yield {"done": {}}


def _alike(one: "Tokenizer", other: "Tokenizer") -> bool:
    """Whether two models have the same tokens under the same numbers."""
    return one is other or one.pieces == other.pieces


async def crossed_route(request: Request) -> Response:
    """POST `Both` and a language as JSON; answers with the parts of `crossed`."""
    return await streamed(request, Both, crossed)


def _words() -> dict[str, str]:
    return {
        "own": _("How likely its own model thought a token"),
        "difference": _("Which of the two thought it likelier"),
        "colours": _("Colour"),
        "unlikely": _("unlikely"),
        "certain": _("certain"),
        "less": _("the other model thought it likelier"),
        "more": _("its own model thought it likelier"),
        "apart_tokens": _("The two models have different tokens, so that neither can say how likely it thinks those of the other."),
        "apart_translates": _("What a translator thinks of another’s translation is not asked here: only texts that go on from a prompt are read by both."),
        "part": _("Here the texts part: {one} wrote {first}, {other} wrote {second}."),
        "same": _("Both write the same text."),
        "ends": _("the end"),
        "said": _("{token}: {own} under its own model, {cross} under the other one."),
        "said_own": _("{token}: {own} under its own model."),
        "told": _("{count} tokens, {bits} bits per token"),
        "told_cross": _("{count} tokens, {bits} bits per token; {cross} under the other model"),
        "writing": _("Writing… {count} tokens"),
        "columns": "model,position,token number,token,probability,probability under the other model",
    }  # fmt: skip
