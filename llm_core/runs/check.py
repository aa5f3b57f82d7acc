"""What is refused before a run folder is made, within about a second."""

from llm_core.config import MAXIMUM_PARAMETERS, NgramConfig, RunConfig
from llm_core.data.corpora import CORPORA
from llm_core.data.source import documents
from llm_core.errors import UserError

LOOKED_AT = 2_000_000


def refuse_impossible(config: RunConfig) -> None:
    """Raises UserError for a model beyond the limit, and for a text that is missing, empty or broken at its start.

    Looks at the first two million characters; a fault further back comes out when the worker prepares the text.
    """
    if not isinstance(config.model, NgramConfig):
        from llm_core.models.size import count_parameters

        least = count_parameters(config.model.model_copy(update={"vocabulary_size": 2}))
        if least > MAXIMUM_PARAMETERS:
            raise UserError(
                "The model would have {parameters} parameters; at most {limit} are allowed. Make it smaller.",
                parameters=least, limit=MAXIMUM_PARAMETERS,
            )  # fmt: skip
    if config.data.corpus in CORPORA:
        return
    seen = 0
    for text in documents(config.data):
        seen += len(text)
        if seen > LOOKED_AT:
            return
