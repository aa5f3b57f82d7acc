"""One glossary for all pages: what the words of the trade mean, in a sentence each."""

from llm_core.errors import N_
from pages.ui.text import _

TERMS: dict[str, tuple[str, str]] = {
    "token": (N_("token"), N_("the unit that a model reads and writes: a word, a piece of a word, or a character")),
    "probability": (N_("probability"), N_("how large a share of its trust the model gave to a token; all tokens together get 100 %")),
    "prompt": (N_("prompt"), N_("the text that a model is given to go on from")),
    "step": (N_("step"), N_("one update of the weights; a model is kept at some of them, to look back at")),
    "temperature": (N_("temperature"), N_("how much chance has a say: low takes the likely, high lets the unlikely in")),
    "seed": (N_("seed"), N_("the number that chance starts from; the same seed gives the same result")),
    "loss": (N_("loss"), N_("how surprised the model is by the next token, on average; lower is better")),
    "nat": (N_("nat"), N_("the unit of surprise: ln 2, about 0.693 nats, is the surprise of a coin toss")),
    "held-out": (N_("held-out text"), N_("a part of the text that the model never trains on, kept to test it")),
    "uniform guess": (N_("uniform guess"), N_("the loss of a model that knows nothing and finds every token equally likely")),
    "n-gram": (N_("n-gram"), N_("a model without a network: it counts which token followed the last few")),
    "gradient": (N_("gradient"), N_("the direction in which the loss rises most; its length says how steeply")),
    "learning rate": (N_("learning rate"), N_("how large a step is taken against the gradient")),
    "bits per character": (N_("bits per character"), N_("surprise per character of the text, so that models with different tokens can be compared")),
    "corpus": (N_("corpus"), N_("all the text that a model learns from")),
    "entropy floor": (N_("entropy floor"), N_("the surprise that no model can get below: the chance that is in the text itself")),
    "derivation": (N_("derivation"), N_("the choices, one after another, by which a grammar makes a text")),
    "Zipf": (N_("Zipf's law"), N_("the second word of a language stands about half as often as the first, the tenth a tenth as often")),
    "vocabulary": (N_("vocabulary"), N_("all the tokens that a tokenizer knows, each with its number")),
    "compression": (N_("characters per token"), N_("how much text fits into one token: the more, the further a model sees")),
    "fertility": (N_("fertility"), N_("into how many tokens a word falls on average; 1 where every word is a token")),
    "merge": (N_("merge"), N_("two neighbouring pieces become one: of all pairs the one that stands in the text most often")),
    "one-hot": (N_("one-hot"), N_("a word as a row of noughts with a single one, at its number")),
    "embedding": (N_("embedding"), N_("a word as a row of numbers that training has found")),
    "cosine": (N_("cosine similarity"), N_("how much two rows of numbers point the same way: 1 the same, 0 nothing in common, −1 opposite")),
    "parameters": (N_("parameters"), N_("the numbers in a model that training changes")),
}  # fmt: skip
"""Language-free name to term and meaning."""


def meanings(*names: str) -> str:
    """These terms with their meanings, one a line, as the help of a sentence that uses them."""
    return "\n\n".join(f"**{_(TERMS[name][0])}**: {_(TERMS[name][1])}" for name in names)


def meaning(name: str) -> str:
    """What one term means, as plain text."""
    return _(TERMS[name][1])
