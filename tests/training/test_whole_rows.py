"""Training on whole documents: every real token weighs the same, padding nothing, and looks tell what is measured."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from llm_core.config import NgramConfig, RecurrentConfig, RunConfig, TransformerConfig
from llm_core.data.corpora import with_corpus
from llm_core.data.prepare import TokenizedCorpus, prepare
from llm_core.errors import UserError
from llm_core.evaluate.language_model import score
from llm_core.models.base import Batch
from llm_core.training.loop import train
from llm_core.training.objectives import NextToken
from llm_core.training.records import Evaluation, Sample, Step
from llm_core.training.state import begin
from tests.training.conftest import run_config

MODEL = TransformerConfig(context=192, width=16, layers=1, heads=2)


def test_a_steps_loss_is_the_mean_over_its_real_tokens(stories: TokenizedCorpus) -> None:
    config = run_config(MODEL, batch_size=5, accumulation=3)
    state = begin(config, stories)
    source = NextToken().source(stories, state.config)
    nats, tokens = 0.0, 0
    for _ in range(3):
        example = source.next()
        assert example.batch.lengths is not None
        for row, length in enumerate(example.batch.lengths.tolist()):
            assert example.batch.tokens is not None
            ids, targets = example.batch.tokens[row, :length], example.targets[row, :length]
            assert ids[0] == targets[-1] == stories.tokenizer.end_of_text
            with torch.no_grad():
                logits = state.model(Batch(tokens=ids[None]))[0]
            nats += float(F.cross_entropy(logits, targets, reduction="sum"))
            tokens += length
    first = next(record for record in train(config, stories) if isinstance(record, Step))
    assert first.tokens == tokens
    assert first.loss == pytest.approx(nats / tokens, rel=1e-5)


@pytest.mark.parametrize("model", [MODEL, RecurrentConfig(context=192, width=16), NgramConfig(context=192, order=3)])
def test_every_family_learns_from_whole_documents(
    stories: TokenizedCorpus, model: TransformerConfig | RecurrentConfig | NgramConfig
) -> None:
    records = list(train(run_config(model, learning_rate=0.02), stories))
    looks = [record for record in records if isinstance(record, Evaluation)]
    assert looks[-1].whole
    assert looks[-1].loss < looks[0].loss - 0.3
    assert looks[-1].bits_per_character > 0


def test_a_look_at_a_task_tells_the_share_of_right_answers(tmp_path: Path) -> None:
    config = with_corpus(run_config(), "copy")  # which sets steps and batches of its own
    training = config.training.model_copy(update={"steps": 12, "batch_size": 4, "evaluation_every": 5})
    config = RunConfig(model=config.model, data=config.data.model_copy(update={"documents": 100}), training=training)
    records = list(train(config, prepare(config.data, tmp_path)))
    looks = [record for record in records if isinstance(record, Evaluation)]
    assert all(set(look.measures) == {"accuracy"} and 0 <= look.measures["accuracy"] <= 1 for look in looks)
    samples = [record for record in records if isinstance(record, Sample)]
    assert next(sample.prompt for sample in samples if sample.step == 0) == ""


def test_a_text_without_truth_has_no_measures(corpus: TokenizedCorpus) -> None:
    assert all(not record.measures for record in train(run_config(), corpus) if isinstance(record, Evaluation))


def test_a_document_longer_than_the_context_is_refused(stories: TokenizedCorpus) -> None:
    with pytest.raises(UserError, match=r"model\.context to 1[0-9][0-9] or more"):
        begin(run_config(MODEL.model_copy(update={"context": 64})), stories)


def test_a_perfect_score_of_a_whole_row_counts_every_character(stories: TokenizedCorpus) -> None:
    state = begin(RunConfig(model=NgramConfig(context=192)), stories)
    found = score(state.model, stories)
    assert found.characters == stories.characters[1]
    assert found.tokens == len(stories.held_out)
