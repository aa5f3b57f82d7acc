"""What of a model has attention: its parts, layers and heads, read from its settings, so that no page waits for torch."""

from dataclasses import dataclass

from llm_core.config import TransformerConfig, network
from llm_core.errors import UserError
from llm_core.models.size import inner_width
from llm_core.runs.run import Run

PARTS = {
    "decoder": ("decoder",),
    "encoder": ("encoder",),
    "encoder_decoder": ("encoder", "decoder", "cross"),
}
"""Architecture to the parts that have attention, in the order in which a text passes them."""


@dataclass(frozen=True)
class Shape:
    """Parts by name, each with as many layers of as many heads; `context`: how many tokens fit; `neurons`: of each
    feed-forward layer, 0 where a model has none."""

    parts: tuple[str, ...]
    layers: int
    heads: int
    context: int
    neurons: int = 0

    @property
    def has_source(self) -> bool:
        """Whether the model reads two texts: a source, and the text that it becomes."""
        return "cross" in self.parts


def shape_of(run: Run) -> Shape:
    """What there is to look at in the models of a run. Raises UserError, which says why, where there is nothing."""
    config = network(run.model_config)
    if not isinstance(config, TransformerConfig):
        raise UserError("This model has no attention: it belongs to the family {family}, and only Transformers have heads that look at other tokens.", family=config.family)  # fmt: skip
    if not config.layers:
        raise UserError("This model has no layers, and so no attention.")
    return Shape(PARTS[config.architecture], config.layers, config.heads, config.context, inner_width(config))
