"""Strings that run a script where a page takes them for its own markup or code. Each would set `owned`, open a dialog, or
ask the server for `/owned`; `nothing_ran` holds that none did."""

from collections.abc import Callable

from playwright.sync_api import Page

INJECTIONS = (
    "<script>owned=1</script>",
    "</script><script>owned=1</script>",
    "<ScRiPt>top.owned=1</sCrIpT>",
    "</textarea><script>owned=1</script>",
    "</title><script>owned=1</script>",
    "</style><script>owned=1</script>",
    "<!--<script>owned=1</script>",
    "--><script>owned=1</script>",
    "<![CDATA[<script>owned=1</script>]]>",
    "<script/src=/owned></script>",
    "<script>fetch('/owned')</script>",
    "<img src=x onerror=owned=1>",
    "<img/src=x/onerror=parent.owned=1>",
    "<img src=/owned>",
    "\"><img src=x onerror=owned=1>",
    "'><img src=x onerror=owned=1>",
    "`><img src=x onerror=owned=1>",
    "<svg onload=owned=1>",
    "<svg><script>owned=1</script></svg>",
    "<svg><animate onbegin=owned=1 attributeName=x dur=1s>",
    "<svg><use href=/owned></svg>",
    "<body onload=owned=1>",
    "<iframe src=javascript:top.owned=1></iframe>",
    "<iframe srcdoc='<script>top.owned=1</script>'></iframe>",
    "<object data=/owned></object>",
    "<embed src=/owned>",
    "<details open ontoggle=owned=1>",
    "<input autofocus onfocus=owned=1>",
    "<video><source onerror=owned=1></video>",
    "<marquee onstart=owned=1>",
    "<a href=javascript:owned=1>x</a>",
    "[x](javascript:owned=1)",
    "![x](/owned)",
    "<math><mi//xlink:href='javascript:owned=1'>",
    "<link rel=stylesheet href=/owned>",
    "<meta http-equiv=refresh content=0;url=/owned>",
    "<style>*{background:url(/owned)}</style>",
    "<base href=/owned/>",
    "';owned=1;//",
    "\";owned=1;//",
    "\\\";owned=1;//",
    "\\u003cscript>owned=1</script>",
    "${owned=1}",
    "{{constructor.constructor('owned=1')()}}",
    "\u2028owned=1\u2029//",
    "<b onmouseover=alert(1)>%{x}</b><script>alert(1)</script>",
)  # fmt: skip


def nothing_ran(page: Page) -> Callable[[], None]:
    """Begin to watch a page; what this returns is called at the end, and fails where a string did something."""
    done: list[str] = []
    page.on("dialog", lambda dialog: (done.append(f"dialog {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda request: done.append(request.url) if "/owned" in request.url.split("?")[0] else None)

    def check() -> None:
        flags = [frame.evaluate("typeof owned") for frame in page.frames]
        assert set(flags) == {"undefined"}, "a script ran"
        assert done == []

    return check
