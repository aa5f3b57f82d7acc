"""Vectors of a model drawn by t-SNE, which keeps who is near to whom and takes seconds."""

from collections.abc import Iterator

from llm_core.interpret.geometry.clouds import Cloud, states_cloud, vocabulary_cloud
from llm_core.interpret.geometry.geometry import project
from llm_core.runs.history import Row
from llm_core.runs.inquired import TsneQuestion
from llm_core.runs.inquiry_subject import Subject


def answer(question: TsneQuestion, subject: Subject) -> Iterator[float | Row]:
    """One row of kind "points": where each vector of the cloud is drawn."""
    cloud = cloud_of(question, subject)
    yield 0.05
    found = project(cloud.vectors, "tsne", question.dimensions, question.seed)
    yield {"kind": "points", "points": found.points.astype(float).round(3).tolist()}


def cloud_of(question: TsneQuestion, subject: Subject) -> Cloud:
    """The vectors that are asked about."""
    if question.vectors == "states":
        return states_cloud(
            subject.model, subject.tokenizer, question.layer, texts=question.texts, language=question.language
        )
    return vocabulary_cloud(subject.model, subject.tokenizer, question.vectors, language=question.language)
