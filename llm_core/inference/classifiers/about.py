"""What classifier.json holds for every family, checked before anything is built from it."""

from typing import TypeVar

from pydantic import Field, ValidationError, field_validator

from llm_core.config import Config, explain

MOST_CLASSES = 1000


class About(Config):
    """names: the classes in order. Each family adds what it needs, and `family`, fixed to its own name."""

    names: tuple[str, ...] = Field(min_length=1, max_length=MOST_CLASSES)

    @field_validator("names")
    @classmethod
    def _distinct(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("two classes have the same name")
        return names


_Kind = TypeVar("_Kind", bound=About)


def read_about(kind: type[_Kind], content: bytes) -> _Kind:
    """The content of a classifier.json. Raises UserError where it does not fit the family."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        raise explain(error) from None
