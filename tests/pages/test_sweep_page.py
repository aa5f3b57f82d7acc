"""The page Sweep: what its route draws of made results, what its form makes, and who may steer it."""

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from llm_core.config import RunConfig, parse
from llm_core.errors import UserError
from llm_core.runs.files import replace_json
from llm_core.runs.history import History, Row
from llm_core.runs.run import Run
from llm_core.runs.status import Status, as_json
from llm_core.runs.store import Store
from llm_core.runs.swept import RangeTestConfig, SweepConfig
from pages.ui import routes
from pages.ui.state import SWEEP_KEY
from pages.ui.sweep import form

PAGES = Path(__file__).parents[2] / "pages"
BASE = RunConfig()
WIDTHS = (8, 16, 32, 64)
FLOOR = 0.79


@pytest.fixture
def client(store: Store) -> TestClient:
    return TestClient(Starlette(routes=routes.ROUTES))


def swept(store: Store, *settings: str) -> Run:
    axes = {"model.width": (*WIDTHS,), "training.learning_rate": (0.001, 0.01)}
    values = {"base": BASE.model_dump(mode="json"), "axes": [{"setting": name, "values": axes[name]} for name in settings]}  # fmt: skip
    return store.create(parse(SweepConfig, values), name="swept")


def outcome(cell: int, width: int, worse: float) -> list[Row]:
    about: Row = {"cell": cell, "seed": 0, "run": f"{cell:016x}"}
    end = FLOOR + 30 * (100.0 * width) ** -0.5 + worse
    return [
        {"kind": "cell", **about, "state": "running", "at": 0},
        *({"kind": "point", **about, "at": at, "loss": 7 - at * 0.01} for at in (1, 100, 200)),
        {"kind": "look", **about, "at": 200, "loss": end},
        {"kind": "cell", **about, "state": "finished", "loss": end, "parameters": 100 * width, "floor": FLOOR},
    ]


def keep(run: Run, rows: list[Row], state: str = "finished") -> None:
    with History(run.folder) as lines:
        for row in rows:
            lines.append(row)
    replace_json(run.folder / "status.json", as_json(Status(state=state)))  # type: ignore[arg-type]
    replace_json(run.folder / "wanted.json", {"state": "running", "at": 0.0})


def test_two_settings_are_drawn_as_curves_a_map_and_a_scaling_curve(store: Store, client: TestClient) -> None:
    run = swept(store, "training.learning_rate", "model.width")
    rows = [row for cell in range(8) for row in outcome(cell, WIDTHS[cell % 4], 0.5 if cell < 4 else 0.0)]
    keep(run, rows)
    found = client.get(f"/sweep/{run.id}").json()
    assert (found["state"], found["kind"], found["done"], found["all"]) == ("finished", "sweep", 8, 8)
    assert list(found["figures"]) == ["curves", "ends", "scaling"]
    assert sum(len(trace.get("x") or []) == 3 for trace in found["figures"]["curves"]["light"]["data"]) == 8
    (heatmap,) = [trace for trace in found["figures"]["ends"]["dark"]["data"] if trace["type"] == "heatmap"]
    assert heatmap["customdata"][1][3] == f"{7:016x}"
    best, fitted, true, within = found["sentences"]
    assert "Best of 8: Learning rate 0.01, Width 64" in best
    assert "never fall below 0.790" in fitted
    assert "0.790" in true
    assert within.startswith("It lies within")
    assert len(found["csv"].splitlines()) == 9
    assert "宽度" in client.get(f"/sweep/{run.id}", params={"lang": "zh"}).json()["sentences"][0]
    again = client.get(f"/sweep/{run.id}", params={"have": found["version"]}).json()
    assert "figures" not in again, "the browser has just these"


def test_one_setting_is_a_line_and_grows_with_the_history(store: Store, client: TestClient) -> None:
    run = swept(store, "training.learning_rate")
    empty = client.get(f"/sweep/{run.id}").json()
    assert (empty["points"], empty["sentences"]) == (0, [])
    keep(run, outcome(0, 8, 0.0)[:3], "running")
    growing = client.get(f"/sweep/{run.id}").json()
    assert growing["points"] == 2
    assert growing["version"] != empty["version"]
    keep(run, [*outcome(0, 8, 0.0)[3:], {"kind": "cell", "cell": 1, "seed": 0, "run": "1" * 16, "state": "diverged", "loss": None}])  # fmt: skip
    over = client.get(f"/sweep/{run.id}").json()
    assert "Best of 1: Learning rate 0.001" in over["sentences"][0]
    assert list(over["figures"]) == ["curves", "ends"], "learning rates have no scaling curve"


def test_where_a_seed_diverged_the_end_of_the_others_is_marked(store: Store, client: TestClient) -> None:
    axes = [{"setting": name, "values": values} for name, values in (("model.width", (8, 16)), ("training.learning_rate", (0.001, 0.01)))]  # fmt: skip
    told: dict[int, Any] = {}
    for count in (1, 2):
        values = {"base": BASE.model_dump(mode="json"), "axes": axes[-count:], "seeds": 2}
        run = store.create(parse(SweepConfig, values), name="swept")
        diverged = {"kind": "cell", "cell": 0, "seed": 1, "run": "1" * 16, "state": "diverged", "loss": None}
        keep(run, [*outcome(0, 64, 0.0), diverged, *outcome(1, 8, 0.0)])
        told[count] = client.get(f"/sweep/{run.id}").json()
        assert "Learning rate 0.01" in told[count]["sentences"][0], "the worse one, of which all went well"
    assert told[1]["figures"]["ends"]["light"]["data"][0]["marker"]["symbol"] == ["x", "star"]
    signs = [sign["text"] for sign in told[2]["figures"]["ends"]["light"]["layout"]["annotations"]]
    assert signs == [f"{FLOOR + 30 * 6400**-0.5:.2f} ✕", f"<b>{FLOOR + 30 * 800**-0.5:.2f} ★</b>", "", ""]


def test_a_range_test_is_drawn_with_its_suggestion_once_it_is_over(store: Store, client: TestClient) -> None:
    run = store.create(RangeTestConfig(base=BASE, steps=40), name="rates")
    rates = [1e-5 * 1.4**at for at in range(40)]
    rows: list[Row] = [
        {"kind": "rate", "step": at + 1, "learning_rate": rate, "loss": 6 - at * 0.1 if at < 30 else at - 26.0, "smoothed": 6 - at * 0.1 if at < 30 else at - 26.0, "seconds": 1.0}
        for at, rate in enumerate(rates)
    ]  # fmt: skip
    keep(run, rows, "running")
    assert client.get(f"/sweep/{run.id}").json()["sentences"] == []
    keep(run, [], "finished")
    found = client.get(f"/sweep/{run.id}").json()
    assert list(found["figures"]) == ["rates"]
    assert f"at {rates[29]:.2g} it is lowest" in found["sentences"][0]


def test_what_is_no_sweep_is_refused_in_a_sentence(store: Store, client: TestClient) -> None:
    run = store.create(BASE, name="a training")
    for reference in (run.id, "0" * 16, "..%2F..%2Fetc"):
        reply = client.get(f"/sweep/{reference}")
        assert reply.status_code == 404
    assert "no learning-rate range test" in client.get(f"/sweep/{run.id}").json()["error"]


def test_numbers_are_read_as_people_write_them() -> None:
    assert form.numbers("0.001, 0.01;0.1 1e-3，3") == [0.001, 0.01, 0.1, 0.001, 3.0]
    for word in ("fast", "inf", "-inf", "nan", "1e400"):
        with pytest.raises(UserError, match="is no number"):
            form.numbers(f"0.1, {word}")


@pytest.fixture
def app(store: Store, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setattr(Store, "start", lambda self, run, owner: None)
    page = AppTest.from_file(PAGES / "navigation.py", default_timeout=60).run()
    return page.switch_page("sweep.py").run()


def test_the_form_says_what_it_makes_and_the_button_makes_one_sweep(app: AppTest, store: Store) -> None:
    assert not app.exception
    assert any("12 trainings of 200 steps" in caption.value for caption in app.caption)
    app.text_input(key="sweep_first_values").set_value("0.001, quick").run()
    assert "no number" in app.error[0].value
    assert app.button(key="sweep_start").disabled
    app.text_input(key="sweep_first_values").set_value("0.002, 0.02").run()
    assert not app.error
    app.button(key="sweep_start").click().run()
    assert not app.exception
    (run,) = store.runs()
    assert isinstance(run.settings, SweepConfig)
    assert [axis.values for axis in run.settings.axes] == [(0.002, 0.02), (16, 32, 64)]
    assert run.settings.base.training.steps == 200
    assert app.session_state[SWEEP_KEY] == run.id
    settings: dict[str, Any] = run.settings.base.model.model_dump()
    assert (settings["width"], settings["layers"], settings["heads"]) == (32, 2, 4)
