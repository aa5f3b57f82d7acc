"""How long a text is in tokens, before it is prepared: known of those that come along, guessed of a person's own."""

import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path

from llm_core.config import DataConfig, TokenizerKind
from llm_core.data.annotated import ASKED
from llm_core.data.corpora import CORPORA
from llm_core.data.generated import counts, generated
from llm_core.data.prepare import TokenizedCorpus, corpus_digest, lengths
from llm_core.data.targets import row_lengths
from llm_core.errors import UserError

# A document's characters, and its tokens where words are tokens, its end included; of pairs both sides together. For
# texts that are not written by this program, of all of it.
_DOCUMENT = {
    "stories-en": (293, 74.6), "stories-zh": (105, 105), "reviews-en": (117, 28.1), "reviews-zh": (33, 34.5),
    "headlines-en": (43, 10.3), "headlines-zh": (11.7, 13.2), "talk-en": (233, 73.3), "talk-zh": (94, 95.4),
    "cloze-en-zh": (62, 25.8), "parallel-en-zh": (58, 28.4),
    "labelled-reviews-en": (117, 28.1), "labelled-reviews-zh": (33, 34.5),
    "labelled-headlines-en": (43, 10.5), "labelled-headlines-zh": (11.7, 13.3),
    "entities-en": (293, 74.7), "entities-zh": (105, 105), "entities-en-zh": (200, 90.8),
    "questions-en": (319, 82), "questions-zh": (115, 115), "questions-en-zh": (217, 99.1),
    "copy": (17.2, 18.2), "reverse": (17.2, 18.2), "sort": (17.2, 18.2), "addition": (11.3, 12.3),
    "modular-addition": (7.7, 6), "brackets": (16.8, 17.8), "induction": (14.8, 15.8), "word-induction": (96.7, 21.7),
}  # fmt: skip
_WHOLE = {"python-reference": 373_000, "python-library": 7_980_000}
_CHARACTERS_A_WORD = 4.2


@dataclass(frozen=True)
class TextSize:
    """Tokens to train on and held out, and in a row of a batch; a row is None where it is a window of the context.

    `characters`: of all of it. `folder`: where it lies prepared; None where it does not, or nobody has looked.
    """

    characters: float
    training: float
    held_out: float
    row: float | None
    folder: Path | None = None

    def row_length(self, context: int) -> float:
        """Tokens in a row of a batch."""
        return context if self.row is None else min(self.row, context)


def text_size(data: DataConfig, corpora: Path, characters: int | None = None) -> TextSize:
    """The size of the text of these settings; `characters` is how long a person's own is. No text is read for it."""
    folder = _prepared(data, corpora) if characters is None else None
    if folder is not None and (exact := _recorded(data, folder, folder.stat().st_mtime_ns)) is not None:
        return exact
    whole = data.rows != "windows"
    if generated(data) is not None:
        training, held_out = counts(data)
        letters, words = _DOCUMENT[data.corpus]
        each = words if data.tokenizer == "word" else letters / _letters_a_token(data) + 1
        sides = 2 if data.rows == "pairs" else 1
        return TextSize((training + held_out) * letters, training * each, held_out * each, each / sides if whole else None)  # fmt: skip
    total = _WHOLE.get(data.corpus, characters or 0)
    tokens = total / _letters_a_token(data)
    return TextSize(total, tokens * (1 - data.held_out), tokens * data.held_out, None)


def size_of(corpus: TokenizedCorpus) -> TextSize:
    """The size of a text that is prepared."""
    training, held_out = float(len(corpus.training)), float(len(corpus.held_out))
    row = None
    if corpus.rows in ASKED:
        read = [float(row_lengths(tokens, corpus.rows).sum()) for tokens in (corpus.training, corpus.held_out)]
        training, held_out = read
        row = training / max(1, corpus.documents[0])
    elif corpus.rows != "windows":
        row = float(lengths(corpus.training).mean())
    return TextSize(float(sum(corpus.characters)), training, held_out, row, corpus.folder)


def _letters_a_token(data: DataConfig) -> float:
    """Characters of English that a token spells; of pieces of words the more, the more of them there are."""
    kinds: dict[TokenizerKind, float] = {"character": 1.0, "word": _CHARACTERS_A_WORD}
    pieces = math.log2(max(2.0, data.vocabulary_size / 257))
    return kinds.get(data.tokenizer, 1 + 1.87 * math.pow(pieces / 2, 0.7))


def _prepared(data: DataConfig, corpora: Path) -> Path | None:
    """Where the text lies prepared. Of a large one that would have to be read to be known, nobody asks."""
    if data.corpus not in CORPORA or data.corpus == "python-library":
        return None
    digest = _digest(data)
    folder = corpora / digest if digest else None
    return folder if folder is not None and (folder / "corpus.json").is_file() else None


@functools.lru_cache(maxsize=256)
def _digest(data: DataConfig) -> str | None:
    try:
        return corpus_digest(data)
    except UserError:
        return None


@functools.lru_cache(maxsize=64)
def _recorded(data: DataConfig, folder: Path, _written: int) -> TextSize | None:
    try:
        about = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
        (training, held_out), documents = about["tokens"], sum(about["documents"])
        characters = sum(about["characters"])
        if data.rows in ASKED:  # targets stand between the texts, and no characters are counted
            letters, words = _DOCUMENT[data.corpus]
            each = words if data.tokenizer == "word" else letters + 1
            shares = [count * each for count in about["documents"]]
            return TextSize(documents * letters, shares[0], shares[1], each, folder)
        sides = 2 if data.rows == "pairs" else 1
        row = (training + held_out) / max(1, documents) / sides if data.rows != "windows" else None
        return TextSize(characters, training, held_out, row, folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None
