"""Tensors read without torch are those of the model."""

from pathlib import Path

import numpy as np
import pytest

from llm_core.errors import UserError
from llm_core.runs.store import Store
from llm_core.runs.weights import weight


def test_a_tensor_is_that_of_the_model_and_others_are_refused(tmp_path: Path) -> None:
    store = Store(tmp_path)
    run = store.find("python-reference")
    model, _ = store.model(run)
    assert np.array_equal(
        weight(run, "token_embedding.weight"), model.token_embedding.weight.numpy().astype(np.float64)
    )
    with pytest.raises(UserError, match="no tensor"):
        weight(run, "nothing.weight")
    with pytest.raises(UserError, match="no model at step 3"):
        weight(run, "token_embedding.weight", step=3)
