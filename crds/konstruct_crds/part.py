"""The base of every model of the API, and the texts it is made of."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from konstruct_crds.rules import Rule

_UPPERCASE_WORDS = {"usd": "USD", "url": "URL", "cidr": "CIDR"}
RULES = "x-konstruct-rules"
"""Where a generated schema keeps its rules until they are rendered or evaluated."""


def api_name(field: str) -> str:
    """Return the API's spelling of a field: camelCase, initialisms in capitals unless first."""
    first, *rest = field.split("_")
    return first + "".join(_UPPERCASE_WORDS.get(word, word.capitalize()) for word in rest)


class Part(BaseModel):
    """A piece of a resource. Unknown fields of newer versions are ignored when parsed.

    Whether a document is a valid resource is told by `validation`, which is as strict as the API
    server; a parsed Part is a typed view of a document that has passed.
    """

    model_config = ConfigDict(
        alias_generator=api_name, populate_by_name=True, frozen=True, extra="ignore"
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over this part."""
        return ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Return the JSON schema with the part's rules beside it."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        rules = cls.rules()
        if rules:
            schema[RULES] = list(rules)
        return schema


def keyed_by(key: str) -> dict[str, Any]:
    """Return the schema's extension for a list whose entries are known by `key`, in no order."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


def ordered() -> dict[str, Any]:
    """Return the schema's extension for a list whose order has a meaning: one owner writes it."""
    return {"x-kubernetes-list-type": "atomic"}


def one_of_each() -> dict[str, Any]:
    """Return the schema's extension for a list of scalars in which nothing comes twice."""
    return {"x-kubernetes-list-type": "set"}


NAME_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
LONGEST_NAME = 40

ItemName = Annotated[
    str,
    Field(min_length=1, max_length=LONGEST_NAME, pattern=NAME_PATTERN),
]
SecretName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]"
        r"([-a-z0-9]*[a-z0-9])?)*$",
    ),
]
NamespaceName = Annotated[
    str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
]
ModelName = Annotated[
    str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@-]*$")
]
Language = Annotated[
    str,
    Field(
        min_length=2, max_length=35, pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"
    ),
]
WebAddress = Annotated[
    str,
    Field(
        min_length=8,
        max_length=2048,
        pattern=r"^https?://[A-Za-z0-9\[]([A-Za-z0-9.:\[\]-]*)([/?#][!-~]*)?$",
    ),
]
DisplayName = Annotated[str, Field(min_length=1, max_length=128)]
MicroUSD = Annotated[
    int, Field(ge=0, le=1_000_000_000_000_000, json_schema_extra={"format": "int64"})
]
