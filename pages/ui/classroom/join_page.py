"""The one thing that a stranger gets: a page that asks for the code. It tells nothing of the class or its runs."""

from html import escape

from llm_core.errors import N_
from pages.ui.text import LANGUAGES, translate

JOIN = "/join"
ASK = N_("Type the code that stands on the board. Capitals do not matter.")
CODE = N_("Code")
ENTER = N_("Join the class")
WRONG = N_("This code is wrong. Look at the board again.")
TOO_MANY = N_("Too many wrong codes came from your address. Wait a minute, then try again.")
CLOSED = N_("This class cannot be opened; the screen of the server says why.")

_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: light-dark(#faf6ec, #0e1411);
  color: light-dark(#2b2a25, #e3e7dc); font: 1.05rem/1.5 -apple-system, "Segoe UI", Roboto, "Noto Sans", system-ui,
  "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
main { width: min(26rem, calc(100vw - 2.5rem)); padding: 2rem 0; }
h1 { font: 500 2.3rem/1.2 "Iowan Old Style", Palatino, Georgia, "Noto Serif", "Songti SC", serif; margin: 0 0 1rem; }
p { margin: 0 0 0.4rem; }
form { margin-top: 1.2rem; display: grid; gap: 0.8rem; }
input { font: 1.6rem ui-monospace, Menlo, Consolas, monospace; letter-spacing: 0.15em; padding: 0.6rem 0.8rem; width: 100%;
  box-sizing: border-box; border: 1px solid light-dark(#8d8570, #5d6f62); border-radius: 0.4rem;
  background: light-dark(#fffdf7, #161f1a); color: inherit; }
button { font: inherit; padding: 0.7rem; border: 0; border-radius: 0.4rem; cursor: pointer;
  background: light-dark(#4f6b35, #a3c17a); color: light-dark(#faf6ec, #0e1411); }
:is(input, button):focus-visible { outline: 3px solid light-dark(#2f5f8f, #8ab4dc); outline-offset: 2px; }
.fault { color: light-dark(#a63c2a, #e08a76); font-weight: 600; }
"""


def join_page(then: str, fault: str | None = None, *, ask: bool = True) -> bytes:
    """The page, in every language at once. then: where to go after joining · ask: whether a code can be typed now."""
    said = "".join(_lines(fault, ' class="fault" role="alert"')) if fault else ""
    form = (
        f'<form method="post" action="{JOIN}">'
        f'<input type="hidden" name="then" value="{escape(then)}">'
        f'<input name="code" aria-label="{escape(_joined(CODE))}" required autofocus maxlength="40" autocomplete="off" '
        'autocapitalize="none" autocorrect="off" spellcheck="false">'
        f"<button>{escape(_joined(ENTER))}</button></form>"
    )
    asked = "".join(_lines(ASK)) + form if ask else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Terrarium</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head>'
        f"<body><main><h1>Terrarium</h1>{said}{asked}</main></body></html>"
    ).encode()


def _lines(template: str, attributes: str = "") -> list[str]:
    return [f'<p lang="{code}"{attributes}>{escape(translate(template, code))}</p>' for code in LANGUAGES]


def _joined(template: str) -> str:
    return " · ".join(translate(template, code) for code in LANGUAGES)
