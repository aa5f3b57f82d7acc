"""The network that reads the words of a text: padding, windows, and the two ways of its LSTM."""

from typing import Literal

import pytest
import torch
from torch import Tensor

from llm_core.models.text_network import BidirectionalLSTM, TextNetwork, TextNetworkConfig

ENCODERS: tuple[Literal["lstm", "transformer"], ...] = ("lstm", "transformer")


def network(encoder: Literal["lstm", "transformer"]) -> TextNetwork:
    torch.manual_seed(0)
    built = TextNetwork(TextNetworkConfig(encoder=encoder, rows=50, classes=3, context=32, width=16, layers=2))
    with torch.no_grad():
        built.table.normal_()
        built.table[0] = 0
    return built.eval()


@pytest.fixture
def ids() -> Tensor:
    return torch.randint(1, 50, (4, 12, 3), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_padding_changes_nothing(encoder: Literal["lstm", "transformer"], ids: Tensor) -> None:
    built = network(encoder)
    lengths = torch.tensor([12, 5, 1, 9])
    together = built(built.embed(ids), lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = built(built.embed(ids[row : row + 1, :length]), lengths[row : row + 1])
        torch.testing.assert_close(together[row : row + 1], alone)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_order_counts(encoder: Literal["lstm", "transformer"], ids: Tensor) -> None:
    built = network(encoder)
    lengths = torch.full((4,), 12)
    turned = built(built.embed(ids.flip(1)), lengths)
    assert not torch.allclose(turned, built(built.embed(ids), lengths), atol=1e-3)


def test_class_scores_go_straight_to_the_logits(ids: Tensor) -> None:
    built = network("transformer")
    lengths = torch.tensor([12, 5, 1, 9])
    before = built(built.embed(ids), lengths)
    with torch.no_grad():
        built.table[:, -3:] += torch.tensor([0.0, 1.0, 0.0])
        built.table[0] = 0
    # Each position has three parts, each of which adds 1 to the second class; all is divided by the root of the length.
    expected = torch.stack((torch.zeros(4), 3 * lengths / lengths.sqrt(), torch.zeros(4)), dim=1)
    torch.testing.assert_close(built(built.embed(ids), lengths) - before, expected)


def test_the_lstm_equals_the_one_of_torch_that_reads_both_ways() -> None:
    torch.manual_seed(0)
    ours = BidirectionalLSTM(TextNetworkConfig(encoder="lstm", rows=2, classes=2, context=9, width=8, layers=2))
    theirs = torch.nn.LSTM(8, 4, num_layers=2, bidirectional=True, batch_first=True)
    for layer in range(2):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            for part, suffix in ((ours.forwards[layer], ""), (ours.backwards[layer], "_reverse")):
                getattr(theirs, f"{name}_l{layer}{suffix}").data = getattr(part, f"{name}_l0").data
    x, lengths = torch.randn(3, 9, 8), torch.tensor([9, 4, 1])
    found = ours(x, lengths)
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(found[row, :length], theirs(x[row : row + 1, :length])[0][0])
