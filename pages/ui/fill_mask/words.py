"""What the picture of the Fill in page says, for the browser; whoever shows a sentence fills its places."""

from llm_core.errors import N_
from pages.ui.text import translate

_WORDS = {
    "loading": N_("The model is being loaded…"),
    "lost": N_("The server did not answer. Reload the page to try again."),
    "sentence": N_("The text, token by token. A click hides a token, another shows it again. The arrow keys move."),
    "sentence_everywhere": N_("The text, token by token; the colour shows how likely each is when it is hidden. A click shows what the model expects there."),
    "hide": N_("{token}: a click hides it"),
    "unhide": N_("{token} is hidden: a click shows it again"),
    "typed": N_("a mask that stands in the text"),
    "nothing_hidden": N_("Nothing is hidden. Click a token, and see what the model expects in its place."),
    "instead": N_("In place of {token}"),
    "at_typed": N_("In place of mask {number}"),
    "expected_at": N_("What is expected at {token}"),
    "stands_here": N_("This is what stands in the text."),
    "others": N_("all others"),
    "others_meaning": N_("All tokens that are not listed, and signs such as [MASK], which are no text and are never listed. All probabilities are the model’s own."),
    "rank": N_("number {rank}"),
    "unsure": N_("As unsure as between {choices} equally likely tokens."),
    "token": N_("{token}, probability {probability}"),
    "token_hidden": N_("{token}: probability {probability} when it is hidden"),
    "unlikely": N_("unlikely"),
    "certain": N_("certain"),
    "surprising": N_("underlined: less than {share}"),
    "perplexity": N_("Pseudo-perplexity"),
    "perplexity_meaning": N_("as unsure as between so many equally likely tokens, on average over all tokens, each hidden alone (Salazar et al. 2020); lower means that the text is more like what the model has read"),
    "score": N_("Pseudo-log-likelihood (nats)"),
    "score_meaning": N_("the sum over all tokens of the logarithm of their probability, each hidden alone"),
    "most_surprising": N_("Most surprising"),
    "no_perplexity": N_("A text with a mask in it has no pseudo-perplexity: nobody knows what stands there."),
    "fillings": N_("Whole fillings"),
    "fillings_meaning": N_("The surest mask is filled first, then the others are predicted anew with that word in its place. The small numbers say in which order."),
    "filling": N_("{tokens}: {probability} filled one after another, {at_once} as the model gives it all at once"),
    "one_after_another": N_("one after another"),
    "at_once": N_("all at once"),
    "looks": N_("What the mask looks at"),
    "looks_meaning": N_("How much attention the mask gives to each token: the mean over all heads."),
    "looks_at": N_("{token} gets {share} of its attention."),
    "all_layers": N_("all layers"),
    "layer": N_("layer {layer}"),
    "single_heads": N_("See single heads on the Attention page"),
    "mask": N_("mask {number}"),
    "model": N_("{name} · step {step}"),
}  # fmt: skip


def words_in(language: str) -> dict[str, str]:
    """Every sentence in the language of that code."""
    return {name: translate(template, language) for name, template in _WORDS.items()}
