"""What is said about heads: the names of parts, summaries and scores, and the sentences on what was found."""

import re
from dataclasses import dataclass

from llm_core.errors import N_
from pages.ui.attention.head_rows import Finding, Found, Measured
from pages.ui.attention.looking import PARTS
from pages.ui.text import _, language, translate

UNITS = {"entropy": N_("Entropy (nats)"), "distance": N_("Distance (tokens)")}
"""Summaries that are no shares, with their units."""

FINDERS = {
    "induction": N_("Find me the induction head"),
    "previous_token": N_("Find the previous-token head"),
    "duplicate_token": N_("Find the duplicate-token head"),
    "subject": N_("Find the head that knows the subject of a verb"),
    "antecedent": N_("Find the head that knows whom a pronoun means"),
    "place": N_("Find the head that knows where a thing was put"),
    "alignment": N_("Find the head that pairs the two languages"),
}
"""What the button for each score says."""

_OFFSET = re.compile(r"offset (-?[0-9]{1,6})")
_OFFSETS = {"word": N_("offset {offset} words"), "token": N_("offset {offset} tokens")}
_SENTENCES: dict[Finding, str] = {
    "does": N_("{title}: {head} does this. Its score over {texts} texts is {score} (95 % interval {low} to {high})."),
    "partly": N_("{title}: {head} does this in part. Its score over {texts} texts is {score} (95 % interval {low} to {high})."),
    "faint": N_("{title}: no head of this model does that at step {step}. The best, {head}, scores {score} over {texts} texts (95 % interval {low} to {high})."),
    "no better": N_("{title}: there is no evidence that a head of this model does that at step {step}. The best, {head}, scores {score} over {texts} texts (95 % interval {low} to {high})."),
}  # fmt: skip
_BASELINES: dict[Finding, str] = {
    "does": N_("The best rule without a model, {baseline}, reaches {value}."),
    "partly": N_("The best rule without a model, {baseline}, reaches {value}."),
    "faint": N_("The best rule without a model, {baseline}, reaches {value}."),
    "no better": N_("The best rule without a model, {baseline}, does as well: it reaches {value}."),
}


@dataclass(frozen=True)
class Word:
    """What a number is called, what it means, and whether it is a share, from 0 to 1."""

    title: str
    meaning: str
    share: bool


def summary_words() -> dict[str, Word]:
    """The summaries of one text in the language of this session."""
    from llm_core.interpret.attention.head_summaries import KINDS

    return {name: Word(_(UNITS.get(name, kind.title)), _(kind.meaning), kind.share) for name, kind in KINDS.items()}


def score_words() -> dict[str, Word]:
    """The scores over many texts in the language of this session."""
    from llm_core.interpret.attention.head_scores import SCORES

    return {name: Word(_(kind.title), _(kind.meaning), True) for name, kind in SCORES.items()}


def head_name(part: str, layer: int, head: int, several: bool) -> str:
    """A head in words, counted from 0; with its part where there are `several`."""
    if several:
        return _("{part}, layer {layer}, head {head}", part=_(PARTS[part]), layer=layer, head=head)
    return _("layer {layer}, head {head}", layer=layer, head=head)


def head_in_words(part: str, layer: int, head: int, several: bool) -> str:
    """The same within a sentence."""
    if several:
        return _("layer {layer}, head {head} of the {part}", part=_(PARTS[part]), layer=layer, head=head)
    return head_name(part, layer, head, several)


def baseline_name(measured: Measured, code: str) -> str:
    """The rule that a score is compared with, always looking a fixed number of words or tokens away, in a language."""
    from llm_core.interpret.attention.head_scores import SCORES

    offset = _OFFSET.fullmatch(measured.baseline_name)
    if offset is None or measured.score not in SCORES:
        return "–"
    return translate(_OFFSETS[SCORES[measured.score].unit], code).format(offset=offset[1].replace("-", "−"))


def verdict(found: Found, title: str, several: bool) -> str:
    """What was found, in a sentence or two: how good the best head is, and beside what."""
    measured = found.measured
    low, high = found.interval
    said = _(
        _SENTENCES[found.finding],
        title=title, head=head_in_words(measured.part, found.layer, found.head, several), texts=measured.texts,
        score=found.value, low=low, high=high, step=measured.step,
    )  # fmt: skip
    if measured.baseline is not None:
        name = baseline_name(measured, language())
        return joined(said, _(_BASELINES[found.finding], baseline=name, value=measured.baseline))
    return said


def climb(before: Measured, after: Measured, layer: int, head: int, losses: tuple[float, float] | None) -> str:
    """When a head's score climbed most, and what the loss did meanwhile (nats per token, at both steps)."""
    said = _(
        "It climbs most between step {before} and step {after}: from {low} to {high}.",
        before=before.step, after=after.step, low=float(before.mean[layer, head]), high=float(after.mean[layer, head]),
    )  # fmt: skip
    if losses is not None:
        meanwhile = _("The held-out loss goes from {first} to {second} meanwhile.", first=losses[0], second=losses[1])
        return joined(said, meanwhile)
    return said


def joined(first: str, second: str) -> str:
    """Two sentences one after the other; not every language puts a space between them."""
    return _("{first} {second}", first=first, second=second)
