"""How much memory it takes to tokenize a large text: the process must stay under 600 MB for 1 GB.

    python -m benchmarks.memory [--megabytes 1000] [--tokenizer bpe] [--format txt|csv|jsonl|line]

Writes a text of that size in a temporary folder, prepares it in a process of its own, and reads that process's highest
resident memory. `line` is one line without a space. The peer is the limit, so the ratio must stay below 1.
"""

import argparse
import itertools
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

LIMIT_MB = 600
# The child's own report would count the parent's pages between fork and exec; Linux keeps the peak by process.
PROGRAM = """
import pathlib, resource, sys
from llm_core.config import DataConfig
from llm_core.data.prepare import prepare
corpus = prepare(DataConfig(corpus=sys.argv[1], tokenizer=sys.argv[3], vocabulary_size=8192), pathlib.Path(sys.argv[2]))
status = pathlib.Path("/proc/self/status")
if status.exists():
    peak = next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM"))
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS
print(peak, len(corpus.training) + len(corpus.held_out))
"""


def sentences() -> Iterator[str]:
    """Endless made-up text, with word frequencies as in a language and now and then a Chinese sentence."""
    random = np.random.default_rng(0)
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    words = ["".join(random.choice(letters, size=int(size))) for size in random.integers(2, 11, 50_000)]
    weights = 1 / np.arange(1, len(words) + 1)
    weights /= weights.sum()
    while True:
        chosen = random.choice(len(words), size=4000, p=weights)
        for start in range(0, 4000, 16):
            yield " ".join(words[place] for place in chosen[start : start + 16]).capitalize() + "."
        yield "".join(map(chr, random.integers(0x4E00, 0x5A00, 40))) + "。"


def write(path: Path, size: int, shape: str) -> None:
    """A file of about `size` bytes."""
    written = 0
    with path.open("w", encoding="utf-8") as file:
        if shape == "csv":
            file.write("text,label\n")
        for number, sentence in enumerate(sentences()):
            if shape == "csv":
                line = f'"{sentence}",{number % 2}\n'
            elif shape == "jsonl":
                line = json.dumps({"text": sentence, "number": number}) + "\n"
            elif shape == "line":
                line = sentence.replace(" ", "")
            else:
                line = sentence + ("\n" if number % 5 else "\n\n")
            written += len(line.encode())
            file.write(line)
            if written >= size:
                return


def measure(megabytes: int, tokenizer: str, shape: str) -> dict[str, object]:
    """Peak memory in MB, seconds and tokens of preparing one text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "text." + {"csv": "csv", "jsonl": "jsonl"}.get(shape, "txt"))
        write(path, megabytes * 1_000_000, shape)
        start = time.perf_counter()
        command = [sys.executable, "-c", PROGRAM, str(path), str(Path(folder, "corpora")), tokenizer]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        seconds = time.perf_counter() - start
    return {
        "case": f"{megabytes} MB {shape}, {tokenizer}",
        "ours": round(int(output[0]) / 1e6, 1),
        "peer": LIMIT_MB,
        "ratio": round(int(output[0]) / 1e6 / LIMIT_MB, 3),
        "seconds": round(seconds, 1),
        "tokens": int(output[1]),
    }


def main() -> None:
    """Print a line a case and the JSON object last."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--tokenizer", nargs="+", default=["bpe"], choices=["character", "word", "bpe", "wordpiece"])
    parser.add_argument("--format", nargs="+", default=["txt"], choices=["txt", "csv", "jsonl", "line"])
    arguments = parser.parse_args()
    cases = []
    for shape, tokenizer in itertools.product(arguments.format, arguments.tokenizer):
        cases.append(measure(arguments.megabytes, tokenizer, shape))
        print(cases[-1], file=sys.stderr)
    worst = max(cases, key=lambda case: float(str(case["ratio"])))
    print(
        json.dumps(
            {
                "name": "memory",
                "ours": worst["ours"],
                "peer": LIMIT_MB,
                "peer_name": "limit for 1 GB of text",
                "ratio": worst["ratio"],
                "unit": "MB",
                "machine": f"{platform.processor() or platform.machine()}, {platform.system()}",
                "cases": cases,
            }
        )
    )


if __name__ == "__main__":
    main()
