"""A step that is opened: it says what happened, checked by doing it by hand, and changes nothing."""

import copy
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from llm_core.config import DataConfig, RunConfig, TransformerConfig
from llm_core.data.corpora import values_with_corpus
from llm_core.data.prepare import TokenizedCorpus, prepare
from llm_core.models.base import Model
from llm_core.training.loop import train
from llm_core.training.objectives import OBJECTIVES
from llm_core.training.records import Opened, Record, Snapshot, Step
from llm_core.training.schedules import factor
from llm_core.training.state import begin
from tests.training.conftest import run_config

DROPOUT = TransformerConfig(context=16, width=16, layers=2, heads=2, dropout=0.1)


def followed(config: RunConfig, corpus: TokenizedCorpus, opened: set[int]) -> tuple[list[Record], dict[int, Model]]:
    """All records, and the model as it was at each snapshot."""
    records, models = [], {}
    for record in train(config, corpus, opens=lambda step: step in opened):
        records.append(record)
        if isinstance(record, Snapshot):
            models[record.step] = copy.deepcopy(record.state.model)
    return records, models


def only(records: list[Record]) -> Opened:
    (opened,) = [record for record in records if isinstance(record, Opened)]
    return opened


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_opening_every_step_changes_no_bit(corpus: TokenizedCorpus, precision: str) -> None:
    config = run_config(DROPOUT, precision=precision, accumulation=2, steps=6)
    plain, last = followed(config, corpus, set())
    open_, opened_last = followed(config, corpus, set(range(1, 7)))
    losses = [[record.loss for record in records if isinstance(record, Step)] for records in (plain, open_)]
    assert losses[0] == losses[1]
    assert sum(isinstance(record, Opened) for record in open_) == 6
    expected = last[6].state_dict()
    assert all(torch.equal(expected[name], value) for name, value in opened_last[6].state_dict().items())


def test_an_opened_step_comes_right_before_its_step(corpus: TokenizedCorpus) -> None:
    records, _ = followed(run_config(steps=6), corpus, {5})
    kinds = [type(record).__name__ for record in records if record.step == 5]
    assert kinds[:3] == ["Opened", "Layers", "Step"]


def test_its_figures_are_those_of_an_update_done_by_hand(corpus: TokenizedCorpus) -> None:
    config = run_config(optimizer="sgd", momentum=0.0, learning_rate=0.5, gradient_clipping=0.3, steps=6, accumulation=2)  # fmt: skip
    records, models = followed(config, corpus, {4})
    opened = only(records)
    state = begin(config, corpus, copy.deepcopy(models[3]))
    for _ in range(3 * 2):
        state.source.next()
    examples = [state.source.next() for _ in range(2)]
    loss = sum(OBJECTIVES["next_token"].loss(state.model, example) for example in examples) / 2
    assert isinstance(loss, torch.Tensor)
    assert opened.loss_before == pytest.approx(loss.item(), rel=1e-5)
    assert opened.rows_in_batch == 8
    assert opened.asked == 8 * 16
    parameters = dict(state.model.named_parameters())
    gradients = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True))
    norm = sum(float((g**2).sum()) for g in gradients.values()) ** 0.5
    assert norm > 0.3
    assert opened.gradient_norm == pytest.approx(norm, rel=1e-4)
    assert opened.clipping == 0.3
    assert opened.cut == pytest.approx(0.3 / norm, rel=1e-4)
    share = factor(config.training, 4 / 6)
    assert (opened.share, opened.progress) == (pytest.approx(share), pytest.approx(4 / 6))
    assert opened.learning_rate == pytest.approx(0.5 * share)
    assert opened.schedule == "warmup_stable_decay"
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter -= 0.5 * share * 0.3 / norm * gradients[name]
    after = sum(OBJECTIVES["next_token"].loss(state.model, example).item() for example in examples) / 2
    assert opened.loss_after == pytest.approx(after, rel=1e-4)
    assert after < loss.item()
    for index, prefix in enumerate(("token_embedding", "blocks.0.", "blocks.1.", "final_norm")):
        part = sum(float((g**2).sum()) for name, g in gradients.items() if name.startswith(prefix)) ** 0.5
        weight = sum(float((w**2).sum()) for name, w in models[3].state_dict().items() if name.startswith(prefix)) ** 0.5  # fmt: skip
        change = part * 0.5 * share * 0.3 / norm
        assert opened.gradient[index] == pytest.approx(part, rel=1e-4)
        assert opened.weight[index] == pytest.approx(weight, rel=1e-4)
        assert opened.update[index] == pytest.approx(change, rel=1e-3)
        assert opened.relative[index] == pytest.approx(change / weight, rel=1e-3)


def test_the_rows_are_those_of_the_batch_with_what_each_token_cost(corpus: TokenizedCorpus) -> None:
    config = run_config(DROPOUT, steps=3)
    records, models = followed(config, corpus, {2})
    opened = only(records)
    state = begin(config, corpus)
    state.source.next()
    example = state.source.next()
    assert example.batch.tokens is not None
    pieces = corpus.tokenizer.pieces
    nats = F.cross_entropy(models[1].eval()(example.batch).flatten(0, 1), example.targets.flatten(), reduction="none")
    for row, shown in enumerate(opened.rows):
        ids = [int(example.batch.tokens[row, 0]), *example.targets[row].tolist()]
        assert shown.pieces == [pieces[token] for token in ids]
        assert shown.losses[0] is None
        assert shown.losses[1:] == pytest.approx(nats.view(4, 16)[row].tolist(), abs=1e-4)
    told = [loss for row in opened.rows for loss in row.losses if loss is not None]
    assert sum(told) / len(told) == pytest.approx(opened.loss_before, abs=1e-3)


def test_no_gradient_is_cut_where_there_is_no_limit(corpus: TokenizedCorpus) -> None:
    opened = only(followed(run_config(steps=2, gradient_clipping=None), corpus, {1})[0])
    assert opened.clipping is None
    assert opened.cut == 1.0


def short(corpus: str, objective: str, folder: Path, **model: Any) -> tuple[Opened, TokenizedCorpus]:
    """The only step of a run on an embedded text."""
    usual = values_with_corpus(run_config(), corpus)["data"]
    data = DataConfig.model_validate(usual | {"documents": 100, "mask_token": objective == "masked"})
    training = run_config().training.model_copy(update={"objective": objective, "steps": 1})
    body = {"architecture": "encoder", "width": 16, "layers": 1, "heads": 2, "context": 192} | model
    values = {"family": "transformer", **body}
    if objective in ("classify", "tag", "answer"):
        values = {"family": "task", "task": objective, "body": values | {"segments": 2}}
    made = RunConfig.model_validate({"model": values, "data": data.model_dump(), "training": training.model_dump()})
    text = prepare(data, folder)
    return only(followed(made, text, {1})[0]), text


def mean_of(opened: Opened) -> float:
    told = [loss for row in opened.rows for loss in row.losses if loss is not None]
    return sum(told) / len(told)


def test_hidden_tokens_are_shown_with_what_stood_in_their_place(tmp_path: Path) -> None:
    opened, text = short("stories-en", "masked", tmp_path)
    assert mean_of(opened) == pytest.approx(opened.loss_before, abs=1e-3)
    for row in opened.rows:
        assert row.read is not None
        changed = [place for place, (a, b) in enumerate(zip(row.pieces, row.read, strict=True)) if a != b]
        assert changed
        assert all(row.losses[place] is not None for place in changed)
    assert "[MASK]" in {piece for row in opened.rows for piece in row.read or []}
    assert text.tokenizer.mask is not None


def test_a_translation_is_shown_with_its_sentence(tmp_path: Path) -> None:
    opened, text = short("parallel-en-zh", "sequence_to_sequence", tmp_path, architecture="encoder_decoder")
    assert mean_of(opened) == pytest.approx(opened.loss_before, abs=1e-3)
    end = text.tokenizer.pieces[text.tokenizer.end_of_text]
    for row in opened.rows:
        assert row.source is not None
        assert row.source[-1] == end == row.pieces[-1]
        assert None not in row.losses


def test_tasks_show_what_is_right_beside_what_it_cost(tmp_path: Path) -> None:
    classified, text = short("labelled-reviews-en", "classify", tmp_path)
    assert {row.label for row in classified.rows} <= set(text.labels)
    costs = [row.label_loss for row in classified.rows if row.label_loss is not None]
    assert sum(costs) / len(costs) == pytest.approx(classified.loss_before, abs=1e-3)
    tagged, text = short("entities-en", "tag", tmp_path)
    assert mean_of(tagged) == pytest.approx(tagged.loss_before, abs=1e-3)
    for row in tagged.rows:
        assert row.wanted is not None
        assert [tag is None for tag in row.wanted] == [loss is None for loss in row.losses]
        assert {tag for tag in row.wanted if tag} <= set(text.labels)
    answered, _ = short("questions-en", "answer", tmp_path)
    total = sum(loss for row in answered.rows for loss in row.losses if loss is not None)
    assert total / (2 * len(answered.rows)) == pytest.approx(answered.loss_before, abs=1e-3)
    assert all(1 <= sum(loss is not None for loss in row.losses) <= 2 for row in answered.rows)


def test_of_a_large_batch_the_first_rows_are_shown(corpus: TokenizedCorpus) -> None:
    opened = only(followed(run_config(steps=1, batch_size=400), corpus, {1})[0])
    sizes = [len(row.pieces) - 1 for row in opened.rows]
    assert 4000 < sum(sizes) <= 4096
    assert opened.rows_in_batch == 400


def test_norms_of_neighbouring_steps_are_not_mixed_up(corpus: TokenizedCorpus) -> None:
    records, _ = followed(run_config(steps=3), corpus, {1, 2, 3})
    opened = [record for record in records if isinstance(record, Opened)]
    steps = {record.step: record for record in records if isinstance(record, Step)}
    for record in opened:
        assert record.gradient_norm == pytest.approx(steps[record.step].gradient_norm, rel=1e-4)
    assert all(a.weight != b.weight for a, b in itertools.pairwise(opened))
