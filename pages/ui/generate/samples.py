"""Many texts of one prompt at once, and how varied they are: written as a batch, measured as they end."""

from collections.abc import Generator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from llm_core.config import Config
from llm_core.errors import UserError
from llm_core.evaluate.repetition import Seen, distinct, mean, perplexity, repeated
from llm_core.runs.run import Run
from pages.ui.generate.component import view
from pages.ui.generate.python import python_of_samples
from pages.ui.generate.samples_chosen import COUNTS, count_chosen
from pages.ui.generate.settings import key_of
from pages.ui.generate.views import choose_view
from pages.ui.state import inference, store
from pages.ui.streaming import Part, Waiting, streamed
from pages.ui.text import _, language
from pages.ui.writing import LONGEST_PROMPT, Writing, prompt_ids

if TYPE_CHECKING:
    from llm_core.inference.reader import Token

_LARGEST_SEEN = 30_000_000  # tokens of a training text in which copies are looked for: 240 MB at the most
_GRAM = 4


class Many(Config):
    """A text and how many of it: the first with its seed, each after it with the next."""

    writing: Writing
    count: int = Field(8, ge=1, le=COUNTS[-1])


def show(writing: Writing) -> None:
    """The batch: its texts, and how varied they are."""
    many = Many(writing=writing, count=count_chosen())
    if writing.decoding.method != "sample":
        st.info(_("By this method every sample is the same text: choose “by chance”, or see what one text looks like."))
        return
    view(
        "samples",
        identity=f"{writing.identity} {many.count}",
        label=_("Many texts of one prompt, a row each."),
        words=_words(),
        code=python_of_samples(writing, many.count),
        file=f"terrarium-{writing.run}-{writing.step}-samples",
        url="./samples",
        request=many.model_dump() | {"language": language()},
        count=many.count,
        tokens=writing.decoding.tokens,
        seed=writing.decoding.seed,
        on={"opened": _open},
    )


def _open(seed: object) -> None:
    """Look at one of the texts closely: it is the text of its own seed."""
    if type(seed) is int and 0 <= seed < 2**31:
        st.session_state[key_of("seed")] = seed
        choose_view("text")


def sampled(many: Many, waiting: Waiting | None = None) -> Generator[Part, None, None]:
    """`prompt` · `progress`: tokens written so far · `sample`: one that has ended: `row`, `text`, `tokens`, `nats` (its
    surprise in all), `ended` by itself, and its own measures · `measures` of all that have ended · `done`.

    The end-of-text token is no part of a text, but its surprise counts in the perplexity. Raises UserError as `write`.
    """
    writing = many.writing
    if len(writing.prompt) > LONGEST_PROMPT:
        raise UserError("The prompt has {have} characters; at most {limit} can be read.", have=len(writing.prompt), limit=LONGEST_PROMPT)  # fmt: skip
    run = store().find(writing.run)
    with inference(waiting):
        from llm_core.inference.generate import generate
        from llm_core.inference.translate import translates

        model, tokenizer = store().model(run, writing.step)
        if not model.causal or translates(model):
            raise UserError("This model does not write from left to right; choose another.")
        prompt, stop = prompt_ids(tokenizer, writing.prompt), tokenizer.end_of_text
        yield {"prompt": [tokenizer.pieces[token] for token in prompt[len(tokenizer.begin) :]]}
        seen, why_not = _seen(run)
        rows: list[list[Token]] = [[] for _ in range(many.count)]
        over: list[list[Token]] = []
        counted = 0
        decoding = writing.decoding.model_copy(update={"alternatives": 0})
        for together in generate(model, [prompt] * many.count, decoding, stop=stop):
            for token in together:
                row = rows[token.row]
                row.append(token)
                if token.id != stop and len(row) < decoding.tokens:
                    continue
                over.append(row)
                ids = [each.id for each in row if each.id != stop]
                yield {"sample": _measured(row, ids, stop, seen) | {"text": tokenizer.decode(ids)}}
            yield {"progress": sum(map(len, rows))}
            if len(over) - counted >= max(1, many.count // 8):
                counted = len(over)
                yield {"measures": measures(over, stop, seen)}
        yield {"measures": measures(over, stop, seen) | ({"why_not": why_not} if why_not else {})}
    yield {"done": {}}


def measures(texts: Sequence[Sequence["Token"]], stop: int, seen: Seen | None) -> dict[str, Any]:
    """How varied texts are; what cannot be said is None."""
    ids = [[token.id for token in text if token.id != stop] for text in texts]
    return {
        "count": len(texts),
        **{f"distinct_{n}": _short(distinct(ids, n)) for n in (1, 2, 3)},
        "repeated": _short(mean([repeated(text, _GRAM) for text in ids])),
        "different": len({tuple(text) for text in ids}),
        "copied": _short(mean([seen.share(text) for text in ids])) if seen else None,
        "length": _short(mean([float(len(text)) for text in ids])),
        "perplexity": _short(perplexity([token.logprobability for text in texts for token in text])),
    }


def _measured(row: Sequence["Token"], ids: list[int], stop: int, seen: Seen | None) -> dict[str, Any]:
    logprobabilities = [token.logprobability for token in row]
    return {
        "row": row[0].row, "tokens": len(ids), "ended": row[-1].id == stop, "nats": _short(-sum(logprobabilities)),
        "perplexity": _short(perplexity(logprobabilities)), "repeated": _short(repeated(ids, _GRAM)),
        "copied": _short(seen.share(ids)) if seen else None,
    }  # fmt: skip


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def _seen(run: Run) -> tuple[Seen | None, str]:
    """The training text of a run to look for copies in; or None, and a word for why not."""
    if run.digest is None or not (run.corpora / run.digest / "corpus.json").is_file():
        return None, "no_text"
    return _seen_in(run.corpora / run.digest)


@lru_cache(maxsize=2)
def _seen_in(folder: Path) -> tuple[Seen | None, str]:
    from llm_core.data.prepare import open_corpus

    training = open_corpus(folder).training
    return (Seen(training, _GRAM), "") if len(training) <= _LARGEST_SEEN else (None, "too_long")


async def samples_route(request: Request) -> Response:
    """POST `Many` and a language as JSON; answers with the parts of `sampled` as they come."""
    return await streamed(request, Many, sampled)


def _words() -> dict[str, str]:
    return {
        "writing": _("Writing… {done} of {count} texts have ended, {tokens} tokens"),
        "over": _("{count} texts, {tokens} tokens"),
        "stopped_after": _("Stopped: {done} of {count} texts had ended"),
        "distinct_1": _("distinct-1"),
        "distinct_2": _("distinct-2"),
        "distinct_3": _("distinct-3"),
        "distinct_why": _("Different n-grams as a share of all n-grams of these texts (Li et al. 2016). More texts make it smaller: compare as many of like length only."),
        "repeated": _("rep-4"),
        "repeated_why": _("The share of a text’s 4-grams that it has said before, on average (Welleck et al. 2020)."),
        "different": _("different texts"),
        "different_why": _("How many of the texts that have ended are not the same as another one."),
        "copied": _("seen in training"),
        "copied_why": _("The share of a text’s 4-grams that stand in the text it was trained on, on average: much of it may be copied, or just be common."),
        "length": _("tokens a text"),
        "length_why": _("The mean length, without the sign that ends a text."),
        "perplexity": _("perplexity"),
        "perplexity_why": _("exp of the mean surprise per token, by the model itself at temperature 1."),
        "no_text": _("The tokenized training text of this model is not on this computer, so nobody looks for copies."),
        "too_long": _("The training text is too long to look for copies in it."),
        "seed": _("seed"),
        "tokens": _("tokens"),
        "text": _("text"),
        "open": _("Look at this text"),
        "cut": _("cut off at the length that was asked for"),
        "columns": "seed,tokens,ended by itself,perplexity,rep-4,seen in training,text",
    }  # fmt: skip
