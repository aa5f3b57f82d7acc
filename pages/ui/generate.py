"""The panels of the Generate page: prompt, decoding controls, the tokens, what to look for, what to take away.

What is shown follows from the settings alone (`pages.ui.writing`), which stand in the session and in the link.
"""

import json
from typing import Any
from urllib.parse import quote

import streamlit as st

from llm_core.config import DecodingConfig, TaskConfig, parse
from llm_core.data.foreign_tokenizers import load_tokenizer
from llm_core.errors import UserError
from llm_core.runs.run import Run
from pages.ui import forms
from pages.ui.faults import as_text
from pages.ui.panels import take_away, what_to_look_for
from pages.ui.state import GENERATE_LINK_KEY, PICK_KEY, PROMPT_KEY, STEP_KEY, store
from pages.ui.subject import name_of
from pages.ui.text import _, language
from pages.ui.tokens import show_tokens
from pages.ui.writing import DEFAULT, LONGEST_PROMPT, Writing, default_prompt, is_translator, painted, prompt_ids

SHOWN = ("method", "temperature", "tokens", "seed")
FOLDED = ("top_k", "top_p", "min_p", "repetition_penalty", "beams", "alternatives")
COLDEST, HOTTEST = 0.1, 2.0
SHORTEST, LONGEST = 8, 512
"""What the sliders reach; a link may say less or more."""
TEXT, TOKENS = "generate_text", "generate_tokens"


def _key(name: str) -> str:
    return forms.form_key(DecodingConfig, name)


def follow_link() -> None:
    """Take prompt and decoding from the address when it is not the one that this page wrote itself."""
    asked = {name: st.query_params[name] for name in ("prompt", *SHOWN, *FOLDED) if name in st.query_params}
    if not asked or asked == st.session_state.get(GENERATE_LINK_KEY):
        return
    if "prompt" in asked:
        st.session_state[PROMPT_KEY] = asked.pop("prompt")[:LONGEST_PROMPT]
    try:
        decoding = parse(DecodingConfig, DEFAULT.model_dump() | {name: _value(text) for name, text in asked.items()})
    except UserError:
        return  # A link that was cut or edited: what the page has stays.
    fitting = {
        "temperature": min(max(decoding.temperature, COLDEST), HOTTEST),
        "tokens": min(max(decoding.tokens, SHORTEST), LONGEST),
    }
    forms.fill(decoding.model_copy(update=fitting))


def _value(text: str) -> Any:
    """A number or null where the text is one, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def only_reads(run: Run) -> bool:
    """Whether its model cannot write, since it reads a whole text at once; then the page says so."""
    if isinstance(run.model_config, TaskConfig):
        st.info(as_text(_("{name} does not write: it reads a whole text and says one thing of it. Choose another model here, or see what this one looks at.", name=name_of(run))))  # fmt: skip
        if run.model_config.task != "classify":
            st.page_link("read.py", label=_("Read"), query_params={"task": run.model_config.task, "run": run.id})
        st.page_link("attention.py", label=_("Attention"), query_params={"run": run.id})
        return True
    if getattr(run.model_config, "architecture", "") != "encoder":
        return False
    st.info(as_text(_("{name} does not write: it is an encoder, which reads a whole text at once and was trained to fill in hidden tokens. Choose another model here, or see what this one looks at.", name=name_of(run))))  # fmt: skip
    if load_tokenizer(run.folder / "tokenizer.json").mask is not None:
        st.page_link("fill_mask.py", label=_("Fill in"), query_params={"run": run.id})
    st.page_link("attention.py", label=_("Attention"), query_params={"run": run.id})
    return True


def prompt_box(run: Run) -> str:
    """The text that the model goes on from."""
    if PROMPT_KEY not in st.session_state:
        st.session_state[PROMPT_KEY] = default_prompt(run)
    if is_translator(run):
        if not st.session_state[PROMPT_KEY].strip():  # left empty for another model
            st.session_state[PROMPT_KEY] = default_prompt(run)
        return st.text_area(
            _("Sentence"), key=PROMPT_KEY, height=72, max_chars=LONGEST_PROMPT, persist_state="session",
            help=_("The model translates this. It knows the words of its stories. Ctrl+Enter, or a click elsewhere, sets it off."),
        )  # fmt: skip
    return st.text_area(
        _("Prompt"), key=PROMPT_KEY, height=72, max_chars=LONGEST_PROMPT, persist_state="session",
        placeholder=_("Empty: the model begins by itself."),
        help=_("The model goes on from here. Ctrl+Enter, or a click elsewhere, sets it off."),
    )  # fmt: skip


def controls() -> DecodingConfig:
    """How probabilities become text: four settings, the rest folded."""
    for name in SHOWN:
        st.session_state.setdefault(_key(name), getattr(DEFAULT, name))
    st.button(
        _("Write another"),
        on_click=_another,
        width="stretch",
        type="primary",
        disabled=st.session_state[_key("method")] != "sample",  # the others write the same with every seed
        help=_("The same settings with the next seed."),
    )
    forms.field(DEFAULT, "method")
    method = st.session_state[_key("method")]
    st.slider(
        _("Temperature"),
        COLDEST,
        HOTTEST,
        step=0.1,
        key=_key("temperature"),
        persist_state="session",
        disabled=method != "sample",
        help=_description("temperature"),
    )
    st.slider(
        _("Tokens"),
        SHORTEST,
        LONGEST,
        step=8,
        key=_key("tokens"),
        persist_state="session",
        help=_description("tokens"),
    )
    forms.field(DEFAULT, "seed")
    with st.expander(_("More")):
        forms.fields(DEFAULT, FOLDED)
    return parse(DecodingConfig, forms.read(DEFAULT))


def _description(name: str) -> str:
    return _(DecodingConfig.model_fields[name].description or "")


def _another() -> None:
    st.session_state[_key("seed")] = (st.session_state.get(_key("seed"), DEFAULT.seed) + 1) % 2**31


def show(writing: Writing) -> None:
    """The tokens: painted when they are known, else streamed."""
    ready = painted(writing)
    show_tokens(
        TOKENS,
        identity=writing.identity,
        shown=ready,
        request=None if ready else writing.model_dump() | {"language": language()},
        pick=st.session_state.get(PICK_KEY),
        on_chosen=lambda ids: _go_on(writing, ids),
    )


def _go_on(writing: Writing, ids: list[int]) -> None:
    """The text up to another token becomes the prompt."""
    if is_translator(store().find(writing.run)):
        st.toast(_("A translation begins with its first token; change the sentence to get another."))
        return
    tokenizer = load_tokenizer(store().find(writing.run).folder / "tokenizer.json")
    if not all(0 <= token < tokenizer.vocabulary_size for token in ids):
        return
    text = tokenizer.decode([*prompt_ids(tokenizer, writing.prompt), *ids])
    if text.endswith("\ufffd"):
        st.toast(_("That token is only a part of a character; choose another."))
    elif tokenizer.end_of_text in ids:
        st.toast(_("After that token the text would end; choose another."))
    else:
        st.session_state[PROMPT_KEY] = text[-LONGEST_PROMPT:]


def write_link(writing: Writing, run: Run) -> None:
    """Put prompt and decoding into the address, those that are not what the page begins with."""
    link = {"prompt": writing.prompt} if writing.prompt != default_prompt(run) else {}
    for name, value in writing.decoding.model_dump().items():
        if value != getattr(DEFAULT, name):
            link[name] = json.dumps(value) if not isinstance(value, str) else value
    for name in ("prompt", *SHOWN, *FOLDED):
        if name not in link and name in st.query_params:
            del st.query_params[name]
    if any(st.query_params.get(name) != value for name, value in link.items()):
        st.query_params.update(link)
    st.session_state[GENERATE_LINK_KEY] = link


def look_for(run: Run) -> None:
    """Three things worth seeing."""
    steps = telling_steps(run)
    what_to_look_for(
        "generate_guide",
        [
            (
                _("The faintest token surprised the model most; the strongest was hardly a choice."),
                {"least": _("Show the surprise"), "most": _("Show the surest")},
            ),
            (
                _("Before training every token is as likely as any other. Words come first, then their order, then sense."),
                {f"step {step}": _("At step {step}", step=step) for step in steps},
            ),
            (
                _("A cold model repeats what is likeliest, a hot one loses the thread."),
                {"cold": _("Temperature {value}", value="0.2"), "hot": _("Temperature {value}", value="1.6")},
            ),
        ],
        _set_view,
    )  # fmt: skip


def telling_steps(run: Run) -> list[int]:
    """The first and the last step that a run has kept, and the middle one, which writes neither noise nor sense."""
    steps = run.steps()
    return sorted({steps[0], steps[len(steps) // 2], steps[-1]})


def _set_view(view: str) -> None:
    if view.startswith("step "):
        st.session_state[STEP_KEY] = int(view.removeprefix("step "))
        st.query_params["step"] = view.removeprefix("step ")
    elif view in ("cold", "hot"):
        st.session_state[_key("method")] = "sample"
        st.session_state[_key("temperature")] = 0.2 if view == "cold" else 1.6
    else:
        number = st.session_state.get(PICK_KEY, {"number": 0})["number"] + 1
        st.session_state[PICK_KEY] = {"which": view, "number": number}


def give(writing: Writing) -> None:
    """The row at the foot: a table, the same as Python, the link."""
    address = f"./written.csv?lang={language()}&writing={quote(writing.model_dump_json())}"
    take_away(
        "generate_takeaway",
        files={"CSV": (address, f"terrarium-{writing.run}-{writing.step}.csv")},
        code=as_python(writing),
    )


def as_python(writing: Writing) -> str:
    """What this page does, for a notebook or a script."""
    changed = {
        name: value for name, value in writing.decoding.model_dump().items() if value != getattr(DecodingConfig(), name)
    }
    decoding = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    if is_translator(store().find(writing.run)):
        return f"""\
from llm_core.config import DecodingConfig
from llm_core.inference.translate import translate
from llm_core.runs.store import Store

store = Store()
model, tokenizer = store.model(store.find({writing.run!r}), step={writing.step})
decoding = DecodingConfig({decoding})
for (token,) in translate(model, tokenizer, [{writing.prompt!r}], decoding):
    print(f"{{tokenizer.pieces[token.id]!r:20}} {{token.probability:.3f}}")
"""
    return f"""\
from llm_core.config import DecodingConfig
from llm_core.inference.generate import generate
from llm_core.runs.store import Store

store = Store()
model, tokenizer = store.model(store.find({writing.run!r}), step={writing.step})
decoding = DecodingConfig({decoding})
prompt = [*tokenizer.begin, *tokenizer.encode({writing.prompt!r})]
for (token,) in generate(model, [prompt], decoding, stop=tokenizer.end_of_text):
    print(f"{{tokenizer.pieces[token.id]!r:20}} {{token.probability:.3f}}")
"""
