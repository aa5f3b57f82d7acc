"""What a run is: the settings of a model, its data and its training, each with its range, unit and meaning.

The classes are frozen and strict. Every field carries a label and a help sentence marked for translation, so that a
page can make a form from the class alone. Ranges are checked here, before anything is built. Whatever is wrong comes
out as one `UserError`; use `parse` on anything that a person or a file has brought.
"""

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from llm_core.errors import N_, Setting, UserError
from llm_core.nearest import below_and_above, divisors, multiples

MAXIMUM_PARAMETERS = 50_000_000
MAXIMUM_STEPS = 10_000_000
MAXIMUM_SECONDS = 2_592_000
_FAMILIES = ("transformer", "recurrent", "ngram", "task")


def setting(
    default: Any,
    label: str,
    description: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    unit: str | None = None,
    logarithmic: bool = False,
) -> Any:
    """A field with what a form needs: label, help, range, unit, and whether its scale is logarithmic."""
    extra: dict[str, Any] = {"unit": unit, "logarithmic": logarithmic}
    return Field(default, title=label, description=description, ge=ge, gt=gt, le=le, json_schema_extra=extra)


class Config(BaseModel):
    """Frozen, strict, without unknown keys, NaN or infinity."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def valid_heads(width: int) -> list[int]:
    """The head counts that divide a width into heads of an even size, as rotary positions need."""
    return [heads for heads in range(1, width + 1) if width % heads == 0 and (width // heads) % 2 == 0]


Architecture = Literal["decoder", "encoder", "encoder_decoder"]
Position = Literal["learned", "sinusoidal", "rotary", "none"]
Norm = Literal["layer", "rms"]
NormPosition = Literal["before", "after"]
Activation = Literal["relu", "gelu", "gelu_tanh", "swiglu", "relu_squared"]
Initialization = Literal["normal", "zero_output", "xavier"]


class TransformerConfig(Config):
    """One set of blocks for decoder, encoder and encoder-decoder; famous models are presets of these options."""

    family: Literal["transformer"] = "transformer"
    architecture: Architecture = setting("decoder", N_("Architecture"), N_("A decoder writes left to right, an encoder reads a whole text at once, an encoder-decoder turns one text into another."))  # fmt: skip
    vocabulary_size: int | None = setting(None, N_("Vocabulary size"), N_("How many different tokens the model knows; taken from the tokenizer."), ge=2, le=200_000, unit=N_("tokens"))  # fmt: skip
    context: int = setting(128, N_("Context"), N_("How many tokens the model can look back on."), ge=2, le=8192, unit=N_("tokens"), logarithmic=True)  # fmt: skip
    width: int = setting(128, N_("Width"), N_("Size of the vector that stands for a token: the residual stream."), ge=2, le=4096, logarithmic=True)  # fmt: skip
    layers: int = setting(4, N_("Layers"), N_("How many blocks the text passes through. An encoder-decoder has this many on each side."), ge=0, le=64)  # fmt: skip
    heads: int = setting(4, N_("Heads"), N_("How many attention heads work side by side in a layer; the width must be divisible by it."), ge=1, le=64)  # fmt: skip
    key_value_heads: int | None = setting(None, N_("Key and value heads"), N_("Heads that share keys and values (grouped-query attention); empty gives every head its own."), ge=1, le=64)  # fmt: skip
    feed_forward_width: int | None = setting(None, N_("Feed-forward width"), N_("Neurons in each feed-forward layer; empty means four times the width, 0 none: an attention-only model."), ge=0, le=16384)  # fmt: skip
    position: Position = setting("rotary", N_("Positions"), N_("How the model knows the order of tokens."))
    rotary_base: float = setting(10_000.0, N_("Rotary base"), N_("Sets the slowest rotation; small contexts learn faster with a smaller base."), gt=1, le=10_000_000)  # fmt: skip
    norm: Norm = setting("rms", N_("Norm"), N_("How activations are kept in scale."))
    norm_position: NormPosition = setting("before", N_("Norm position"), N_("Before each sublayer (GPT-2 and later) or after it (Transformer 2017, BERT)."))  # fmt: skip
    norm_weights: bool = setting(True, N_("Learned norm weights"), N_("Whether norms have a learned gain."))
    norm_epsilon: float = setting(1e-5, N_("Norm epsilon"), N_("Keeps a norm from dividing by zero."), gt=0, le=1e-2)
    embedding_norm: bool = setting(False, N_("Norm on embeddings"), N_("A norm right after the embeddings, as in BERT."))  # fmt: skip
    final_norm: bool = setting(True, N_("Final norm"), N_("A norm after the last layer."))
    query_key_norm: bool = setting(False, N_("Norm on queries and keys"), N_("Keeps attention scores in scale, which allows higher learning rates."))  # fmt: skip
    activation: Activation = setting("gelu", N_("Activation"), N_("The nonlinearity of the feed-forward layers."))
    biases: bool = setting(False, N_("Biases"), N_("Whether linear layers and layer norms have a bias."))
    query_key_value_biases: bool | None = setting(None, N_("Query, key and value biases"), N_("Biases on these three alone, as in Qwen 2; empty follows Biases."))  # fmt: skip
    tied_embeddings: bool = setting(True, N_("Tied embeddings"), N_("Use the same matrix to read tokens in and to write them out."))  # fmt: skip
    head_bias: bool = setting(False, N_("Output bias"), N_("A bias for every token in the output layer, as in BERT."))
    head_transform: bool = setting(False, N_("Output transform"), N_("BERT's extra layer before the output of a masked model."))  # fmt: skip
    segments: int = setting(0, N_("Segments"), N_("How many segment embeddings there are; BERT has 2, for pairs of sentences."), ge=0, le=16)  # fmt: skip
    sentence_head: bool = setting(False, N_("Next-sentence output"), N_("BERT's second output: whether the second of two texts follows the first."))  # fmt: skip
    query_stream: bool = setting(False, N_("Query stream"), N_("XLNet's second stream, which knows a position and not its token, so that any order of predicting is possible."))  # fmt: skip
    embedding_scale: bool = setting(False, N_("Scaled embeddings"), N_("Multiply embeddings by the square root of the width (Transformer 2017)."))  # fmt: skip
    logit_softcap: float | None = setting(None, N_("Logit soft cap"), N_("Bends logits smoothly to stay within this bound; empty for none."), gt=0, le=1000)  # fmt: skip
    initialization: Initialization = setting("normal", N_("Initialization"), N_("How weights start: normal (GPT-2), outputs of each sublayer at zero (fast for small models), or Xavier (Transformer 2017)."))  # fmt: skip
    dropout: float = setting(0.0, N_("Dropout"), N_("Share of activations set to zero while training; helps when the text is small."), ge=0, le=0.9)  # fmt: skip

    @model_validator(mode="after")
    def _check(self) -> "TransformerConfig":
        if self.width % self.heads:
            raise UserError(
                "heads = {heads} does not divide width = {width}; choose one of {allowed}.",
                heads=self.heads, width=self.width, allowed=", ".join(map(str, divisors(self.width, 64))),
            ).suggesting(self._sized())  # fmt: skip
        if self.position == "rotary" and (self.width // self.heads) % 2:
            raise UserError(
                "Rotary positions need heads of an even size; width {width} with {heads} heads gives {size}. "
                "Choose heads from {allowed}, or other positions.",
                width=self.width, heads=self.heads, size=self.width // self.heads,
                allowed=", ".join(map(str, valid_heads(self.width))) or "-",
            ).suggesting({**self._sized(), "model.position": ("learned",)})  # fmt: skip
        if self.position == "sinusoidal" and self.width % 2:
            raise UserError(
                "Sinusoidal positions need an even width; width is {width}.", width=self.width
            ).suggesting({"model.width": self._sized()["model.width"], "model.position": ("learned",)})  # fmt: skip
        if self.architecture != "encoder" and (self.sentence_head or self.query_stream):
            raise UserError(
                "Only an encoder has a next-sentence output or a query stream; architecture is {architecture}.",
                architecture=self.architecture,
            )  # fmt: skip
        if self.key_value_heads is not None and self.heads % self.key_value_heads:
            shared = self.key_value_heads
            usable = valid_heads(self.width) if self.position == "rotary" else divisors(self.width, 64)
            raise UserError(
                "key_value_heads = {groups} does not divide heads = {heads}; choose one of {allowed}.",
                groups=shared, heads=self.heads, allowed=", ".join(map(str, divisors(self.heads, 64))),
            ).suggesting({
                "model.key_value_heads": below_and_above(shared, divisors(self.heads, 64)),
                "model.heads": below_and_above(self.heads, (n for n in usable if n % shared == 0 and n <= 64)),
            })  # fmt: skip
        return self

    def _sized(self) -> dict[str, tuple[int, ...]]:
        """The nearest widths that fit the heads, and the nearest head counts that fit the width."""
        rotary, shared = self.position == "rotary", self.key_value_heads or 1
        usable = valid_heads(self.width) if rotary else divisors(self.width, 64)
        if self.position == "sinusoidal" and self.width % 2:
            usable = []  # no number of heads helps
        even = 2 if rotary or (self.position == "sinusoidal" and self.heads % 2) else 1
        return {
            "model.width": multiples(self.heads * even, self.width, 2, 4096),
            "model.heads": below_and_above(self.heads, (n for n in usable if n % shared == 0 and n <= 64)),
        }


class RecurrentConfig(Config):
    """A recurrent network that reads one token at a time and carries a state along."""

    family: Literal["recurrent"] = "recurrent"
    cell: Literal["lstm"] = setting("lstm", N_("Cell"), N_("The kind of recurrent cell."))
    vocabulary_size: int | None = setting(None, N_("Vocabulary size"), N_("How many different tokens the model knows; taken from the tokenizer."), ge=2, le=200_000, unit=N_("tokens"))  # fmt: skip
    context: int = setting(128, N_("Context"), N_("How many tokens a training window has; the state itself has no limit."), ge=2, le=8192, unit=N_("tokens"), logarithmic=True)  # fmt: skip
    width: int = setting(128, N_("Width"), N_("Size of the token vectors and of the state."), ge=2, le=4096, logarithmic=True)  # fmt: skip
    layers: int = setting(2, N_("Layers"), N_("How many recurrent layers stand on each other."), ge=1, le=16)
    tied_embeddings: bool = setting(True, N_("Tied embeddings"), N_("Use the same matrix to read tokens in and to write them out."))  # fmt: skip
    dropout: float = setting(0.0, N_("Dropout"), N_("Share of activations set to zero while training; helps when the text is small."), ge=0, le=0.9)  # fmt: skip


class NgramConfig(Config):
    """Counts of token sequences with interpolated Kneser-Ney smoothing: no gradient, one pass over the text."""

    family: Literal["ngram"] = "ngram"
    vocabulary_size: int | None = setting(None, N_("Vocabulary size"), N_("How many different tokens the model knows; taken from the tokenizer."), ge=2, le=200_000, unit=N_("tokens"))  # fmt: skip
    order: int = setting(5, N_("Order"), N_("Length of the longest counted sequence; order 3 predicts a token from the two before it."), ge=1, le=8, unit=N_("tokens"))  # fmt: skip
    context: int = setting(128, N_("Context"), N_("Length of the windows in which the model is scored."), ge=2, le=8192, unit=N_("tokens"), logarithmic=True)  # fmt: skip


Task = Literal["classify", "tag", "answer"]
Pooling = Literal["first", "mean", "mean_and_max"]


class TaskConfig(Config):
    """A network that reads a whole text, with a head that answers for it: a class, a tag for each token, or a place."""

    family: Literal["task"] = "task"
    task: Task = setting("classify", N_("Task"), N_("What is said of a text: its class, a tag for each of its tokens, or where in it the answer to a question stands."))  # fmt: skip
    body: Annotated[TransformerConfig | RecurrentConfig, Field(discriminator="family")] = setting(TransformerConfig(architecture="encoder"), N_("Body"), N_("The network that reads the text: an encoder, or a recurrent network that reads it once."))  # fmt: skip
    labels: int | None = setting(None, N_("Labels"), N_("How many classes or tags there are; taken from the text."), ge=1, le=1000)  # fmt: skip
    pooling: Pooling = setting("mean_and_max", N_("Pooling"), N_("How the vectors of all tokens become one for the whole text, where its class is asked."))  # fmt: skip
    dropout: float = setting(0.1, N_("Dropout before the head"), N_("Share of what the head sees that is set to zero while training."), ge=0, le=0.9)  # fmt: skip

    @property
    def vocabulary_size(self) -> int | None:
        """How many tokens the body knows."""
        return self.body.vocabulary_size

    @property
    def context(self) -> int:
        """How many tokens the body reads at once."""
        return self.body.context

    @property
    def reader(self) -> TransformerConfig | RecurrentConfig:
        """The body without what only writes: no matrix and no bias for the next token."""
        unused: dict[str, Any] = {"tied_embeddings": True}
        if isinstance(self.body, TransformerConfig):
            unused |= dict.fromkeys(("head_bias", "head_transform", "sentence_head", "query_stream"), False)
        return self.body.model_copy(update=unused)

    @model_validator(mode="after")
    def _check(self) -> "TaskConfig":
        if isinstance(self.body, TransformerConfig) and self.body.architecture != "encoder":
            raise UserError(
                "The body of a model for a task reads the whole text at once: set model.body.architecture to encoder; it is {architecture}.",
                architecture=self.body.architecture,
            ).suggesting({"model.architecture": ("encoder",)})  # fmt: skip
        if isinstance(self.body, RecurrentConfig) and self.pooling == "first" and self.task == "classify":
            raise UserError("At its first token a recurrent network has read nothing yet: set model.pooling to mean or mean_and_max.").suggesting({"model.pooling": ("mean", "mean_and_max")})  # fmt: skip
        return self


ModelConfig = Annotated[TransformerConfig | RecurrentConfig | NgramConfig | TaskConfig, Field(discriminator="family")]


def network(config: ModelConfig) -> TransformerConfig | RecurrentConfig | NgramConfig:
    """The settings of the network itself: of a model for a task those of its body."""
    return config.body if isinstance(config, TaskConfig) else config


def with_vocabulary_size(config: ModelConfig, size: int) -> ModelConfig:
    """The same model for so many tokens."""
    if isinstance(config, TaskConfig):
        body = config.body.model_copy(update={"vocabulary_size": size})
        return config.model_copy(update={"body": body})
    return config.model_copy(update={"vocabulary_size": size})


TokenizerKind = Literal["character", "word", "bpe", "wordpiece"]
RowsKind = Literal["windows", "documents", "pairs", "labelled", "tagged", "questions"]


class DataConfig(Config):
    """Which text, how it is cut into tokens, and what is held out."""

    corpus: str = setting("python-reference", N_("Text"), N_("What the model learns from: an embedded text or your own."))  # fmt: skip
    encoding: str | None = setting(None, N_("Encoding"), N_("Character encoding of the file; empty means UTF-8, or the one its byte-order mark names."))  # fmt: skip
    text_column: str | None = setting(None, N_("Text column"), N_("The column or key that holds the text of a table; empty takes the longest text column."))  # fmt: skip
    tokenizer: TokenizerKind = setting("bpe", N_("Tokenizer"), N_("What a token is: a character, a word, or a frequent piece of a word (byte-level BPE, WordPiece)."))  # fmt: skip
    vocabulary_size: int = setting(1024, N_("Largest vocabulary"), N_("At most this many different tokens; a small text gets fewer."), ge=2, le=100_000, unit=N_("tokens"), logarithmic=True)  # fmt: skip
    byte_fallback: bool = setting(True, N_("Byte fallback"), N_("Spell unseen characters as bytes, so that any text comes back as it was. Without it the vocabulary is smaller and unseen characters become the sign for unknown."))  # fmt: skip
    held_out: float = setting(0.1, N_("Held-out share"), N_("Share of the text that the model never trains on and is tested with."), gt=0, le=0.5)  # fmt: skip
    rows: RowsKind = setting("windows", N_("Rows"), N_("What a row of a batch is: a window cut out of the running text, one whole document from its start to its end, a sentence with its translation, or a text with what is asked of it: its class, its entities, or the answer to a question."))  # fmt: skip
    documents: int | None = setting(None, N_("Documents"), N_("How many documents are written for a text that the program makes up itself; empty takes that text's usual number."), ge=2, le=5_000_000, logarithmic=True)  # fmt: skip
    mask_token: bool = setting(False, N_("Mask token"), N_("Whether the vocabulary has a sign for a hidden token, which a model needs that learns to fill them in."))  # fmt: skip


Objective = Literal[
    "next_token", "sequence_to_sequence", "masked", "next_sentence", "permuted", "classify", "tag", "answer"
]
READING: tuple[Objective, ...] = ("masked", "next_sentence", "permuted")
"""What an encoder learns without labels: tokens that are hidden from it, whatever hides them."""
TASKS: dict[str, tuple[RowsKind, str]] = {
    "classify": ("labelled", "labelled-reviews-en"), "tag": ("tagged", "entities-en"), "answer": ("questions", "questions-en"),
}  # fmt: skip
"""What a model is trained for on texts that have the answers: the rows that each needs, and a text that has them."""
Masking = Literal["tokens", "whole_words", "spans"]
OptimizerName = Literal["adamw", "sgd", "muon"]
ScheduleName = Literal["constant", "linear", "cosine", "warmup_stable_decay"]


class TrainingConfig(Config):
    """How the model learns, for how long, and how often it is looked at."""

    objective: Objective = setting("next_token", N_("Objective"), N_("What the model is asked to predict."))
    mask_share: float = setting(0.15, N_("Masked share"), N_("Share of the tokens that are hidden and asked for; BERT's 0.15."), gt=0, le=0.9)  # fmt: skip
    masking: Masking = setting("whole_words", N_("Masking"), N_("What is hidden together: single tokens (BERT), all tokens of a word, or spans of several words (SpanBERT)."))  # fmt: skip
    steps: int = setting(1000, N_("Steps"), N_("How many times the weights are updated."), ge=1, le=MAXIMUM_STEPS, unit=N_("steps"), logarithmic=True)  # fmt: skip
    seconds: float | None = setting(None, N_("Time limit"), N_("Train for this long instead of a number of steps; the schedule follows the clock."), gt=0, le=MAXIMUM_SECONDS, unit=N_("seconds"))  # fmt: skip
    batch_size: int = setting(24, N_("Batch size"), N_("Rows of text in one forward pass."), ge=1, le=4096, unit=N_("rows"), logarithmic=True)  # fmt: skip
    accumulation: int = setting(1, N_("Gradient accumulation"), N_("Forward passes whose gradients are averaged into one step: a larger batch in the same memory."), ge=1, le=1024)  # fmt: skip
    optimizer: OptimizerName = setting("muon", N_("Optimizer"), N_("How gradients become updates. Muon, for matrices, learns fastest on small models; AdamW is the usual one."))  # fmt: skip
    learning_rate: float = setting(3e-3, N_("Learning rate"), N_("Size of an update. Too high and the loss jumps, too low and it hardly falls. With Muon: for embeddings and output only."), gt=0, le=10, logarithmic=True)  # fmt: skip
    muon_learning_rate: float = setting(0.02, N_("Muon learning rate"), N_("Size of an update of the matrices when the optimizer is Muon."), gt=0, le=10, logarithmic=True)  # fmt: skip
    muon_iterations: int = setting(5, N_("Muon iterations"), N_("Newton-Schulz iterations that make an update orthogonal."), ge=1, le=10)  # fmt: skip
    momentum: float = setting(0.95, N_("Momentum"), N_("How much of the last updates is kept (SGD and Muon)."), ge=0, le=0.9999)  # fmt: skip
    weight_decay: float = setting(0.0, N_("Weight decay"), N_("How strongly weights are pulled towards zero."), ge=0, le=10)  # fmt: skip
    schedule: ScheduleName = setting("warmup_stable_decay", N_("Schedule"), N_("How the learning rate changes over the run."))  # fmt: skip
    warmup: float = setting(0.05, N_("Warm-up"), N_("Share of the run over which the learning rate rises from zero."), ge=0, le=1)  # fmt: skip
    decay: float = setting(0.7, N_("Decay"), N_("Share of the run, at its end, over which a warm-up-stable-decay schedule falls."), ge=0, le=1)  # fmt: skip
    final_learning_rate: float = setting(0.01, N_("Final learning rate"), N_("Where a falling schedule ends, as a share of the highest."), ge=0, le=1)  # fmt: skip
    gradient_clipping: float | None = setting(1.0, N_("Gradient clipping"), N_("Longest gradient that is let through; empty for no limit."), gt=0, le=1e6)  # fmt: skip
    precision: Literal["auto", "fp32", "bf16", "fp16"] = setting("auto", N_("Precision"), N_("Number format of the forward pass. bf16 is faster where the processor computes in it by itself; auto takes it there and fp32 elsewhere."))  # fmt: skip
    device: Literal["auto", "cpu", "cuda", "mps"] = setting("auto", N_("Device"), N_("Where the model computes; auto takes a GPU when there is one."))  # fmt: skip
    threads: int | None = setting(None, N_("Threads"), N_("Processor threads; empty lets the program choose. A resumed run keeps its number, so that it repeats exactly."), ge=1, le=256)  # fmt: skip
    seed: int = setting(1234, N_("Seed"), N_("The same seed gives the same run."), ge=0, le=2**31 - 1)
    evaluation_every: int = setting(50, N_("Evaluate every"), N_("Steps between two looks at the held-out text."), ge=1, le=MAXIMUM_STEPS, unit=N_("steps"))  # fmt: skip
    evaluation_tokens: int = setting(8192, N_("Evaluation tokens"), N_("How much of the held-out text each look takes; the last one takes all."), ge=2, le=100_000_000, unit=N_("tokens"))  # fmt: skip
    sample_every: int = setting(100, N_("Sample every"), N_("Steps between two samples of what the model writes."), ge=1, le=MAXIMUM_STEPS, unit=N_("steps"))  # fmt: skip
    sample_prompt: str = setting(
        "", N_("Sample prompt"), N_("How the samples begin, one beginning a line; empty lets the model begin.")
    )
    sample_tokens: int = setting(
        64, N_("Sample length"), N_("Tokens in each sample."), ge=1, le=4096, unit=N_("tokens")
    )
    checkpoint_every: int = setting(250, N_("Checkpoint every"), N_("Steps between two full checkpoints, from which a run can go on."), ge=1, le=MAXIMUM_STEPS, unit=N_("steps"))  # fmt: skip


class DecodingConfig(Config):
    """How a model's probabilities become text."""

    tokens: int = setting(64, N_("Tokens"), N_("How many tokens to write at most."), ge=1, le=4096, unit=N_("tokens"), logarithmic=True)  # fmt: skip
    method: Literal["sample", "greedy", "beam"] = setting("sample", N_("Method"), N_("Draw by chance, always take the likeliest token, or search for a likely whole (beam)."))  # fmt: skip
    temperature: float = setting(0.8, N_("Temperature"), N_("Below 1 the likely becomes likelier, above 1 the text becomes wilder. For sampling."), gt=0, le=10)  # fmt: skip
    top_k: int | None = setting(None, N_("Top k"), N_("Draw from this many likeliest tokens; empty for all."), ge=1, le=200_000, unit=N_("tokens"))  # fmt: skip
    top_p: float = setting(1.0, N_("Top p"), N_("Draw from the fewest tokens whose probabilities reach this sum."), gt=0, le=1)  # fmt: skip
    min_p: float = setting(0.0, N_("Min p"), N_("Leave out tokens with less than this share of the likeliest one's probability."), ge=0, le=1)  # fmt: skip
    repetition_penalty: float = setting(1.0, N_("Repetition penalty"), N_("Above 1, tokens that the text already has become less likely."), ge=1, le=10)  # fmt: skip
    beams: int = setting(4, N_("Beams"), N_("How many beginnings a beam search keeps."), ge=1, le=64)
    seed: int = setting(1234, N_("Seed"), N_("The same seed writes the same text."), ge=0, le=2**31 - 1)
    alternatives: int = setting(10, N_("Alternatives"), N_("How many of the likeliest tokens to report at each position."), ge=0, le=100, unit=N_("tokens"))  # fmt: skip


class TableConfig(Config):
    """A table of texts with labels: which file, which columns, and what of it is kept for the test."""

    file: str = setting("headlines-zh", N_("Table"), N_("A file with a text and its label in each row, or the name of an included example."))  # fmt: skip
    encoding: str | None = setting(None, N_("Encoding"), N_("Character encoding of the file; empty means UTF-8, or the one its byte-order mark names."))  # fmt: skip
    text_column: str | None = setting(None, N_("Text column"), N_("The column that holds the texts; empty takes the one with the longest texts."))  # fmt: skip
    label_column: str | None = setting(None, N_("Label column"), N_("The column that holds the labels; empty takes one with few different values."))  # fmt: skip
    test_file: str | None = setting(None, N_("Test file"), N_("A second file with the same columns to test with; empty keeps a part of the table for that."))  # fmt: skip
    test_share: float = setting(0.2, N_("Test share"), N_("Share of the table that nothing is learned from and everything is tested with; not used with a test file."), gt=0, le=0.5)  # fmt: skip
    seed: int = setting(0, N_("Seed"), N_("The same seed splits the table the same way."), ge=0, le=2**31 - 1)


class RunConfig(Config):
    """Everything a training run needs; what a recipe file holds."""

    model: ModelConfig = TransformerConfig()
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _check(self) -> "RunConfig":
        architecture = self.model.architecture if isinstance(self.model, TransformerConfig) else self.model.family
        objective, rows = self.training.objective, self.data.rows
        translates = architecture == "encoder_decoder", objective == "sequence_to_sequence", rows == "pairs"
        if any(translates):
            if all(translates):
                return self
            raise UserError(
                "An encoder-decoder, the objective sequence_to_sequence and a text of sentence pairs such as {corpus} go together, as in the recipe translate; here model.architecture is {architecture}, training.objective is {objective} and data.rows is {rows}.",
                corpus="parallel-en-zh", architecture=architecture, objective=objective, rows=rows,
            ).suggesting({"data.rows": ("pairs", "windows"), "recipe": ("translate",)})  # fmt: skip
        if isinstance(self.model, TaskConfig) or objective in TASKS or rows in [text for text, _ in TASKS.values()]:
            self._check_task()
            return self
        if architecture == "encoder" and objective not in READING:
            raise UserError(
                "Objective {objective} trains decoders; architecture is {architecture}. Set model.architecture to decoder, or training.objective to masked as in the recipe cloze.",
                objective=objective, architecture=architecture,
            ).suggesting({"model.architecture": ("decoder",), "recipe": ("cloze",)})  # fmt: skip
        if objective in READING:
            self._check_reading(architecture)
        return self

    def _check_task(self) -> None:
        """A model for a task, its objective and a text that has the answers go together."""
        objective, rows = self.training.objective, self.data.rows
        task = self.model.task if isinstance(self.model, TaskConfig) else None
        if objective in TASKS and task == objective and rows == TASKS[objective][0]:
            return
        by_rows = [name for name, (needed, _corpus) in TASKS.items() if needed == rows]
        meant: str = task or (objective if objective in TASKS else by_rows[0])
        text, corpus = TASKS[meant]
        raise UserError(
            "model.family = task, model.task = {task}, training.objective = {task}, data.rows = {rows} and a text such as {corpus} go together, as in the recipe {task}; here model.family is {family}, model.task {found}, training.objective {objective} and data.rows {found_rows}.",
            task=meant, rows=text, corpus=corpus, family=self.model.family, found=task or "-", objective=objective,
            found_rows=rows,
        ).suggesting({"recipe": (meant,), "data.rows": (text, "windows")})  # fmt: skip

    def _check_reading(self, architecture: str) -> None:
        """What learns hidden tokens is an encoder with all that the objective needs."""
        objective = self.training.objective
        needed: dict[str, tuple[Setting, Setting]] = {
            "model.architecture": ("encoder", architecture), "data.mask_token": (True, self.data.mask_token),
        }  # fmt: skip
        if isinstance(self.model, TransformerConfig) and objective == "next_sentence":
            needed["model.sentence_head"] = True, self.model.sentence_head
            needed["model.segments"] = 2, min(2, self.model.segments)
        if isinstance(self.model, TransformerConfig) and objective == "permuted":
            needed["model.query_stream"] = True, self.model.query_stream
        for setting_name, (wanted, found) in needed.items():
            if found != wanted:
                recipe = {"masked": "cloze", "next_sentence": "next-sentence", "permuted": "xlnet"}[objective]
                raise UserError(
                    "Objective {objective} needs {setting} = {wanted}, as in the recipe {recipe}; it is {found}.",
                    objective=objective, setting=setting_name, wanted=_as_written(wanted), recipe=recipe,
                    found=_as_written(found),
                ).suggesting({setting_name: (wanted,)})  # fmt: skip


ConfigType = TypeVar("ConfigType", bound=Config)


def parse(kind: type[ConfigType], values: Mapping[str, Any]) -> ConfigType:
    """Validate what a person or a file has brought. Raises UserError with the first fault found."""
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        fault = explain(error)
        if not fault.suggestions and "field" in fault.values:
            fault.suggesting({fault.values["field"]: _usual(kind, fault.values["field"])})
        raise fault from None


def _usual(kind: type[Config], path: str) -> tuple[Setting, ...]:
    """What a setting of one of the sections is unless somebody changes it, where that is a plain value."""
    section, _, name = path.rpartition(".")
    holder = kind.model_fields[section].default if section in kind.model_fields else None
    value = getattr(holder, name, None)
    return (value,) if isinstance(value, bool | int | float | str) else ()


def load_recipe(path: Path) -> RunConfig:
    """Read a recipe file (TOML). Raises UserError when it is missing, malformed or out of range."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError("There is no recipe {name}.", name=path.stem) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError("Recipe {name} is not valid TOML: {reason}.", name=path.name, reason=str(error)) from None
    values.pop("about", None)
    return parse(RunConfig, values)


def explain(error: ValidationError) -> UserError:
    """The first fault of a pydantic error as one sentence with field, value and limit."""
    fault = error.errors(include_url=False)[0]
    # Of settings that may be of several families, pydantic names the family, too.
    loc = fault["loc"]
    families = [
        n for n, part in enumerate(loc[:-1]) if part in _FAMILIES and (n == 0 or loc[n - 1] in ("model", "body"))
    ]
    field = ".".join(str(part) for n, part in enumerate(loc) if n not in families)
    value, context, kind = fault.get("input"), fault.get("ctx", {}), fault["type"]
    if isinstance(value, float) and not math.isfinite(value):
        return UserError("{field} must be a finite number; it is {value}.", field=field, value=value)
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        limit = next(iter(context.values()))
        templates = {
            "greater_than_equal": N_("{field} must be at least {limit}; it is {value}."),
            "greater_than": N_("{field} must be more than {limit}; it is {value}."),
            "less_than_equal": N_("{field} must be at most {limit}; it is {value}."),
            "less_than": N_("{field} must be less than {limit}; it is {value}."),
        }
        inclusive = (limit,) if kind in ("greater_than_equal", "less_than_equal") else ()
        return UserError(templates[kind], field=field, value=value, limit=limit).suggesting({field: inclusive})
    if kind == "literal_error":
        return UserError("{field} must be one of {allowed}; it is {value!r}.", field=field, value=value, allowed=context["expected"])  # fmt: skip
    if kind == "extra_forbidden":
        return UserError("There is no setting {field}.", field=field)
    if kind in ("int_type", "float_type", "int_parsing", "float_parsing", "int_from_float"):
        return UserError("{field} must be a number; it is {value!r}.", field=field, value=_short(value))
    if kind == "bool_type":
        return UserError("{field} must be true or false; it is {value!r}.", field=field, value=_short(value))
    if kind == "string_type":
        return UserError("{field} must be text; it is {value!r}.", field=field, value=_short(value))
    return UserError("{field} cannot be {value!r}: {reason}.", field=field, value=_short(value), reason=fault["msg"])


def _as_written(value: object) -> str:
    """A value as a recipe has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _short(value: object) -> object:
    text = str(value)
    return value if len(text) <= 80 else text[:77] + "..."
