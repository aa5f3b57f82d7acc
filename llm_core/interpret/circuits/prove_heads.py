"""Heads that do a known thing are found by what they look at, or write, and then proved: taken away, the thing must fail.

What a head looks at is a sign, not a proof (Jain & Wallace 2019). So the heads with the highest scores on some texts are
taken away while the model does, on other texts, what they are said to do, and so are as many other heads, drawn at random.
Only where the model then does worse than without nearly any of those others have the right heads been found.

induction, previous_token, duplicate_token (Olsson et al. 2022; Wang et al. 2023): found by their attention in random tokens
that come twice. Taken away, the model should no longer copy: say the next token of the second copy, or an encoder a token
that is hidden there. previous_token heads write what induction heads look for, and duplicate_token heads say that a token
has come before; a model can have them and copy without.

successor (Gould et al. 2023, "Successor Heads"): found by their OV circuit, in which Monday makes Tuesday likelier than
any other day. Taken away, the model should no longer go on with such a sequence. Of models that write.

subject: found by looking, where a verb must show a number, at the noun that it agrees with. Taken away, the model should no
longer say the right form where a noun of the other number stands between. Of models that write and know the stories.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from llm_core.errors import N_, UserError
from llm_core.interpret.ablation.ablation import Ablated, Control, Score, ablated, against_others, loss_of
from llm_core.interpret.ablation.agreement_texts import (
    AgreementText,
    agreement_texts,
    ahead,
    as_loss_texts,
    batch_of,
    chunks,
)
from llm_core.interpret.attention.head_scores import exercise, exercises
from llm_core.interpret.attention.head_scores import score as score_heads
from llm_core.interpret.circuits.circuit_tables import ov_circuit
from llm_core.interpret.circuits.proof_texts import copying_texts, sequence_texts, sequences_of, writing_part
from llm_core.interpret.components import Component, heads
from llm_core.interpret.interventions import Ablation, Reference, reference
from llm_core.interpret.loss_texts import UNASKED, LossTexts
from llm_core.interpret.outcome import outcome
from llm_core.interpret.reading import AnyTokenizer
from llm_core.models.base import Model
from llm_core.taps import Edit, observe

Kind = Literal["induction", "previous_token", "duplicate_token", "successor", "subject"]
KINDS: dict[Kind, str] = {
    "induction": N_("Induction"),
    "previous_token": N_("Previous token"),
    "duplicate_token": N_("Duplicate token"),
    "successor": N_("Successor"),
    "subject": N_("Subject of the verb"),
}
"""Every kind of head that can be proved: name in links, and on screen."""

LEAST = 0.4
"""The score from which a head counts as found."""
_FRESH = 7919
"""Added to the seed of the texts on which heads are found, for those on which they are proved."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Found:
    """The score of every head of one part (N,), and those heads that reach `least`, the highest first.

    baseline: what chance, or the best fixed offset, would score; None where there is nothing to compare with.
    """

    kind: Kind
    heads: tuple[Component, ...]
    scores: Floats
    chosen: tuple[Component, ...]
    baseline: float | None


@dataclass(frozen=True)
class Proof:
    """What a model can without the heads that were found, beside what it can without as many others.

    accuracy: the share of `items` questions that are answered right, by text · loss: in nats, of the found heads alone.
    """

    found: Found
    items: int
    accuracy: Control
    loss: Ablated

    @property
    def rank(self) -> int:
        """1 where no other set is missed as much; one more for each without which the model does as badly, or worse."""
        chosen = self.accuracy.chosen.change
        return 1 + sum(other.change <= chosen for other in self.accuracy.others)

    @property
    def share(self) -> float:
        """The rank among all sets as a share: how likely heads drawn at random would be missed as much."""
        return self.rank / (len(self.accuracy.others) + 1)


def find_heads(
    model: Model,
    tokenizer: AnyTokenizer,
    kind: Kind,
    *,
    vocabulary: Sequence[int] | None = None,
    language: str = "en",
    texts: int = 64,
    least: float = LEAST,
    seed: int = 0,
) -> Found:
    """The heads of a kind: of a decoder, an encoder, or the decoder of an encoder-decoder.

    `vocabulary`: the tokens that random texts are made of, all when None. `language`: of the stories. Raises UserError for a model without attention,
    one that cannot have this kind, and a tokenizer that knows no sequence.
    """
    part = writing_part(model)
    names = heads(model, part)
    baseline: float | None
    if kind == "successor":
        scores, baseline = _successor_scores(model, tokenizer, names)
    elif kind == "subject":
        stories = [text.asked for text in agreement_texts(model, tokenizer, texts, seed, language)]
        looked = outcome(score_heads(model, [exercise(stories, len(names))], tokenizer))["decoder"]["subject"]
        scores, baseline = looked.mean.flatten(), looked.baseline
    else:
        asked = exercises(model, tokenizer, texts=texts, seed=seed, language=None, vocabulary=_tokens(tokenizer, vocabulary))  # fmt: skip
        measured = outcome(score_heads(model, asked, tokenizer)).get(part, {}).get(kind)
        if measured is None:
            raise UserError("A model that sees the whole text has no induction heads: it need not say what comes next. Choose another kind.")  # fmt: skip
        scores, baseline = measured.mean.flatten(), measured.baseline
    order = [place for place in np.argsort(-scores, kind="stable") if scores[place] >= least]
    return Found(kind, names, scores, tuple(names[place] for place in order), baseline)


def prove_heads(
    model: Model,
    tokenizer: AnyTokenizer,
    kind: Kind,
    *,
    vocabulary: Sequence[int] | None = None,
    language: str = "en",
    texts: int = 64,
    least: float = LEAST,
    draws: int = 20,
    method: Ablation = "zero",
    seed: int = 0,
) -> Generator[Ablated, None, Proof]:
    """Find heads and take them away, then as many others: yields each set as it is measured, and returns the proof.

    Raises UserError as `find_heads` does, where no head reaches `least`, and for a model that says no tokens.
    """
    found = find_heads(model, tokenizer, kind, vocabulary=vocabulary, language=language, texts=texts, least=least, seed=seed)  # fmt: skip
    if not found.chosen:
        raise UserError(
            "No head of this model scores {least} or more as {kind}: the highest score is {score}. Lower the threshold.",
            least=least, kind=kind, score=f"{found.scores.max():.2f}",
        )  # fmt: skip
    return (
        yield from prove_found(
            model, tokenizer, found, vocabulary=vocabulary, language=language, texts=texts, draws=draws, method=method, seed=seed
        )
    )  # fmt: skip


def prove_found(
    model: Model,
    tokenizer: AnyTokenizer,
    found: Found,
    *,
    vocabulary: Sequence[int] | None = None,
    language: str = "en",
    texts: int = 64,
    draws: int = 20,
    method: Ablation = "zero",
    seed: int = 0,
) -> Generator[Ablated, None, Proof]:
    """The second half of it, for heads that have been found."""
    asked, right = _asked(model, tokenizer, found.kind, vocabulary, language, texts, seed + _FRESH)
    others: Reference | None = None
    if method != "zero":
        fresh, _right = _asked(model, tokenizer, found.kind, vocabulary, language, texts, seed + 2 * _FRESH)
        others = reference(model, found.heads, fresh.batches)
    accuracy = yield from against_others(model, right, found.chosen, method, draws=draws, others=others, seed=seed)
    loss = ablated(model, loss_of(model, asked), found.chosen, method, others=others, seed=seed)
    return Proof(found, sum(int((truth != UNASKED).sum()) for truth in asked.truths), accuracy, loss)


def accuracy_of(model: Model, asked: LossTexts) -> Score:
    """Measures how often the likeliest token is the right one: the share in each text, (N,)."""
    device = next(model.parameters()).device

    def measure(edits: Mapping[str, Edit]) -> Floats:
        found = []
        with torch.no_grad(), observe(model, only=(), edits=edits):
            for batch, truth in zip(asked.batches, asked.truths, strict=True):
                right = model(batch.to(device)).argmax(-1).cpu() == truth
                found.append(right.double().sum(1) / (truth != UNASKED).sum(1))
        measured: Floats = torch.cat(found).numpy()
        return measured

    return measure


def _successor_scores(model: Model, tokenizer: AnyTokenizer, names: Sequence[Component]) -> tuple[Floats, float]:
    """(N,) how often a member makes the next one likelier than any other of its sequence, and how often chance would."""
    if writing_part(model) != "decoder":
        raise UserError("Successor heads are looked for in models that write left to right.")
    known = sequences_of(tokenizer)
    pairs = sum(len(sequence) - 1 for sequence in known)
    scores = np.zeros(len(names))
    for place, head in enumerate(names):
        for sequence in known:
            table = ov_circuit(model, tokenizer, head, sequence, sequence).values[:-1]
            right = table.argmax(1) == np.arange(1, len(sequence))
            scores[place] += (right & (np.ptp(table, axis=1) > 0)).sum() / pairs
    return scores, sum((len(sequence) - 1) / len(sequence) for sequence in known) / pairs


def _asked(
    model: Model,
    tokenizer: AnyTokenizer,
    kind: Kind,
    vocabulary: Sequence[int] | None,
    language: str,
    texts: int,
    seed: int,
) -> tuple[LossTexts, Score]:
    """Texts on which a model does what heads of this kind are good for, with what it should say; and whether it does."""
    if kind == "subject":
        stories = agreement_texts(model, tokenizer, texts, seed, language, attractor=True)
        return as_loss_texts(stories), preferred(model, stories)
    known = sequence_texts(tokenizer) if kind == "successor" else copying_texts(model, tokenizer, _tokens(tokenizer, vocabulary), texts, seed)  # fmt: skip
    return known, accuracy_of(model, known)


def preferred(model: Model, texts: Sequence[AgreementText]) -> Score:
    """Measures whether the right form is likelier than the wrong one: 1 or 0 for each text, (N,)."""
    device = next(model.parameters()).device

    def measure(edits: Mapping[str, Edit]) -> Floats:
        found = []
        with torch.no_grad(), observe(model, only=(), edits=edits):
            for some in chunks(texts):
                batch = batch_of(some)
                assert batch.lengths is not None
                logits = model(batch.to(device)).cpu()[torch.arange(len(some)), batch.lengths - 1]
                found.append(ahead(logits, some) > 0)
        measured: Floats = torch.cat(found).double().numpy()
        return measured

    return measure


def _tokens(tokenizer: AnyTokenizer, vocabulary: Sequence[int] | None) -> list[int]:
    if vocabulary is not None:
        return list(vocabulary)
    control = {*tokenizer.begin, *tokenizer.end, *tokenizer.separators, getattr(tokenizer, "mask", None)}
    return [token for token in range(len(tokenizer.pieces)) if token not in control]
