"""Words as numbers: one-hot rows, in which every word is as far from any other, beside the rows that a model has learnt."""

from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from numpy.typing import NDArray

from llm_core.data.table_writing import as_table
from llm_core.data.tokenizers import Tokenizer
from llm_core.runs.run import Run
from llm_core.runs.weights import weight
from pages.ui.charts import Colors
from pages.ui.corpus import figures
from pages.ui.corpus.texts import Looked
from pages.ui.drawing import drawing
from pages.ui.faults import as_text
from pages.ui.glossary import meanings
from pages.ui.state import store
from pages.ui.subject import name_of
from pages.ui.text import _

MOST = 10
_PROPOSED = [
    "he",
    "she",
    "his",
    "her",
    "cat",
    "dog",
    "apple",
    "pear",
    "apples",
    "red",
    "blue",
    "two",
    "three",
    "the",
    "is",
    "are",
    "was",
    "happy",
    "sad",
    "class",
    "function",
    "method",
    "list",
    "string",
    "number",
    "true",
    "false",
    "他",
    "她",
    "猫",
    "狗",
    "苹",
    "梨",
    "红",
    "蓝",
    "两",
    "三",
    "的",
    "了",
    "是",
    "在",
    "一",
    "不",
]
"""Words of which a person knows without counting how alike they are; those that the model has are shown."""


def show(text: Looked) -> None:
    """A few words both ways, from the bundled model that read this text, or else another one."""
    st.subheader(_("Words as numbers"), help=meanings("one-hot", "embedding", "cosine"))
    run = _reader(text)
    if run is None:
        st.info(_("Here words stand as a model has learnt them. No model comes with this copy of the program."))
        return
    tokenizer, table = learned(run)
    known = _words(tokenizer)
    key = f"corpus_words_{run.id}"
    if key not in st.session_state:
        st.session_state[key] = _proposed(known)
    chosen = st.multiselect(
        _("Words"), list(known), key=key, max_selections=MOST, persist_state="session",
        help=_("Whole words among the tokens of the model."),
    )  # fmt: skip
    if len(chosen) < 2:
        st.info(_("Choose at least two words to compare."))
        return
    ids = [known[word] for word in chosen]
    rows = table[ids]
    st.caption(
        as_text(_("On the left each word as a row of numbers, on the right how alike the rows are. The model: {name}.", name=name_of(run)))
    )  # fmt: skip

    def make(colors: Colors) -> go.Figure:
        return figures.vectors(chosen, ids, len(table), rows, colors)

    drawing(
        "corpus_vectors", (run.id, chosen), make, label=_("Words as one-hot rows and as learned rows, with their cosine similarities"),
        height=220 + 50 * len(chosen), least_width=760, name=f"terrarium-vectors-{run.id}",
        table=as_table(("word", "id", *(f"dimension_{place}" for place in range(rows.shape[1]))), [
            (word, number, *(round(float(value), 5) for value in row)) for word, number, row in zip(chosen, ids, rows, strict=True)
        ]),
        code=_python(run, ids),
    )  # fmt: skip


@lru_cache(maxsize=4)
def learned(run: Run) -> tuple[Tokenizer, NDArray[np.float64]]:
    """The tokenizer of a bundled run and its embedding table (V, width)."""
    return Tokenizer.load(run.folder / "tokenizer.json"), weight(run, "token_embedding.weight")


def _reader(text: Looked) -> Run | None:
    """The bundled model that has learnt from this text; else one that has learnt from another. None for a task: its
    tokens are read by another model inside it."""
    runs = [
        run
        for run in store().bundled()
        if run.problem is None and run.steps() and run.model_config.family == "transformer"
    ]
    same = [run for run in runs if run.config.data.corpus == text.key]
    return next(iter([*same, *runs]), None)


def _words(tokenizer: Tokenizer) -> dict[str, int]:
    """Tokens that are whole words, without the space before them, to their ids; the lower number where two look alike."""
    found: dict[str, int] = {}
    for token, piece in enumerate(tokenizer.pieces):
        word = piece.removeprefix(" ")
        whole = piece.startswith(" ") if word.isascii() else True
        if whole and word.isalpha():
            found.setdefault(word, token)
    return found


def _proposed(known: dict[str, int]) -> list[str]:
    words = [word for word in _PROPOSED if word in known][:8]
    return words if len(words) > 3 else [*words, *(word for word in known if word not in words)][:8]


def _python(run: Run, ids: list[int]) -> str:
    return f"""\
from torch.nn.functional import cosine_similarity

from llm_core.runs.store import Store

store = Store()
model, tokenizer = store.model(store.find({run.id!r}))
rows = model.token_embedding.weight[{ids!r}]
print([tokenizer.pieces[token] for token in {ids!r}])
print(cosine_similarity(rows[:, None], rows[None], dim=-1))
"""
