"""What a curve is compared with: guessing every token alike, and counting (an n-gram). Kept beside the corpus."""

import contextlib
import math

import numpy as np

from llm_core.config import READING, NgramConfig, Objective
from llm_core.data.annotated import ASKED
from llm_core.data.prepare import TokenizedCorpus, lengths
from llm_core.evaluate.language_model import Score, score
from llm_core.evaluate.unigram import MOST_TOKENS, unigram_loss
from llm_core.models.ngram import Ngram
from llm_core.runs.files import read_object, replace_json
from llm_core.runs.history import Row

SCORED_TOKENS = 200_000
_FILE = "baselines.json"
_WINDOW = 128


def baselines(corpus: TokenizedCorpus) -> list[Row]:
    """Rows of kind "baseline": `name` uniform or ngram, `loss` in nats per token, `bits_per_character`.

    The n-gram (order 5, Kneser-Ney) counts at most the first 5 million tokens and is scored on at most 200,000
    held-out ones, in windows of 128 or in whole documents, as the model is. Of pairs it counts and is scored on the
    translations alone: it says what can be known without reading the sentence. Where something is asked of each text,
    there is only the loss of guessing every answer alike. Kept in the corpus folder, where the next run on the same text finds them.
    """
    kept = read_object(corpus.folder / _FILE)
    if kept is not None and isinstance(kept.get("rows"), list):
        return list(kept["rows"])
    rows = _measure(corpus)
    with contextlib.suppress(OSError):  # they can be measured again
        replace_json(corpus.folder / _FILE, {"rows": rows})
    return rows


def unigram_baseline(corpus: TokenizedCorpus, objective: Objective) -> Row | None:
    """The row "unigram": what is lost on the held-out text by whoever knows how frequent each token is, and nothing else.

    Over what the objective asks: of hidden tokens those of the text, without the signs, and no bits per character, for
    they make up no text; of pairs the translations. None where something else than tokens is asked.
    """
    if corpus.rows in ASKED:
        return None
    loss, bits = unigram_loss(corpus, signs=objective not in READING)
    row: Row = {"kind": "baseline", "name": "unigram", "loss": loss}
    return row if objective in READING else row | {"bits_per_character": bits}


def ngram_score(corpus: TokenizedCorpus, limit: int | None = None) -> Score:
    """What an n-gram that has counted the training text (at most 5 million tokens of it) loses on what is held out."""
    size = corpus.tokenizer.vocabulary_size
    counted = np.asarray(corpus.training[:MOST_TOKENS])
    if corpus.rows == "pairs":
        texts = np.split(counted, np.flatnonzero(counted == corpus.tokenizer.end_of_text)[1:])
        counted = np.concatenate(texts[1::2])
    model = Ngram(NgramConfig(vocabulary_size=size, context=_WINDOW)).fit(counted)
    return score(model, corpus, limit=limit)


def _blind_guess(corpus: TokenizedCorpus) -> float:
    """Nats lost where every label, or every token of the text that an answer may begin or end at, is as likely."""
    if corpus.labels:
        return math.log(len(corpus.labels))
    return float(np.log(lengths(corpus.held_out)[1::3] - 1).mean())  # question, text, targets by turns


def _measure(corpus: TokenizedCorpus) -> list[Row]:
    if corpus.rows in ASKED:
        return [{"kind": "baseline", "name": "uniform", "loss": _blind_guess(corpus)}]
    counted = ngram_score(corpus, SCORED_TOKENS)
    letters_per_token = max(1, counted.characters) / max(1, counted.tokens)
    losses = {"uniform": math.log(corpus.tokenizer.vocabulary_size), "ngram": counted.loss}
    return [
        {"kind": "baseline", "name": name, "loss": loss, "bits_per_character": loss / math.log(2) / letters_per_token}
        for name, loss in losses.items()
    ]
