"""How text falls into words before a tokenizer looks at it.

The patterns are read alike by the `tokenizers` library, which stores them in `tokenizer.json`, and by Python's `re`,
which is many times faster. So the kinds of characters are written out as ranges: what counts as a letter depends on
neither's Unicode version. Every pattern matches every text from end to end, and no match is longer than 33 characters, so
that no text makes a word of unbounded length.
"""

from llm_core.config import TokenizerKind

_SPACE = "\\t\\n\\x0b\\x0c\\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_DIGIT = "0-9\uff10-\uff19"
# Chinese and Japanese, written without spaces: Han characters, kana.
_IDEOGRAPH = (
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
)
# Control characters, punctuation and symbols by their blocks; private use; everything beyond the letters.
_SIGN = (
    "\\x00-\\x08\\x0e-\\x1f!-/:-@\\[-`{-\\x7f"
    "\x80-\x84\x86-\x9f\xa1-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7"
    "\u037e\u0387\u055a-\u055f\u0589\u05be\u060c\u061b\u061f\u066a-\u066d\u06d4\u0964\u0965\u0e4f\u104a\u104b\u1360-\u1368"
    "\u200b-\u2027\u202a-\u202e\u2030-\u205e\u2060-\u2bff\u2e00-\u2fff\u3001-\u3004\u3008-\u303f\u3200-\u33ff"
    "\ue000-\uf8ff\ufe10-\ufe6f\ufeff-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\uffff"
    "\U0001f000-\U0001ffff\U000e0000-\U0010ffff"
)

# Thai, Lao, Burmese and Khmer: letters too, written without spaces between words.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"

_letter = f"[^{_SPACE}{_DIGIT}{_IDEOGRAPH}{_SIGN}]"
_letter_or_ideograph = f"[^{_SPACE}{_DIGIT}{_SIGN}]"
_letter_or_digit = f"[^{_SPACE}{_IDEOGRAPH}{_SIGN}]"
_spaced_letter = f"[^{_SPACE}{_DIGIT}{_IDEOGRAPH}{_SIGN}{_UNSPACED}]"
_seen = f"[^{_SPACE}]"
_ANY = r"[\s\S]"

PATTERNS: dict[TokenizerKind, str] = {
    # Words with the space before them; ideographs and signs one by one; the last space of several goes with the word.
    "word": "|".join(
        (
            f" ?{_letter}{{1,32}}(?:['’]{_letter}{{1,3}}(?!{_letter}))?",
            f"[{_IDEOGRAPH}]",
            f" ?[{_DIGIT}]{{1,8}}",
            f" ?[{_SIGN}]",
            f"[ \\t]{{1,32}}(?!{_seen})",
            _ANY,
        )
    ),
    # GPT-2's, bounded; runs of ideographs stay whole, so that merges find Chinese words.
    "bpe": "|".join(
        (
            f"['’]{_letter}{{1,2}}(?!{_letter})",
            f" ?{_letter_or_ideograph}{{1,32}}",
            f" ?[{_DIGIT}]{{1,3}}",
            f" ?[{_SIGN}]{{1,16}}",
            f"[{_SPACE}]{{1,32}}(?!{_seen})",
            _ANY,
        )
    ),
    # Signs fall apart as in BERT. A '#' that stands alone cannot be mistaken for the mark of a continuation.
    "wordpiece": "|".join(
        (f" {{1,32}}(?=[{_SPACE}])", f" ?{_letter_or_digit}{{1,32}}", f"[{_IDEOGRAPH}]", _ANY),
    ),
}
"""A regular expression for each kind that looks for words; the character kind does not."""

UNSPACED = f"[{_IDEOGRAPH}{_UNSPACED}]"
"""One character of a script that puts no spaces between words."""

BARE_WORD = "|".join(
    (
        f"{_spaced_letter}{{1,32}}(?:['’]{_spaced_letter}{{1,3}}(?!{_spaced_letter}))?",
        f"[{_DIGIT}]{{1,8}}",
        f"[{_IDEOGRAPH}{_UNSPACED}{_SIGN}]",
    )
)
"""A word without the space around it, a number, or one character of those that stand for themselves: signs, and the
characters of scripts without spaces. Every text but its white space falls into such words."""
