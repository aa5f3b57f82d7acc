"""How a worker process of the server begins: straight with a run, or warm, waiting for one with everything loaded."""

import contextlib
import itertools
import json
import os
import sys
import tempfile
from pathlib import Path

from llm_core.config import RunConfig, load_recipe
from llm_core.errors import UserError
from llm_core.runs.names import root_of
from llm_core.runs.run import open_run
from llm_core.runs.taken import remember
from llm_core.runs.worker import work

RECIPE = Path(__file__).parents[2] / "assets" / "recipes" / "gpt.toml"


def take_up(folder: Path) -> int:
    """Work on a run whose folder the server names; the exit status: 0, or 1 when it did not come to a good end."""
    try:
        run = open_run(folder, root_of(folder) / "corpora")
        status = work(run, queue=True)
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    if status.state == "finished":
        remember(run)
    return 1 if status.state in ("failed", "diverged") else 0


def wait(corpora: Path) -> int:
    """Get ready, then take up the run that one line on stdin names. Without a line, the server is gone: end.

    From the line on nothing ties the process to the server: it has its own session, and its output goes to the log.
    """
    with contextlib.suppress(Exception):  # a start from cold shows better what is wrong
        _exercise(corpora)
    line = sys.stdin.readline()
    try:
        folder = Path(json.loads(line)["folder"])
        log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except (ValueError, KeyError, TypeError, OSError):
        return 0
    os.dup2(log, 1)
    os.dup2(log, 2)
    return take_up(folder)


def _exercise(corpora: Path) -> None:
    """Import everything, prepare the text of the default recipe, and train a few steps of it, which are thrown away."""
    # A worker's imports, paid for now.
    import sklearn.linear_model
    import sklearn.tree  # noqa: F401

    from llm_core.data.prepare import prepare
    from llm_core.runs import families, race_job, train_job  # noqa: F401
    from llm_core.runs.baselines import baselines
    from llm_core.training.loop import train

    config = load_recipe(RECIPE) if RECIPE.exists() else RunConfig()
    short = config.training.model_copy(update={"steps": 3, "evaluation_tokens": 256, "sample_tokens": 4, "threads": 1})
    # The folder of the corpora is made by the first run; until then the text is prepared where nobody sees it.
    with tempfile.TemporaryDirectory() if not corpora.exists() else contextlib.nullcontext(str(corpora)) as place:
        corpus = prepare(config.data, Path(place))
        baselines(corpus)
        for _ in itertools.islice(train(config.model_copy(update={"training": short}), corpus), 8):
            pass


def main(arguments: list[str]) -> int:
    """`FOLDER`: work on that run. `--warm CORPORA`: get ready, then work on the run that a line on stdin names."""
    if hasattr(os, "nice"):
        os.nice(5)
    if arguments[:1] == ["--warm"]:
        return wait(Path(arguments[1]))
    return take_up(Path(arguments[0]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
