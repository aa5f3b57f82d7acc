"""Which runs have no attention heads to score. Knows no torch: a page asks before it makes a run."""

from llm_core.config import TransformerConfig, network
from llm_core.errors import UserError
from llm_core.runs.run import Run


def refuse_headless(run: Run) -> None:
    """Raises UserError for a run whose model has no attention heads to score, or that has kept no model yet."""
    model = network(run.model_config)
    if not isinstance(model, TransformerConfig) or not model.layers:
        raise UserError("Run {run} has no attention heads to score: only Transformers with layers have.", run=run.id)
    if not run.steps():
        raise UserError("Run {run} has not kept a model yet; it does at its first step.", run=run.id)
