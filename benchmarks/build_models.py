"""Train the bundled models anew and put them in `assets/models/` (`make models`).

    python -m benchmarks.build_models [NAME ...] [--steps N] [--models DIR] [--heads] [--texts]

A bundled model is a read-only run folder: history, tokenizer, and as many 16-bit snapshots as fit in 8 MB, the first and
the last among them, spread evenly over the logarithm of the steps unless the model names them. Its `card.json` says what it was made of and how
well it does: for a story model also against the floor, over 500 texts that it writes, and skill by skill; for a translator
how many held-out sentences come out exactly; for an encoder how many hidden tokens it knows, for
a tagger or an answerer how much of what it says is right. Building again gives a model equal in loss within tolerance, not in bits: threads and processors differ.
"""

import argparse
import json
import math
import platform
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from llm_core.config import READING, TASKS, RunConfig, load_recipe, parse
from llm_core.data.corpora import with_corpus
from llm_core.data.generated import grammar_digest
from llm_core.data.prepare import open_corpus, prepare
from llm_core.devices import physical_cores
from llm_core.interpret.attention.head_rows import Heads, Scored
from llm_core.interpret.attention.head_scores import SCORES
from llm_core.interpret.attention.head_scores_over_steps import score_steps
from llm_core.models.files import load_model, model_files
from llm_core.models.size import count_parameters
from llm_core.runs import history
from llm_core.runs.baselines import unigram_baseline
from llm_core.runs.files import replace_json, replace_text
from llm_core.runs.head_scores import FILE as HEADS
from llm_core.runs.head_scores_job import exercises_for
from llm_core.runs.run import LABELS, Run
from llm_core.runs.scored import HeadScoresConfig
from llm_core.runs.store import BUNDLED_MODELS, Store
from llm_core.runs.truth import known_truth
from llm_core.runs.worker import work
from llm_core.training.atomic import write_folder
from llm_core.training.checkpoints import list_steps, step_folder
from llm_core.training.fixed_text import fixed_text
from llm_core.training.objectives import OBJECTIVES

RECIPES = Path(__file__).parents[1] / "assets" / "recipes"
MOST_BYTES = 8_000_000
KEPT_BESIDE = 500_000
"""Bytes for what pages keep beside a model: head scores, and a text that it has written."""
MOST_ROWS = 800
COPIED = ("run.json", "name.txt", "tokenizer.json", "corpus.json", "status.json", "wanted.json", LABELS)


@dataclass(frozen=True)
class Bundle:
    """A model that comes with the program: a recipe, and what of it differs."""

    title: str
    recipe: str
    licence: str
    corpus: str = ""
    """Another text than the recipe's, with the defaults that it brings along."""
    data: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    snapshots: tuple[int, ...] = ()
    """Steps worth keeping beside the first and the last, where something happens that an even spacing would miss."""


def _stories(title: str, corpus: str) -> Bundle:
    """A story model: the corpus's own defaults, so many stories that none is read twice, and a width at which several
    snapshots fit."""
    return Bundle(
        title, "gpt", "Text and weights come under this project's licence.", corpus,
        data={"documents": 160_000, "held_out": 0.02},
        # Rows are no longer for it, and of many stories some are long; trained so long it needs no learned gains.
        model={"width": 96, "context": 192, "norm_weights": False},
        training={"steps": 7000, "batch_size": 24, "sample_every": 50, "evaluation_every": 100, "checkpoint_every": 500},
    )  # fmt: skip


MODELS = {
    "python-reference": Bundle(
        "Small GPT on the Python reference",
        "gpt",
        "The text is Python's own documentation (PSF licence); the weights come under this project's licence.",
        model={"width": 96},  # smaller than the recipe, so that more snapshots fit
        training={"steps": 1000, "sample_every": 25, "sample_prompt": "The", "evaluation_every": 50},
    ),
    "stories-en": _stories("Story GPT in English", "stories-en"),
    "stories-zh": _stories("Story GPT in Chinese", "stories-zh"),
    "induction-en": Bundle(
        "Induction heads in words",
        "attention-only",
        "Words and weights come under this project's licence.",
        training={
            "threads": 1,
            "evaluation_every": 20,
            "checkpoint_every": 20,
            "sample_prompt": "Lily saw the cat and Tom found a red ball . Lily saw",
        },
        # The head forms between 320 and 480.
        snapshots=(
            20,
            60,
            120,
            180,
            240,
            280,
            300,
            320,
            340,
            360,
            380,
            400,
            420,
            440,
            460,
            480,
            520,
            560,
            620,
            700,
            820,
            1000,
        ),
    ),
    "translate-en-zh": Bundle(
        "Translator from English to Chinese",
        "translate",
        "Text and weights come under this project's licence.",
        data={"documents": 120_000, "held_out": 0.03},  # more than are read, so that none is met twice as a pair
        training={"evaluation_every": 50, "sample_every": 50},
    ),
    "cloze-en-zh": Bundle(
        "Cloze encoder in English and Chinese",
        "cloze",
        "The real text in it is Python's own documentation (PSF licence); all else, and the weights, come under this project's licence.",
        "cloze-en-zh",
        data={"documents": 100_000},
        model={"layers": 2},
        training={
            "steps": 14_000,
            "threads": 1,
            "batch_size": 32,
            "mask_share": 0.4,
            "learning_rate": 0.003,
            "muon_learning_rate": 0.005,
            "decay": 0.3,
            "evaluation_every": 500,
            "sample_every": 500,
            "checkpoint_every": 2000,
            "sample_prompt": "I watched a film with my brother. The [MASK] was very [MASK].",
        },
    ),
    "tagger-en-zh": Bundle(
        "Entity tagger in English and Chinese",
        "tag",
        "Text and weights come under this project's licence.",
        "entities-en-zh",
        data={"documents": 6000},
        model={"body": {"width": 64, "feed_forward_width": 192}},
        training={"steps": 400, "threads": 1},
        snapshots=(16, 64),  # it is small, and soon knows all there is
    ),
    "answerer-en-zh": Bundle(
        "Question answerer in English and Chinese",
        "answer",
        "Text and weights come under this project's licence.",
        "questions-en-zh",
        model={"body": {"width": 80, "feed_forward_width": 192}},
        training={"steps": 700, "threads": 1},
        snapshots=(96, 256),
    ),
}
WRITTEN = 500


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MODELS)}; all when none is named")
    parser.add_argument("--steps", type=int, help="fewer steps, for a trial")
    parser.add_argument("--models", type=Path, default=BUNDLED_MODELS)
    parser.add_argument("--heads", action="store_true", help="train nothing: score the heads of models that are there")
    parser.add_argument(
        "--texts", action="store_true", help="train nothing: look at a text with the steps that are there"
    )
    arguments = parser.parse_args()
    for name in arguments.names or MODELS:
        if arguments.heads or arguments.texts:
            keep = keep_head_scores if arguments.heads else keep_fixed_text
            keep(name, arguments.models)
            continue
        with tempfile.TemporaryDirectory() as folder:
            run = train(MODELS[name], Path(folder), arguments.steps)
            card = install(run, MODELS[name], arguments.models / name)
        keep_head_scores(name, arguments.models)
        if arguments.models == BUNDLED_MODELS:
            keep_first_text(name)
        print(json.dumps({"name": "build_models", "model": name, **card}))


def settings(bundle: Bundle, steps: int | None) -> RunConfig:
    config = load_recipe(RECIPES / f"{bundle.recipe}.toml")
    if bundle.corpus:
        config = with_corpus(config, bundle.corpus)
    values = config.model_dump(mode="json")
    values["data"] |= bundle.data
    for name, value in bundle.model.items():
        values["model"][name] = values["model"][name] | value if isinstance(value, dict) else value
    values["training"] |= bundle.training | ({"steps": steps} if steps else {})
    return parse(RunConfig, values)


def train(bundle: Bundle, folder: Path, steps: int | None) -> Run:
    """A finished run in a store of its own."""
    store = Store(folder, bundled=folder / "none")
    config = settings(bundle, steps)
    run = store.create(config, name=bundle.title, owner="terrarium", recipe=bundle.recipe, threads=physical_cores())
    status = work(run, report=_report)
    if status.state != "finished":
        sys.exit(f"{status.state}: {status.message}")
    return store.find(run.id)


def install(run: Run, bundle: Bundle, target: Path) -> dict[str, Any]:
    """Copy a finished run to its place among the bundled ones, small enough; its card."""
    with tempfile.TemporaryDirectory(dir=_made(target.parent), prefix=".building-") as folder:
        built = Path(folder) / target.name
        built.mkdir()
        for name in (name for name in COPIED if (run.folder / name).exists()):
            shutil.copyfile(run.folder / name, built / name)
        rows = history.decimate(history.records(run.folder), MOST_ROWS)
        replace_text(built / history.FILE, as_lines(rows))
        card = describe(run, bundle)
        replace_json(built / "card.json", card)
        room = MOST_BYTES - sum(file.stat().st_size for file in built.iterdir()) - KEPT_BESIDE
        for step, files in chosen_snapshots(run.folder / "steps", room, bundle.snapshots).items():
            write_folder(built / "steps", f"{step:08d}", files)
        if target.exists():
            shutil.rmtree(target)
        built.rename(target)
    return card


def as_lines(rows: list[history.Row]) -> str:
    """Rows as a history holds them."""
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)


def chosen_snapshots(steps: Path, room: int, named: tuple[int, ...] = ()) -> dict[int, dict[str, bytes]]:
    """As many of a run's models, in 16 bits, as fit: the last, the first, and those between by the step's logarithm;
    or those nearest to the steps that are named."""
    found = list_steps(steps)
    models = {step: model_files(load_model(step_folder(steps, step)), half=True) for step in found}
    size = max(sum(map(len, files.values())) for files in models.values()) + 1000  # and the manifest
    count = min(len(found), room // size)
    chosen = {found[0], found[-1], *(min(found, key=lambda s: abs(s - step)) for step in named)}
    if count < max(2, len(chosen)):
        sys.exit(f"a model of {size:,} bytes leaves no room for {max(2, len(chosen))} snapshots in {room:,}")
    last = math.log1p(found[-1])
    for place in range(1, count - 1) if not named else ():
        wanted = last * place / (count - 1)
        chosen.add(min((s for s in found if s not in chosen), key=lambda s: abs(math.log1p(s) - wanted)))
    return {step: models[step] for step in sorted(chosen)}


def describe(run: Run, bundle: Bundle) -> dict[str, Any]:
    """What a person, and the test for staleness, want to know of a bundled model."""
    status = run.status()
    rows = history.records(run.folder)
    model = load_model(step_folder(run.folder / "steps", 0)).config
    return {
        "title": bundle.title, "recipe": bundle.recipe, "corpus": run.config.data.corpus, "corpus_digest": run.digest,
        "python": platform.python_version(), "steps": status.step, "tokens": status.tokens,
        "seconds": round(status.seconds, 1), "validation_loss": status.validation_loss,
        "bits_per_character": status.bits_per_character,
        "baselines": {row["name"]: row["loss"] for row in rows if row.get("kind") == "baseline"},
        "parameters": count_parameters(model),
        "licence": bundle.licence, **truth(run),
    }  # fmt: skip


def truth(run: Run) -> dict[str, Any]:
    """What a text that a grammar has written says of the model; nothing for other texts."""
    grammar = grammar_digest(run.config.data)
    if grammar is None:
        return {}
    steps = run.folder / "steps"
    model = load_model(step_folder(steps, list_steps(steps)[-1])).eval()
    text = open_corpus(run.corpora / str(run.digest))
    scored = OBJECTIVES[run.config.training.objective].score(model, text, run.config, None)
    loss = scored.loss
    found = known_truth(run.config, model, text, loss, written=WRITTEN)
    if not model.causal:
        return {"grammar_digest": grammar, "texts_held_out": text.documents[1], **scored.measures, **found}
    if text.rows == "pairs":
        return {"grammar_digest": grammar, "sentences_translated": text.documents[1], **found}
    ratio = loss / found["entropy_floor"] if "entropy_floor" in found else None
    return {"grammar_digest": grammar, "loss_over_floor": ratio, "texts_written": WRITTEN, **found}


def keep_head_scores(name: str, models: Path) -> None:
    """Let the Attention page open with head scores that are there already, of every step that is kept."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), bundled=models)
        run = store.find(name)
        model, tokenizer = store.model(run)
        asked = exercises_for(run, model, tokenizer, HeadScoresConfig(run=name))
        records = score_steps(lambda step: store.model(run, step)[0], run.steps(), asked, tokenizer)
        rows = [
            {"kind": type(record).__name__.lower(), **asdict(record)}
            for record in records
            if isinstance(record, Heads | Scored)
        ]
    replace_text(run.folder / HEADS, "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
    card = run.folder / "card.json"
    replace_json(card, json.loads(card.read_bytes()) | {"best_heads": best_heads(rows, run.steps()[-1])})


def keep_fixed_text(name: str, models: Path) -> None:
    """For a model that was trained before runs looked at one text token by token: look at it with every step that is
    kept. The rows are those that its training would have left at these steps."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), bundled=models)
        run = store.find(name)
        corpus = prepare(run.config.data, store.corpora)
        if corpus.digest != run.digest:
            sys.exit(f"{name} has read another text than this program makes now")
        rows = [row for row in history.records(run.folder) if row.get("kind") not in ("fixed_text", "text")]
        unigram = unigram_baseline(corpus, run.config.training.objective)
        if unigram is not None and not any(row.get("name") == "unigram" for row in rows):
            rows.insert(1 + max(at for at, row in enumerate(rows) if row.get("kind") == "baseline"), unigram)
        text = fixed_text(corpus, run.config)
        looks = [] if text is None else [text.look(store.model(run, step)[0], step) for step in run.steps()]
        for look in [*([] if text is None else [text.record(0, corpus, run.config)]), *looks]:
            before = max((at for at, row in enumerate(rows) if row.get("step", 0) <= look.step), default=-1)
            rows.insert(before + 1, history.row_of(look))
    replace_text(run.folder / history.FILE, as_lines(rows))


def best_heads(rows: list[dict[str, Any]], step: int) -> dict[str, dict[str, Any]]:
    """By part and score: the head of the highest mean at a step, with its 95 % interval, and the best fixed offset."""
    found = {}
    for row in rows:
        if row["kind"] == "heads" and row["step"] == step and row["score"] in SCORES:
            mean, low, high = (np.array(row[name], dtype=float) for name in ("mean", "low", "high"))
            if np.isnan(mean).all():
                continue
            layer, head = np.unravel_index(int(np.nanargmax(mean)), mean.shape)
            found[f"{row['part']} {row['score']}"] = {
                "layer": int(layer), "head": int(head), "mean": round(float(mean[layer, head]), 4),
                "interval": [round(float(low[layer, head]), 4), round(float(high[layer, head]), 4)],
                "baseline": row["baseline"], "texts": row["texts"],
            }  # fmt: skip
    return found


def keep_first_text(name: str) -> None:
    """Let the page that a model is for open with a text that is there already."""
    from pages.ui.fill_mask import painted
    from pages.ui.truth import keep_truth
    from pages.ui.writing import keep

    run = Store().find(name)
    if run.config.training.objective in READING:
        painted.keep(run)
    elif run.config.training.objective not in TASKS:  # an encoder writes no text
        keep_truth(keep(run))


def _report(row: dict[str, Any]) -> None:
    if row["kind"] == "evaluation":
        print(f"step {row['step']}: loss {row['loss']:.4f}, {row['bits_per_character']} bits per character, {row['measures']}", flush=True)  # fmt: skip


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


if __name__ == "__main__":
    main()
