"""What a person chooses within one view: the choices, and what the page begins with."""

from llm_core.errors import N_
from llm_core.interpret.dynamics.step_measures import MEASURES as MEASURES_OVER_STEPS
from pages.ui.state import (
    INSIDE_AT_KEY,
    INSIDE_AXES_KEY,
    INSIDE_BESIDE_KEY,
    INSIDE_COLOUR_KEY,
    INSIDE_COLOURED_KEY,
    INSIDE_COMPARED_KEY,
    INSIDE_COMPARED_SHOWN_KEY,
    INSIDE_DRAWN_KEY,
    INSIDE_GRAPH_KEY,
    INSIDE_HEARD_KEY,
    INSIDE_INSTEAD_KEY,
    INSIDE_LENS_KEY,
    INSIDE_MEASURE_KEY,
    INSIDE_METHOD_KEY,
    INSIDE_NEURON_ORDER_KEY,
    INSIDE_NEURON_TELLS_KEY,
    INSIDE_PLACES_KEY,
    INSIDE_PLANE_KEY,
    INSIDE_PROBED_AT_KEY,
    INSIDE_PROBED_KEY,
    INSIDE_PROVED_KEY,
    INSIDE_RECEIVER_KEY,
    INSIDE_SHOWN_KEY,
    INSIDE_SITE_KEY,
    INSIDE_STEERED_WAY_KEY,
    INSIDE_STEERED_WHERE_KEY,
    INSIDE_STEPS_AXIS_KEY,
    INSIDE_TEXTS_IN_KEY,
    INSIDE_TRAINING_KEY,
    INSIDE_VECTORS_KEY,
    INSIDE_WORDS_IN_KEY,
)

COLOURS = {
    "probability": N_("probability"),
    "entropy": N_("entropy"),
    "rank": N_("rank of the true token"),
    "divergence": N_("distance from the output"),
}
"""What the colour of the lens means: name in links, and on screen."""
LENSES = {"plain": N_("Logit lens"), "tuned": N_("Tuned lens")}
"""Read as the end is, or each place through a map of its own."""
PLACES = {"after": N_("After each layer"), "all": N_("After attention, too")}
"""Which places of the residual stream are rows of the lens."""
MEASURES = {"target": N_("What is explained"), "loss": N_("Loss on the text")}
"""What is measured when a piece is taken away."""
INSTEAD = {"zero": N_("Zero"), "mean": N_("Mean of other texts"), "resample": N_("Drawn from other texts")}
"""What takes its place."""
SITES = {
    "residual": N_("Residual stream"),
    "attention": N_("Attention output"),
    "feed_forward": N_("Feed-forward output"),
    "heads": N_("Heads, at all positions"),
}
"""What is carried over from one text to the other."""
RECEIVERS = {"logits": N_("The logits"), "head": N_("The chosen head")}
"""To whom a piece speaks."""
HEARD_BY = {"all": N_("Queries, keys and values"), "queries": N_("Queries"), "keys": N_("Keys"), "values": N_("Values")}  # fmt: skip
"""By which of its inputs a head hears it."""
METHODS = {
    "integrated_gradients": N_("Integrated gradients"),
    "gradient_input": N_("Gradient × input"),
    "occlusion": N_("Occlusion"),
    "shapley": N_("Shapley sampling"),
}
"""How a score is put on each word."""

PROBED = {
    "part_of_speech": N_("Part of speech"),
    "entity": N_("Entity"),
    "number": N_("Singular or plural"),
    "depth": N_("Open brackets"),
    "position": N_("Position in the text"),
}
"""What a probe is asked."""
PROBED_AT = {"layer": N_("The chosen layer"), "embedding": N_("Embedding")}
"""Where it is asked."""
TEXTS_IN = {"en": N_("English"), "zh": N_("Chinese")}
"""In which language the texts of the grammar are."""
TRAINING: dict[str, str] = {str(name): measure.title for name, measure in MEASURES_OVER_STEPS.items()}
"""What is measured over the steps of training."""
STEPS_AXES = {"log": N_("logarithmic"), "linear": N_("linear")}
"""How steps stand on an axis."""

PROVED = {
    "induction": N_("Induction"),
    "previous_token": N_("Previous token"),
    "duplicate_token": N_("Duplicate token"),
    "successor": N_("Successor"),
    "subject": N_("Subject of the verb"),
}
"""What heads are looked for."""
GRAPHS = {
    "contributions": N_("Contributions in this text"),
    "Q": N_("Queries hear a head"),
    "K": N_("Keys hear a head"),
    "V": N_("Values hear a head"),
}
"""What the graph is made of: what came from where in one text, or the weights of pairs of heads."""

NEURON_ORDERS = {
    "effect": N_("By what they add"),
    "height": N_("By how far they stand out"),
    "label": N_("By what they tell apart"),
}
"""Which neurons of a layer are listed first."""
SHOWN = {
    "map": N_("Map"),
    "near": N_("Neighbours and analogies"),
    "path": N_("Path through the layers"),
    "alike": N_("Likeness of layers"),
}
"""What is drawn of the vectors."""
VECTORS = {"input": N_("Tokens as read"), "output": N_("Tokens as written"), "states": N_("Hidden states")}
"""Which vectors are on the map."""
AT = {"layer": N_("The chosen layer"), "embedding": N_("Embedding"), "all": N_("All layers together")}
"""Where hidden states are taken."""
DRAWN = {"pca": N_("PCA"), "tsne": N_("t-SNE")}
"""How many numbers become two or three."""
AXES = {"2": N_("2-D"), "3": N_("3-D")}
"""Two of them, or three."""
COLOURED = {
    "part_of_speech": N_("Part of speech"),
    "entity": N_("Entity"),
    "number": N_("Singular or plural"),
    "position": N_("Position in the text"),
    "layer": N_("Layer"),
}
"""What the colour of a point means."""
PLANES = {"joint": N_("Of all layers together"), "last": N_("Of the last layer")}
"""In which plane, or space, a path is drawn."""
BESIDE = {"itself": N_("Itself"), "step": N_("Another step"), "model": N_("Another model")}
"""With what the layers of a model are compared."""
WORDS_IN = TEXTS_IN
"""In which language the texts are whose words are looked at."""

STEERED_BY = {"texts": N_("Two sets of texts"), "token": N_("A word"), "neuron": N_("A neuron"), "feature": N_("A feature")}  # fmt: skip
"""Where a direction comes from."""
STEERED_WAYS = {"add": N_("Add it"), "out": N_("Take it out")}
"""What is done with it."""
STEERED_WHERE = {"text": N_("In the text"), "all": N_("Everywhere"), "written": N_("In what is written")}
"""At which positions."""
MOST_STRENGTH = 100
"""In percent of the mean length of the stream's vectors."""
COMPARED = {"text": N_("Another text"), "step": N_("Another step"), "model": N_("Another model")}
"""What is laid beside."""
COMPARED_SHOWN = {
    "said": N_("What is said"), "lens": N_("Logit lens"), "inputs": N_("Words of the text"),
}  # fmt: skip
"""What is seen of both."""

LINKED_CHOICES: dict[str, tuple[str, str, dict[str, str]]] = {
    "colour": ("lens", INSIDE_COLOUR_KEY, COLOURS),
    "places": ("lens", INSIDE_PLACES_KEY, PLACES),
    "lens": ("lens", INSIDE_LENS_KEY, LENSES),
    "measure": ("ablation", INSIDE_MEASURE_KEY, MEASURES),
    "instead": ("ablation", INSIDE_INSTEAD_KEY, INSTEAD),
    "method": ("inputs", INSIDE_METHOD_KEY, METHODS),
    "proved": ("heads", INSIDE_PROVED_KEY, PROVED),
    "graph": ("graph", INSIDE_GRAPH_KEY, GRAPHS),
    "site": ("patching", INSIDE_SITE_KEY, SITES),
    "receiver": ("patching", INSIDE_RECEIVER_KEY, RECEIVERS),
    "heard_by": ("patching", INSIDE_HEARD_KEY, HEARD_BY),
    "over": ("training", INSIDE_TRAINING_KEY, TRAINING),
    "axis": ("training", INSIDE_STEPS_AXIS_KEY, STEPS_AXES),
    "listed": ("neurons", INSIDE_NEURON_ORDER_KEY, NEURON_ORDERS),
    "tells": ("neurons", INSIDE_NEURON_TELLS_KEY, PROBED),
    "probed": ("probes", INSIDE_PROBED_KEY, PROBED),
    "probed_at": ("probes", INSIDE_PROBED_AT_KEY, PROBED_AT),
    "texts_in": ("probes", INSIDE_TEXTS_IN_KEY, TEXTS_IN),
    "shown": ("geometry", INSIDE_SHOWN_KEY, SHOWN),
    "vectors": ("geometry", INSIDE_VECTORS_KEY, VECTORS),
    "at": ("geometry", INSIDE_AT_KEY, AT),
    "drawn": ("geometry", INSIDE_DRAWN_KEY, DRAWN),
    "axes": ("geometry", INSIDE_AXES_KEY, AXES),
    "coloured": ("geometry", INSIDE_COLOURED_KEY, COLOURED),
    "plane": ("geometry", INSIDE_PLANE_KEY, PLANES),
    "beside": ("geometry", INSIDE_BESIDE_KEY, BESIDE),
    "words_in": ("geometry", INSIDE_WORDS_IN_KEY, WORDS_IN),
    "way": ("steering", INSIDE_STEERED_WAY_KEY, STEERED_WAYS),
    "where": ("steering", INSIDE_STEERED_WHERE_KEY, STEERED_WHERE),
    "compared": ("compare", INSIDE_COMPARED_KEY, COMPARED),
    "compared_shown": ("compare", INSIDE_COMPARED_SHOWN_KEY, COMPARED_SHOWN),
}
"""Name in the address to the view that it belongs to, the session key, and what there is to choose; the first is usual."""
