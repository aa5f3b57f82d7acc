"""Answer the questions that come answered with the bundled models, and put the answers in their folders (`make models`).

    python -m benchmarks.build_inquiries [MODEL ...] [--method METHOD ...] [--folder DIR]

An answer is what a run of the kind "inquiry" has written, rows and files, under the digest of its question: so a page that
asks just this finds it at once. An answer that no question of the table has any more is removed. Ends with a JSON line that
says what was answered, and what a sparse autoencoder is worth.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Literal

from benchmarks.steering_questions import steering_questions
from benchmarks.training_questions import training_questions
from llm_core.interpret.circuits.prove_heads import Kind
from llm_core.interpret.probes.probe_labels import Property
from llm_core.runs import inquiry
from llm_core.runs.inquired import (
    FeaturesQuestion,
    InquiryConfig,
    ProbesQuestion,
    ProofQuestion,
    Question,
    RemovalQuestion,
    TrainingQuestion,
    TsneQuestion,
)
from llm_core.runs.run import Run
from llm_core.runs.status import Status
from llm_core.runs.store import BUNDLED_MODELS, Store
from llm_core.runs.worker import work


def _probes(language: Literal["en", "zh"], *properties: Property) -> tuple[ProbesQuestion, ...]:
    return tuple(ProbesQuestion(about=about, language=language) for about in properties)


def _proofs(*kinds: Kind) -> tuple[ProofQuestion, ...]:
    return tuple(ProofQuestion(about=kind) for kind in kinds)


QUESTIONS: dict[str, tuple[Question, ...]] = {
    "stories-en": (
        *_probes("en", "part_of_speech", "entity", "number", "depth", "position"),
        RemovalQuestion(),
        TsneQuestion(),
        FeaturesQuestion(),
        *_proofs("induction", "previous_token", "duplicate_token", "successor", "subject"),
    ),
    "stories-zh": (
        *_probes("zh", "part_of_speech", "entity", "depth", "position"),
        RemovalQuestion(language="zh"),
        TsneQuestion(language="zh"),
        FeaturesQuestion(),
        *_proofs("induction", "previous_token", "duplicate_token", "successor", "subject"),
    ),
    "induction-en": _proofs("induction", "previous_token", "duplicate_token"),
    "translate-en-zh": _proofs("induction", "previous_token", "duplicate_token"),
    "cloze-en-zh": (
        *_proofs("previous_token", "duplicate_token"),
        *_probes("en", "part_of_speech", "entity", "number", "position"),
        *_probes("zh", "part_of_speech"),
    ),
    "tagger-en-zh": _probes("en", "part_of_speech", "entity", "number"),
}
"""What is answered of the last step of each model. A page asks the same when it is first opened."""
MOST_BYTES = 450_000
"""Of all answers of a model."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", metavar="MODEL", help="bundled models; all when none is named")
    parser.add_argument("--method", action="append", help="only questions of this method")
    parser.add_argument("--folder", type=Path, default=BUNDLED_MODELS, help="where the bundled models are")
    arguments = parser.parse_args()
    answered = []
    store = Store(Path(tempfile.gettempdir()), bundled=arguments.folder)
    for name in arguments.models or [run.id for run in store.bundled()]:
        for question in questions_of(store.find(name)):
            if not arguments.method or question.method in arguments.method:
                answered.append(keep(name, question, arguments.folder))
                print(json.dumps(answered[-1]), flush=True)
        if not arguments.method:  # another build may be at the other methods
            tidy(name, arguments.folder)
    print(json.dumps({"name": "build_inquiries", "answered": answered}))


def config_of(run: Run, question: Question) -> InquiryConfig:
    """The question as a page asks it of a bundled model."""
    step = None if isinstance(question, TrainingQuestion) else run.steps()[-1]
    return InquiryConfig(run=run.id, step=step, question=question)


def questions_of(run: Run) -> tuple[Question, ...]:
    """All that is answered of a bundled model: those of the table, and what is asked first of its training."""
    store = Store(Path(tempfile.gettempdir()), bundled=run.folder.parent)
    return *QUESTIONS.get(run.id, ()), *training_questions(store, run), *steering_questions(store, run)


def keep(name: str, question: Question, models: Path) -> dict[str, Any]:
    """Answer a question in a store of its own, and copy the answer; what there is to say of it."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), bundled=models)
        asked = store.find(name)
        config = config_of(asked, question)
        run = store.create(config, name=f"{question.method} of {name}", owner="terrarium")
        status: Status = work(run)
        if status.state != "finished":
            sys.exit(f"{name}, {question.method}: {status.state}: {status.message}")
        target = asked.folder / inquiry.FOLDER
        target.mkdir(exist_ok=True)
        for file in run.folder.glob("*.safetensors"):
            shutil.copyfile(file, target / f"{config.digest}.{file.name}")
        rows = inquiry.answer_of(run).rows
        lines = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows]
        (target / f"{config.digest}.jsonl").write_text("".join(lines), encoding="utf-8")
    size = sum(file.stat().st_size for file in target.glob(f"{config.digest}.*"))
    told = {row["of"]: {key: row[key] for key in _TOLD} for row in rows if row.get("kind") == "report"}
    return {
        "model": name, "method": question.method, "digest": config.digest, "bytes": size,
        "seconds": round(time.monotonic() - begun, 1), **told,
    }  # fmt: skip


_TOLD = ("intact", "spliced", "zeroed", "recovered", "recovered_of_mean", "explained", "active", "dead")


def tidy(name: str, models: Path) -> None:
    """Remove answers to questions that are asked no more; say where all together are too large."""
    run = Store(Path(tempfile.gettempdir()), bundled=models).find(name)
    wanted = {config_of(run, question).digest for question in questions_of(run)}
    files = list((run.folder / inquiry.FOLDER).glob("*"))
    for file in files:
        if file.name.partition(".")[0] not in wanted:
            file.unlink()
    size = sum(file.stat().st_size for file in files if file.exists())
    if size > MOST_BYTES:
        sys.exit(f"the answers of {name} take {size:,} bytes; {MOST_BYTES:,} at most")


if __name__ == "__main__":
    main()
