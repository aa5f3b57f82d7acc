"""The command that opens a neuron: `neurons`."""

import argparse
from typing import TYPE_CHECKING, Any

from llm_core.errors import UserError
from llm_core.runs.own_texts import own_readings
from llm_core.runs.store import Store

if TYPE_CHECKING:
    from llm_core.interpret.neurons.excitements import Excerpt

Values = dict[str, Any]
_DIGITS = 6
_TOKENS = 8


def neurons_flags(parser: argparse.ArgumentParser) -> None:
    """The flags of `neurons`."""
    parser.add_argument("--layer", type=int, required=True, metavar="L", help="counted from 0")
    parser.add_argument("--neuron", type=int, required=True, metavar="N", help="of the layer's feed-forward, counted from 0")  # fmt: skip
    parser.add_argument("--part", metavar="PART", help="encoder or decoder; the one that speaks otherwise")
    parser.add_argument("--step", type=int, metavar="N", help="the model as it was at this step")
    parser.add_argument("--texts", type=int, default=100, metavar="N", help="how many texts it reads, such as the model has read")  # fmt: skip
    parser.add_argument("--text", metavar="TEXT", action="append", help="read this text instead; may be given several times")  # fmt: skip


def neurons(arguments: argparse.Namespace) -> Values:
    """Open a neuron: the texts that excite it most, the tokens that it promotes and suppresses, and those it listens to."""
    import numpy as np

    from llm_core.devices import physical_cores, use_threads
    from llm_core.interpret.components import Component, streams
    from llm_core.interpret.names import names_of
    from llm_core.interpret.neurons.neurons import (
        listens,
        neuron_activations,
        random_directions,
        random_heights,
        writes,
    )
    from llm_core.interpret.neurons.written_tokens import way_out
    from llm_core.interpret.reading import read

    store = Store(arguments.runs)
    run = store.find(arguments.run, paths=True)
    use_threads(physical_cores())
    model, tokenizer = store.model(run, arguments.step)
    part = arguments.part or next(reversed(streams(model)), "decoder")
    if arguments.texts < 1:
        raise UserError("Give at least one text.")
    neuron = Component.parse(f"{part}.{arguments.layer}.feed_forward.{arguments.neuron}")
    layer = Component(neuron.part, neuron.layer, "feed_forward")
    readings = [read(model, tokenizer, text) for text in arguments.text] if arguments.text else own_readings(run, model, tokenizer, arguments.texts)  # fmt: skip
    found = neuron_activations(model, layer, readings)
    excited = found.excitement(arguments.neuron)
    heard = listens(model, neuron)
    there = np.unique(np.concatenate([side.ids for side in found.sides]))
    values: Values = {
        "run": run.id, "neuron": str(neuron), "texts": len(readings), "tokens": excited.positions, "on": _short(excited.on),
        "highest": _short(excited.highest), "height": _short(excited.height),
        "random_height": _short(float(np.quantile(random_heights(found), 0.95))), "most": [_told(each) for each in excited.most],
        "listens": {tokenizer.pieces[token]: _short(heard[token]) for token in there[np.argsort(-heard[there])][:_TOKENS] if heard[token] > 0},
    }  # fmt: skip
    try:
        way, matrix = way_out(model, layer, readings), writes(model, layer)
        effects = way.effects(matrix[arguments.neuron][None])[0]
        names = names_of(model, tokenizer, run.labels)
        order = np.argsort(-effects)
        values["promoted"] = {names[token]: _short(effects[token]) for token in order[:_TOKENS]}
        values["suppressed"] = {names[token]: _short(effects[token]) for token in order[::-1][:_TOKENS]}
        largest = way.effects(random_directions(100, len(matrix)) @ matrix).max(1)
        values["random_effect"] = _short(float(np.quantile(largest, 0.95)))
    except UserError as reason:
        values["promoted"], values["suppressed"], values["why_not"] = {}, {}, str(reason)
    if not arguments.json:
        for each in values["most"]:
            print(f"{each['activation']:10.4g}  {each['before']}[{each['token']}]{each['after']}")
        values = {name: value for name, value in values.items() if name != "most"}
    return values


def _told(excerpt: "Excerpt") -> Values:
    at = excerpt.position - excerpt.start
    return {
        "text": excerpt.text, "position": excerpt.position, "activation": _short(excerpt.activation),
        "before": "".join(excerpt.tokens[:at]), "token": excerpt.tokens[at], "after": "".join(excerpt.tokens[at + 1 :]),
    }  # fmt: skip


def _short(value: Any) -> float:
    return float(f"{float(value):.{_DIGITS}g}")
