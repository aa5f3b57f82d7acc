"""Steering for a notebook."""

from pages.ui.inside import python
from pages.ui.inside.selection import Selection
from pages.ui.inside.steering.steering_seen import SEED, TEMPERATURE, WRITTEN, Steer


def as_python(selection: Selection, steer: Steer) -> str:
    """The direction, its edits, and what the model writes or says with them."""
    question = steer.question
    made = {"texts": "differences", "token": "token_direction", "neuron": "neuron_direction", "feature": "direction_along"}[question.source]  # fmt: skip
    edit = "project_out" if steer.way == "out" else "steer"
    imports = [
        "from llm_core.interpret.components import Component", "from llm_core.interpret.reading import as_batch",
        f"from llm_core.interpret.steering.steering import {', '.join(sorted({made, edit, *(['stream_places'] if steer.way == 'out' else [])}))}",
        "from llm_core.taps import observe", "import torch",
    ]  # fmt: skip
    code = f"""\
{python.preamble(selection.intact, imports)}\
place = Component.parse({question.place!r})
batches = lambda texts: [as_batch(read(model, tokenizer, text)) for text in texts]
"""
    code += {
        "texts": f"(direction,) = differences(model, [place], batches({list(question.wanted)!r}), batches({list(question.others)!r}))\n",
        "token": f"direction = token_direction(model, place, {question.number}, [as_batch(reading)], against={question.against})\n",
        "neuron": f"direction = neuron_direction(model, place, Component(place.part, place.layer, 'neuron', {question.number}), [as_batch(reading)])\n",
        "feature": f"from llm_core.runs.features import trained_autoencoder\nfeature = trained_autoencoder(store, store.find({selection.run!r}), {selection.step}, str(place)).direction({question.number})\ndirection = direction_along(model, place, feature, [as_batch(reading)])\n",
    }[question.source]  # fmt: skip
    if steer.way == "out":
        code += "edits = project_out(model, direction, stream_places(model, place.part))\n"
    else:
        code += f"edits = steer(model, direction, {steer.percent / 100})\n"
    return (
        code
        + f"""\
with torch.no_grad(), observe(model, only=(), edits=edits):
    print(model(as_batch(reading))[0].softmax(-1))
if model.causal:
    from llm_core.config import DecodingConfig
    from llm_core.inference.generate import generate

    decoding = DecodingConfig(tokens={WRITTEN}, temperature={TEMPERATURE}, seed={SEED})
    print("".join(tokenizer.pieces[token.id] for (token,) in generate(model, [list(reading.text.ids)], decoding, edits=edits)))
"""
    )
