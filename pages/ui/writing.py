"""What a model is to write, and the writing itself, in parts that the tokens component shows as they come.

The text follows from a `Writing` alone: run, step, prompt and decoding, seed included, and the tokens that a person has
chosen in place of others. So the same link writes the same
text, and what was written once need not be kept by anybody. The browser asks the route `write` for it, which sends a
part a line; a browser that goes away, or stops, ends the writing.
"""

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from llm_core.config import Config, DecodingConfig, RunConfig, parse
from llm_core.data.table_writing import as_table
from llm_core.errors import UserError
from llm_core.runs.files import read_object, replace_json
from llm_core.runs.run import Run
from pages.ui.http import NO_STORE, language_of, looked, object_in, refusal_of_file
from pages.ui.state import inference, store
from pages.ui.streaming import Part, streamed

if TYPE_CHECKING:
    from llm_core.data.tokenizers import Tokenizer
    from llm_core.inference.reader import Token

DEFAULT = DecodingConfig(tokens=192)
"""What the page begins with: room for a whole story."""

STORED = "writing.json"
LONGEST_PROMPT = 4_000  # it travels in links
_KEPT_TOKENS = 20_000
_CHOICES = re.compile(r"([0-9]{1,4}\.[0-9]{1,6}(-[0-9]{1,4}\.[0-9]{1,6})*)?")
_MOST_CHOICES = 64


class Writing(Config):
    """Everything that a text written by a model depends on. `choices`: tokens that a person has chosen, as
    `place.token`, places counted from the first written token and rising, with hyphens between."""

    run: str
    step: int
    prompt: str
    decoding: DecodingConfig = DecodingConfig()
    choices: str = ""

    @property
    def identity(self) -> str:
        """A name for this text: the same settings, the same name."""
        said = self.model_dump_json(exclude=None if self.choices else {"choices"})
        return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:16]

    @property
    def chosen(self) -> tuple[tuple[int, int], ...]:
        """Places and tokens of `choices`. Raises UserError where it names none."""
        if not _CHOICES.fullmatch(self.choices) or self.choices.count("-") >= _MOST_CHOICES:
            raise UserError("The link of this branch has been cut or changed.")
        pairs = [pair.split(".") for pair in self.choices.split("-") if pair]
        return tuple((int(place), int(token)) for place, token in pairs)


def write(writing: Writing, waiting: Callable[[], None] | None = None) -> Generator[Part, None, None]:
    """The text, part by part: `prompt`, its pieces · `below`, whether the text stands below them, as a translation
    does · `tokens`, written ones · `done`, with seconds. Raises UserError when there is no such model, or it cannot write.
    """
    if (kept := _finished.get(writing.identity)) is not None:
        yield kept
        return
    if len(writing.prompt) > LONGEST_PROMPT:
        raise UserError("The prompt has {have} characters; at most {limit} can be read.", have=len(writing.prompt), limit=LONGEST_PROMPT)  # fmt: skip
    run, chosen = store().find(writing.run), writing.chosen
    with inference(waiting):
        from llm_core.inference.branches import follow
        from llm_core.inference.translate import translate, translates

        model, tokenizer = store().model(run, writing.step)
        if not model.causal:
            raise UserError("This model does not write from left to right; choose another.")
        prompt = prompt_ids(tokenizer, writing.prompt)
        given: Part = {"prompt": [tokenizer.pieces[token] for token in prompt[len(tokenizer.begin) :]]}
        if translates(model):
            if chosen:
                raise UserError("A translation begins with its first token; change the sentence to get another.")
            given |= {"below": True}
            written: Iterator[Token] = (
                token for (token,) in translate(model, tokenizer, [writing.prompt], writing.decoding)
            )
        else:
            written = follow(model, prompt, writing.decoding, chosen, stop=tokenizer.end_of_text)
        whole: Part = given | {"tokens": []}
        yield given
        begin = time.perf_counter()
        for token in written:
            whole["tokens"].append(entry(token, tokenizer))
            yield {"tokens": whole["tokens"][-1:]}
        done = {"seconds": time.perf_counter() - begin}
    _finished.put(writing.identity, whole | {"done": done})
    yield {"done": done}


def prompt_ids(tokenizer: "Tokenizer", prompt: str) -> list[int]:
    """A prompt as the model met texts in training: every document begins after control tokens, ours after end-of-text."""
    return [*tokenizer.begin, *tokenizer.encode(prompt)]


def default_prompt(run: Run) -> str:
    """How a text begins unless a person says otherwise: as the run's own samples do; empty where it has none."""
    return run.settings.training.sample_prompt if isinstance(run.settings, RunConfig) else ""


def is_translator(run: Run) -> bool:
    """Whether its model turns the prompt into another text, in place of going on with it."""
    return getattr(run.model_config, "architecture", "") == "encoder_decoder"


def painted(writing: Writing) -> Part | None:
    """The text where it is known already, just written or kept beside a bundled model; so without any model."""
    if (kept := _finished.get(writing.identity)) is not None:
        return kept
    try:
        stored = read_object(store().find(writing.run).folder / STORED) or {}
    except UserError:
        return None
    text = stored.get("text")
    return text if stored.get("identity") == writing.identity and isinstance(text, dict) else None


def keep(run: Run) -> Writing:
    """Write what the Generate page shows first beside a bundled model, so that it is painted at once."""
    first = Writing(run=run.id, step=run.steps()[-1], prompt=default_prompt(run), decoding=DEFAULT)
    # Without the seconds it took: the machine on which it will be read is another one.
    replace_json(run.folder / STORED, {"identity": first.identity, "text": whole(first) | {"done": {}}})
    return first


def whole(writing: Writing) -> Part:
    """The text with everything in one part; written now unless it was just written, and once for all who ask."""
    merged: Part = {"prompt": [], "tokens": []}
    with _turns.of(writing.identity):
        for part in write(writing):
            for name in ("prompt", "tokens"):
                merged[name] = merged[name] + part.get(name, [])
            merged |= {name: part[name] for name in ("done", "below") if name in part}
    return merged


def as_csv(writing: Writing) -> str:
    """A row for each token: position, id, token, probability, and its alternatives in pairs of columns."""
    count = writing.decoding.alternatives
    others = [f"{name}_{n + 1}" for n in range(count) for name in ("alternative", "alternative_probability")]
    rows = []
    for position, token in enumerate(whole(writing)["tokens"]):
        pairs = [cell for _, other, share in token["alternatives"] for cell in (other, share)]
        rows.append([position, token["id"], token["text"], token["probability"], token["entropy"], *pairs])
    return as_table(["position", "id", "token", "probability", "entropy_nats", *others], rows)


def entry(token: "Token", tokenizer: "Tokenizer") -> dict[str, Any]:
    """A token as the browser gets it."""
    pieces = tokenizer.pieces
    return {
        "id": token.id,
        "text": pieces[token.id],
        "probability": round(token.probability, 7),
        "logprobability": round(token.logprobability, 5),
        "entropy": round(token.entropy, 5),
        "alternatives": [(other, pieces[other], round(share, 7)) for other, share in token.alternatives],
    }


class _Finished:
    """The last few texts, so that going back, or taking one away, does not write it again."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, Part] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, identity: str) -> Part | None:
        with self._lock:
            if identity in self._texts:
                self._texts.move_to_end(identity)
            return self._texts.get(identity)

    def put(self, identity: str, text: Part) -> None:
        with self._lock:
            self._texts[identity] = text
            while sum(len(text["tokens"]) for text in self._texts.values()) > _KEPT_TOKENS:
                self._texts.popitem(last=False)


_finished = _Finished()


class _Turns:
    """A lock for each text while somebody waits for it."""

    def __init__(self) -> None:
        self._locks: dict[str, tuple[threading.Lock, int]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def of(self, identity: str) -> Iterator[None]:
        with self._lock:
            own, waiting = self._locks.get(identity, (threading.Lock(), 0))
            self._locks[identity] = own, waiting + 1
        try:
            with own:
                yield
        finally:
            with self._lock:
                waiting = self._locks[identity][1] - 1
                if waiting:
                    self._locks[identity] = own, waiting
                else:
                    del self._locks[identity]


_turns = _Turns()


async def write_route(request: Request) -> Response:
    """POST a `Writing` and a language as JSON; answers with parts, one JSON object a line, as they are written."""
    return await streamed(request, Writing, write)


async def csv_route(request: Request) -> Response:
    """The text that `?writing=` names, as a table. Written again if need be."""
    return await looked(request, lambda: _csv_file(request))


def _csv_file(request: Request) -> Response:
    try:
        table = as_csv(parse(Writing, object_in(request.query_params.get("writing", ""))))
    except (ValueError, RecursionError):
        return Response(status_code=400)
    except UserError as error:
        return refusal_of_file(error, language_of(request))
    return Response(table, media_type="text/csv", headers=NO_STORE)
