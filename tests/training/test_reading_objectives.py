"""Encoders learn hidden tokens: each loss by hand, an exact resume, and settings that go together."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from llm_core.config import RunConfig, load_recipe, parse
from llm_core.data.prepare import TokenizedCorpus, prepare
from llm_core.errors import UserError
from llm_core.models.base import Batch
from llm_core.models.transformer import Transformer
from llm_core.training.loop import train
from llm_core.training.objective import Example
from llm_core.training.objectives import OBJECTIVES
from llm_core.training.records import Evaluation, Sample, Step
from llm_core.training.state import begin
from tests.training.test_resume import run, stitched, telling

RECIPES = {
    name: load_recipe(Path(__file__).parents[2] / "assets" / "recipes" / f"{name}.toml")
    for name in ("cloze", "next-sentence", "xlnet")
}


def config_of(recipe: str, **training: Any) -> RunConfig:
    settings = {
        "steps": 12, "batch_size": 8, "evaluation_every": 6, "evaluation_tokens": 400, "sample_every": 6,
        "checkpoint_every": 4, "threads": 1, "device": "cpu", "precision": "fp32",
    }  # fmt: skip
    base = RECIPES[recipe]
    model = base.model.model_copy(update={"width": 16, "layers": 1, "heads": 2, "dropout": 0.1})
    data = base.data.model_copy(update={"documents": 120, "held_out": 0.1})
    return RunConfig(model=model, data=data, training=base.training.model_copy(update=settings | training))


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    return prepare(config_of("cloze").data, tmp_path_factory.mktemp("stories"))


def stirred(recipe: str, corpus: TokenizedCorpus) -> tuple[Transformer, Example]:
    """A model with random weights everywhere, and the first example of its run."""
    state = begin(config_of(recipe), corpus)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in state.model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    assert isinstance(state.model, Transformer)
    return state.model.eval(), state.source.next()


def by_hand(model: Transformer, example: Example) -> list[float]:
    """-ln p of every token that is asked for, row by row without padding."""
    batch, lost = example.batch, []
    assert batch.tokens is not None
    assert batch.lengths is not None
    assert example.weights is not None
    for row, length in enumerate(batch.lengths.tolist()):
        alone = Batch(
            batch.tokens[row : row + 1, :length],
            segments=None if batch.segments is None else batch.segments[row : row + 1, :length],
            permutation=None if batch.permutation is None else batch.permutation[row : row + 1, :length],
        )
        with torch.no_grad():
            shares = model(alone)[0].log_softmax(-1)
        for place in torch.nonzero(example.weights[row]).flatten().tolist():
            assert place < length
            lost.append(-float(shares[place, example.targets[row, place]]))
    return lost


@pytest.mark.parametrize("recipe", ["cloze", "xlnet"])
def test_the_loss_is_the_mean_over_what_is_asked(recipe: str, stories: TokenizedCorpus) -> None:
    model, example = stirred(recipe, stories)
    lost = by_hand(model, example)
    assert example.asked == len(lost)
    with torch.no_grad():
        loss = float(OBJECTIVES[config_of(recipe).training.objective].loss(model, example))
    assert loss == pytest.approx(sum(lost) / len(lost), rel=1e-5)


def test_the_masked_loss_on_four_tokens_with_numbers() -> None:
    """p of the right token is 1/2 at one hidden place and 1/8 at the other: (ln 2 + ln 8) / 2 = 2 ln 2."""

    class Known(Transformer):
        def __init__(self) -> None:
            torch.nn.Module.__init__(self)

        def body(self, batch: Batch) -> torch.Tensor:
            rest = math.log(0.5 / 3), math.log(0.875 / 3)
            rows = [[0.0] * 4, [math.log(0.5), *[rest[0]] * 3], [0.0] * 4, [*[rest[1]] * 3, math.log(0.125)]]
            return torch.tensor([rows])

        def head(self, hidden: torch.Tensor) -> torch.Tensor:
            return hidden

    weights = torch.tensor([[0.0, 1.0, 0.0, 1.0]])
    example = Example(Batch(torch.tensor([[0, 3, 2, 3]])), torch.tensor([[0, 0, 2, 3]]), weights)
    for name in ("masked", "permuted"):
        assert float(OBJECTIVES[name].loss(Known(), example)) == pytest.approx(2 * math.log(2))


def test_next_sentence_adds_what_the_second_output_loses(stories: TokenizedCorpus) -> None:
    model, example = stirred("next-sentence", stories)
    lost = by_hand(model, example)
    assert model.sentence_head is not None
    assert example.labels is not None
    assert set(example.labels.tolist()) == {0, 1}
    batch, pairs = example.batch, []
    assert batch.lengths is not None
    assert batch.tokens is not None
    assert batch.segments is not None
    for row, length in enumerate(batch.lengths.tolist()):
        with torch.no_grad():
            states = model.body(
                Batch(batch.tokens[row : row + 1, :length], segments=batch.segments[row : row + 1, :length])
            )
            hidden = torch.tanh(model.sentence_head.pooler.weight @ states[0, 0])
            answer = (model.sentence_head.output.weight @ hidden).log_softmax(-1)
        pairs.append(-float(answer[int(example.labels[row])]))
    with torch.no_grad():
        loss = float(OBJECTIVES["next_sentence"].loss(model, example))
    assert loss == pytest.approx(sum(lost) / len(lost) + sum(pairs) / len(pairs), rel=1e-5)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_run_learns_tells_what_it_fills_in_and_resumes_exactly(
    recipe: str, stories: TokenizedCorpus, tmp_path: Path
) -> None:
    # Epochs of 13 batches: the seam between two of them is met.
    config = config_of(recipe, steps=16, accumulation=2)
    straight, last = run(config, stories, tmp_path / "straight")
    parts = [run(config, stories, tmp_path / "broken", kill_after=kill)[0] for kill in (3, 9)]
    records, resumed = run(config, stories, tmp_path / "broken")
    assert telling(stitched([*parts, records])) == telling(straight)
    assert last is not None
    assert resumed is not None
    expected = last.model.state_dict()
    assert all(torch.equal(expected[key], value) for key, value in resumed.model.state_dict().items())

    steps = [record for record in straight if isinstance(record, Step)]
    looks = [record for record in straight if isinstance(record, Evaluation)]
    guess = math.log(stories.tokenizer.vocabulary_size) + (math.log(2) if recipe == "next-sentence" else 0)
    assert steps[0].loss == pytest.approx(guess, abs=0.3)
    assert looks[-1].loss < looks[0].loss - 0.1
    assert looks[-1].whole
    assert all((look.perplexity, look.bits_per_character) == (None, None) for look in looks)
    assert set(looks[-1].measures) == {"accuracy", *(["next_sentence"] if recipe == "next-sentence" else [])}
    shown = [record for record in straight if isinstance(record, Sample) and record.step == 16]
    assert shown[0].prompt == "Lily had a [MASK], and she put it in the [MASK]."
    assert shown[0].text.startswith("Lily had a")
    assert len(shown) == 4
    for sample in shown[1:]:
        assert "[MASK]" in sample.prompt
        assert "[MASK]" not in sample.text
        assert sample.reference is not None
        kept = sample.prompt.split("[MASK]")
        assert sample.reference.startswith(kept[0].rstrip())
        assert sample.reference.endswith(kept[-1])


def test_what_is_hidden_changes_from_epoch_to_epoch(stories: TokenizedCorpus) -> None:
    source = begin(config_of("cloze", batch_size=54), stories).source
    first, again = [source.next() for _ in range(2)], [source.next() for _ in range(2)]

    def hidden(examples: list[Example]) -> dict[tuple[int, ...], list[int]]:
        return {
            tuple(targets.tolist()): torch.nonzero(weights).flatten().tolist()
            for example in examples
            if example.weights is not None
            for targets, weights in zip(example.targets, example.weights, strict=True)
        }

    one, other = hidden(first), hidden(again)
    both = one.keys() & other.keys()
    assert len(both) > 50
    assert sum(one[row] != other[row] for row in both) > 0.9 * len(both)


@pytest.mark.parametrize(
    ("recipe", "section", "name", "value", "said"),
    [
        (
            "cloze",
            "model",
            "architecture",
            "decoder",
            "model.architecture = encoder, as in the recipe cloze; it is decoder",
        ),
        ("cloze", "data", "mask_token", False, "data.mask_token = true, as in the recipe cloze; it is false"),
        (
            "next-sentence",
            "model",
            "sentence_head",
            False,
            "model.sentence_head = true, as in the recipe next-sentence",
        ),
        ("next-sentence", "model", "segments", 1, "model.segments = 2, as in the recipe next-sentence; it is 1"),
        ("xlnet", "model", "query_stream", False, "model.query_stream = true, as in the recipe xlnet"),
        ("cloze", "training", "objective", "next_token", "trains decoders.* masked as in the recipe cloze"),
        ("cloze", "training", "objective", "permuted", "model.query_stream = true"),
        ("cloze", "data", "rows", "pairs", "go together, as in the recipe translate"),
        ("cloze", "training", "mask_share", 0.0, "training.mask_share must be more than 0"),
    ],
)
def test_what_does_not_go_together_is_refused(recipe: str, section: str, name: str, value: Any, said: str) -> None:
    values = config_of(recipe).model_dump(mode="json")
    values[section][name] = value
    with pytest.raises(UserError, match=said):
        parse(RunConfig, values)


def test_windows_of_a_text_serve_as_well(corpus: TokenizedCorpus, tmp_path: Path) -> None:
    """Where rows are windows, texts stand in one row with the sign between them."""
    config = config_of("cloze")
    data = config.data.model_copy(update={"corpus": str(corpus.folder / "tokenizer.json"), "rows": "windows", "tokenizer": "bpe", "vocabulary_size": 400})  # fmt: skip
    model = config.model.model_copy(update={"context": 32})
    windows = config.model_copy(update={"data": data, "model": model})
    text = prepare(data, tmp_path)
    records = list(train(windows, text))
    looks = [record for record in records if isinstance(record, Evaluation)]
    assert looks[-1].loss < looks[0].loss
    assert looks[-1].whole
    # Here the sample prompt is longer than the context: only held-out texts are shown.
    shown = [record for record in records if isinstance(record, Sample)]
    assert shown
    assert all(sample.reference for sample in shown)
