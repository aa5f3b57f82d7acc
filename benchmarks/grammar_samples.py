"""Samples of everything that the grammars write, to be read one by one.

    python -m benchmarks.grammar_samples [KIND ...] [--count 40] [--seed 40]
    python -m benchmarks.grammar_samples > benchmarks/samples.md

Both languages of a number are one derivation. Kinds: stories (with headline and questions), sentences (with their
alignment), entities, reviews, unfamiliar (reviews with held-out words), headlines, talk.
"""

import argparse
from collections.abc import Callable, Iterator

from llm_core.data.grammar.grammar import LANGUAGES, load_grammar
from llm_core.data.grammar.labelled import labelled_grammar, labelled_text
from llm_core.data.grammar.parallel import parallel_sentences
from llm_core.data.grammar.questions import questions
from llm_core.data.grammar.sampler import about, sample
from llm_core.data.grammar.tagged import tagged_text
from llm_core.data.grammar.talk import talk

Show = Callable[[int, int], Iterator[str]]


def stories(seed: int, index: int) -> Iterator[str]:
    """A story, its headline, its questions with the answers as they stand in it."""
    for language in LANGUAGES:
        grammar = load_grammar("stories")
        headline, _ = about(grammar, language, seed, index)
        asked = " ".join(f"{one.question} [{one.answer}]" for one in questions(grammar, language, seed, index))
        yield f"{sample(grammar, language, seed, index).text} — {headline} — {asked}"


def sentences(seed: int, index: int) -> Iterator[str]:
    """One sentence of a story in both languages, and which words say the same."""
    pairs = parallel_sentences(load_grammar("stories"), seed, index)
    pair = pairs[index % len(pairs)]
    yield pair.english
    yield pair.chinese
    cut = (
        (pair.english[slice(*pair.english_words[one])], pair.chinese[slice(*pair.chinese_words[other])])
        for one, other in pair.alignment
    )
    yield ", ".join("=".join(words) for words in cut)


def entities(seed: int, index: int) -> Iterator[str]:
    """The entities of a story."""
    for language in LANGUAGES:
        tagged = tagged_text(load_grammar("stories"), language, seed, index)
        yield ", ".join(f"{tagged.text[start:end]} {tag}" for tag, start, end in tagged.entities)


def labelled(name: str, held_out_words: bool = False) -> Show:
    """Labelled texts with how sure the best reader can be."""

    def show(seed: int, index: int) -> Iterator[str]:
        for language in LANGUAGES:
            text = labelled_text(labelled_grammar(name, held_out_words), language, seed, index)
            yield f"[{text.label}, P = {text.posterior[text.label]:.2f}] {text.text}"

    return show


def talks(seed: int, index: int) -> Iterator[str]:
    """A talk, its turns in a row."""
    for language in LANGUAGES:
        yield " / ".join(talk(load_grammar("talk"), language, seed, index).text.split("\n"))


KINDS: dict[str, Show] = {
    "stories": stories, "sentences": sentences, "entities": entities, "reviews": labelled("reviews"),
    "unfamiliar": labelled("reviews", True), "headlines": labelled("headlines"), "talk": talks,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all when none is named")
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=40)
    arguments = parser.parse_args()
    print("# What the grammars write\n\nThe English and the Chinese text of a number are one derivation.")
    for kind in arguments.kinds or KINDS:
        print(f"\n## {kind}\n")
        for index in range(arguments.count):
            for place, line in enumerate(KINDS[kind](arguments.seed, index)):
                print(f"{index + 1}. {line}" if place == 0 else f"   {line}")


if __name__ == "__main__":
    main()
