"""An n-gram's run: no steps and no gradient, one pass of counting that gives the same records as any other run."""

from collections.abc import Callable, Iterator

from llm_core.data.prepare import TokenizedCorpus
from llm_core.evaluate.language_model import score, score_tokens
from llm_core.models.ngram import Ngram
from llm_core.training.looking import evaluation, samples
from llm_core.training.records import Finish, Record, Step
from llm_core.training.state import TrainingState


def count(state: TrainingState, corpus: TokenizedCorpus, elapsed: Callable[[], float]) -> Iterator[Record]:
    """Count the training text in one step, unless the state is one that has been counted already.

    The Step's loss is that of the counted model on a part of what it has counted: what it could ever learn.
    """
    model = state.model
    assert isinstance(model, Ngram)
    if state.step == 0:
        limit = state.config.training.evaluation_tokens
        yield state.snapshot()
        yield evaluation(state, corpus, score(model, corpus, limit=limit), limit)
        before = elapsed()
        model.fit(corpus.training)
        state.step, state.tokens, state.seconds = 1, len(corpus.training), elapsed()
        seen = score_tokens(model, corpus.training, corpus.tokenizer.characters, limit=limit, rows=corpus.rows)
        yield Step(
            1, state.tokens, state.seconds, seen.loss, 0.0, 0.0, state.tokens / max(1e-9, state.seconds - before)
        )
        yield evaluation(state, corpus, score(model, corpus), None)
        yield from samples(state, corpus)
        yield state.snapshot()
    yield Finish(state.step, "finished")
