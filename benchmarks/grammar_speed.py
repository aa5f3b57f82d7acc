"""How fast a grammar writes, with and without its truth, and how fast the exact filter reads.

    python -m benchmarks.grammar_speed [--grammar stories] [--seconds 10] [--gigabyte]

One process; seconds are those that a core works for it, whatever else runs. Text in MB (10^6 bytes of UTF-8) a second;
the filter in tokens of the corpus's own kind a second: words in English, characters in Chinese. `--gigabyte` streams
1 GB of text and reports the memory at its peak.
"""

import argparse
import itertools
import json
import platform
import resource
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from llm_core.data.grammar.grammar import LANGUAGES, Grammar, load_grammar
from llm_core.data.grammar.predictor import Predictor
from llm_core.data.grammar.sampler import sample, texts
from llm_core.data.tokenizers import Tokenizer, train_tokenizer
from llm_core.devices import physical_cores

SEED = 77
GOALS = {"text": 1.0, "truth": 0.2, "filter": 1000.0}
UNITS = {"text": "MB/s", "truth": "MB/s", "filter": "tokens/s"}
EVERYTHING = 10**12


def plain(grammar: Grammar, language: str) -> Iterator[float]:
    """MB of each text, without its truth."""
    for text in texts(grammar, language, SEED, 0, EVERYTHING):
        yield len(text.encode()) / 1e6


def told(grammar: Grammar, language: str) -> Iterator[float]:
    """MB of each text, with its truth."""
    for index in itertools.count():
        yield len(sample(grammar, language, SEED, index).text.encode()) / 1e6


def filtered(grammar: Grammar, language: str) -> Iterator[float]:
    """Tokens of each text, its end included, of which the filter has given the probability one by one."""
    known = list(texts(grammar, language, SEED, 0, 2000))
    tokenizer: Tokenizer = train_tokenizer("character" if language == "zh" else "word", 1024, known)
    for text in itertools.cycle(known):
        predictor, ends, start = Predictor(grammar, language), tokenizer.word_ends(text), 0
        for end in ends:
            predictor.push(text[start:end])
            start = end
        predictor.end()
        yield len(ends) + 1


def speed(made: Iterator[float], seconds: float) -> float:
    """How much comes in a second, after what the first text costs."""
    next(made)
    total, begin = 0.0, time.process_time()
    while (passed := time.process_time() - begin) < seconds:
        total += next(made)
    return total / passed


def stream_a_gigabyte(grammar: Grammar, language: str) -> dict[str, Any]:
    """Peak memory of this process after 10 MB and after 1 GB of text."""
    total, early, begin = 0, 0.0, time.perf_counter()
    for text in texts(grammar, language, SEED, 0, EVERYTHING):
        total += len(text.encode())
        if not early and total >= 10_000_000:
            early = _peak()
        if total >= 1_000_000_000:
            break
    passed = time.perf_counter() - begin
    return {"case": f"1 GB, {language}", "seconds": round(passed, 1), "peak_mb_after_10_mb": round(early, 1), "peak_mb": round(_peak(), 1)}  # fmt: skip


def _peak() -> float:
    """Largest resident memory so far in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--grammar", default="stories")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--gigabyte", action="store_true")
    arguments = parser.parse_args()
    grammar = load_grammar(arguments.grammar)
    streamed = [stream_a_gigabyte(grammar, language) for language in LANGUAGES] if arguments.gigabyte else []
    kinds: dict[str, Callable[[Grammar, str], Iterator[float]]] = {"text": plain, "truth": told, "filter": filtered}
    cases = []
    for kind, make in kinds.items():
        for language in LANGUAGES:
            ours, goal = speed(make(grammar, language), arguments.seconds), GOALS[kind]
            case = {"case": f"{kind}, {language}", "ours": round(ours, 3), "peer": goal, "ratio": round(ours / goal, 3), "unit": UNITS[kind]}  # fmt: skip
            cases.append(case)
            print(f"{case['case']}: {ours:,.3f} {UNITS[kind]}, goal {goal:g}", flush=True)
    for each in streamed:
        print(json.dumps(each), flush=True)
    worst = min(cases, key=lambda case: case["ratio"])  # type: ignore[arg-type, return-value]
    summary = {
        "name": "grammar_speed", "ours": worst["ours"], "peer": worst["peer"], "peer_name": "goal",
        "ratio": worst["ratio"], "unit": worst["unit"], "cases": [*cases, *streamed],
        "machine": f"{platform.processor() or platform.machine()}, {physical_cores()} cores",
    }  # fmt: skip
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
