"""Are the grammars' probabilities exact? Every text is read back by the filter, in both languages.

    python -m benchmarks.grammar_exactness [--stories 10000] [--seeds 20] [--grammars stories ...]

For each grammar: texts that the filter refuses, that have more than one derivation, whose probability differs between
sampler and filter or between the languages by 1e-9 or more (largest difference in nats); and over fresh seeds the mean
of -log P against the summed conditional entropies of the draws, as one pooled z.
"""

import argparse
import json
import math
import os
import platform
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from llm_core.data.grammar.grammar import LANGUAGES, load_grammar
from llm_core.data.grammar.predictor import Predictor
from llm_core.data.grammar.sampler import sample

GRAMMARS = ("stories", "reviews", "headlines", "talk")
BLOCK = 50
FIRST_SEED = 100
"""No run trains on texts of these seeds."""


@dataclass
class Found:
    """What a number of texts have shown."""

    texts: int = 0
    refused: int = 0
    ambiguous: int = 0
    from_sampler: float = 0.0
    between_languages: float = 0.0

    def add(self, other: "Found") -> None:
        """Take in what other texts have shown."""
        self.texts += other.texts
        self.refused += other.refused
        self.ambiguous += other.ambiguous
        self.from_sampler = max(self.from_sampler, other.from_sampler)
        self.between_languages = max(self.between_languages, other.between_languages)


def read_back(name: str, start: int) -> Found:
    """A block of texts through the filter."""
    grammar, found = load_grammar(name), Found()
    for index in range(start, start + BLOCK):
        nats = []
        for language in LANGUAGES:
            made = sample(grammar, language, FIRST_SEED, index)
            predictor = Predictor(grammar, language)
            read = predictor.push(made.text) + predictor.end()
            found.texts += 1
            if not math.isfinite(read):
                found.refused += 1
                continue
            nats.append(read)
            found.ambiguous += predictor.derivations() != 1
            found.from_sampler = max(found.from_sampler, abs(read - made.log_probability))
        if len(nats) == 2:
            found.between_languages = max(found.between_languages, abs(nats[0] - nats[1]))
    return found


def difference(name: str, seed: int, count: int) -> tuple[float, float]:
    """The mean over fresh texts of what the draws cost less their entropies, and its variance."""
    grammar = load_grammar(name)
    values = []
    for index in range(count):
        made = sample(grammar, "en", seed, index)
        values.append(-made.draws_log_probability - made.entropy)
    mean = sum(values) / count
    return mean, sum((value - mean) ** 2 for value in values) / (count - 1) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stories", type=int, default=10_000)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--texts-a-seed", type=int, default=200)
    parser.add_argument("--grammars", nargs="+", default=GRAMMARS)
    arguments = parser.parse_args()
    cases = []
    with ProcessPoolExecutor(os.cpu_count()) as workers:
        for name in arguments.grammars:
            starts = range(0, arguments.stories, BLOCK)
            found = Found()
            for block in workers.map(read_back, [name] * len(starts), starts):
                found.add(block)
            seeds = range(FIRST_SEED + 1, FIRST_SEED + 1 + arguments.seeds)
            pairs = list(workers.map(difference, [name] * len(seeds), seeds, [arguments.texts_a_seed] * len(seeds)))
            z = sum(mean for mean, _ in pairs) / math.sqrt(sum(variance for _, variance in pairs))
            case = {"name": name, **vars(found), "seeds": len(seeds), "pooled_z": round(z, 3)}
            hidden = bool(load_grammar(name).hidden)
            case["hidden_draws"] = hidden  # then a text has several derivations, and they are summed
            cases.append(case)
            print(json.dumps(case), flush=True)
    # With hidden draws a text sums over what its own language does not show, which need not be the same in both.
    worst = max(case["from_sampler"] if case["hidden_draws"] else max(case["from_sampler"], case["between_languages"]) for case in cases)  # fmt: skip
    print(json.dumps({
        "name": "grammar_exactness", "ours": worst, "peer": 1e-9, "peer_name": "allowed difference in nats",
        "ratio": worst / 1e-9, "unit": "nats", "machine": f"{platform.machine()}, {os.cpu_count()} cores", "cases": cases,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
