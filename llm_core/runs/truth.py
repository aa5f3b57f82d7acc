"""What a corpus that knows its truth says of a model: the floor, the gap, the skills, and whether it writes valid texts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from llm_core.config import RunConfig
from llm_core.data.corpora import CORPORA
from llm_core.data.prepare import TokenizedCorpus
from llm_core.evaluate.excess import excess_per_story, split_stories
from llm_core.evaluate.floor import NoFloor, entropy_floor, gap_closed
from llm_core.evaluate.measures import measure
from llm_core.evaluate.skills import examine
from llm_core.evaluate.validity import check_texts
from llm_core.evaluate.world import world_of
from llm_core.inference.stories import sample_stories
from llm_core.models.base import Model
from llm_core.runs.baselines import ngram_score
from llm_core.training.translating import translation_measures

WRITTEN, EXAMINED, SEED = 200, 500, 4321
Figures = dict[str, Any]


def known_truth(
    config: RunConfig, model: Model, corpus: TokenizedCorpus, loss: float, written: int = WRITTEN, seed: int = SEED
) -> Figures:
    """Figures of a model that loses `loss` nats a token on the held-out text of `corpus`, which `config.data` names.

    entropy_floor in nats per token; excess_per_story in nats, with its standard error; gap_closed, the share of the way
    from the n-gram to the floor (None where there is no training text to count); or `no_floor`, a sentence that says
    why. Of `written` texts drawn at temperature 1: sentences_valid, stories_valid, and stories_copied from the training
    text, all shares. skills: by name the accuracy and its number of items, over at most 500 held-out texts. Of a toy
    task: accuracy. Of sentence pairs: exact_match and chrf over all that are held out. Of a model that does not write
    there is only `no_floor`.
    """
    figures = _against_the_floor(config, model, corpus, loss)
    if not model.causal:
        return figures
    known = CORPORA.get(config.data.corpus)
    if known is not None and known.kind == "task":
        figures |= measure(model, corpus, config, None)
    if corpus.rows == "pairs":
        figures |= translation_measures(model, corpus, None)
    world = world_of(config.data)
    if world is None:
        return figures
    texts = sample_stories(model, corpus.tokenizer, written, seed)
    validity = check_texts(world.grammar, world.language, texts)
    figures["sentences_valid"], figures["stories_valid"] = validity.sentences_valid, validity.stories_valid
    if len(corpus.training):
        figures["stories_copied"] = copied(corpus, texts) / max(1, len(texts))
    examination = examine(corpus.tokenizer, world.stories(EXAMINED), config.model.context)
    figures["skills"] = {
        skill: {"accuracy": correct / items, "items": items}
        for skill, (correct, items) in examination.grade(model).items()
    }
    return figures


def copied(corpus: TokenizedCorpus, texts: Sequence[str]) -> int:
    """How many of these texts are, word for word, a document that was trained on."""
    ids = np.asarray(corpus.training)
    trained = {document.tobytes() for document in split_stories(ids)}
    return sum(corpus.tokenizer.encode_array(text).astype(ids.dtype).tobytes() in trained for text in texts)


def _against_the_floor(config: RunConfig, model: Model, corpus: TokenizedCorpus, loss: float) -> Figures:
    floor = entropy_floor(config, corpus)
    if isinstance(floor, NoFloor):
        return {"no_floor": str(floor)}
    assert corpus.nats is not None
    excess = excess_per_story(model, split_stories(corpus.held_out), corpus.nats)
    counted = ngram_score(corpus).loss if len(corpus.training) else None
    return {
        "entropy_floor": floor.nats_per_token,
        "excess_per_story": excess.mean,
        "excess_error": excess.error,
        "ngram_loss": counted,
        "gap_closed": None if counted is None else gap_closed(loss, floor.nats_per_token, counted),
    }
