"""Run the races that come with the program anew and put them in `assets/races/` (`make models`).

    python -m benchmarks.build_races [NAME ...] [--seconds 60]

A bundled race is a read-only run folder on an included table: its split, its history thinned, and what each family
predicted for the test part. Classifiers are kept as long as a race stays below its limit: the linear one, the best network
that fits, then the smallest; with those a text can be classified and looked into before anything was pressed. Running again gives figures that
are equal within chance: what a family learns in its time depends on the processor.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from llm_core.config import TableConfig
from llm_core.data.table_examples import EXAMPLES
from llm_core.devices import physical_cores
from llm_core.runs.files import replace_json
from llm_core.runs.names import CHILDREN
from llm_core.runs.race import RaceConfig
from llm_core.runs.race_summary import summary
from llm_core.runs.raced import CLASSIFIER, open_race
from llm_core.runs.run import Run
from llm_core.runs.store import BUNDLED_RACES, Store
from llm_core.runs.worker import work

NAMES = ("headlines-zh", "headlines-en")
MOST_BYTES = 1_900_000
"""For one race, all its files together."""
LINEAR = "tfidf_logistic_regression"
KEPT = ("run.json", "name.txt", "status.json", "split.json", "history.jsonl", "result.json", "predictions.safetensors")


def build(name: str, seconds: float) -> dict[str, object]:
    """Run one race and put it where the program finds it; what came out of it."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "runs")
        run = store.create(
            RaceConfig(table=TableConfig(file=name), seconds=seconds),
            name=EXAMPLES[name].title,
            threads=physical_cores(),
        )
        status = work(run, report=lambda row: print(row, file=sys.stderr) if row["kind"] == "result" else None)
        if status.state != "finished":
            raise SystemExit(f"{name}: {status.state} {status.template or ''}")
        found = summary(open_race(run))
        target = BUNDLED_RACES / name
        shutil.rmtree(target, ignore_errors=True)
        keep(run, target)
        weights = {family: size(child.folder / CLASSIFIER) for family, child in open_race(run).children.items()}
    return {
        "name": name,
        "bytes": size(target),
        "classifiers": weights,
        "families": found["families"],
        "failed": found["failed"],
    }


def keep(run: Run, target: Path) -> None:
    """Copy of a race what pages need."""
    _copy(run.folder, target)
    settings = json.loads((target / "run.json").read_text(encoding="utf-8"))
    settings["owner"] = ""
    replace_json(target / "run.json", settings)
    race = open_race(run)
    weights = {family: size(child.folder / CLASSIFIER) for family, child in race.children.items()}
    for child in race.children.values():
        _copy(child.folder, target / CHILDREN / child.id)
    room = MOST_BYTES - size(target) - weights.get(LINEAR, 0)
    networks = [family for family in race.usable if race.results[family]["neural"] and weights[family] <= room]
    best = max(networks, key=lambda family: race.results[family]["accuracy"], default=LINEAR)
    for family in sorted(race.usable, key=lambda family: (family != LINEAR, family != best, weights[family])):
        if size(target) + weights[family] <= MOST_BYTES:
            child = race.children[family]
            shutil.copytree(child.folder / CLASSIFIER, target / CHILDREN / child.id / CLASSIFIER)


def _copy(source: Path, target: Path) -> None:
    target.mkdir(parents=True)
    for file in KEPT:
        if (source / file).is_file():
            shutil.copyfile(source / file, target / file)


def size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(NAMES)}")
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    for name in arguments.names or NAMES:
        print(json.dumps(build(name, arguments.seconds)))


if __name__ == "__main__":
    main()
