"""Run the sweep and the range test that come with the program anew and put them in `assets/sweeps/` (`make models`).

    python -m benchmarks.build_sweeps

A bundled sweep is a read-only run folder: its history, and of its trainings the settings and how they ended, no weights.
Both are of small story models: four widths at five learning rates, so that it is seen how the best rate depends on the
width, and how the loss of the best comes near the entropy of the grammar as the model grows.
"""

import json
import shutil
import tempfile
from pathlib import Path

from llm_core.config import RunConfig, load_recipe, parse
from llm_core.data.corpora import with_corpus
from llm_core.runs.files import replace_json
from llm_core.runs.names import CHILDREN
from llm_core.runs.run import Run, children_of
from llm_core.runs.settings import with_settings
from llm_core.runs.store import BUNDLED_SWEEPS, Store
from llm_core.runs.swept import Axis, RangeTestConfig, SweepConfig
from llm_core.runs.worker import work

RECIPE = Path(__file__).parents[1] / "assets" / "recipes" / "gpt.toml"
CORPUS = "stories-en"
SMALL = (
    "model.width=32", "model.layers=2", "model.heads=2", "model.dropout=0.0", "training.batch_size=8", "training.steps=400",
    "training.evaluation_every=40", "training.sample_every=400", "training.checkpoint_every=400", "training.evaluation_tokens=4096",
)  # fmt: skip
WIDTHS = (8, 16, 32, 64)
RATES = (0.001, 0.003, 0.01, 0.03, 0.1)
KEPT = ("run.json", "name.txt", "status.json", "history.jsonl")


def base() -> RunConfig:
    """The training that all of it shares."""
    return with_settings(with_corpus(load_recipe(RECIPE), CORPUS), SMALL)


def build(name: str, title: str, config: SweepConfig | RangeTestConfig) -> dict[str, object]:
    """Run one and put it where the program finds it."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "runs")
        run = store.create(config, name=title, threads=1)
        status = work(run)
        if status.state != "finished":
            raise SystemExit(f"{name}: {status.state} {status.message}")
        target = BUNDLED_SWEEPS / name
        shutil.rmtree(target, ignore_errors=True)
        _copy(run, target)
        for child in children_of(run):
            _copy(child, target / CHILDREN / child.id)
            (target / CHILDREN / child.id / "history.jsonl").unlink()  # its points stand in that of the sweep
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    return {"name": name, "seconds": status.seconds, "bytes": size}


def _copy(run: Run, target: Path) -> None:
    target.mkdir(parents=True)
    for file in KEPT:
        shutil.copyfile(run.folder / file, target / file)
    settings = json.loads((target / "run.json").read_text(encoding="utf-8"))
    replace_json(target / "run.json", settings | {"owner": ""})


def main() -> None:
    axes = [
        parse(Axis, {"setting": "training.learning_rate", "values": RATES}),
        parse(Axis, {"setting": "model.width", "values": WIDTHS}),
    ]
    swept = SweepConfig(base=base(), axes=tuple(axes))
    print(json.dumps(build("width-and-rate", "Width and learning rate of story models", swept)))
    tested = RangeTestConfig(base=base(), lowest=1e-5, highest=3.0, steps=200)
    print(json.dumps(build("rate-range", "Learning-rate range test of a story model", tested)))


if __name__ == "__main__":
    main()
