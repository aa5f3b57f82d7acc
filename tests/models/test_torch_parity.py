"""Weight for weight, the encoder-decoder is `torch.nn.Transformer`."""

import pytest
import torch
from torch import Tensor, nn

from llm_core.models.base import Batch
from llm_core.models.build import build
from llm_core.models.encoder_decoder import EncoderDecoder
from llm_core.models.presets import preset
from llm_core.models.transformer import Stack


def copy_stack(ours: Stack, theirs: nn.Module) -> None:
    """Every parameter of one of torch's sides into ours, by name."""
    taken = set()

    def take(parameter: Tensor, *names: str) -> None:
        with torch.no_grad():
            parameter.copy_(torch.cat([source[name] for name in names]))
        taken.update(names)

    source = dict(theirs.named_parameters())
    for n, block in enumerate(ours.blocks):
        width = block.attention.output.weight.shape[0]
        norms = [block.attention_norm, block.cross_norm, block.feed_forward_norm]
        for k, norm in enumerate((norm for norm in norms if norm is not None), start=1):
            take(norm.weight, f"layers.{n}.norm{k}.weight")
            take(norm.bias, f"layers.{n}.norm{k}.bias")
        for part in ("weight", "bias"):
            take(getattr(block.attention.query_key_value, part), f"layers.{n}.self_attn.in_proj_{part}")
            take(getattr(block.attention.output, part), f"layers.{n}.self_attn.out_proj.{part}")
            take(getattr(block.feed_forward.up, part), f"layers.{n}.linear1.{part}")
            take(getattr(block.feed_forward.down, part), f"layers.{n}.linear2.{part}")
            if block.cross_attention is not None:
                name = f"layers.{n}.multihead_attn.in_proj_{part}"
                with torch.no_grad():
                    getattr(block.cross_attention.query, part).copy_(source[name][:width])
                    getattr(block.cross_attention.key_value, part).copy_(source[name][width:])
                taken.add(name)
                take(getattr(block.cross_attention.output, part), f"layers.{n}.multihead_attn.out_proj.{part}")
    take(ours.final_norm.weight, "norm.weight")
    take(ours.final_norm.bias, "norm.bias")
    assert taken == set(source)


def pair(norm_first: bool, **size: int) -> tuple[EncoderDecoder, nn.Transformer]:
    torch.manual_seed(0)
    theirs = nn.Transformer(
        size["width"], size["heads"], size["layers"], size["layers"], 4 * size["width"],
        dropout=0.0, batch_first=True, norm_first=norm_first,
    ).eval()  # fmt: skip
    config = preset(
        "transformer", vocabulary_size=2, position="none", final_norm=True,
        norm_position="before" if norm_first else "after", **size,
    )  # fmt: skip
    ours = build(config).eval()
    assert isinstance(ours, EncoderDecoder)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.02)
    copy_stack(ours.encoder, theirs.encoder)
    copy_stack(ours.decoder, theirs.decoder)
    return ours, theirs


def test_the_classic_example_gives_what_torch_gives() -> None:
    ours, theirs = pair(False, width=512, heads=8, layers=6, context=128)
    source, target = torch.rand(10, 128, 512), torch.rand(10, 128, 512)
    mask = nn.Transformer.generate_square_subsequent_mask(128)
    with torch.inference_mode():
        out = ours.body(Batch(embeddings=target, source=Batch(embeddings=source)))
        expected = theirs(source, target, tgt_mask=mask, tgt_is_causal=True)
    assert out.shape == (10, 128, 512)
    torch.testing.assert_close(out, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("norm_first", [False, True])
def test_padded_sources_give_what_torch_gives(norm_first: bool) -> None:
    ours, theirs = pair(norm_first, width=32, heads=4, layers=2, context=16)
    source, target, lengths = torch.randn(3, 9, 32), torch.randn(3, 6, 32), torch.tensor([9, 4, 1])
    padding = torch.arange(9) >= lengths[:, None]
    mask = torch.ones(6, 6).triu(1).bool()
    with torch.no_grad():
        out = ours.body(Batch(embeddings=target, source=Batch(embeddings=source, lengths=lengths)))
        expected = theirs(
            source, target, tgt_mask=mask, src_key_padding_mask=padding, memory_key_padding_mask=padding
        )  # fmt: skip
    torch.testing.assert_close(out, expected, atol=1e-5, rtol=1e-4)
