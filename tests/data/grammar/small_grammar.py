"""A grammar so small that all its texts can be written down, and a way to write them all down without the filter."""

import tomllib
from collections.abc import Iterator
from typing import Any

from llm_core.data.grammar.distributions import Distribution
from llm_core.data.grammar.grammar import Grammar, build_grammar
from llm_core.data.grammar.machine import Draws
from llm_core.data.grammar.sampler import write
from llm_core.data.grammar.surface import Surface

WORLD = tomllib.loads("""
[class.name]
part = "PROPN"
entity = "person"
columns = "en | zh | gender"
words = ["Lily | 莉莉 | f", "Tom | 汤姆 | m"]
[class.toy]
part = "NOUN"
columns = "en | zh | measure | plural | fits"
words = ["ball | 球 | 个 | | small", "orange | 橙子 | 个 | | small", "mouse | 老鼠 | 只 | mice | small big"]
[class.spot]
part = "NOUN"
columns = "en | zh | tags"
words = ["in the box | 盒子 里 | small", "on the bed | 床 上 | small", "outside | 外面 | big"]
[parts.en]
in = "ADP"
on = "ADP"
the = "DET"
""")

STORIES = """
start = "story"
[[frame.story]]
name = "lost"
weight = 2
variables = { A = "name", B = "name!A", O = "toy", P = "spot@O" }
body = ["put", "middle", "ask"]
headline = { en = "{O} {P}", zh = "{P} 的 {O}" }
questions = [{ en = "where is the {O} ?", zh = "{O} 在 哪里 ？", answer = "P" }]
[[frame.story]]
name = "counted"
weight = 1
variables = { A = "name", B = "name", O = "toy", K = "count", M = "count" }
body = ["have", "middle"]
[sequence]
middle = [[1], [2, "aside"], [1, "aside", "aside"]]
[[sentence.put]]
weight = 1
en = "{A.s} put^1 {O.a!article} {P} ."
zh = "{A.s} 把 {O.a!article} 放^1 在 {P} 。"
facts = ["O at P"]
[[sentence.have]]
weight = 1
en = "{K} {O*K} near {A} {K?was|were!agreement} fine , {M} more came , {K+M!addition} in all ."
zh = "{O*K} 在 {A} 旁边 ， {K} {O.m!measure} 很 好 ， 又 来 了 {M} {O.m!measure} ， 一共 {K+M!addition} {O.m!measure} 。"
[[sentence.aside]]
weight = 1
en = "{A.s} was fine ."
zh = "{A.s} 很 好 。"
[[sentence.aside]]
weight = 3
en = "{B.s} saw a {t:toy} ."
zh = "{B.s} 看见 {t:toy} 。"
[[sentence.ask]]
weight = 1
en = "{B.s} said , “ it is {P!place} . ”"
zh = "{B.s} 说 ： “ 它 在 {P!place} 。 ”"
"""


def small_grammar(more: str = "", stories: str = STORIES, **changes: Any) -> Grammar:
    """The small grammar; `more` is added to its file, `changes` replace tables of it."""
    return build_grammar("small", WORLD, tomllib.loads(stories + more) | changes)


class Scripted(Draws):
    """Draws that follow a list of choices and note what else there was."""

    def __init__(self, script: list[int]) -> None:
        super().__init__({})
        self.script, self.taken, self.probability = script, 0, 1.0
        self.widths: list[int] = []

    def draw(self, key: str, distribution: Distribution) -> Any:
        if self.taken == len(self.script):
            self.script.append(0)
        choice = self.script[self.taken]
        self.taken += 1
        self.widths.append(len(distribution.values))
        self.probability *= distribution.probabilities[choice]
        value = self.memo[key] = distribution.values[choice]
        return value


def all_derivations(grammar: Grammar, language: str) -> Iterator[tuple[str, float]]:
    """Every text with its probability, once for each sequence of draws that gives it."""
    for text, draws in all_draws(grammar, language):
        yield text, draws.probability


def all_draws(grammar: Grammar, language: str) -> Iterator[tuple[str, Scripted]]:
    """Every sequence of draws, counted up like the digits of a number, with its text."""
    surface = Surface(language)
    script: list[int] = []
    while True:
        draws = Scripted(script)
        text = write(grammar, draws, surface)
        yield text, draws
        while script and script[-1] + 1 == draws.widths[len(script) - 1]:
            script.pop()
        if not script:
            return
        script[-1] += 1
