"""Classes, tags and answers are learnt: each loss written out by hand, what is measured, and an exact resume."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from llm_core.config import RunConfig, TaskConfig, load_recipe, parse
from llm_core.data.corpora import CORPORA, with_corpus
from llm_core.data.generated import annotated_documents, counts
from llm_core.data.prepare import TokenizedCorpus, prepare
from llm_core.errors import UserError
from llm_core.evaluate.answer_scores import exact_match, token_f1
from llm_core.evaluate.entities import entity_scores
from llm_core.evaluate.floor import NO_WRITING, entropy_floor
from llm_core.inference.answer import answer
from llm_core.inference.label import label
from llm_core.inference.tag import tag
from llm_core.models.base import Batch
from llm_core.runs.baselines import baselines
from llm_core.training.loop import train
from llm_core.training.objective import Example
from llm_core.training.objectives import OBJECTIVES
from llm_core.training.records import Evaluation, Sample, Step
from llm_core.training.state import TrainingState, begin
from tests.training.test_resume import run, stitched, telling

RECIPES = Path(__file__).parents[2] / "assets" / "recipes"
TASKS = ["classify", "tag", "answer"]
TEXTS = {"classify": "labelled-reviews-en", "tag": "entities-en-zh", "answer": "questions-en"}
MEASURES = {"classify": {"accuracy"}, "tag": {"entity_precision", "entity_recall", "entity_f1"}, "answer": {"answer_exact", "answer_f1"}}  # fmt: skip


def config_of(task: str, **training: Any) -> RunConfig:
    recipe = with_corpus(load_recipe(RECIPES / f"{task}.toml"), TEXTS[task])
    assert isinstance(recipe.model, TaskConfig)
    settings = {
        "steps": 12, "batch_size": 8, "evaluation_every": 6, "evaluation_tokens": 600, "sample_every": 12,
        "checkpoint_every": 4, "threads": 1, "device": "cpu", "precision": "fp32",
    }  # fmt: skip
    body = recipe.model.body.model_copy(update={"width": 16, "layers": 1, "heads": 2})
    data = recipe.data.model_copy(update={"documents": 120, "held_out": 0.2})
    return RunConfig(
        model=recipe.model.model_copy(update={"body": body}), data=data,
        training=recipe.training.model_copy(update=settings | training),
    )  # fmt: skip


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TokenizedCorpus]:
    folder = tmp_path_factory.mktemp("asked")
    return {task: prepare(config_of(task).data, folder) for task in TASKS}


def stirred(task: str, corpus: TokenizedCorpus) -> TrainingState:
    """A run before its first step, with a model that does not begin at the uniform guess."""
    state = begin(config_of(task), corpus)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in state.model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    state.model.eval()
    return state


def by_hand(state: TrainingState, example: Example, row: int) -> list[float]:
    """-log p of everything that is asked of one row, from its own forward pass without padding."""
    batch, task = example.batch, state.config.training.objective
    assert batch.tokens is not None
    assert batch.lengths is not None
    length = int(batch.lengths[row])
    alone = Batch(batch.tokens[row : row + 1, :length], segments=None if batch.segments is None else batch.segments[row : row + 1, :length])  # fmt: skip
    with torch.no_grad():
        logits = state.model(alone)[0].double()
    if task == "classify":
        return [-math.log(float(logits.softmax(-1)[example.targets[row]]))]
    if task == "tag":
        assert example.weights is not None
        places = [place for place in range(length) if example.weights[row, place] > 0]
        return [-math.log(float(logits[place].softmax(-1)[example.targets[row, place]])) for place in places]
    text = batch.tokens[row, :length].tolist()
    begins = len(text) - text[::-1].index(0)  # after the sign that ends the question
    return [
        -math.log(float(logits[begins:, side].softmax(0)[int(example.targets[row, side]) - begins])) for side in (0, 1)
    ]


@pytest.mark.parametrize("task", TASKS)
def test_the_loss_is_the_mean_over_all_that_is_asked(task: str, texts: dict[str, TokenizedCorpus]) -> None:
    state = stirred(task, texts[task])
    objective = OBJECTIVES[task]  # type: ignore[index]
    example = objective.source(texts[task], state.config).next()
    lost = [nats for row in range(8) for nats in by_hand(state, example, row)]
    assert example.asked == len(lost)
    with torch.no_grad():
        assert float(objective.loss(state.model, example)) == pytest.approx(sum(lost) / len(lost), rel=1e-4)


def test_each_loss_on_a_case_small_enough_to_see_through() -> None:
    thirds = torch.tensor([[math.log(2.0), 0.0]])  # 2/3 and 1/3
    classify, tags, answers = (OBJECTIVES[name] for name in ("classify", "tag", "answer"))

    class Says(torch.nn.Module):
        def __init__(self, logits: torch.Tensor) -> None:
            super().__init__()
            self.logits = logits

        def forward(self, batch: Batch) -> torch.Tensor:
            return self.logits

    tokens = torch.tensor([[0, 5, 0, 6, 7]])
    one = classify.loss(Says(thirds), Example(Batch(tokens), torch.tensor([1])))  # type: ignore[arg-type]
    assert float(one) == pytest.approx(math.log(3))
    # Of three positions the last two are asked: right with 2/3, and with 1/3.
    asked = Example(Batch(tokens[:, :3]), torch.tensor([[0, 0, 1]]), torch.tensor([[0.0, 1.0, 1.0]]))
    both = tags.loss(Says(thirds[None].expand(1, 3, 2)), asked)  # type: ignore[arg-type]
    assert float(both) == pytest.approx((math.log(1.5) + math.log(3)) / 2)
    # Question 5, text 6 7: of its two positions the first begins with 2/3, the last ends with 1/4.
    pointers = torch.tensor([[[9.0, 9.0], [9.0, 9.0], [9.0, 9.0], [math.log(2.0), math.log(3.0)], [0.0, 0.0]]])
    batch = Batch(tokens, torch.tensor([5]), segments=torch.tensor([[0, 0, 0, 1, 1]]))
    pointed = answers.loss(Says(pointers), Example(batch, torch.tensor([[3, 4]])))  # type: ignore[arg-type]
    assert float(pointed) == pytest.approx((math.log(1.5) + math.log(4)) / 2)


@pytest.mark.parametrize("task", TASKS)
def test_a_score_is_that_of_every_held_out_text_alone(task: str, texts: dict[str, TokenizedCorpus]) -> None:
    corpus = texts[task]
    state = stirred(task, corpus)
    found = OBJECTIVES[task].score(state.model, corpus, state.config, None)  # type: ignore[index]
    assert found.whole
    assert (found.perplexity, found.bits_per_character) == (None, None)
    data = state.config.data
    known = list(annotated_documents(CORPORA[data.corpus], *counts(data)))
    if task == "classify":
        ours = [
            next(iter(one))
            for one in label(state.model, corpus.tokenizer, corpus.labels, [made.text for made in known])
        ]
        right = sum(one == made.label for one, made in zip(ours, known, strict=True))
        assert found.measures == {"accuracy": right / len(known)}
    elif task == "tag":
        named = [tag(state.model, corpus.tokenizer, corpus.labels, made.text) for made in known]
        hits = sum(len({(one.kind, one.start, one.end) for one in ours.entities} & set(made.entities)) for ours, made in zip(named, known, strict=True))  # fmt: skip
        assert found.measures["entity_recall"] == pytest.approx(hits / sum(len(made.entities) for made in known))
        assert found.measures["entity_precision"] == pytest.approx(hits / sum(len(ours.entities) for ours in named))
        empty = [["O"]] * 2
        assert entity_scores(empty, empty).overall.f1 == 0
    else:
        best = [
            answer(state.model, corpus.tokenizer, made.text, made.question, count=1).answers[0].text for made in known
        ]
        right_answers = [made.text[slice(*made.answer)] for made in known]
        pairs = list(zip(best, right_answers, strict=True))
        assert found.measures["answer_exact"] == sum(exact_match(ours, [theirs]) for ours, theirs in pairs) / len(pairs)
        assert found.measures["answer_f1"] == pytest.approx(sum(token_f1(ours, [theirs]) for ours, theirs in pairs) / len(pairs))  # fmt: skip


@pytest.mark.parametrize("task", TASKS)
def test_a_run_learns_measures_and_shows_what_it_says(task: str, texts: dict[str, TokenizedCorpus]) -> None:
    corpus = texts[task]
    records = list(train(config_of(task), corpus))
    looks = [record for record in records if isinstance(record, Evaluation)]
    assert all(set(look.measures) == MEASURES[task] for look in looks)
    assert all(0 <= share <= 1 for look in looks for share in look.measures.values())
    assert looks[-1].whole
    (guess,) = baselines(corpus)
    losses = [record.loss for record in records if isinstance(record, Step)]
    assert losses[0] == pytest.approx(guess["loss"], abs=0.6)  # rows of a batch are of like length
    if task != "classify":  # a hundred reviews are learnt by heart sooner than understood
        assert looks[-1].loss < looks[0].loss
    shown = [record for record in records if isinstance(record, Sample) and record.step == 12]
    assert len(shown) == 3
    assert all(one.reference for one in shown)
    assert entropy_floor(config_of(task), corpus) is NO_WRITING


def test_a_tagged_sample_shows_what_the_grammar_knows(texts: dict[str, TokenizedCorpus]) -> None:
    corpus = texts["tag"]
    shown = [record for record in train(config_of("tag", steps=1), corpus) if isinstance(record, Sample)]
    data = config_of("tag").data
    made = next(annotated_documents(CORPORA[data.corpus], *counts(data)))
    kind, start, end = made.entities[0]
    assert shown[0].prompt == made.text
    assert shown[0].reference is not None
    assert shown[0].reference.startswith(f"{made.text[:start]}[{kind} {made.text[start:end]}]")
    assert shown[0].reference.count("[") == len(made.entities)


@pytest.mark.parametrize("task", TASKS)
def test_what_is_asked_of_texts_resumes_exactly(task: str, tmp_path: Path, texts: dict[str, TokenizedCorpus]) -> None:
    config = config_of(task, steps=10, evaluation_every=5, sample_every=10)
    straight, last = run(config, texts[task], tmp_path / "straight")
    parts = [run(config, texts[task], tmp_path / "broken", kill_after=kill)[0] for kill in (3, 7)]
    records, resumed = run(config, texts[task], tmp_path / "broken")
    assert telling(stitched([*parts, records])) == telling(straight)
    assert last is not None
    assert resumed is not None
    expected = last.model.state_dict()
    assert all(torch.equal(expected[key], value) for key, value in resumed.model.state_dict().items())


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("training", {"objective": "next_token"}),
        ("training", {"objective": "answer"}),
        ("data", {"rows": "windows"}),
        ("data", {"rows": "labelled"}),
        ("model", {"task": "classify"}),
        ("model", {"family": "transformer"}),
    ],
)
def test_a_task_needs_its_own_objective_and_text_and_the_recipe_is_named(section: str, change: dict[str, Any]) -> None:
    values = config_of("tag").model_dump(mode="json")
    values[section] = change if "family" in change else values[section] | change
    with pytest.raises(UserError, match=r"go together, as in the recipe (tag|classify|answer)"):
        parse(RunConfig, values)


def test_a_text_with_other_labels_than_the_model_is_refused(texts: dict[str, TokenizedCorpus]) -> None:
    config = config_of("classify")
    many = config.model_copy(update={"model": config.model.model_copy(update={"labels": 7})})
    with pytest.raises(UserError, match="has 2 labels"):
        begin(many, texts["classify"])
