"""An encoder-decoder learns from sentence pairs: the loss, what is shown of it, and an exact resume."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from llm_core.config import RunConfig, TrainingConfig, TransformerConfig, load_recipe, parse
from llm_core.data.prepare import TokenizedCorpus, prepare
from llm_core.errors import UserError
from llm_core.evaluate.chrf import chrf
from llm_core.evaluate.floor import NO_TRANSLATIONS, entropy_floor
from llm_core.evaluate.language_model import score, targets_of
from llm_core.inference.translate import translations
from llm_core.models.base import Batch
from llm_core.runs.baselines import ngram_score
from llm_core.training.loop import train
from llm_core.training.objectives import OBJECTIVES, SequenceToSequence
from llm_core.training.records import Evaluation, Sample, Step
from llm_core.training.state import TrainingState, begin
from llm_core.training.translating import held_out_sentences, translation_measures
from tests.training.test_resume import run, stitched, telling

RECIPE = load_recipe(Path(__file__).parents[2] / "assets" / "recipes" / "translate.toml")
MODEL = RECIPE.model.model_copy(update={"width": 16, "layers": 1, "heads": 2, "dropout": 0.1})


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> TokenizedCorpus:
    return prepare(config_of().data, tmp_path_factory.mktemp("sentences"))


def config_of(**training: Any) -> RunConfig:
    settings = {
        "steps": 12, "batch_size": 8, "evaluation_every": 5, "evaluation_tokens": 200, "sample_every": 6,
        "checkpoint_every": 4, "threads": 1, "device": "cpu", "precision": "fp32",
    }  # fmt: skip
    data = RECIPE.data.model_copy(update={"documents": 300, "held_out": 0.1})
    return RunConfig(model=MODEL, data=data, training=RECIPE.training.model_copy(update=settings | training))


def stirred(corpus: TokenizedCorpus) -> TrainingState:
    """A run before its first step, with a model that does not begin at the uniform guess."""
    state = begin(config_of(), corpus)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in state.model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    state.model.eval()
    return state


def by_hand(state: TrainingState, source: list[int], target: list[int]) -> list[float]:
    """-log p of each token of a target and of its end, each from its own forward pass without any padding."""
    lost = []
    for place in range(len(target) + 1):
        read = Batch(torch.tensor([[*source, 0]]))
        with torch.no_grad():
            logits = state.model(Batch(torch.tensor([[0, *target[:place]]]), source=read))[0, -1]
        lost.append(float(F.cross_entropy(logits, torch.tensor([*target, 0][place]))))
    return lost


def pairs_of(tokens: np.ndarray) -> list[tuple[list[int], list[int]]]:
    """The token ids of each sentence and its translation, split by hand."""
    texts: list[list[int]] = []
    for token in tokens.tolist():
        if token == 0:
            texts.append([])
        else:
            texts[-1].append(token)
    return list(zip(texts[::2], texts[1::2], strict=True))


def test_the_loss_is_the_mean_over_the_tokens_of_the_translations(sentences: TokenizedCorpus) -> None:
    state = stirred(sentences)
    example = SequenceToSequence().source(sentences, state.config).next()
    known = pairs_of(sentences.training)
    batch = example.batch
    assert batch.source is not None
    assert batch.tokens is not None
    assert batch.lengths is not None
    assert batch.source.tokens is not None
    assert batch.source.lengths is not None
    lost: list[float] = []
    for row, (read, length) in enumerate(zip(batch.source.lengths.tolist(), batch.lengths.tolist(), strict=True)):
        *source, end = batch.source.tokens[row, :read].tolist()
        begin_sign, *target = batch.tokens[row, :length].tolist()
        assert (begin_sign, end) == (0, 0)
        assert (source, target) in known
        lost += by_hand(state, source, target)
    assert example.asked == len(lost) == int(batch.lengths.sum())
    with torch.no_grad():
        assert float(SequenceToSequence().loss(state.model, example)) == pytest.approx(sum(lost) / len(lost), rel=1e-5)


def test_what_pads_a_row_is_neither_read_nor_asked(sentences: TokenizedCorpus) -> None:
    state = stirred(sentences)
    objective = OBJECTIVES["sequence_to_sequence"]
    source = objective.source(sentences, state.config)
    example = source.next()
    while True:  # a batch in which something is padded on both sides
        batch = example.batch
        assert batch.source is not None
        if not bool(batch.real.all()) and not bool(batch.source.real.all()):  # type: ignore[union-attr]
            break
        example = source.next()
    assert example.weights is not None
    read, tokens = batch.source.tokens, batch.tokens
    other = Batch(
        torch.where(batch.real, tokens, 7), batch.lengths,
        source=Batch(torch.where(batch.source.real, read, 9), batch.source.lengths),
    )  # type: ignore[arg-type]  # fmt: skip
    changed = type(example)(other, torch.where(example.weights > 0, example.targets, 5), example.weights)
    with torch.no_grad():
        losses = [float(objective.loss(state.model, each)) for each in (example, changed)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


def test_a_score_counts_every_held_out_translation_once(sentences: TokenizedCorpus) -> None:
    state = stirred(sentences)
    known = pairs_of(sentences.held_out)
    lost = [nats for source, target in known for nats in by_hand(state, source, target)]
    found = score(state.model, sentences)
    assert found.whole
    assert found.tokens == len(lost) == targets_of(sentences.held_out, "pairs")
    assert found.loss == pytest.approx(sum(lost) / len(lost), rel=1e-5)
    written = sum(len(sentences.tokenizer.decode(target)) for _, target in known)
    assert found.characters == written
    assert found.bits_per_character == pytest.approx(sum(lost) / math.log(2) / written, rel=1e-5)
    some = score(state.model, sentences, limit=60)
    assert not some.whole
    assert some.tokens <= 60


def test_the_ngram_beside_it_knows_the_translations_alone(sentences: TokenizedCorpus) -> None:
    found = ngram_score(sentences)
    assert found.tokens == targets_of(sentences.held_out, "pairs")
    assert 0.5 < found.loss < math.log(sentences.tokenizer.vocabulary_size)
    assert entropy_floor(config_of(), sentences) is NO_TRANSLATIONS


def test_a_run_tells_translations_beside_their_references(sentences: TokenizedCorpus) -> None:
    records = list(train(config_of(), sentences))
    shown = [record for record in records if isinstance(record, Sample) and record.step == 12]
    (asked, *held_out) = shown
    assert (asked.prompt, asked.reference) == ("Lily had a ball, and she put it in the box.", None)
    known = dict(held_out_sentences(sentences))
    assert len(held_out) == 3
    assert all(known[each.prompt] == each.reference for each in held_out)
    looks = [record for record in records if isinstance(record, Evaluation)]
    assert all(set(look.measures) == {"exact_match", "chrf"} for look in looks)
    assert looks[-1].whole
    steps = [record for record in records if isinstance(record, Step)]
    assert steps[0].loss == pytest.approx(math.log(sentences.tokenizer.vocabulary_size), abs=0.1)
    assert looks[-1].loss < looks[0].loss - 0.1


def test_measures_are_those_of_what_the_model_writes_by_itself(sentences: TokenizedCorpus) -> None:
    pairs = held_out_sentences(sentences)
    assert pairs == [
        (sentences.tokenizer.decode(source), sentences.tokenizer.decode(target))
        for source, target in pairs_of(sentences.held_out)
    ]
    model = stirred(sentences).model
    written = translations(model, sentences.tokenizer, [source for source, _ in pairs])
    references = [target for _, target in pairs]
    found = translation_measures(model, sentences, None)
    exact = sum(ours == theirs for ours, theirs in zip(written, references, strict=True))
    assert found == {"exact_match": exact / len(pairs), "chrf": chrf(written, references)}


def test_sentence_pairs_resume_exactly(tmp_path: Path, sentences: TokenizedCorpus) -> None:
    config = config_of(steps=16, batch_size=24, accumulation=2, evaluation_every=8, sample_every=8)
    straight, last = run(config, sentences, tmp_path / "straight")
    parts = [run(config, sentences, tmp_path / "broken", kill_after=kill)[0] for kill in (3, 9, 14)]
    records, resumed = run(config, sentences, tmp_path / "broken")
    assert telling(stitched([*parts, records])) == telling(straight)
    assert last is not None
    assert resumed is not None
    expected = last.model.state_dict()
    assert all(torch.equal(expected[key], value) for key, value in resumed.model.state_dict().items())


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("model", "architecture", "decoder"),
        ("model", "architecture", "encoder"),
        ("training", "objective", "next_token"),
        ("data", "rows", "documents"),
        ("model", "family", "recurrent"),
    ],
)
def test_what_does_not_go_with_pairs_is_refused_with_what_does(section: str, name: str, value: str) -> None:
    values = config_of().model_dump(mode="json")
    values[section] = {"family": value} if name == "family" else values[section] | {name: value}
    with pytest.raises(UserError, match=rf"parallel-en-zh.*recipe translate.* is {value}"):
        parse(RunConfig, values)


def test_every_other_model_learns_as_before() -> None:
    for architecture in ("encoder", "encoder_decoder"):
        with pytest.raises(UserError):
            RunConfig(model=TransformerConfig(architecture=architecture), training=TrainingConfig())  # type: ignore[arg-type]
    assert RunConfig().training.objective == "next_token"
