"""One sheet of behaviours that every family of classifiers passes."""

import json
from pathlib import Path

import numpy as np
import pytest

from llm_core.data.labelled import Labelled
from llm_core.errors import UserError
from llm_core.inference.classifiers.base import Classifier, load_classifier, save_classifier
from llm_core.training.classifiers.base import Family, FitOptions, Fitted, Progress
from tests.training.easy_tables import QUICK, Ticks, easy, read_all

STRANGE = (
    "",
    " ",
    "x",
    "\n\t",
    "好",
    "😀",
    "สวัสดี",
    "é",
    "\x00",
    "\ud800",
    "zzzz qqqq",
    "good " * 5000,
    "好吃" * 20_000,
)
LEARN = [name for name in QUICK if name != "majority"]


def fitted(family: Family, training: Labelled, seed: int = 0, seconds: float = 60.0) -> Fitted:
    *before, last = family.fit(training, seconds=seconds, seed=seed, clock=Ticks())
    assert all(isinstance(event, Progress) for event in before)
    assert isinstance(last, Fitted)
    return last


@pytest.fixture(scope="module")
def learned() -> dict[str, Classifier]:
    return {name: fitted(family, easy()).classifier for name, family in QUICK.items()}


@pytest.mark.parametrize("name", QUICK)
def test_any_text_gets_probabilities_that_sum_to_one(name: str, learned: dict[str, Classifier]) -> None:
    found = learned[name].probabilities(STRANGE)
    assert found.shape == (len(STRANGE), 2)
    assert found.dtype == np.float64
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-9)
    assert learned[name].probabilities([]).shape == (0, 2)


@pytest.mark.parametrize("name", LEARN)
def test_an_easy_table_is_learned(name: str, learned: dict[str, Classifier]) -> None:
    unseen = easy(200, seed=9)
    right = learned[name].probabilities(unseen.texts).argmax(axis=1) == unseen.labels
    assert right.mean() > 0.9


@pytest.mark.parametrize("name", QUICK)
def test_a_text_is_classified_alike_alone_and_among_others(name: str, learned: dict[str, Classifier]) -> None:
    texts = (*STRANGE, *easy(20, seed=3).texts)
    together = learned[name].probabilities(texts)
    alone = np.concatenate([learned[name].probabilities([text]) for text in texts])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", QUICK)
def test_files_bring_the_same_classifier_back(name: str, learned: dict[str, Classifier], tmp_path: Path) -> None:
    save_classifier(learned[name], tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".safetensors"}
    loaded = load_classifier(tmp_path)
    texts = (*STRANGE, *easy(30, seed=5).texts)
    np.testing.assert_array_equal(loaded.probabilities(texts), learned[name].probabilities(texts))
    assert (loaded.family, loaded.names) == (name, ("no", "yes"))
    assert loaded.parameters == learned[name].parameters > 0


@pytest.mark.parametrize("name", QUICK)
def test_files_that_do_not_fit_are_refused(name: str, learned: dict[str, Classifier], tmp_path: Path) -> None:
    save_classifier(learned[name], tmp_path)
    about = json.loads((tmp_path / "classifier.json").read_text())
    (tmp_path / "classifier.json").write_text(json.dumps({**about, "names": ["no", "no"]}))
    with pytest.raises(UserError):
        load_classifier(tmp_path)
    if name != "majority":
        (tmp_path / "classifier.json").write_text(json.dumps({**about, "names": ["no", "yes", "perhaps"]}))
        with pytest.raises(UserError):
            load_classifier(tmp_path)
        (tmp_path / "classifier.json").write_text(json.dumps(about))
        (tmp_path / "arrays.safetensors").write_bytes(b"no arrays")
        with pytest.raises(UserError):
            load_classifier(tmp_path)


@pytest.mark.parametrize("name", QUICK)
def test_the_same_seed_gives_the_same_classifier(name: str, learned: dict[str, Classifier]) -> None:
    again = fitted(QUICK[name], easy()).classifier
    np.testing.assert_array_equal(
        again.probabilities(easy(40, seed=7).texts), learned[name].probabilities(easy(40, seed=7).texts)
    )


@pytest.mark.parametrize("name", QUICK)
def test_time_is_kept_by_the_clock_given(name: str) -> None:
    clock = Ticks(0.02)
    *before, last = QUICK[name].fit(easy(), seconds=3, seed=0, clock=clock)
    assert isinstance(last, Fitted)
    assert last.seconds <= 3 * 1.05
    assert clock.now <= 3 * 1.05
    shares = [event.share for event in before if isinstance(event, Progress)]
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


@pytest.mark.parametrize("name", QUICK)
def test_no_time_at_all_still_gives_a_classifier(name: str) -> None:
    *_, last = QUICK[name].fit(easy(400), seconds=1e-3, seed=0, clock=Ticks(0.02))
    assert isinstance(last, Fitted)
    found = last.classifier.probabilities(["good", ""])
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-9)


@pytest.mark.parametrize("name", QUICK)
def test_few_texts_and_a_class_of_one_are_enough(name: str) -> None:
    few = Labelled(("good", "bad", "fine"), np.array([0, 1, 2]), ("a", "b", "c"), (2, 3, 4))
    found = fitted(QUICK[name], few).classifier.probabilities(["good", "what"])
    assert found.shape == (2, 3)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-9)


@pytest.mark.parametrize("name", QUICK)
def test_a_class_without_a_text_is_never_named(name: str) -> None:
    training = easy(60, names=("no", "yes", "never"))
    found = fitted(QUICK[name], training).classifier.probabilities(training.texts)
    assert (found.argmax(axis=1) != 2).all()


@pytest.mark.parametrize("name", LEARN)
def test_a_fit_can_be_stopped_at_any_record(name: str) -> None:
    events = QUICK[name].fit(easy(), seconds=60, seed=0, clock=Ticks())
    assert isinstance(next(events), Progress)
    events.close()  # type: ignore[attr-defined]


def test_a_copy_of_augmentation_stands_with_its_text() -> None:
    training = easy(60)
    documents = read_all(training, FitOptions(augmentation="deletion"))
    copies = np.flatnonzero(~documents.originals)
    assert 20 < len(copies) <= 60
    assert documents.originals.sum() == 60
    for copy in copies:
        assert documents.items[copy] not in training.texts
        assert documents.items[copy - 1] in training.texts
        assert documents.groups[copy] == documents.groups[copy - 1]
        assert documents.labels[copy] == documents.labels[copy - 1]
