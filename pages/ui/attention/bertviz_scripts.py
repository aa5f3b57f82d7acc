"""bertviz's own scripts, and the two libraries they stand on, read out of the installed packages.

None of these packages is imported: bertviz would bring torch and IPython along. Its scripts are handed on with a few
places changed: they ask nobody on the network for libraries, take colours and words from their parameters, and give
the neuron view room for the longer of two texts.
"""

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

VIEWS = ("head_view", "model_view", "neuron_view")

_LIBRARIES = {
    "jquery": ("xstatic.pkg.jquery", "data/jquery.min.js"),
    "d3": ("mpld3", "js/d3.v5.min.js"),
}
LIBRARIES = tuple(_LIBRARIES)
"""What the views stand on, in the order in which it is to be read."""

_LOADER = re.compile(r"^require\.config\(\{.*?^\}\);\n", re.MULTILINE | re.DOTALL)
_PALETTE = re.compile(r"const PALETTE = \{.*?\n        \}\n", re.DOTALL)
_OWN_PALETTE = "const PALETTE = params['palettes'];\n"

_CHANGES: dict[str, tuple[tuple[str | re.Pattern[str], str], ...]] = {
    "head_view": (
        (_LOADER, ""),
        ("PYTHON_PARAMS;", "window.bertviz_params;"),
        ('console.log("d3 version", d3.version)', ""),
    ),
    "model_view": (
        (_LOADER, ""),
        ("PYTHON_PARAMS;", "window.bertviz_params;"),
        ('console.log("x", x, y)', ""),
        (_PALETTE, _OWN_PALETTE),
        ('"Heads"', "params.words.heads"),
        ('"Layers"', "params.words.layers"),
        (
            """'Layer ' + config.layers[layerIndex] + ", Head " + config.heads[headIndex]""",
            "params.words.one.replace('{layer}', config.layers[layerIndex]).replace('{head}', config.heads[headIndex])",
        ),
    ),
    "neuron_view": (
        (_LOADER, ""),
        (_PALETTE, _OWN_PALETTE),
        ("'Query '", "params.words.query + ' '"),
        ("'Key '", "params.words.key + ' '"),
        (r"'q \u00D7 k (elementwise)'", "params.words.product"),
        ('"No token selected"', "params.words.nothing"),
        (
            "config.initialTextLength = attentionFilter.right_text.length",
            "config.initialTextLength = Math.max(attentionFilter.left_text.length, attentionFilter.right_text.length)",
        ),
    ),
}
"""What is changed in the script of each view: a text, or a pattern, that stands there exactly once."""


def library(name: str) -> Path:
    """Where the script of a library lies: `jquery` or `d3`."""
    package, path = _LIBRARIES[name]
    return _folder(package) / path


@cache
def view_script(view: str) -> str:
    """bertviz's script for a view. It calls `requirejs(names, draw)`; `draw(jQuery, d3)` draws what stands in
    `window.bertviz_params`.

    Raises RuntimeError when the installed bertviz is not the one that this was written for.
    """
    script = (_folder("bertviz") / f"{view}.js").read_text(encoding="utf-8")
    for old, new in _CHANGES[view]:
        pattern = re.compile(re.escape(old)) if isinstance(old, str) else old
        script, count = pattern.subn(lambda _found, new=new: new, script)  # type: ignore[misc]
        if count != 1:
            raise RuntimeError(f"bertviz's {view}.js is not the one expected: {pattern.pattern!r} stands there {count} times")  # fmt: skip
    return script


def _folder(package: str) -> Path:
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations)))
