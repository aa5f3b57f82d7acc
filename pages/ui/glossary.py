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
    "perfect predictor": (N_("perfect predictor"), N_("one who knows the grammar that wrote the texts, and all that follows from the text so far, but not the dice")),
    "surprise": (N_("surprise"), N_("−ln of the probability that a token was given: 0 when it was certain, larger the less it was expected")),
    "gap closed": (N_("gap closed"), N_("how far the held-out loss has come on the way from the n-gram, which only counts, to the floor, below which nobody can go")),
    "skill": (N_("skill"), N_("a place in a story where only one word can be right; counted is how often the model prefers it to the wrong ones")),
    "head": (N_("attention head"), N_("a part of a layer that looks at other tokens in its own way; many work side by side")),
    "encoder": (N_("encoder"), N_("a model that reads a whole text at once, so that every token knows those before and those after it")),
    "entity": (N_("entity"), N_("a part of a text that names something: a person, a place, a thing's place")),
    "mask": (N_("mask"), N_("the sign [MASK] in place of a token, so that the model has to guess what stands there")),
    "pseudo-perplexity": (N_("pseudo-perplexity"), N_("among how many equally likely tokens the model wavers on average, when each token of a text is hidden alone")),
    "induction head": (N_("induction head"), N_("a head that looks for an earlier place like this one and at what came after it there, so that the model can go on as before (Olsson et al. 2022)")),
    "interval": (N_("95 % interval"), N_("from other texts of the same kind the same number would come out within it, 95 times in 100")),
    "parameters": (N_("parameters"), N_("the numbers in a model that training changes")),
    "rollout": (N_("rollout"), N_("how much of each input token is in a token after some layers, when the attention of all layers is multiplied (Abnar & Zuidema 2020)")),
    "flow": (N_("flow"), N_("the most that could run from an input token to a token, when attention is the width of pipes between the layers (Abnar & Zuidema 2020)")),
    "residual": (N_("residual connection"), N_("what a layer passes on as it is, beside what its attention takes in; here counted as one half")),
    "logit": (N_("logit"), N_("what a model gives a token before all logits are turned into probabilities; a difference of two logits is the logarithm of the odds")),
    "residual stream": (N_("residual stream"), N_("the row of numbers that stands for a token and runs through all layers; each layer reads it and adds to it")),
    "divergence": (N_("KL divergence"), N_("how far one set of probabilities is from another: 0 when they are the same")),
    "accuracy": (N_("accuracy"), N_("the share of texts that are given their label")),
    "precision": (N_("precision"), N_("of the texts that were called so, the share that are so")),
    "recall": (N_("recall"), N_("of the texts that are so, the share that were called so")),
    "F1": (N_("F1"), N_("the harmonic mean of precision and recall: high only where both are")),
    "macro F1": (N_("macro F1"), N_("the mean of the F1 of all classes, so that a rare class counts as much as a frequent one")),
    "ROC": (N_("ROC curve"), N_("how many of a class are found, against how many of the others are called so by mistake, from the strictest threshold to the loosest")),
    "AUC": (N_("AUC"), N_("the area under the ROC curve: how often a text of the class gets a higher probability than one of the others; 1/2 is guessing")),
    "average precision": (N_("average precision"), N_("the area under the precision-recall curve; guessing gets the share of the class")),
    "calibration": (N_("calibration error"), N_("how far what a classifier says it is sure of lies from how often it is right, on average over 15 bins (ECE, Guo et al. 2017)")),
    "log loss": (N_("log loss"), N_("how surprised a classifier is by the labels, on average, in nats; being sure and wrong costs most")),
    "bootstrap": (N_("bootstrap"), N_("drawing the test texts anew many times, with replacement, to see how much a number varies")),
    "McNemar": (N_("McNemar’s test"), N_("looks at the texts that only one of two classifiers gets right: if neither is better, they fall to both like tosses of a coin")),
    "cross-validation": (N_("cross-validation"), N_("learning several times, each time with another part of the training texts left out to be scored on; mean and spread of the scores")),
    "confident learning": (N_("confident learning"), N_("a label is suspect where a class gets more probability than texts with that label usually give it, and another one less (Northcutt et al. 2021)")),
    "pre-training": (N_("pre-training"), N_("learning from texts without labels, by filling in hidden words: what goes with what")),
    "fine-tuning": (N_("fine-tuning"), N_("going on to learn, in small steps, from texts with labels")),
    "margin": (N_("margin"), N_("how far a class is ahead: its logit minus the mean logit of the other classes; for two classes the logarithm of the odds")),
    "attribution": (N_("attribution"), N_("a share of a decision that is put down to a part of the text; different methods share it out in different ways")),
    "gradient × input": (N_("gradient × input"), N_("how steeply the margin rises along a token's vector, times the vector")),
    "integrated gradients": (N_("integrated gradients"), N_("the gradient on the whole way from a text that says nothing to this one; the shares add up to the decision (Sundararajan et al. 2017)")),
    "occlusion": (N_("occlusion"), N_("what the margin loses when a word is left out")),
}  # fmt: skip
"""Language-free name to term and meaning."""


SKILLS: dict[str, tuple[str, str]] = {
    "agreement": (N_("agreement"), N_("“there is one apple”, “there are two apples”: the verb agrees with its subject, also across words in between")),
    "article": (N_("a or an"), N_("after “a” a word fits that begins with a consonant, after “an” one with a vowel")),
    "measure": (N_("measure word"), N_("in Chinese the word between number and noun depends on the noun")),
    "pronoun": (N_("pronoun"), N_("he or she refers to the person who was meant before, though others stand between")),
    "place": (N_("place recalled"), N_("a thing that was put somewhere is there later on")),
    "recall": (N_("thing recalled"), N_("the person or thing that was spoken of is named again, and no other")),
    "holder": (N_("who has it"), N_("a thing that was given to someone is with that person")),
    "subtraction": (N_("subtraction"), N_("how many are left after some were taken away")),
    "addition": (N_("addition"), N_("how many there are together")),
    "counting": (N_("counting"), N_("how many there are, counted from what the text says")),
    "quote": (N_("quotes closed"), N_("what is said aloud is closed by a quotation mark when the sentence ends")),
    "cause": (N_("fitting cause"), N_("what someone feels fits what has happened")),
    "colour": (N_("colour recalled"), N_("a thing keeps the colour that it was given")),
    "speaker": (N_("whose turn"), N_("two people speak by turns")),
}  # fmt: skip
"""The skills that texts of a grammar call for: what each is called on screen, and what it means."""


def meanings(*names: str) -> str:
    """These terms with their meanings, one a line, as the help of a sentence that uses them."""
    return "\n\n".join(f"**{_(TERMS[name][0])}**: {_(TERMS[name][1])}" for name in names)


def meaning(name: str) -> str:
    """What one term means, as plain text."""
    return _(TERMS[name][1])
