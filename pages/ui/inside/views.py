"""The views of the page *Inside*, as a table: what each shows, what it does not prove, where it comes from."""

from dataclasses import dataclass

from llm_core.errors import N_


@dataclass(frozen=True)
class View:
    """Sentences are English templates, translated where they are shown; `paper` and `function` stay as they are."""

    title: str
    shows: str
    does_not_prove: str
    paper: str
    function: str


VIEWS: dict[str, View] = {
    "lens": View(
        N_("Logit lens"),
        N_("What the model would say next if it stopped after each layer: the residual stream at every place, read out by the last norm and the output matrix."),
        N_("Early layers need not keep their thoughts in the form that the output matrix reads: that nothing is seen there does not prove that nothing is known there."),
        "nostalgebraist 2020, “interpreting GPT: the logit lens”",
        "llm_core.interpret.lenses.logit_lens",
    ),
    "direct": View(
        N_("Direct attribution"),
        N_("What each piece has itself added to the logit of the chosen word, up against another: blue for it, brown against it. Together they are the logit, exactly."),
        N_("It shows direct effects only: what a head does to the layers after it is put down to them. And norms are held as they are."),
        "Elhage et al. 2021, “A Mathematical Framework for Transformer Circuits”; Wang et al. 2023",
        "llm_core.interpret.attribution.logit_attribution",
    ),
    "ablation": View(
        N_("Ablation"),
        N_("What changes when one head, one feed-forward layer or one token is taken away, all else left as it is. Click one to take it away, and see below how it does beside others."),
        N_("That something breaks does not prove that the piece does this and nothing else; that nothing breaks does not prove that it is idle, for others may stand in."),
        "Michel et al. 2019, “Are Sixteen Heads Really Better than One?”; McGrath et al. 2023, “The Hydra Effect”",
        "llm_core.interpret.ablation.ablation",
    ),
    "patching": View(
        N_("Patching"),
        N_("Two texts that differ in a word: the model reads the other one, and at one place gets what it computed for the first. Blue places bring the first answer back."),
        N_("It shows what is enough to bring the answer back, in this model and for this pair; a place that shows nothing may still be needed, where another does the same."),
        "Vig et al. 2020; Meng et al. 2022, “Locating and Editing Factual Associations in GPT”; Zhang & Nanda 2024",
        "llm_core.interpret.patching.patching",
    ),
    "inputs": View(
        N_("Words of the text"),
        N_("Which words of the text speak for the answer, blue, and which against it, brown."),
        N_("Methods disagree, and a clear picture may be a wrong one: that is what the curves are for. And a text with words missing is none that the model has learnt from."),
        "Sundararajan et al. 2017; Shrikumar et al. 2017; Zeiler & Fergus 2014; Samek et al. 2017",
        "llm_core.interpret.attribution.input_attribution",
    ),
    "circuit": View(
        N_("Circuits of a head"),
        N_("What one head does by its weights alone, on the tokens of the text: which it would look at, and what it would add to the logits where it looks."),
        N_("Only the straight way from a token's own vector and to the output is reckoned with: what earlier layers have made of the token, and what later ones make of the head, is not in it."),
        "Elhage et al. 2021, “A Mathematical Framework for Transformer Circuits”",
        "llm_core.interpret.circuits.circuit_tables",
    ),
    "heads": View(
        N_("Heads, proved"),
        N_("Heads that do a known thing by what they look at, found on some texts; and on other texts what the model loses without them, beside as many other heads."),
        N_("What a head looks at is a sign and no proof. That the answers fall without it is one, for these texts: not that it does nothing else, nor that it does this alone."),
        "Olsson et al. 2022, “In-context Learning and Induction Heads”; Gould et al. 2023, “Successor Heads”; Jain & Wallace 2019; Linzen et al. 2016",
        "llm_core.interpret.circuits.prove_heads",
    ),
    "graph": View(
        N_("Contribution graph"),
        N_("Which ways information took to the chosen position: from the end back to the tokens, only what contributed more than the threshold. Or, by the weights alone, which heads can hear which."),
        N_("A share says what a vector is made of, not what the answer hangs on. That is why the answer is worked out with the heads and layers of the graph alone, beside as many drawn at random."),
        "Ferrando & Voita 2024, “Information Flow Routes”; Elhage et al. 2021 (composition)",
        "llm_core.interpret.circuits.contributions",
    ),
    "neurons": View(
        N_("Neurons"),
        N_("One neuron of a feed-forward layer: the texts that excite it most, how often it is on, which tokens it makes likelier and which less likely, and what it tells apart."),
        N_("What excites it most is one end of what it does; much of the rest may be something else. And a model may spread one thing over many neurons: a random direction of the layer has its strongest texts and tokens, too."),
        "Geva et al. 2021, “Transformer Feed-Forward Layers Are Key-Value Memories”; Bolukbasi et al. 2021, “An Interpretability Illusion for BERT”",
        "llm_core.interpret.neurons.neurons",
    ),
    "features": View(
        N_("Features"),
        N_("What one place of the model holds, taken apart into a few of many directions: a sparse autoencoder learns them here, and each is shown by the texts that excite it."),
        N_("That features explain a place does not prove that the model computes with them: another seed finds others. And even random directions explain some of it: they stand beside."),
        "Bricken et al. 2023, “Towards Monosemanticity”; Gao et al. 2024, “Scaling and evaluating sparse autoencoders”; Heap et al. 2025",
        "llm_core.interpret.features.autoencoder_training",
    ),
    "steering": View(
        N_("Steering"),
        N_("A direction is added to the residual stream while the model reads and writes: what it says without it, with it, and with a random direction of the same size."),
        N_("That a direction moves the model does not prove that the model itself uses it so; a strong push breaks any model, which is why the cost is drawn beside the effect."),
        "Turner et al. 2023, “Activation Addition”; Rimsky et al. 2024, “Steering Llama 2 via Contrastive Activation Addition”; Arditi et al. 2024",
        "llm_core.interpret.steering.steering",
    ),
    "probes": View(
        N_("Probes"),
        N_("What can be read off the residual stream at each layer by a linear map, which is trained on texts of the grammar and asked about others: of each word its part of speech, say."),
        N_("A probe may learn by heart which word has which label: hence the control task, whose labels are random. And that something can be read off does not prove that the model itself reads it."),
        "Alain & Bengio 2017; Hewitt & Liang 2019, “Designing and Interpreting Probes with Control Tasks”",
        "llm_core.interpret.probes.probes",
    ),
    "geometry": View(
        N_("Geometry"),
        N_("Where vectors lie: those by which tokens are read and written, and what the model makes of them in texts. Drawn in a plane or in space, with what lies near, the way through the layers, and how alike layers are."),
        N_("A drawing in two or three dimensions leaves most of the vectors out: points that lie together in it may be far apart in truth, and clusters may be made by the drawing. That something lies somewhere does not prove that the model uses it."),
        "Mikolov et al. 2013; Linzen 2016; van der Maaten & Hinton 2008; Kornblith et al. 2019",
        "llm_core.interpret.geometry.geometry",
    ),
    "training": View(
        N_("Learning dynamics"),
        N_("How what the model does came about: a measure at every step of the training that was kept, under the loss curve. A click on a step looks at the model as it was then."),
        N_("That two things come at the same step does not prove that one brings about the other; and between two kept steps nobody has looked."),
        "Olsson et al. 2022, “In-context Learning and Induction Heads”; Nanda et al. 2023, “Progress measures for grokking via mechanistic interpretability”",
        "llm_core.interpret.dynamics.over_steps",
    ),
    "compare": View(
        N_("Side by side"),
        N_("A text and the same one with something changed, or one text as two models read it: what both say, how far apart they are, and how surprised they were, token by token."),
        N_("A difference shows that something matters and not where in the model: for that, patch it. And with one word, all that hangs on it may have changed, too."),
        "Kaushik et al. 2020, “Learning the Difference that Makes a Difference with Counterfactually-Augmented Data”; Kullback & Leibler 1951",
        "llm_core.interpret.side_by_side",
    ),
}  # fmt: skip
"""Name in links to view."""
