"""What the picture of the Fill in page is made of: predictions, whole fillings and attention, as lists of plain values."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from llm_core.config import Config, TransformerConfig
from llm_core.data.vocabulary import MASK
from llm_core.errors import UserError
from llm_core.inference.masks import Masked, places_at, read_masked
from pages.ui.fill_mask.looking import LONGEST_TEXT
from pages.ui.state import inference, store

if TYPE_CHECKING:
    from llm_core.data.tokenizers import Tokenizer
    from llm_core.inference.fill_mask import Predictions
    from llm_core.models.base import Model

MOST_HIDDEN = 24
"""More than so many masks are refused: nothing is left to tell them from."""
MOST_FILLED = 8
"""Whole fillings are looked for of at most so many masks."""
MOST_OPERATIONS = 5e11
"""Of every token of a text, each hidden in turn: some ten seconds of one core."""

_Span = Annotated[list[Annotated[int, Field(ge=0, le=100_000)]], Field(min_length=2, max_length=2)]


class Asked(Config):
    """What the browser asks for. `hidden`: places in the text (from, up to but not including), in characters. `other_run`
    with `other_step`: the model that stands beside."""

    run: str
    step: int
    text: str
    hidden: list[_Span] = Field(default_factory=list, max_length=200)
    way: Literal["joint", "single"] = "joint"
    view: Literal["masks", "everywhere"] = "masks"
    other_run: str | None = None
    other_step: int | None = None
    top: Annotated[int, Field(ge=1, le=100)] = 8

    @property
    def models(self) -> list[tuple[str, int]]:
        """Run and step of each model that is looked at."""
        others = [(self.other_run, self.other_step)]
        return [(self.run, self.step), *((run, step) for run, step in others if run is not None and step is not None)]


def answer(asked: Asked) -> dict[str, Any]:
    """What the browser draws, model by model. Raises UserError."""
    if len(asked.text) > LONGEST_TEXT:
        raise UserError("The text has {have} characters; at most {limit} can be looked at.", have=len(asked.text), limit=LONGEST_TEXT)  # fmt: skip
    return {"models": [_one(asked, run, step) for run, step in asked.models]}


def predictions(asked: Asked) -> "list[tuple[str, int, Predictions | None]]":
    """Run, step and predictions of each model that is looked at; None where nothing is hidden. Raises UserError."""
    found = []
    for run, step in asked.models:
        with inference():
            model, tokenizer = store().model(store().find(run), step)
            masked, places = _read(asked, model, tokenizer)
            found.append((run, step, _predict(asked, model, tokenizer, masked, places)))
    return found


def _one(asked: Asked, run: str, step: int) -> dict[str, Any]:
    with inference():
        model, tokenizer = store().model(store().find(run), step)
        masked, places = _read(asked, model, tokenizer)
        found = _predict(asked, model, tokenizer, masked, places)
        reply: dict[str, Any] = {
            "run": run,
            "step": step,
            "tokens": [
                MASK if token is None else tokenizer.pieces[token] for token in masked.given[masked.begin : masked.end]
            ],
            "spans": masked.spans[masked.begin : masked.end],
            "typed": [place - masked.begin for place in masked.typed],
            "places": places,
            "masked_text": _with_masks(asked.text, read_masked(model.config, tokenizer, asked.text, places)),
            "entries": [] if found is None else entries(found),
        }
        if found is not None and asked.view == "everywhere":
            reply["score"] = None if masked.typed else _score(found)
        elif found is not None:
            if asked.way == "joint" and 1 < len(found.places) <= MOST_FILLED:
                reply["fillings"] = _fillings(asked, model, tokenizer, places)
            reply |= _attention(asked, model, found)
        return reply


def _read(asked: Asked, model: "Model", tokenizer: "Tokenizer") -> tuple[Masked, tuple[int, ...]]:
    """The text as this model reads it, and which of its tokens are hidden."""
    masked = read_masked(model.config, tokenizer, asked.text)
    places = places_at(masked, [(start, end) for start, end in asked.hidden])
    places = tuple(place for place in places if masked.given[masked.begin + place] is not None)
    count = len(places) + len(masked.typed)
    if count > MOST_HIDDEN:
        raise UserError("{have} tokens are hidden; at most {limit} can be at once. Show some of them again.", have=count, limit=MOST_HIDDEN)  # fmt: skip
    return masked, places


def _predict(
    asked: Asked, model: "Model", tokenizer: "Tokenizer", masked: Masked, places: tuple[int, ...]
) -> "Predictions | None":
    from llm_core.inference.fill_mask import predict, predict_everywhere

    if asked.view == "everywhere":
        _refuse_slow(model, len(masked.ids))
        return predict_everywhere(model, tokenizer, asked.text, top=asked.top)
    if not places and not masked.typed:
        return None
    return predict(model, tokenizer, asked.text, places, top=asked.top, one_at_a_time=asked.way == "single")


def _refuse_slow(model: "Model", count: int) -> None:
    """Raises UserError where a text of so many tokens, each hidden in turn, would keep the server busy for long."""
    config = model.config
    assert isinstance(config, TransformerConfig)
    per_token = 24 * config.layers * config.width**2
    last = 2 * config.width * (config.vocabulary_size or 0)
    most = next(length for length in range(count, -1, -1) if length * (length * per_token + last) <= MOST_OPERATIONS)
    if most < count:
        raise UserError("{have} tokens, each hidden in turn, would take this model too long; at most {limit} are read. Shorten the text.", have=count, limit=most)  # fmt: skip


def entries(found: "Predictions") -> list[dict[str, Any]]:
    """For every place: the token that stands there with its probability, and what was expected."""
    import numpy as np

    begin = found.text.begin
    return [
        {
            "place": place - begin,
            "probability": None if np.isnan(found.given[row]) else round(float(np.exp(found.given[row])), 7),
            "rank": int(found.ranks[row]) + 1,
            "entropy": round(float(found.entropies[row]), 4),
            "id": found.text.given[place],
            "given": found.given_pieces[row],
            "top": [
                [token, piece, round(share, 7)]
                for token, piece, share in zip(
                    found.tokens[row].tolist(), found.pieces[row], found.probabilities[row].tolist(), strict=True
                )
            ],
        }
        for row, place in enumerate(found.places)
    ]


def _score(found: "Predictions") -> dict[str, float]:
    from llm_core.inference.fill_mask import perplexity_of

    whole = perplexity_of(found)
    return {"perplexity": whole.perplexity, "sum": whole.score}


def _fillings(asked: Asked, model: "Model", tokenizer: "Tokenizer", places: tuple[int, ...]) -> list[dict[str, Any]]:
    from llm_core.inference.fill_mask import fill

    found = fill(model, tokenizer, asked.text, places)
    return [
        {"pieces": pieces, "order": order, "steps": steps, "probability": whole, "at_once": at_once}
        for pieces, order, steps, whole, at_once in zip(
            found.pieces, found.order.tolist(), found.steps.round(7).tolist(), found.probabilities.tolist(),
            found.at_once.tolist(), strict=True,
        )
    ]  # fmt: skip


def _attention(asked: Asked, model: "Model", found: "Predictions") -> dict[str, Any]:
    """What each mask looks at: by place, a row for each layer, the mean over its heads; and the tokens looked at."""
    from llm_core.inference.fill_mask import batch_of
    from llm_core.interpret.attention.attention import see_patterns

    masked, pattern = found.text, None
    looks: list[list[list[float]]] = []
    for place in found.places:
        if pattern is None or asked.way == "single":
            ids = masked.ids if asked.way == "joint" else masked.hiding({place})
            pattern = see_patterns(model, batch_of(model, masked.mask, [ids]))["encoder"][:, 0]  # (layers, heads, T, T)
        # Where a second stream asks, its positions stand after those of the first.
        looks.append(pattern[:, :, place - len(ids)].mean(1).cpu().numpy().round(5).tolist())
    return {"looks": looks, "columns": masked.tokens, "begin": masked.begin}


def _with_masks(text: str, masked: Masked) -> str:
    """The text with a mask typed in place of each hidden token; the space before a word stays."""
    for place in reversed(masked.hidden):
        start, end = masked.spans[place]
        start += len(text[start:end]) - len(text[start:end].lstrip(" "))
        text = f"{text[:start]}{MASK}{text[end:]}"
    return text
