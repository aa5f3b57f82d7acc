"""The route `./inquiry/<digest>`: how an answer stands, and its picture as far as it is known."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import plotly.graph_objects as go
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from llm_core.errors import UserError
from llm_core.runs import inquiry
from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.inquiry import Answer
from llm_core.runs.names import ID
from pages.ui import measuring
from pages.ui.charts import Colors
from pages.ui.http import NO_STORE, language_of, refusal
from pages.ui.inside.ablation import ablation_rows
from pages.ui.inside.circuits import proof_rows
from pages.ui.inside.features import feature_rows
from pages.ui.inside.geometry import tsne_rows
from pages.ui.inside.inputs import inputs_rows
from pages.ui.inside.lens import lens_rows
from pages.ui.inside.patching import patching_rows, path_rows
from pages.ui.inside.probes import probe_rows, removal_rows
from pages.ui.inside.steering import steering_rows
from pages.ui.inside.training import training_picture
from pages.ui.state import store
from pages.ui.text import translate
from pages.ui.who import owner_of

Words = Callable[[str], str]


@dataclass(frozen=True)
class Picture:
    """How the rows of a method are drawn while they come: each gets the question and the rows so far. `figure` is in the
    language of `words` and in the look of the colors; `csv` the same as a table; `height` in pixels; `points`: how much
    there is to draw, 0 for nothing yet. A session's own language is not known here."""

    figure: Callable[[InquiryConfig, Answer, Words, Colors], go.Figure]
    csv: Callable[[InquiryConfig, Answer], str]
    height: Callable[[InquiryConfig, Answer], int]
    points: Callable[[InquiryConfig, Answer], int]


PICTURES: dict[str, Picture] = {
    "ablation": Picture(ablation_rows.figure, ablation_rows.csv, ablation_rows.height, ablation_rows.points),
    "steering": Picture(steering_rows.figure, steering_rows.csv, steering_rows.height, steering_rows.points),
    "tsne": Picture(tsne_rows.figure, tsne_rows.csv, tsne_rows.height, tsne_rows.points),
    "probe_removal": Picture(removal_rows.figure, removal_rows.csv, removal_rows.height, removal_rows.points),
    "probes": Picture(probe_rows.figure, probe_rows.csv, probe_rows.height, probe_rows.points),
    "proof": Picture(proof_rows.figure, proof_rows.csv, proof_rows.height, proof_rows.points),
    "inputs": Picture(inputs_rows.figure, inputs_rows.csv, inputs_rows.height, inputs_rows.points),
    "features": Picture(feature_rows.figure, feature_rows.csv, feature_rows.height, feature_rows.points),
    "tuned_lens": Picture(lens_rows.figure, lens_rows.csv, lens_rows.height, lens_rows.points),
    "paths": Picture(path_rows.figure, path_rows.csv, path_rows.height, path_rows.points),
    "patching": Picture(patching_rows.figure, patching_rows.csv, patching_rows.height, patching_rows.points),
    "training": Picture(
        training_picture.coming,
        training_picture.coming_csv,
        training_picture.coming_height,
        training_picture.coming_steps,
    ),
}
"""By method."""


def inquiry_route(request: Request) -> Response:
    """How the answer stands; its figure in both looks, unless the browser has just this one."""
    code = language_of(request)
    digest = request.path_params["digest"]
    if not ID.fullmatch(digest):
        return refusal(UserError("There is no inquiry {name}.", name=digest[:32]), code)
    run = inquiry.find(store(), digest, owner_of(request))
    config = None if run is None else run.settings
    if run is None or not isinstance(config, InquiryConfig):
        return JSONResponse({"version": "", "points": 0, "measuring": None, "poll_milliseconds": None}, headers=NO_STORE)  # fmt: skip
    answer, picture, words = inquiry.answer_of(run), PICTURES[config.question.method], partial(translate, code=code)
    try:
        points = picture.points(config, answer)
        seen = (digest, len(answer.rows), run.status().state)
        drawn: Callable[[Colors], go.Figure] = (lambda colors: picture.figure(config, answer, words, colors)) if points else _nothing  # fmt: skip
        csv = partial(picture.csv, config, answer) if points else str
        told = measuring.reply(request, run, seen, points, drawn, csv, code)
        told["height"] = picture.height(config, answer)
    except UserError as error:  # the run that it is about may be gone
        return refusal(error, code)
    return JSONResponse(told, headers=NO_STORE)


def _nothing(colors: Colors) -> go.Figure:
    return go.Figure()
