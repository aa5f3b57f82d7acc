"""What every view gives away as Python: the model, the text as it reads it, and the target."""

from collections.abc import Sequence

from pages.ui.inside.off import pieces_of, positions_of
from pages.ui.inside.selection import Selection


def preamble(selection: Selection, imports: Sequence[str], *, target: bool = False) -> str:
    """Imports in order, the model, `reading`, and where asked for `target`; `edits` where something is taken away."""
    lines = ["from llm_core.interpret.reading import read", "from llm_core.runs.store import Store", *imports]
    if selection.off:
        lines += [
            f"from llm_core.interpret.components import {'Component, streams' if positions_of(selection.off) else 'Component'}",
            f"from llm_core.interpret.interventions import {'ablate, combine' if positions_of(selection.off) and pieces_of(selection.off) else 'ablate'}",
        ]
    if target:
        lines.append("from llm_core.interpret.target import Target")
    source = f", {selection.source!r}" if selection.source else ""
    code = "\n".join(sorted(set(lines)))
    code += f"""

store = Store()
model, tokenizer = store.model(store.find({selection.run!r}), step={selection.step})
reading = read(model, tokenizer, {selection.text!r}{source})
"""
    if selection.off:
        pieces, positions = pieces_of(selection.off), positions_of(selection.off)
        edits = [f"ablate(model, [Component.parse(name) for name in {list(pieces)!r}])"] if pieces else []
        if positions:
            edits.append(
                f"ablate(model, [Component(streams(model)[-1], None, 'embedding')], positions={list(positions)!r})"
            )
        code += f"edits = {edits[0]}\n" if len(edits) == 1 else f"edits = combine({', '.join(edits)})\n"
    if target:
        against = "" if selection.against is None else f", against={selection.against!r}"
        code += f"target = Target({selection.token}, {selection.target}{against})\n"
    return code


def with_edits(selection: Selection) -> str:
    """What a call is given in the end."""
    return ", edits=edits" if selection.off else ""
