"""bertviz's views hold our arrays, as they are, and no text in them is anything but text."""

import base64
import csv
import io
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from llm_core.interpret.attention.attention import Attention, Seen
from llm_core.runs.run import Run
from llm_core.runs.store import Store
from pages.ui.attention import bertviz, bertviz_scripts
from pages.ui.attention.bertviz_data import payload, rows, windows
from pages.ui.attention.bertviz_file import WORDS, framed, refusal, standalone
from pages.ui.attention.bertviz_looks import looks
from pages.ui.attention.bertviz_scripts import LIBRARIES, VIEWS, library, view_script
from pages.ui.attention.looking import Looking
from pages.ui.attention.seen import seen as seen_by_pages
from pages.ui.attention.shape import Shape
from pages.ui.routes import ROUTES
from tests.browser.injection import INJECTIONS
from tests.pages.grown import grow
from tests.pages.made_attention import seen_of

ROOT = Path(__file__).parents[2]
STRANGE = (*INJECTIONS, "\u202eevil", "שלום", "👩‍👩‍👧", "\ud800", "\x00", "&amp;", "\\u003c/script>", "")


class Elements(HTMLParser):
    """The elements of a document as a browser finds them: (name, attributes), and the text in each script."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "script":
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def seen() -> Seen:
    return seen_of([f"t{place}" for place in range(9)], [f"s{place}" for place in range(5)])


def told_in(document: str) -> Any:
    """What the document of a view draws from."""
    return json.loads(next(text for text in Elements(document).scripts if text.startswith("{")))


def unpacked(text: str, *shape: int) -> Any:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(shape)


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_holds_the_arrays_of_every_part(seen: Seen, view: str) -> None:
    told = told_in(standalone(seen, view))["parts"]
    assert list(told) == ["encoder", "decoder", "cross"] == list(seen.parts)
    for name, attention in seen.parts.items():
        part = told[name]
        assert tuple(part["left"]) == attention.query_tokens
        assert tuple(part["right"]) == attention.key_tokens
        assert (part["layers"], part["heads"], part["causal"]) == (2, 4, name == "decoder")
        assert np.array_equal(unpacked(part["pattern"], *attention.pattern.shape), attention.pattern)
        if view == "neuron_view":
            assert np.array_equal(unpacked(part["queries"], *attention.queries.shape), attention.queries)
            assert np.array_equal(unpacked(part["keys"], *attention.keys.shape), attention.keys)
        else:
            assert "queries" not in part


def test_the_neuron_view_comes_to_the_scores_of_the_model(seen: Seen) -> None:
    """It multiplies queries and keys and divides by the root of their size: so must the model have done."""
    for attention in seen.parts.values():
        made = attention.queries @ attention.keys.swapaxes(-1, -2) / np.sqrt(attention.queries.shape[-1])
        there = np.isfinite(attention.scores)
        np.testing.assert_allclose(made[there], attention.scores[there], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("view", "most"), [("head_view", 64), ("model_view", 40), ("neuron_view", 40)])
def test_of_a_long_text_a_window_is_drawn(view: str, most: int) -> None:
    long = seen_of([f"t{place}" for place in range(100)])
    attention = long.parts["decoder"]
    for begin, first in ((0, 0), (7, 7), (90, 100 - most), (10_000, 100 - most)):
        part = payload(long, view, begin)["decoder"]
        window = {"begin": first, "end": first + most, "count": 100}
        assert part["left_window"] == part["right_window"] == window
        assert part["left"] == part["right"] == tuple(f"t{place}" for place in range(first, first + most))
        inside = attention.pattern[:, :, first : first + most, first : first + most]
        assert np.array_equal(unpacked(part["pattern"], 2, 4, most, most), inside)


def test_each_side_of_the_cross_attention_has_its_own_window() -> None:
    crossed = seen_of([f"t{place}" for place in range(100)], [f"s{place}" for place in range(70)])
    left, right = windows(crossed.parts["cross"], "head_view", 20)
    assert (left.begin, left.end, left.count) == (20, 84, 100)
    assert (right.begin, right.end, right.count) == (6, 70, 70)
    part = payload(crossed, "head_view", 20)["cross"]
    assert np.array_equal(unpacked(part["pattern"], 2, 4, 64, 64), crossed.parts["cross"].pattern[:, :, 20:84, 6:70])


@pytest.mark.parametrize(("view", "least", "most"), [("head_view", 60, 64), ("model_view", 16, 24), ("neuron_view", 30, 40)])  # fmt: skip
def test_a_model_of_the_size_of_gpt2_gets_as_many_lines_as_a_browser_carries(view: str, least: int, most: int) -> None:
    def zeros(*shape: int) -> Any:
        return np.broadcast_to(np.float32(0), shape)

    vectors = zeros(12, 12, 300, 64)
    attention = Attention("decoder", ("t",) * 300, ("t",) * 300, zeros(12, 12, 300, 300), zeros(12, 12, 300, 300), vectors, vectors, vectors, vectors)  # fmt: skip
    left, right = windows(attention, view)
    assert left == right
    assert least <= left.end - left.begin <= most


@pytest.mark.parametrize("view", VIEWS)
def test_no_token_becomes_markup(view: str) -> None:
    strange, plain = seen_of(STRANGE), seen_of([f"t{place}" for place in range(len(STRANGE))])
    for make in (standalone, framed):
        ours, theirs = make(strange, view), make(plain, view)
        assert Elements(ours).found == Elements(theirs).found
        assert ours.isascii() == theirs.isascii()
        rest = [re.sub(r'<script type="application/json".*?</script>', "", text, count=1) for text in (ours, theirs)]
        assert rest[0] == rest[1], "tokens stand in the JSON and nowhere else"
        packed = re.search(r'<script type="application/json" id="told">(.*?)</script>', ours)
        assert packed is not None
        assert packed[1].isascii()
        assert not set("<>&") & set(packed[1])
        assert tuple(json.loads(packed[1])["parts"]["decoder"]["left"]) == windowed(STRANGE, strange, view)


def windowed(tokens: tuple[str, ...], seen: Seen, view: str) -> tuple[str, ...]:
    left, _right = windows(seen.parts["decoder"], view)
    return tokens[left.begin : left.end]


@pytest.mark.parametrize("view", VIEWS)
def test_a_file_needs_nothing_from_anywhere(seen: Seen, view: str) -> None:
    alone = Elements(standalone(seen, view))
    assert not [attributes for _tag, attributes in alone.found if {"src", "href", "data", "action"} & attributes.keys()]
    policy = next(attributes["content"] or "" for _tag, attributes in alone.found if "http-equiv" in attributes)
    assert "default-src 'none'" in policy
    assert "http" not in policy
    in_page = Elements(framed(seen, view))
    asked = [attributes["src"] for _tag, attributes in in_page.found if "src" in attributes]
    assert asked == ["./vendor/jquery.min.js", "./vendor/d3.min.js"]
    in_class = Elements(framed(seen, view, whole=True))  # where a frame without an origin is a stranger
    assert not [attributes for _tag, attributes in in_class.found if {"src", "href"} & attributes.keys()]
    assert in_class.scripts[1:] == alone.scripts[1:]
    for script in alone.scripts:
        assert "cdnjs" not in script
        assert not re.findall(r"@import|require\.config|importScripts", script)


@pytest.mark.parametrize("view", VIEWS)
def test_bertviz_is_changed_in_every_place_that_is_named(view: str) -> None:
    script = view_script(view)
    assert "PYTHON_PARAMS" not in script.replace("HACK: PYTHON_PARAMS", "")
    assert "cloudflare" not in script
    assert set(re.findall(r"params\.words\.(\w+)", script)) <= WORDS.keys()
    assert script.startswith("/**")


def test_another_bertviz_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "head_view.js").write_text("requirejs(['jquery', 'd3'], function () {});", encoding="utf-8")
    monkeypatch.setattr(bertviz_scripts, "_folder", lambda _package: tmp_path)
    view_script.cache_clear()
    with pytest.raises(RuntimeError, match="not the one expected"):
        view_script("head_view")
    view_script.cache_clear()


def brightness(color: str) -> float:
    """Relative luminance, as the WCAG has it."""
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(weight * value for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one: str, other: str) -> float:
    light, dark = sorted((brightness(one), brightness(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_both_looks_name_every_colour_and_can_be_read(name: str) -> None:
    look = looks()[name]
    palette = look["palette"]
    wanted = set(re.findall(r"getColor\('(\w+)'\)", view_script("neuron_view"))) | {"text", "background", "highlight"}
    assert wanted <= palette.keys()
    paper = palette["background"]
    for ink in ("text", "selected_text", "heading_text", "text_highlighted"):
        assert contrast(palette[ink], paper) >= 4.5
    for behind in ("text_highlight_left", "text_highlight_right", "highlight"):
        assert contrast(palette["text"], palette[behind]) >= 4.5
    for line in (*look["heads"], palette["attn"], palette["pos"], palette["neg"], palette["icon"]):
        assert contrast(line, paper) >= 3
    assert len(look["heads"]) == len(set(look["heads"])) == 10
    assert (brightness(paper) > 0.5) == (name == "light")


def test_what_is_not_there_is_refused(seen: Seen) -> None:
    with pytest.raises(ValueError, match="no view"):
        standalone(seen, "tree_view")
    with pytest.raises(ValueError, match="no part"):
        standalone(seen, "head_view", part="crossed")
    with pytest.raises(ValueError, match=r"no head 2\.0"):
        standalone(seen, "head_view", part="cross", layer=2)
    with pytest.raises(ValueError, match=r"no head 0\.-1"):
        standalone(seen, "head_view", part="cross", head=-1)
    assert "<img" not in refusal("<img src=x onerror=owned=1>", "en")


def test_the_table_holds_what_is_drawn(seen: Seen) -> None:
    attention = seen.parts["cross"]
    for view, heads in (("head_view", 4), ("model_view", 8), ("neuron_view", 1)):
        found = list(rows(attention, view, 1, 2))
        patterns = [row for row in found if row[0] == "pattern"]
        assert len(patterns) == heads * 9 * 5
        for _array, layer, head, place, token, column, column_token, value in patterns:
            assert (token, column_token) == (f"t{place}", f"s{column}")
            assert value == pytest.approx(float(attention.pattern[layer, head, place, column]), rel=1e-6, abs=1e-12)
    others = {row[0]: sum(other[0] == row[0] for other in found) for row in found}
    assert others == {"pattern": 45, "scores": 45, "queries": 9 * 6, "keys": 5 * 6}
    vectors = np.array([row[-1] for row in found if row[0] == "keys"]).reshape(5, 6)
    np.testing.assert_allclose(vectors, attention.keys[1, 2], rtol=1e-6)


LACKING = """
import sys
for name in ("streamlit", "torch", "IPython", "transformers"):
    sys.modules[name] = None
from pages.ui.attention.bertviz_file import standalone
from pages.ui.attention.bertviz_scripts import LIBRARIES, library, view_script
assert all(library(name).stat().st_size > 50_000 for name in LIBRARIES)
assert view_script("head_view")
assert not {"bertviz", "mpld3", "matplotlib"} & sys.modules.keys()
"""


def test_the_file_is_made_without_streamlit_and_without_importing_bertviz() -> None:
    subprocess.run([sys.executable, "-c", LACKING], cwd=ROOT, check=True, timeout=120)


LOOKING = Looking("", 0, "the cat sees the moon", "", "decoder", 0, 1, "head_view")


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return grow(tmp_path_factory.mktemp("bertviz") / "runs")


@pytest.fixture
def client(grown: Run, store: Store, monkeypatch: pytest.MonkeyPatch) -> TestClient:
    store.root.rmdir()
    store.root.symlink_to(grown.folder.parent)
    return TestClient(Starlette(routes=ROUTES))


def asked(of: Run, /, **changes: object) -> dict[str, Any]:
    return {"run": of.id, "step": of.steps()[-1], "text": LOOKING.text, "part": "decoder", "layer": 0, "head": 1, "view": "head_view", **changes}  # fmt: skip


def looking_at(run: Run, view: str) -> Looking:
    return Looking(run.id, run.steps()[-1], LOOKING.text, "", "decoder", 0, 1, view, tokens_off=(2,))


@pytest.mark.parametrize("view", VIEWS)
def test_the_frame_shows_what_the_model_sees(client: TestClient, grown: Run, view: str) -> None:
    reply = client.post("/bertviz", json={**asked(grown, view=view, tokens_off=[2]), "language": "zh"})
    assert reply.status_code == 200
    told = told_in(reply.text)
    part = told["parts"]["decoder"]
    attention = seen_by_pages(looking_at(grown, view)).parts["decoder"]
    assert np.array_equal(unpacked(part["pattern"], *attention.pattern.shape), attention.pattern)
    assert attention.pattern[0, 0, 4, 2] == 0
    assert told["name"] == f"terrarium-{view.replace('_', '-')}-{grown.id}"
    assert told["words"].keys() == WORDS.keys()


def test_files_and_tables_come_from_routes(client: TestClient, grown: Run) -> None:
    query = urlencode({"looking": json.dumps(asked(grown, view="neuron_view")), "lang": "en"})
    page = client.get(f"/bertviz.html?{query}")
    assert page.headers["content-disposition"] == f'attachment; filename="terrarium-neuron-view-{grown.id}.html"'
    assert told_in(page.text)["start"] == {"part": "decoder", "layer": 0, "head": 1}
    table = client.get(f"/bertviz.csv?{query}")
    assert table.text.startswith("\ufeffarray,layer,head,place,token,column,column_token,value\n")
    found = list(csv.DictReader(io.StringIO(table.text.removeprefix("\ufeff"))))
    attention = seen_by_pages(Looking(grown.id, grown.steps()[-1], LOOKING.text, "", "decoder", 0, 1, "neuron_view")).parts["decoder"]  # fmt: skip
    row = next(row for row in found if row["array"] == "pattern" and row["place"] == "3" and row["column"] == "1")
    assert float(row["value"]) == pytest.approx(float(attention.pattern[0, 1, 3, 1]), rel=1e-6)
    assert row["token"] == attention.query_tokens[3]


def test_a_token_that_looks_like_a_formula_stays_text(client: TestClient, grown: Run) -> None:
    query = urlencode({"looking": json.dumps(asked(grown, text="=1+1"))})
    cells = [row[4] for row in csv.reader(io.StringIO(client.get(f"/bertviz.csv?{query}").text))]
    assert any(cell.startswith("'=") for cell in cells)
    assert not any(cell.startswith("=") for cell in cells)


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"layer": 1}, 404, "no head decoder.1.1"),
        ({"part": "cross"}, 404, "no head cross.0.1"),
        ({"run": "../../etc"}, 404, ""),
        ({"run": "ffffffffffffffff"}, 404, ""),
        ({"step": 7}, 404, ""),
        ({"text": "x" * 4_001}, 404, "4,000"),
        ({"view": "heads"}, 404, ""),
        ({"begin": -1}, 404, ""),
        ({"begin": "0"}, 404, ""),
        ({"layer": 10**9}, 404, ""),
        ({"more": 1}, 404, "more"),
        ({"tokens_off": [99]}, 404, "99"),
    ],
)
def test_a_request_that_cannot_be_met_gets_one_sentence(
    client: TestClient, grown: Run, changes: dict[str, object], status: int, says: str
) -> None:
    frame = client.post("/bertviz", json={**asked(grown, **changes), "language": "en"})
    file = client.get("/bertviz.html?" + urlencode({"looking": json.dumps(asked(grown, **changes))}))
    for reply in (frame, file):
        assert reply.status_code == status
        assert says in reply.text
        assert "Traceback" not in reply.text
        assert len(reply.text) < 2_000


def test_pages_elsewhere_and_what_is_no_request_are_refused(client: TestClient, grown: Run) -> None:
    query = urlencode({"looking": json.dumps(asked(grown))})
    assert client.get(f"/bertviz.csv?{query}", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.get("/bertviz.html?looking=nonsense").status_code == 400
    assert client.get("/bertviz.html?looking=[]").status_code == 404
    assert client.post("/bertviz", content="{}", headers={"content-type": "text/plain"}).status_code == 415
    assert client.post("/bertviz", content="{}", headers={"content-type": "application/json"}).status_code == 400
    assert (
        client.post("/bertviz", content="[" * 100_000, headers={"content-type": "application/json"}).status_code == 400
    )
    assert client.post("/bertviz", content=b" " * 200_001, headers={"content-type": "application/json"}).status_code == 413  # fmt: skip
    assert client.get("/vendor/mpld3.min.js").status_code == 404
    for name in LIBRARIES:
        reply = client.get(f"/vendor/{name}.min.js")
        assert reply.headers["content-type"].startswith("text/javascript")
        assert reply.content == library(name).read_bytes()


@pytest.mark.parametrize("view", VIEWS)
def test_the_python_code_makes_the_same_file(
    client: TestClient, grown: Run, view: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    looking = looking_at(grown, view)
    exec(bertviz.code(looking), {})
    name = f"terrarium-{view.replace('_', '-')}-{grown.id}"
    made = told_in((tmp_path / f"{name}.html").read_text(encoding="utf-8"))
    file = client.get("/bertviz.html?" + urlencode({"looking": json.dumps(asked(grown, view=view, tokens_off=[2]))}))
    shown = told_in(file.text)
    assert made["parts"] == shown["parts"]
    assert made["start"] == shown["start"]


def test_a_frame_names_only_heads_that_are_there() -> None:
    shape = Shape(("decoder",), 2, 4, 128)
    assert bertviz._checked({"part": "decoder", "layer": 1, "head": 3}, shape) == ("decoder", 1, 3)
    for wrong in (
        None, [], "decoder.0.0", {}, {"part": "cross", "layer": 0, "head": 0}, {"part": "decoder", "layer": 2, "head": 0},
        {"part": "decoder", "layer": -1, "head": 0}, {"part": "decoder", "layer": True, "head": 0},
        {"part": ["decoder"], "layer": 0, "head": 0}, {"part": "decoder", "layer": 0.0, "head": 0},
    ):  # fmt: skip
        assert bertviz._checked(wrong, shape) is None
