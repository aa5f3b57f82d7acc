"""bertviz's three views of attention as HTML, fed with our arrays: a frame of the page, or a file that stands alone.

Needs no Streamlit, so it serves in a notebook too:

    Path("heads.html").write_text(standalone(seen, "head_view"), encoding="utf-8")

bertviz: Vig (2019), "A Multiscale Visualization of Attention in the Transformer Model". What a text holds goes into
the document as JSON in which no markup can begin, and from there onto the screen as text only.
"""

import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_core.errors import N_
from pages.ui.attention.bertviz_data import payload
from pages.ui.attention.bertviz_looks import looks
from pages.ui.attention.bertviz_scripts import LIBRARIES, VIEWS, library, view_script

if TYPE_CHECKING:
    from llm_core.interpret.attention.attention import Seen

BROWSER = Path(__file__).resolve().parents[3] / "assets" / "browser"

WORDS = {
    "head_view": N_("Head view"),
    "model_view": N_("Model view"),
    "neuron_view": N_("Neuron view"),
    "head_view_hint": N_("Point at a token to see what it looks at, or what looks at it; a click holds the picture. A click on a coloured square switches its head off or on, a double click shows it alone."),
    "model_view_hint": N_("All heads of all layers: lines lead from a token to what it looks at, tokens stand from top to bottom. A click on a head shows it large."),
    "neuron_view_hint": N_("Point at a token on the left; a click holds the picture. The plus sign beside it opens the calculation: query times key, element by element, their sum, and the attention that the softmax makes of it."),
    "decoder": N_("decoder"), "encoder": N_("encoder"), "cross": N_("cross-attention"),
    "part": N_("Part of the model"), "layer": N_("Layer"), "head": N_("Head"),
    "heads": N_("Head"), "layers": N_("Layer"), "one": N_("Layer {layer}, head {head}"),
    "query": N_("Query"), "key": N_("Key"), "product": N_("q × k (elementwise)"), "nothing": N_("No token selected"),
    "window": N_("Only tokens {first} to {last} of {count} are drawn, and how they look at one another."),
    "window_text": N_("Of the text, on the left, only tokens {first} to {last} of {count} are drawn."),
    "window_source": N_("Of the source, on the right, only tokens {first} to {last} of {count} are drawn."),
    "earlier": N_("Earlier tokens"), "later": N_("Later tokens"),
}  # fmt: skip
"""Every word in a view; a page hands them over in its language."""

_NOTHING_FETCHED = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"


def standalone(
    seen: "Seen",
    view: str,
    *,
    part: str | None = None,
    layer: int = 0,
    head: int = 0,
    begin: int = 0,
    name: str = "attention",
    words: Mapping[str, str] = WORDS,
    language: str = "en",
) -> str:
    """A view as one HTML file that needs nothing else: no network, no other file.

    `view` is `head_view`, `model_view` or `neuron_view`; it begins at this part, layer and head (from 0; without a
    part the last one that the model has). Long texts are drawn from token `begin` on. `name` is that of the SVG and
    PNG files that it saves. It follows the look, light or dark, that the browser asks for.
    Raises ValueError for a view, a part or a head that is not there.
    """
    told = _told(seen, view, begin, name, words) | {"start": _start(seen, part, layer, head)}
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_NOTHING_FETCHED}">\n'
    return _document(told, language, policy, _libraries())


def framed(
    seen: "Seen",
    view: str,
    *,
    begin: int = 0,
    name: str = "attention",
    words: Mapping[str, str] = WORDS,
    language: str = "en",
    whole: bool = False,
) -> str:
    """The same for a frame of the page, which says where to begin, and takes the libraries from the server.

    `whole`: with the libraries inside, for a server that tells strangers nothing; a frame without an origin is one.
    Raises ValueError for a view that is not there.
    """
    told = _told(seen, view, begin, name, words) | {"start": _start(seen, None, 0, 0)}
    linked = [f'<script src="./vendor/{each}.min.js"></script>' for each in LIBRARIES]
    return _document(told, language, "", _libraries() if whole else linked)


def refusal(sentence: str, language: str) -> str:
    """A frame that only says why there is nothing to see."""
    script = "parent.postMessage({ height: document.documentElement.offsetHeight }, '*')"
    return (
        f'<!doctype html>\n<html lang="{html.escape(language)}">\n<meta charset="utf-8">\n'
        f"<p>{html.escape(sentence)}</p>\n<script>{script}</script>\n"
    )


def _told(seen: "Seen", view: str, begin: int, name: str, words: Mapping[str, str]) -> dict[str, Any]:
    """Everything that the document draws from."""
    if view not in VIEWS:
        raise ValueError(f"there is no view {view!r}; there are {', '.join(VIEWS)}")
    return {"view": view, "parts": payload(seen, view, begin), "looks": looks(), "words": dict(words), "name": name}


def _start(seen: "Seen", part: str | None, layer: int, head: int) -> dict[str, Any]:
    attentions = {str(name): attention for name, attention in seen.parts.items()}
    part = part if part is not None else list(attentions)[-1]
    if part not in attentions:
        raise ValueError(f"there is no part {part!r}; there are {', '.join(attentions)}")
    layers, heads = attentions[part].pattern.shape[:2]
    if not (0 <= layer < layers and 0 <= head < heads):
        raise ValueError(f"there is no head {layer}.{head}: there are {layers} layers of {heads} heads, from 0")
    return {"part": part, "layer": layer, "head": head}


def _document(told: Mapping[str, Any], language: str, policy: str, libraries: list[str]) -> str:
    style = (BROWSER / "bertviz_frame.css").read_text(encoding="utf-8")
    ours = [(BROWSER / f"{name}.js").read_text(encoding="utf-8") for name in ("format", "chips", "bertviz_saving", "bertviz_frame")]  # fmt: skip
    return "\n".join((
        "<!doctype html>",
        f'<html lang="{html.escape(language)}">',
        '<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"{policy}<title>{html.escape(told['words'][told['view']])}</title>",
        f'<style>\n{style}</style>\n</head>\n<body>\n<div id="said"></div>\n<main id="bertviz"></main>',
        f'<script type="application/json" id="told">{_as_json(told)}</script>',
        *libraries,
        *(f"<script>\n{_inline(script)}</script>" for script in ("\n".join(ours), view_script(told["view"]))),
        "</body>\n</html>\n",
    ))  # fmt: skip


def _libraries() -> list[str]:
    return [f"<script>{_inline(library(each).read_text(encoding='utf-8'))}</script>" for each in LIBRARIES]


def _as_json(value: Any) -> str:
    """JSON in ASCII in which no markup begins, whatever the strings hold."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")  # fmt: skip


def _inline(script: str) -> str:
    """A script that can stand inside an element: nothing in its strings ends it."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")
