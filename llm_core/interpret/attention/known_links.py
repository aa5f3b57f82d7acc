"""Questions to heads out of texts whose truth is known, because a grammar wrote them: who does what, who is meant, where.

subject: from a verb that agrees in number, to the noun or pronoun it agrees with. Chinese verbs do not.
antecedent: from a pronoun, to any noun or name before it that means the same.
place: from a place that only the text can tell, to any word of an earlier mention of it.
alignment: from a word of a translation, to the word of the source that says the same.

A model that writes left to right is asked at the token before the word, or before the first of several: there it must
decide what to write, and needs the link; only what stands before can be right. An encoder, which sees the whole text, is
asked at the word itself, as Clark et al. (2019) did, and about places not at all: it can read them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

from llm_core.data.grammar.grammar import load_grammar
from llm_core.data.grammar.parallel import ParallelSentence, parallel_sentences
from llm_core.data.grammar.sampler import Sampled, sample
from llm_core.data.grammar.truth import Item, Truth
from llm_core.interpret.attention.attention import Part, parts
from llm_core.interpret.attention.questions import AskedText, Question, Span, Units, find_units
from llm_core.interpret.reading import AnyTokenizer, Side, read
from llm_core.models.base import Model

KNOWN = ("subject", "antecedent", "place")
_FRESH = 1_000_003
"""Added to seeds, so that no text is one that a model was trained on."""
_PATIENCE = 12
"""At most so many times as many texts are looked at as are wanted."""


def known_texts(
    model: Model, tokenizer: AnyTokenizer, texts: int, seed: int, language: str, grammar: str = "stories"
) -> Iterator[AskedText]:
    """Texts of a grammar with their questions: `texts` as they come, then more for the scores that still lack some.

    Few texts have a verb that shows a number. The later texts are asked about what was lacking alone, so that each
    score is taken over texts as they come, `texts` of those that have it; and no more is read of them than it takes.
    For decoders and encoders.
    """
    part = parts(model)[0]
    world = load_grammar(grammar)
    lacking = dict.fromkeys(KNOWN, texts)
    for index in range(texts * _PATIENCE):
        wanted = [score for score, left in lacking.items() if 0 < left < texts]
        if index >= texts and not wanted:
            return  # what no text has served so far, none will
        text = sample(world, language, _FRESH + seed, index)
        if index >= texts and not any(_may_serve(text.truth, score) for score in wanted):
            continue
        asked = ask_text(model, tokenizer, part, text)
        serves = {score: asked_of for score, asked_of in asked.questions[part].items() if asked_of and lacking[score]}
        for score in serves:
            lacking[score] -= 1
        if index < texts:
            yield asked
        elif serves:
            yield _shortened(asked, part, serves)


def _may_serve(truth: Truth, score: str) -> bool:
    """Whether it is worth to look closer: to find the tokens of a text takes a while."""
    if score == "place":
        return any(item.skill == "place" for item in truth.items)
    return bool(truth.agreements) if score == "subject" else True


def _shortened(asked: AskedText, part: Part, serves: Mapping[str, tuple[Question, ...]]) -> AskedText:
    """The text with these questions alone, for a decoder up to the last position that is asked."""
    questions: Mapping[str, tuple[Question, ...]] = {score: serves.get(score, ()) for score in asked.questions[part]}
    reading, units = asked.reading, asked.units[part]
    if part == "decoder":
        end = 1 + max(
            position for asked_of in serves.values() for question in asked_of for position in question.positions
        )
        side = reading.text
        reading = replace(reading, text=Side(side.ids[:end], side.tokens[:end], side.spans[:end]))
        units = units[:end]
    return AskedText(reading, {part: units}, {part: questions})


def ask_text(model: Model, tokenizer: AnyTokenizer, part: Part, text: Sampled) -> AskedText:
    """One text with its questions, of which those that its tokens cannot hold are left out."""
    reading = read(model, tokenizer, text.text)
    words = [(word.start, word.end) for word in text.truth.words]
    units = find_units(reading.text.spans, words)
    asker = _Asker(text.truth, words, units, causal=part == "decoder")
    questions = {"subject": asker.subjects(), "antecedent": asker.antecedents()}
    if part == "decoder":
        questions["place"] = asker.places()
    return AskedText(reading, {part: units.of_tokens}, {part: questions})


def aligned_texts(
    model: Model, tokenizer: AnyTokenizer, texts: int, seed: int, language: str, grammar: str = "stories"
) -> Iterator[AskedText]:
    """Sentences in `language` as sources and their translations as texts, each out of another story."""
    world = load_grammar(grammar)
    given = 0
    for index in count():
        sentences = parallel_sentences(world, _FRESH + seed, index)
        asked = ask_pair(model, tokenizer, sentences[index % len(sentences)], language)
        if asked.questions["cross"]["alignment"]:
            given += 1
            yield asked
        if given == texts or index == texts * _PATIENCE:
            return


def ask_pair(model: Model, tokenizer: AnyTokenizer, pair: ParallelSentence, language: str) -> AskedText:
    """A sentence and its translation, with a question for each of its words that has a partner in the source."""
    source, source_words, target, target_words = pair.english, pair.english_words, pair.chinese, pair.chinese_words
    links = list(pair.alignment)
    if language == "zh":
        source, source_words, target, target_words = target, target_words, source, source_words
        links = [(here, there) for there, here in links]
    reading = read(model, tokenizer, target, source)
    assert reading.source is not None
    theirs = find_units(reading.source.spans, source_words)
    ours = find_units(reading.text.spans, target_words)
    questions = []
    for there, here in links:
        unit, right = ours.of_words[here], theirs.of_words[there]
        if unit is None or right is None:
            continue
        # What stands at a position writes the next token; the text begins with a control token.
        questions.append(Question((ours.tokens(unit)[0] - 1,), unit, frozenset({right})))
    units: dict[Part, tuple[int, ...]] = {
        "cross": theirs.of_tokens, "encoder": theirs.of_tokens, "decoder": ours.of_tokens,
    }  # fmt: skip
    return AskedText(reading, units, {"cross": {"alignment": tuple(questions)}})


class _Asker:
    """The questions of one text whose words fall into units."""

    def __init__(self, truth: Truth, words: Sequence[Span], units: Units, causal: bool) -> None:
        self._truth, self._words, self._units, self._causal = truth, words, units, causal
        self._number = {word: place for place, word in enumerate(words)}

    def subjects(self) -> tuple[Question, ...]:
        found = []
        for link in self._truth.agreements:
            if self._truth.words[self._number[link.start, link.end]].part in ("AUX", "VERB"):
                found.append(self._from_word((link.start, link.end), [(link.to_start, link.to_end)]))
        return tuple(question for question in found if question is not None)

    def antecedents(self) -> tuple[Question, ...]:
        found = []
        for chain in self._truth.chains:
            nouns: list[Span] = []
            for mention in chain.spans:
                words = self._inside(mention)
                if all(self._truth.words[word].part == "PRON" for word in words):
                    found.append(self._from_word(mention, nouns))
                else:
                    nouns.append(mention)
        return tuple(question for question in found if question is not None)

    def places(self) -> tuple[Question, ...]:
        found = []
        for item in self._truth.items:
            if item.skill == "place":
                # An item begins with the space before its words.
                start = item.start + (item.right[0][0] == " ")
                found.append(self._from_word((start, item.end), self._mentions_before(item)))
        return tuple(question for question in found if question is not None)

    def _from_word(self, word: Span, targets: Sequence[Span]) -> Question | None:
        """From a word, the first of some, to any word of the targets; None where tokens do not show them apart."""
        own = self._units.of_words[self._inside(word)[0]]
        if own is None:
            return None
        tokens = self._units.tokens(own)
        right = frozenset(unit for span in targets for unit in self._seen(span, own))
        if not right or (self._causal and tokens[0] == 0):
            return None
        return Question((tokens[0] - 1,) if self._causal else tokens, own, right)

    def _seen(self, span: Span, own: int) -> list[int]:
        """The units of the words inside a span that can be looked at from the unit `own`, but for that one."""
        units = [unit for word in self._inside(span) if (unit := self._units.of_words[word]) is not None]
        return [unit for unit in units if (unit < own if self._causal else unit != own)]

    def _inside(self, span: Span) -> list[int]:
        return [place for place, (start, end) in enumerate(self._words) if span[0] <= start and end <= span[1]]

    def _mentions_before(self, item: Item) -> list[Span]:
        """Where the thing that stands at an item was mentioned before."""
        variable = next((self._truth.words[w].variable for w in self._inside((item.start, item.end))), None)
        chain = next((chain for chain in self._truth.chains if chain.variable == variable), None)
        return [span for span in chain.spans if span[1] <= item.start] if chain else []
