"""A model whose circuit is known because its weights are set by hand: induction in two layers of attention alone.

The stream has a region for each thing it carries, one place a value: TOKEN, what stands here; POSITION, where; PREVIOUS,
what stands one place before; NEXT, what comes next, which alone the logits are read from; and JUNK, which nobody reads.

- `PREVIOUS_HEAD` looks one place back, and copies TOKEN from there into PREVIOUS.
- `INDUCTION_HEAD` looks for the place whose PREVIOUS is the token that stands here, and copies its TOKEN into NEXT: after
  A B … A it says B. Where a token has not come before, it rests on the sign at the beginning, which it does not copy.
- All other heads look around by chance at TOKEN alone, and write into JUNK.

So induction hangs on exactly one K-composition, and on no other pair of heads. (Elhage et al. 2021, "A Mathematical
Framework for Transformer Circuits", the section on induction heads.)
"""

import torch
from torch import Tensor

from llm_core.config import TransformerConfig
from llm_core.interpret.attention.attention import HeadName
from llm_core.interpret.reading import Reading, Side
from llm_core.models.attention import SelfAttention
from llm_core.models.base import Model
from llm_core.models.build import build
from llm_core.models.transformer import Transformer

LETTERS = "abcdefghijk"
VOCABULARY = len(LETTERS) + 1
CONTEXT = 24
HEADS = 4
SIZE = CONTEXT
WIDTH = HEADS * SIZE
BEGIN = 0

TOKEN = slice(0, VOCABULARY)
POSITION = slice(VOCABULARY, VOCABULARY + CONTEXT)
PREVIOUS = slice(POSITION.stop, POSITION.stop + VOCABULARY)
NEXT = slice(PREVIOUS.stop, PREVIOUS.stop + VOCABULARY)
JUNK = slice(NEXT.stop, WIDTH)

PREVIOUS_HEAD = HeadName("decoder", 0, 1)
INDUCTION_HEAD = HeadName("decoder", 1, 2)
CIRCUIT = (PREVIOUS_HEAD, INDUCTION_HEAD)
OTHER_HEADS = tuple(
    name for layer in (0, 1) for head in range(HEADS) if (name := HeadName("decoder", layer, head)) not in CIRCUIT
)

_SHARP = 32.0
"""The score of what a head should look at; all else has 0."""
_LOGIT = 12.0


class Letters:
    """One token a letter, and the sign for the beginning of a text; other characters are left out."""

    begin = (BEGIN,)
    end: tuple[int, ...] = ()
    separators = frozenset({BEGIN})

    def __init__(self) -> None:
        self.pieces = ["<begin>", *LETTERS]

    def encode(self, text: str) -> list[int]:
        return [1 + LETTERS.index(letter) for letter in text if letter in LETTERS]

    def spans(self, text: str) -> list[tuple[int, int]]:
        return [(place, place + 1) for place, letter in enumerate(text) if letter in LETTERS]


TOKENIZER = Letters()


def known_circuit() -> Model:
    """The model, in eval mode and without gradients."""
    config = TransformerConfig(
        vocabulary_size=VOCABULARY, context=CONTEXT, width=WIDTH, layers=2, heads=HEADS, feed_forward_width=0,
        position="learned", norm="rms", norm_weights=False, final_norm=False, tied_embeddings=False,
    )  # fmt: skip
    model = build(config, seed=0).eval().requires_grad_(False)
    assert isinstance(model, Transformer)
    assert model.position_embedding is not None
    assert model.token_head.weight is not None
    for parameter in model.parameters():
        parameter.zero_()
    model.token_embedding.weight[:, TOKEN] = torch.eye(VOCABULARY)
    model.position_embedding.weight[:, POSITION] = torch.eye(CONTEXT)
    model.token_head.weight[:, NEXT] = _LOGIT * torch.eye(VOCABULARY)
    random = torch.Generator().manual_seed(0)
    for name in OTHER_HEADS:
        set_head(model, name, *_aimless(random))
    set_head(model, PREVIOUS_HEAD, *_previous_token())
    set_head(model, INDUCTION_HEAD, *_induction())
    return model


def read_letters(text: str) -> Reading:
    """What the model reads of a text of letters."""
    ids = [BEGIN, *TOKENIZER.encode(text)]
    spans = [(0, 0), *TOKENIZER.spans(text)]
    return Reading(Side(tuple(ids), tuple(TOKENIZER.pieces[token] for token in ids), tuple(spans)), None, 0)


def _previous_token() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Query, key and value (size, width), output (width, size). In the first layer the norm makes each 1 a √(width / 2)."""
    query, key, value, output = nothing()
    ones = (WIDTH / 2) ** 0.5
    places = torch.arange(CONTEXT)
    # The query of position i asks for i - 1; position 0 can see itself alone.
    query[places[1:] - 1, POSITION.start + places[1:]] = _SHARP * SIZE**0.5 / ones**2
    key[places, POSITION.start + places] = 1.0
    value[:VOCABULARY, TOKEN] = torch.eye(VOCABULARY) / ones
    output[PREVIOUS, :VOCABULARY] = torch.eye(VOCABULARY)
    return query, key, value, output


def _induction() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    query, key, value, output = nothing()
    ones = (WIDTH / 3) ** 0.5
    strength = _SHARP * SIZE**0.5 / ones**2
    letters = torch.arange(1, VOCABULARY)
    query[letters, TOKEN.start + letters] = strength
    key[letters, PREVIOUS.start + letters] = 1.0
    # For want of anything better: the sign at the beginning.
    query[BEGIN, TOKEN] = strength / 2
    key[BEGIN, TOKEN.start + BEGIN] = 1.0
    value[letters, TOKEN.start + letters] = 1.0 / ones
    output[NEXT, :VOCABULARY] = torch.eye(VOCABULARY)
    return query, key, value, output


def _aimless(random: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    query, key, value, output = nothing()
    for matrix in (query, key, value):
        matrix[:, TOKEN] = 0.1 * torch.randn(SIZE, VOCABULARY, generator=random)
    output[JUNK] = 0.02 * torch.randn(JUNK.stop - JUNK.start, SIZE, generator=random)
    return query, key, value, output


def nothing() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Query, key, value and output of a head that does nothing yet."""
    return torch.zeros(SIZE, WIDTH), torch.zeros(SIZE, WIDTH), torch.zeros(SIZE, WIDTH), torch.zeros(WIDTH, SIZE)


def set_head(model: Model, name: HeadName, query: Tensor, key: Tensor, value: Tensor, output: Tensor) -> None:
    """Give a head its matrices, each (size, width) but for the output's (width, size)."""
    attention = model.get_submodule(f"blocks.{name.layer}.attention")
    assert isinstance(attention, SelfAttention)
    for number, matrix in enumerate((query, key, value)):
        start = number * WIDTH + name.head * SIZE
        attention.query_key_value.weight[start : start + SIZE] = matrix
    attention.output.weight[:, name.head * SIZE : (name.head + 1) * SIZE] = output
