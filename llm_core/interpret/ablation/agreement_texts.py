"""Texts of a grammar up to where a word must show how many there are, with a noun of the other number in the way, or not.

English: "The pear by the cups" goes on with *was*, "The stones that Tom found" with *were*. An attractor is a noun or name
of the other number between the subject and its verb (Linzen, Dupoux & Goldberg 2016, "Assessing the Ability of LSTMs to
Learn Syntax-Sensitive Dependencies"). The grammar writes one with either number: half of its places are plurals, and a
child who found something is one.

Chinese verbs show no number, but of several things 都 is said: 汤姆找到的石头都很大. How many there are stands sentences before
(两块石头), and this is what has to be found. An attractor is another number of things that was told as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.sampler import Sampled, sample
from llm_core.data.grammar.sampler import texts as stories
from llm_core.data.grammar.truth import Word
from llm_core.errors import UserError
from llm_core.interpret.attention.attention import parts
from llm_core.interpret.attention.questions import AskedText, Question, Span, find_units
from llm_core.interpret.loss_texts import UNASKED, LossTexts
from llm_core.interpret.padding import together
from llm_core.interpret.reading import AnyTokenizer, Side, read
from llm_core.models.base import Batch, Model

WRONG = {"was": "were", "were": "was", "很": "都很", "都": "很"}
"""What must not be said, by the word that must; 都 is the beginning of 都很."""
_SENTENCES = ("tasted", "which")
"""The sentences of the stories in which a thing is called pretty, or sweet, and the verb or 都 shows how many there are."""
_SIGNS = {"en": (" that ", " some "), "zh": ("到的", "一些", "我的")}
"""No story has such a sentence without one of these: to know the truth of a story takes a while."""
_FRESH = 5_000_003
"""Added to seeds, so that no text is one that a model was trained on."""
_PATIENCE = 60
"""At most so many times as many stories are looked at as texts are wanted."""
_TEXTS_AT_ONCE = 64


@dataclass(frozen=True)
class AgreementText:
    """A text up to the place where `right` must come and `wrong` must not, both tokens. Its one question, `subject`, asks
    from there for what decides; `attractor`: something of the other number is in the way. `several`: the right number."""

    asked: AskedText
    right: int
    wrong: int
    attractor: bool
    several: bool

    @property
    def ids(self) -> tuple[int, ...]:
        """(T,) what is read; the right token comes next."""
        return self.asked.reading.text.ids


def agreement_texts(
    model: Model, tokenizer: AnyTokenizer, texts: int, seed: int, language: str, *, attractor: bool | None = None
) -> list[AgreementText]:
    """So many texts of the stories, of either number as many as of the other; with an attractor, without one, or as they
    come (None), each of another story. For models that write left to right.

    Raises UserError for other models, and where the stories, cut into this model's tokens, do not have so many.
    """
    if parts(model) != ("decoder",):
        raise UserError("Whether a verb agrees is asked here of models that write left to right.")
    world = load_grammar("stories")
    found: dict[bool, list[AgreementText]] = {False: [], True: []}
    least = (texts + 1) // 2
    for index, story in enumerate(stories(world, language, _FRESH + seed, 0, texts * _PATIENCE)):
        if not any(sign in story for sign in _SIGNS[language]):
            continue
        for asked in _asked(model, tokenizer, sample(world, language, _FRESH + seed, index), language):
            if attractor in (None, asked.attractor) and len(found[asked.several]) < least:
                found[asked.several].append(asked)
        if min(map(len, found.values())) == least:
            both = [text for pair in zip(found[False], found[True], strict=True) for text in pair]
            return both[:texts]
    raise UserError("The stories, in this model's tokens, have too few sentences in which a word must show how many there are.")  # fmt: skip


def as_loss_texts(texts: Sequence[AgreementText]) -> LossTexts:
    """The same for a loss: the right token is asked for at the end of each."""
    batches, truths = [], []
    for some in chunks(texts):
        batches.append(batch_of(some))
        assert batches[-1].lengths is not None
        truth = torch.full(batches[-1].shape, UNASKED)
        truth[torch.arange(len(some)), batches[-1].lengths - 1] = torch.tensor([text.right for text in some])
        truths.append(truth)
    return LossTexts(tuple(batches), tuple(truths))


def chunks(texts: Sequence[AgreementText]) -> Iterator[Sequence[AgreementText]]:
    """So many as are read at once."""
    return (texts[start : start + _TEXTS_AT_ONCE] for start in range(0, len(texts), _TEXTS_AT_ONCE))


def batch_of(texts: Sequence[AgreementText]) -> Batch:
    """Texts as a model reads them together."""
    return together([text.ids for text in texts])


def ahead(logits: Tensor, texts: Sequence[AgreementText]) -> Tensor:
    """(N,) how far the right token is ahead of the wrong one, from logits (N, V) at the end of N texts."""
    rows = torch.arange(len(texts))
    right, wrong = (torch.tensor([getattr(text, side) for text in texts]) for side in ("right", "wrong"))
    return logits[rows, right] - logits[rows, wrong]


def _asked(model: Model, tokenizer: AnyTokenizer, story: Sampled, language: str) -> Iterator[AgreementText]:
    spans = [(node.start, node.end) for node in story.truth.tree.children if node.label.split(".")[0] in _SENTENCES]
    for start, end in spans:
        words = [word for word in story.truth.words if start <= word.start < end]
        for at, word in enumerate(words):
            said = story.text[word.start : word.end]
            # In the second half of "the pear was sweet, but the plums were not" nothing is left to find out.
            if said in WRONG and not any(story.text[before.start : before.end] in WRONG for before in words[:at]):
                link = (_in_english if language == "en" else _in_chinese)(story, words, at)
                made = None if link is None else _made(model, tokenizer, story, word, *link)
                if made is not None:
                    yield made


def _made(
    model: Model, tokenizer: AnyTokenizer, story: Sampled, word: Word, subject: Sequence[Span], attractor: bool
) -> AgreementText | None:
    """The text up to where right and wrong part in tokens; None where it does not fit, or tokens tell nothing apart."""
    right = story.text[word.start : word.end]
    readings = [read(model, tokenizer, story.text[: word.start] + said) for said in (right, WRONG[right])]
    one, other = (reading.text.ids for reading in readings)
    parted = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if parted is None or any(reading.left_out for reading in readings):
        return None
    side = readings[0].text
    words = [(each.start, each.end) for each in story.truth.words if each.end <= word.end]
    units = find_units(side.spans, words)
    place = units.of_words[words.index((word.start, word.end))]
    targets = {units.of_words[at] for at, span in enumerate(words) if span in subject} - {None, place}
    if place is None or not targets:
        return None
    reading = replace(readings[0], text=Side(side.ids[:parted], side.tokens[:parted], side.spans[:parted]))
    question = Question((parted - 1,), place, frozenset(unit for unit in targets if unit is not None))
    asked = AskedText(reading, {"decoder": units.of_tokens[:parted]}, {"decoder": {"subject": (question,)}})
    return AgreementText(asked, one[parted], other[parted], attractor, right in ("were", "都"))


def _in_english(story: Sampled, words: Sequence[Word], at: int) -> tuple[list[Span], bool] | None:
    """The subject of a verb, and whether what stands between pulls to the other number."""
    verb = words[at]
    links = {(link.start, link.end): (link.to_start, link.to_end) for link in story.truth.agreements}
    subject = links.get((verb.start, verb.end))
    if subject is None or subject[0] < words[0].start:
        return None
    several = story.text[verb.start : verb.end] == "were"
    between = [word for word in words[:at] if word.start >= subject[1] and word.part in ("NOUN", "PROPN")]
    # Names are of one child; of the places where food is put, those that are several end in s, and no other does.
    plural = [word.part == "NOUN" and story.text[word.start : word.end].endswith("s") for word in between]
    return [subject], (not several) in plural


def _in_chinese(story: Sampled, words: Sequence[Word], at: int) -> tuple[list[Span], bool] | None:
    """Where it was told how many there are, with the noun, and whether another number was told, too."""
    nouns = [word for word in words[:at] if word.part == "NOUN" and word.variable is not None]
    if not nouns:
        return None
    thing = nouns[-1].variable
    told = [phrase for phrase in _phrases(story) if phrase[-1].end <= words[0].start]
    mine = [phrase for phrase in told if phrase[-1].variable == thing]
    if not mine:
        return None
    own = any(story.text[word.start : word.end] == "我" for word in words[:at])  # what I found came first
    subject = mine[0 if own else -1]
    several = story.text[words[at].start : words[at].end] == "都"
    if _is_several(story, subject) != several:
        return None  # not what the sentence goes by
    others = [_is_several(story, phrase) for phrase in told if phrase is not subject]
    return [(word.start, word.end) for word in subject], (not several) in others


def _phrases(story: Sampled) -> Iterator[list[Word]]:
    """How many of what, in Chinese: 两 块 石头, 一些 李子."""
    words = story.truth.words
    for at, word in enumerate(words):
        counts = word.part == "NUM" and (word.variable or "")[:1].isupper()
        if not counts and story.text[word.start : word.end] != "一些":
            continue
        phrase = [word]
        for noun in words[at + 1 :]:
            if noun.part != "NOUN" or noun.variable is None or noun.variable != words[at + 1].variable:
                break
            phrase.append(noun)
        if len(phrase) > 1:
            yield phrase


def _is_several(story: Sampled, phrase: Sequence[Word]) -> bool:
    return story.text[phrase[0].start : phrase[0].end] != "一"
