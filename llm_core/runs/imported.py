"""What a run of the kind "import" is: a model that was trained elsewhere, looked at here like any other."""

from llm_core.config import Config, TransformerConfig


class ImportConfig(Config):
    """model_type: what Hugging Face calls the family · source: name of the folder or file it came from, to be shown."""

    model: TransformerConfig
    model_type: str
    source: str
