"""What people do to runs on the page Runs: rename, put tags on, delete, bring back, empty the trash. Each run by itself, so
that one that is refused does not keep the others."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field

from llm_core.config import Config
from llm_core.errors import UserError
from llm_core.runs import disk, tags, trash
from llm_core.runs.store import Store
from pages.ui.text import explain_in

Reference = Annotated[str, Field(max_length=64)]


class Change(Config):
    """deed: what is done to each of the runs. `name` is for "rename", `tags` are put on or taken off."""

    deed: Literal["rename", "tag", "untag", "delete", "restore", "empty", "remove_texts"]
    runs: Annotated[tuple[Reference, ...], Field(strict=False, max_length=1000)] = ()
    name: str = Field(default="", max_length=1000)
    tags: Annotated[tuple[str, ...], Field(strict=False, max_length=20)] = ()


def carry_out(store: Store, change: Change, owner: str, language: str) -> dict[str, Any]:
    """Do it as this owner: which runs it was done to, and one sentence for each that was refused."""
    if change.deed == "empty":
        return {"done": trash.empty(store, owner), "refused": []}
    if change.deed == "remove_texts":
        return {"done": disk.remove_unneeded_texts(store, owner), "refused": []}
    deeds: dict[str, Callable[[str], object]] = {
        "rename": lambda reference: store.rename(store.find(reference), change.name, owner),
        "tag": lambda reference: tags.change_tags(store.find(reference), add=change.tags, owner=owner),
        "untag": lambda reference: tags.change_tags(store.find(reference), remove=change.tags, owner=owner),
        "delete": lambda reference: trash.delete(store, reference, owner),
        "restore": lambda reference: trash.restore(store, reference, owner),
    }
    done, refused = [], []
    for reference in change.runs:
        try:
            deeds[change.deed](reference)
            done.append(reference)
        except UserError as error:
            refused.append({"run": reference, "error": explain_in(error, language)})
    store.listing.forget()
    return {"done": done, "refused": refused}
