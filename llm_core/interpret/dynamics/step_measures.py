"""What can be measured at every step of a training: the table of measures, and what one of them finds. Knows no torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from llm_core.errors import N_, UserError

Floats = NDArray[np.float32]
MeasureName = Literal[
    "probability",
    "logit",
    "lens",
    "divergence",
    "decided",
    "direct",
    "ablation",
    "ablation_loss",
    "tokens",
    "previous_token",
    "duplicate_token",
    "induction",
    "copying",
    "composition",
    "similarity",
    "weights",
    "probe",
]
Control = Literal["chance", "elsewhere", "best_offset", "shuffled", "random_heads"]
CONTROLS: dict[Control, str] = {
    "chance": N_("all tokens alike"),
    "elsewhere": N_("elsewhere in the text"),
    "best_offset": N_("best fixed offset"),
    "shuffled": N_("shuffled tokens"),
    "random_heads": N_("random weights, 99th of 100"),
}
"""What a measure is laid beside: name in rows, and on screen."""


@dataclass(frozen=True)
class StepMeasure:
    """A measure as a page names it. `picture`: a few `lines` over the steps, or `cells`, a row for each thing that is
    measured. `signed`: what is below zero says the opposite. `share`: a part of 1. `of_text`: it is about what a model
    does with one text, not about the model. `slow`: it takes more than a moment at each step, whatever the text.
    """

    title: str
    meaning: str
    unit: str
    paper: str
    picture: Literal["lines", "cells"] = "cells"
    signed: bool = False
    share: bool = False
    of_text: bool = True
    slow: bool = False


MEASURES: dict[MeasureName, StepMeasure] = {
    "probability": StepMeasure(N_("Probability"), N_("How likely the chosen word is at the chosen position, beside how likely it is at all other positions of the text: only what is above that comes from reading."), N_("probability"), "", "lines", share=True),
    "logit": StepMeasure(N_("Logit"), N_("The logit that is explained, beside the same at all other positions of the text: there it says how often a word comes at all."), N_("logit"), "Wang et al. 2023", "lines", signed=True),
    "lens": StepMeasure(N_("Lens"), N_("How likely the chosen word would be if the model stopped after each layer: when in training, and how deep, it is known."), N_("probability"), "nostalgebraist 2020", share=True),
    "divergence": StepMeasure(N_("Distance of layers"), N_("How far what each layer would say is from what the model says in the end, at the chosen position. Before anything is learned all layers say the same, so that it begins at nothing."), N_("KL divergence (nats)"), "Belrose et al. 2023"),
    "decided": StepMeasure(N_("Layer of the answer"), N_("After how many layers the model's likeliest word is found, and stays: at the chosen position, and on average over all."), N_("layer"), "Geva et al. 2022", "lines"),
    "direct": StepMeasure(N_("Direct attribution"), N_("What each head and each feed-forward layer adds to the logit that is explained."), N_("logit"), "Elhage et al. 2021", signed=True),
    "ablation": StepMeasure(N_("Ablation"), N_("How much what is explained changes without each head and each feed-forward layer; each has all others for comparison."), N_("change of the logit"), "Michel et al. 2019", signed=True),
    "ablation_loss": StepMeasure(N_("Ablation: loss"), N_("How much worse the model reads this text without each head and each feed-forward layer; each has all others for comparison."), N_("change of the loss (nats)"), "Michel et al. 2019", signed=True),
    "tokens": StepMeasure(N_("Loss of each token"), N_("How surprised the model is at each token of the text: which became easy when. An encoder is asked with that token hidden."), N_("loss (nats)"), ""),
    "previous_token": StepMeasure(N_("Previous-token heads"), N_("In random tokens that come twice: the share of attention that each head gives to the token before."), N_("attention"), "Olsson et al. 2022", share=True, of_text=False, slow=True),
    "duplicate_token": StepMeasure(N_("Duplicate-token heads"), N_("In random tokens that come twice: the share of attention that each head gives to the same token in the first copy."), N_("attention"), "Wang et al. 2023", share=True, of_text=False, slow=True),
    "induction": StepMeasure(N_("Induction heads"), N_("In random tokens that come twice: the share of attention that each head gives to the token that came next the first time."), N_("attention"), "Olsson et al. 2022", share=True, of_text=False, slow=True),
    "copying": StepMeasure(N_("Copying"), N_("The loss on random tokens that come twice: in the second copy all can be known, in the first nothing. Where the two lines part, the model has learned to copy."), N_("loss (nats)"), "Olsson et al. 2022", "lines", of_text=False, slow=True),
    "composition": StepMeasure(N_("Composition"), N_("How much one head reads of what an earlier one writes, by weights alone: the twelve strongest pairs of the last step, followed back."), N_("composition score"), "Elhage et al. 2021", of_text=False, slow=True),
    "similarity": StepMeasure(N_("Likeness to the end"), N_("How alike each layer's vectors are to those of the same layer at the last step (linear CKA), on this text: what settles early, and what late."), N_("CKA"), "Kornblith et al. 2019; Raghu et al. 2017", share=True),
    "weights": StepMeasure(N_("Size of the weights"), N_("How large the weights of each layer are: the root of the mean of their squares."), N_("size of a weight"), "", of_text=False),
    "probe": StepMeasure(N_("Probe"), N_("How much better a linear probe on each layer knows a noun's number, or else a word's part of speech, than it knows labels drawn at random for each word."), N_("selectivity"), "Hewitt & Liang 2019", signed=True, of_text=False, slow=True),
}  # fmt: skip
"""Every measure by its name in links, in the order in which a page offers them."""


@dataclass(frozen=True)
class AtStep:
    """What one measure finds at one step: a value for each of N `names`, and what it is laid beside.

    `names` are components (`decoder.0.2`), positions of the text ("3"), pairs of components ("K decoder.0.1
    decoder.1.2"), or what a line stands for. values (N,) fp32, NaN where there is none; `controls` by name.
    """

    step: int
    measure: MeasureName
    names: tuple[str, ...]
    values: Floats
    controls: dict[Control, float]


def measure_named(name: str) -> MeasureName:
    """The measure of this name. Raises UserError when there is none."""
    if name not in MEASURES:
        raise UserError("There is no measure {name!r}; there are {known}.", name=name[:40], known=", ".join(MEASURES))
    return name


def coarse_to_fine(steps: Sequence[int]) -> list[int]:
    """The last step, the first, and then always the middle of the widest gap by their number, so that what has been
    measured so far always covers all of the training.

    >>> coarse_to_fine([0, 10, 20, 30, 40, 50, 60])
    [60, 0, 30, 10, 40, 20, 50]
    """
    known = sorted(set(steps))
    if len(known) < 3:
        return known[::-1]
    order, gaps = [len(known) - 1, 0], [(0, len(known) - 1)]
    while gaps:
        between = [(low, (low + high) // 2, high) for low, high in gaps if high - low > 1]
        order += [middle for _low, middle, _high in between]
        gaps = [pair for low, middle, high in between for pair in ((low, middle), (middle, high))]
    return [known[place] for place in order]


assert set(MEASURES) == set(get_args(MeasureName))
