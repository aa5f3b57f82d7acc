"""What the Generate page shows, as Python for a notebook or a script."""

from llm_core.config import DecodingConfig
from pages.ui.state import store
from pages.ui.writing import Writing, is_translator


def _decoding(writing: Writing, **also: object) -> str:
    usual = DecodingConfig()
    changed = {name: value for name, value in writing.decoding.model_dump().items() if value != getattr(usual, name)}
    return f"DecodingConfig({', '.join(f'{name}={value!r}' for name, value in (changed | also).items())})"


def _model(writing: Writing, name: str = "model") -> str:
    return f"{name}, tokenizer = store.model(store.find({writing.run!r}), step={writing.step})"


_SHOWN = '    print(f"{tokenizer.pieces[token.id]!r:20} {token.probability:.3f}")\n'


def python_of(writing: Writing) -> str:
    """The text, with the choices that lead to it."""
    head = f"""\
from llm_core.config import DecodingConfig
from llm_core.inference.{{module}}
from llm_core.runs.store import Store

store = Store()
{_model(writing)}
decoding = {_decoding(writing)}
"""
    if is_translator(store().find(writing.run)):
        loop = f"for (token,) in translate(model, tokenizer, [{writing.prompt!r}], decoding):\n"
        return head.replace("{module}", "translate import translate") + loop + _SHOWN
    head += f"prompt = [*tokenizer.begin, *tokenizer.encode({writing.prompt!r})]\n"
    if writing.choices:
        loop = f"for token in follow(model, prompt, decoding, {list(writing.chosen)!r}, stop=tokenizer.end_of_text):\n"
        return head.replace("{module}", "branches import follow") + loop + _SHOWN
    loop = "for (token,) in generate(model, [prompt], decoding, stop=tokenizer.end_of_text):\n"
    return head.replace("{module}", "generate import generate") + loop + _SHOWN


def python_of_next(writing: Writing, settings: DecodingConfig) -> str:
    """What the settings leave of the distribution after the prompt."""
    return f"""\
import torch

from llm_core.config import DecodingConfig
from llm_core.inference.decoding import penalize, truncate
from llm_core.inference.reader import Reader
from llm_core.runs.store import Store

store = Store()
{_model(writing)}
text = [*tokenizer.begin, *tokenizer.encode({writing.prompt!r})]  # and the tokens before the one in question
settings = {_decoding(Writing(run=writing.run, step=writing.step, prompt="", decoding=settings))}
logits = Reader(model, len(text) + 1).read([text], len(text))
before = logits.softmax(-1)[0]
penalized = penalize(logits, [text], settings.repetition_penalty) / settings.temperature
after = truncate(penalized, settings).softmax(-1)[0]
for token in before.topk(20).indices.tolist():
    print(f"{{tokenizer.pieces[token]!r:20}} {{before[token]:.4f}} -> {{after[token]:.4f}}")
"""


def python_of_beams(writing: Writing) -> str:
    """Every step of the search."""
    return f"""\
from llm_core.config import DecodingConfig
from llm_core.inference.beam import search_steps
from llm_core.runs.store import Store

store = Store()
{_model(writing)}
decoding = {_decoding(writing)}
prompt = [*tokenizer.begin, *tokenizer.encode({writing.prompt!r})]
for step in search_steps(model, prompt, decoding, stop=tokenizer.end_of_text):
    for one in step.hypotheses:
        print(step.step, one.parent, repr(tokenizer.pieces[one.token.id]), f"{{one.score:.3f}}", one.fate)
"""


def python_of_pair(one: Writing, other: Writing) -> str:
    """Both texts, one after the other."""
    return "\n".join(f"# {each.run}, step {each.step}\n{python_of(each)}" for each in (one, other))


def python_of_samples(writing: Writing, count: int) -> str:
    """Many texts and how varied they are."""
    return f"""\
from llm_core.config import DecodingConfig
from llm_core.evaluate.repetition import distinct, mean, repeated
from llm_core.inference.generate import generate
from llm_core.runs.store import Store

store = Store()
{_model(writing)}
decoding = {_decoding(writing)}
prompt = [*tokenizer.begin, *tokenizer.encode({writing.prompt!r})]
texts = [[] for _ in range({count})]
for tokens in generate(model, [prompt] * {count}, decoding, stop=tokenizer.end_of_text):
    for token in tokens:
        if token.id != tokenizer.end_of_text:
            texts[token.row].append(token.id)
for text in texts:
    print(tokenizer.decode(text))
print({{n: distinct(texts, n) for n in (1, 2, 3)}}, mean([repeated(text, 4) for text in texts]))
"""
