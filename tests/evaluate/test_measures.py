"""What a look during training finds right: skills of a story model, whole answers of a task's, nothing elsewhere."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from llm_core.config import DataConfig, NgramConfig, RunConfig
from llm_core.data import corpora, generated
from llm_core.data.prepare import TokenizedCorpus, prepare
from llm_core.evaluate import world
from llm_core.evaluate.measures import measure
from llm_core.models.base import Batch
from llm_core.runs.truth import copied, known_truth
from tests.evaluate.given import Following, Perfect, tales


class Remembering(Following):
    """Knows the held-out lines by heart, but for some."""

    def learn(self, corpus: TokenizedCorpus, forgotten: int) -> None:
        ids = corpus.held_out.tolist()
        starts = [place for place, token in enumerate(ids) if token == 0]
        lines = [ids[a:b] for a, b in zip(starts, [*starts[1:], len(ids)], strict=True)]
        self.lines = {tuple(line): [*line[1:], 0] for line in lines[forgotten:]}

    def forward(self, batch: Batch) -> Tensor:
        assert batch.tokens is not None
        logits = torch.zeros(*batch.tokens.shape, self.config.vocabulary_size or 1)
        for row, tokens in enumerate(batch.tokens.tolist()):
            for line, after in self.lines.items():
                if tuple(tokens[: len(line)]) == line and not any(tokens[len(line) :]):
                    logits[row, torch.arange(len(line)), torch.tensor(after)] = 5.0
        return logits


def settings(name: str, **data: object) -> RunConfig:
    plain = {"corpus": name, "tokenizer": "character", "vocabulary_size": 320, "rows": "documents", **data}
    return RunConfig(model=NgramConfig(context=96), data=DataConfig.model_validate(plain))


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[RunConfig, TokenizedCorpus]:
    """A corpus of the small test grammar, under a name of its own."""
    made = tales()
    monkeypatch.setattr(generated, "load_grammar", lambda name: made)
    monkeypatch.setattr(world, "load_grammar", lambda name: made)
    corpus = corpora.Corpus("tales-en", "", "", "en", kind="grammar", source="tales", documents=60)
    monkeypatch.setitem(corpora.CORPORA, "tales-en", corpus)
    config = settings("tales-en", held_out=0.2)
    return config, prepare(config.data, tmp_path)


def test_each_skill_of_a_story_corpus_is_a_measure(told: tuple[RunConfig, TokenizedCorpus]) -> None:
    config, corpus = told
    perfect = Perfect(corpus.tokenizer, tales(), "en")
    assert measure(perfect, corpus, config, 800) == {"skill.place": 1.0, "skill.pronoun": 1.0, "skill.quote": 1.0}
    undecided = measure(Following(corpus.tokenizer.vocabulary_size), corpus, config, 800)
    assert undecided == {"skill.place": 0.0, "skill.pronoun": 0.0, "skill.quote": 0.0}


def test_held_out_stories_come_again_with_their_truth(told: tuple[RunConfig, TokenizedCorpus]) -> None:
    config, corpus = told
    found = world.world_of(config.data)
    assert found is not None
    ids = corpus.held_out.tolist()
    texts = "".join(story.text for story in found.stories())
    assert corpus.tokenizer.decode(ids) == texts
    assert corpus.nats is not None
    assert [-story.log_probability for story in found.stories()] == pytest.approx(corpus.nats.tolist())


def test_all_that_is_known_of_a_model_is_at_its_bound_for_the_perfect_predictor(
    told: tuple[RunConfig, TokenizedCorpus],
) -> None:
    config, corpus = told
    assert corpus.nats is not None
    floor = float(corpus.nats.sum()) / len(corpus.held_out)
    model = Perfect(corpus.tokenizer, tales(), "en").eval()
    found = known_truth(config, model, corpus, floor, written=6)
    assert found["entropy_floor"] == pytest.approx(floor)
    assert found["excess_per_story"] == pytest.approx(0, abs=1e-4)
    assert found["gap_closed"] == pytest.approx(1)
    assert (found["sentences_valid"], found["stories_valid"]) == (1.0, 1.0)
    assert 0.0 <= found["stories_copied"] <= 1.0
    assert {skill: entry["accuracy"] for skill, entry in found["skills"].items()} == dict.fromkeys(found["skills"], 1.0)
    assert found["skills"]["place"]["items"] == 12
    windows = TokenizedCorpus(**{**vars(corpus), "rows": "windows"})
    without = known_truth(config, model, windows, floor, written=2)
    assert "rows are windows" in without["no_floor"]
    assert "entropy_floor" not in without


def test_a_copied_text_is_found_word_for_word(told: tuple[RunConfig, TokenizedCorpus]) -> None:
    _, corpus = told
    seen = corpus.tokenizer.decode(corpus.training[: corpus.training.tolist().index(0, 1)].tolist())
    assert copied(corpus, [seen, seen + " ", seen[:-1], "Tom ran."]) == 1


def test_an_answer_counts_when_all_of_it_and_its_end_are_likeliest(tmp_path: Path) -> None:
    config = settings("copy", documents=40, held_out=0.25)
    corpus = prepare(config.data, tmp_path)
    model = Remembering(corpus.tokenizer.vocabulary_size)
    for forgotten in (0, 3, 10):
        model.learn(corpus, forgotten)
        assert measure(model, corpus, config, None) == {"accuracy": pytest.approx(1 - forgotten / 10)}


def test_a_text_without_truth_has_no_measures(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("Tom ran home. " * 50, encoding="utf-8")
    config = RunConfig(model=NgramConfig(), data=DataConfig(corpus=str(tmp_path / "text.txt"), vocabulary_size=300))
    corpus = prepare(config.data, tmp_path / "corpora")
    model = Following(corpus.tokenizer.vocabulary_size)
    assert measure(model, corpus, config, None) == {}
    assert list(known_truth(config, model, corpus, 1.0)) == ["no_floor"]
