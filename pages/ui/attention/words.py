"""What the pictures of attention say, for the browser and for files; and how a token is written on an axis."""

import re
import unicodedata

from llm_core.errors import N_
from pages.ui.text import translate

_WORDS = {
    "head_at": N_("{part} · layer {layer} · head {head} · step {step}"),
    "head_name": N_("Layer {layer}, head {head}"),
    "minus": N_("{first} minus {second}"),
    "second_text": N_("the same for the second text"),
    "subtracted": N_("this one is subtracted"),
    "all_heads": N_("All heads: a row for each layer, a column for each head. A click, or the arrow keys, show one large."),
    "layer": N_("Layer"),
    "head": N_("Head"),
    "queries": N_("This token looks …"),
    "keys": N_("… at this token"),
    "hover": N_("{query} gives {share} of its attention to {key}"),
    "hover_difference": N_("{query} to {key}: {share} more of its attention than in what is subtracted"),
    "strongest": N_("The strongest: {query} to {key}, {share}"),
    "left_out": N_("The text is longer than what can be looked at here: {count} tokens at its end are left out."),
    "shared": N_("The two texts have different numbers of tokens ({first} and {second}): compared are the {rows} positions that both have."),
    "window": N_("Shown are the tokens {first_row} to {last_row} of {rows} that look, and {first_column} to {last_column} of {columns} that are looked at. The small picture shows all, each point the largest of a block."),
    "window_rows": N_("Tokens that look, from"),
    "window_columns": N_("Tokens that are looked at, from"),
    "loading": N_("The model is being loaded…"),
    "lost": N_("The server did not answer. Reload the page to try again."),
    "step": N_("Step"),
    "at_step": N_("step {step}"),
    "play": N_("Play"),
    "pause": N_("Pause"),
    "next_step": N_("Next step"),
    "follow": N_("Follow the training"),
    "projector": N_("Projector"),
    "keys_shown": N_("← → head · ↑ ↓ layer · Shift ← → step · space plays · Escape leaves"),
    "grid_as": N_("All heads as {format}"),
}  # fmt: skip

_SIGNS = {" ": "·", "\n": "↵", "\t": "⇥", "\r": "␍", "\u00a0": "⍽", "\u3000": "□"}
_UNSEEN = re.compile(r"\s")


def words_in(language: str) -> dict[str, str]:
    """Every sentence in the language of that code; whoever shows it fills its places."""
    return {name: translate(template, language) for name, template in _WORDS.items()}


def token_label(token: str) -> str:
    """A token with its spaces and unseen characters visible, as `assets/browser/chips.js` writes it."""
    return "".join(_shown(character) for character in token)


def _shown(character: str) -> str:
    code = ord(character)
    if not _UNSEEN.match(character) and unicodedata.category(character)[0] != "C":
        return character
    return _SIGNS.get(character) or (chr(0x2400 + code) if code < 32 else f"⟨{code:X}⟩")
