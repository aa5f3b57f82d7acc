"""A model for a task keeps what the contract of models asks, as far as it applies, and its heads do what they say."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from llm_core.config import RecurrentConfig, TaskConfig, parse
from llm_core.errors import UserError
from llm_core.models.base import Batch
from llm_core.models.build import build
from llm_core.models.files import load_model, save_model
from llm_core.models.presets import preset
from llm_core.models.size import count_parameters
from llm_core.models.task_model import TaskModel, pool
from llm_core.models.transformer import Transformer
from llm_core.taps import observe, tap_names

V, CONTEXT = 23, 16
SIZE = {"vocabulary_size": V, "context": CONTEXT, "width": 16, "layers": 2, "heads": 4}
OURS = preset("ours", architecture="encoder", **SIZE)
BERT = preset("bert", **SIZE)
LSTM = RecurrentConfig(vocabulary_size=V, context=CONTEXT, width=16, layers=2, tied_embeddings=False)
MODELS = {
    "class, first token": TaskConfig(body=BERT, labels=3, pooling="first"),
    "class, mean": TaskConfig(body=OURS, labels=5, pooling="mean"),
    "class, mean and maximum": TaskConfig(body=OURS, labels=2),
    "class, recurrent": TaskConfig(body=LSTM, labels=3),
    "tags": TaskConfig(task="tag", body=OURS, labels=7),
    "tags, recurrent": TaskConfig(task="tag", body=LSTM, labels=7),
    "answer": TaskConfig(task="answer", body=OURS.model_copy(update={"segments": 2})),
    "answer, BERT": TaskConfig(task="answer", body=BERT),
}


def draw(*shape: int, seed: int = 1, most: int = V) -> Tensor:
    return torch.randint(most, shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> TaskModel:
    """With random weights everywhere: some begin at zero, where much would be equal by chance."""
    made = build(MODELS[request.param], seed=3)
    assert isinstance(made, TaskModel)
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return made.eval()


def run(model: TaskModel, tokens: Tensor, lengths: Tensor | None = None) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model(Batch(tokens, lengths))
    return logits


def outputs(model: TaskModel) -> int:
    return 2 if model.config.task == "answer" else model.config.labels or 0


def test_there_is_a_logit_for_every_label_or_for_start_and_end(model: TaskModel) -> None:
    logits = run(model, draw(4, 9))
    assert logits.shape == ((4, outputs(model)) if model.config.task == "classify" else (4, 9, outputs(model)))
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()
    assert run(model, draw(1, 1)).shape[0] == run(model, draw(1, CONTEXT)).shape[0] == 1


def test_padding_changes_nothing_that_is_real_of_a_task(model: TaskModel) -> None:
    tokens, lengths = draw(4, 9), torch.tensor([9, 1, 5, 8])
    padded = run(model, tokens, lengths)
    other = run(model, torch.where(Batch(tokens, lengths).real, tokens, (tokens + 1) % V), lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = run(model, tokens[row : row + 1, :length])[0]
        kept = slice(None) if model.config.task == "classify" else slice(length)
        torch.testing.assert_close(padded[row][kept], other[row][kept])
        torch.testing.assert_close(padded[row][kept], alone, atol=2e-5, rtol=1e-4)


def test_it_learns_the_answers_of_one_batch_by_heart(model: TaskModel) -> None:
    shape = (4,) if model.config.task == "classify" else (4, 6)
    targets = draw(*shape, seed=9, most=outputs(model))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    batch = Batch(draw(4, 6))
    loss = torch.tensor(9.0)
    for _ in range(200):
        loss = F.cross_entropy(model(batch).flatten(0, -2), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if loss < 0.1:
            break
    assert loss < 0.1


def test_every_parameter_of_a_task_has_a_part_in_the_loss(model: TaskModel) -> None:
    shape = (4,) if model.config.task == "classify" else (4, 8)
    batch = Batch(draw(4, 8), segments=draw(4, 8, most=2))
    F.cross_entropy(model.train()(batch).flatten(0, -2), draw(*shape, seed=9, most=outputs(model)).flatten()).backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert sum(p.numel() for p in model.parameters()) == count_parameters(model.config)


def test_a_task_saved_and_loaded_is_the_same_to_the_bit(model: TaskModel, tmp_path: Path) -> None:
    save_model(model, tmp_path)
    loaded = load_model(tmp_path)
    assert isinstance(loaded, TaskModel)
    assert loaded.config == model.config
    assert not loaded.training
    assert json.loads((tmp_path / "model.json").read_text())["family"] == "task"
    assert torch.equal(run(loaded, draw(2, 9)), run(model, draw(2, 9)))


def test_the_head_of_the_body_is_the_whole_and_vectors_may_stand_for_tokens(model: TaskModel) -> None:
    tokens, lengths = draw(2, 9), torch.tensor([9, 4])
    batch = Batch(tokens, lengths)
    with torch.no_grad():
        hidden = model.body(batch)
        assert hidden.shape == (2, 9, 16)
        assert torch.equal(model.head(hidden, batch.real), model(batch))
        vectors = model.reader.token_embedding(tokens)
        torch.testing.assert_close(model(Batch(lengths=lengths, embeddings=vectors)), model(batch))


def test_all_taps_of_a_task_have_names_and_looking_changes_nothing(model: TaskModel) -> None:
    tokens = draw(2, 9)
    plain = run(model, tokens)
    with observe(model) as seen:
        looked_at = run(model, tokens)
    torch.testing.assert_close(looked_at, plain, atol=2e-5, rtol=1e-4)
    assert set(seen) == set(tap_names(model))
    assert ("pooled" in seen) == (model.config.task == "classify")
    pattern = "reader.blocks.0.attention.pattern"
    assert (pattern in seen) == isinstance(model.reader, Transformer)


def test_pooling_counts_real_tokens_only() -> None:
    hidden = torch.tensor([[[1.0, -4.0], [3.0, -2.0], [9.0, 9.0]]])
    real = torch.tensor([[True, True, False]])
    assert pool(hidden, real, "first").tolist() == [[1.0, -4.0]]
    assert pool(hidden, real, "mean").tolist() == [[2.0, -3.0]]
    assert pool(hidden, real, "mean_and_max").tolist() == [[2.0, -3.0, 3.0, -2.0]]
    assert pool(hidden[:, :2], None, "mean_and_max").tolist() == [[2.0, -3.0, 3.0, -2.0]]


def test_the_weights_of_an_encoder_fit_into_the_reader() -> None:
    """So that a pre-trained body can be taken over: all but what writes the masked token has its place."""
    encoder = build(BERT, seed=5)
    task = build(MODELS["answer, BERT"], seed=6)
    assert isinstance(task, TaskModel)
    taken = {name: value for name, value in encoder.state_dict().items() if not name.startswith("token_head.")}
    task.reader.load_state_dict(taken)
    batch = Batch(draw(2, 7))
    with torch.no_grad():
        assert torch.equal(task.eval().body(batch), encoder.eval().body(batch))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"body": {"family": "transformer"}}, "architecture to encoder"),
        ({"body": {"family": "recurrent"}, "pooling": "first"}, "has read nothing yet"),
        ({"body": {"family": "ngram"}}, "body cannot be"),
        ({"task": "sing"}, r"^task must be one of"),
        ({"body": {"family": "transformer", "architecture": "encoder", "width": 1}}, r"^body\.width must be at least 2"),
    ],
)  # fmt: skip
def test_a_task_that_cannot_be_is_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse(TaskConfig, values)


def test_a_task_without_labels_is_not_loaded(tmp_path: Path) -> None:
    save_model(build(MODELS["tags"]), tmp_path)
    described = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**described, "labels": None}))
    with pytest.raises(UserError, match="how many labels"):
        load_model(tmp_path)
