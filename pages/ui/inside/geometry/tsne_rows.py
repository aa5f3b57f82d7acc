"""A drawing by t-SNE has nothing to show before it is whole: then the page draws it beside what it knows of each point."""

from collections.abc import Callable

import plotly.graph_objects as go

from llm_core.runs.inquired import InquiryConfig
from llm_core.runs.inquiry import Answer
from pages.ui.charts import Colors


def figure(config: InquiryConfig, answer: Answer, words: Callable[[str], str], colors: Colors) -> go.Figure:
    """Nothing yet."""
    return go.Figure()


def csv(config: InquiryConfig, answer: Answer) -> str:
    """Nothing yet."""
    return ""


def height(config: InquiryConfig, answer: Answer) -> int:
    """Pixels."""
    return 0


def points(config: InquiryConfig, answer: Answer) -> int:
    """Always none."""
    return 0
