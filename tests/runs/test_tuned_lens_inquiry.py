"""A tuned lens trained by a worker: better on texts it has not seen, and the same when it is read from its file."""

from pathlib import Path

import numpy as np
import pytest
import torch

from llm_core.interpret.array_files import read_arrays
from llm_core.interpret.lenses.logit_lens import logit_lens
from llm_core.interpret.reading import read
from llm_core.runs import inquiry
from llm_core.runs.inquired import InquiryConfig, TunedLensQuestion
from llm_core.runs.store import BUNDLED_MODELS, Store
from llm_core.runs.worker import work
from pages.ui.inside.lens import lens_rows


def test_a_trained_lens_says_more_of_the_output_and_is_read_again_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs", bundled=BUNDLED_MODELS)
    step = store.find("induction-en").steps()[-1]
    config = InquiryConfig(run="induction-en", step=step, question=TunedLensQuestion(steps=30, texts=6), threads=1)
    assert work(store.create(config, name="a lens", identity=config.digest)).state == "finished"
    answer = inquiry.known(store, config)
    assert answer is not None
    report = lens_rows.report_of(answer)
    assert report is not None
    assert np.mean(report["after"]) < 0.8 * np.mean(report["before"])
    lens = lens_rows.lens_of(answer, report)
    (weights,) = read_arrays(answer.file("lens.safetensors"), "weights")
    assert weights.dtype == np.float16
    x = torch.randn(3, weights.shape[-1], generator=torch.Generator().manual_seed(0))
    row = lens.rows[1]
    right = x + x @ torch.tensor(weights[1].astype(np.float32)).T + torch.tensor(lens.biases[1])
    torch.testing.assert_close(lens.translate(row, x), right)
    model, tokenizer = store.model(store.find("induction-en"), step)
    seen = logit_lens(model, read(model, tokenizer, "a b c a b"), translate=lens.translate)
    assert seen.divergences[-1].max() == pytest.approx(0, abs=1e-6), "the end is left as it is"
    assert lens_rows.points(config, answer) > 10
