"""The tools of an agent, and the rules for asking humans: shared by Agent and AgentTemplate."""

import ipaddress
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from konstruct_crds.common import SecretReference
from konstruct_crds.part import ItemName, NamespaceName, Part, WebAddress, keyed_by, one_of_each
from konstruct_crds.rules import Rule, value_at


class ToolType(StrEnum):
    """What kind of tool it is; each has its block."""

    BUILT_IN = "BuiltIn"
    HTTP = "HTTP"
    MCP = "MCP"


class BuiltInFunction(StrEnum):
    """What Konstruct can do by itself."""

    DATE_AND_TIME = "DateAndTime"
    OFFER_CHOICES = "OfferChoices"
    MAKE_FILE = "MakeFile"


class Method(StrEnum):
    """How an HTTP tool is called."""

    GET = "Get"
    POST = "Post"
    PUT = "Put"
    PATCH = "Patch"
    DELETE = "Delete"


class ApprovalPolicy(StrEnum):
    """Whether a human must agree."""

    NEVER = "Never"
    ALWAYS = "Always"


class RequesterPolicy(StrEnum):
    """Whether the person who asked may also agree."""

    ALLOWED = "Allowed"
    EXCLUDED = "Excluded"


class EgressType(StrEnum):
    """Where a tool may connect to; CIDR and Service have their fields."""

    INTERNET = "Internet"
    CIDR = "CIDR"
    SERVICE = "Service"


class Repetition(StrEnum):
    """Whether a call may be made a second time after a crash."""

    ALLOWED = "Allowed"
    FORBIDDEN = "Forbidden"


class BuiltInTool(Part):
    """A tool that is part of Konstruct."""

    function: BuiltInFunction = Field(
        description="Which one. DateAndTime: the date, time and weekday in the tenant's time zone."
        " OfferChoices: the agent may end an answer with a question and buttons to choose from."
        " MakeFile: the agent may make files of text (csv, html, json, md, txt), which the person"
        " gets with its answer."
    )


class Header(Part):
    """A header of every request of an HTTP tool."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z][-A-Za-z0-9]*$")] = (
        Field(description="The header's name.")
    )
    value: Annotated[str, Field(max_length=1024, pattern=r"^[ -~]*$")] = Field(
        description="The header's value, in plain sight. Secrets belong into secretRef."
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a header."""
        return (
            Rule(
                name="header-holds-no-secret",
                cel="!(self.name.lowerAscii() in ['authorization', 'cookie', 'x-api-key',"
                " 'proxy-authorization'])",
                python=lambda value: value["name"].lower() not in _SECRET_HEADERS,
                message="A header that carries a secret must not stand here in plain sight: put it"
                " into a Secret under the header's name and name the Secret in secretRef.",
                field_path=".name",
                reason="FieldValueForbidden",
            ),
        )


_SECRET_HEADERS = ("authorization", "cookie", "x-api-key", "proxy-authorization")


class HTTPTool(Part):
    """A tool that is one HTTP request."""

    url: WebAddress = Field(
        description="The address to call: http:// or https://, without a user name or password."
    )
    method: Method | None = Field(
        default=None, description="How to call it. Unset: Post. The arguments travel as JSON."
    )
    headers: tuple[Header, ...] = Field(
        default=(),
        max_length=32,
        description="Headers of every request.",
        json_schema_extra=keyed_by("name"),
    )
    secret_ref: SecretReference | None = Field(
        default=None,
        description="A Secret, labelled konstruct.dev/use: tool, each key of which is sent as a"
        " header of that name.",
    )


class MCPTool(Part):
    """The tools of a Model Context Protocol server, over its streamable HTTP transport."""

    url: WebAddress = Field(
        description="The server's address: http:// or https://, without a user name or password."
    )
    secret_ref: SecretReference | None = Field(
        default=None,
        description="A Secret, labelled konstruct.dev/use: tool, each key of which is sent as a"
        " header of that name.",
    )
    allowed_tools: tuple[
        Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.-]+$")], ...
    ] = Field(
        default=(),
        max_length=64,
        description="Which of the server's tools the agent may use. Empty: all of them.",
        json_schema_extra=one_of_each(),
    )


class Approval(Part):
    """When a human must agree before the tool is used."""

    policy: ApprovalPolicy = Field(
        description="Never: the agent uses the tool by itself. Always: it asks first, and uses the"
        " tool with exactly the arguments that were agreed to."
    )
    approvers: tuple[Annotated[str, Field(min_length=1, max_length=256)], ...] = Field(
        default=(),
        max_length=32,
        description="Who may agree: names of the agent's handOff entries, or people as the channel"
        " knows them. Empty: whoever asked.",
        json_schema_extra=one_of_each(),
    )
    requester: RequesterPolicy | None = Field(
        default=None,
        description="Whether the person who asked may agree, too. Unset: Allowed. Excluded: it"
        " takes somebody else.",
    )
    expires_after_seconds: int | None = Field(
        default=None,
        ge=60,
        le=604_800,
        description="After how many seconds an unanswered question counts as refused. Unset: 86400"
        " (a day).",
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over an approval."""
        return (
            Rule(
                name="approval-can-be-given",
                cel="self.policy == 'Never' || !has(self.requester) || self.requester =="
                " 'Allowed' || (has(self.approvers) && size(self.approvers) > 0)",
                python=lambda value: (
                    value.get("policy") == "Never"
                    or value.get("requester", "Allowed") == "Allowed"
                    or bool(value.get("approvers"))
                ),
                message="The requester is excluded and approvers is empty, so nobody could ever"
                " agree: name at least one approver, or write requester: Allowed.",
                field_path=".approvers",
                reason="FieldValueRequired",
            ),
        )


class ServiceReference(Part):
    """A workload of the same cluster."""

    name: NamespaceName = Field(description="The Service's name.")
    namespace: NamespaceName | None = Field(
        default=None, description="The Service's namespace. Unset: the tenant's own."
    )


class Egress(Part):
    """A place that the tenant's pods may connect to, for this tool."""

    type: EgressType = Field(
        description="Internet: every public address. CIDR: the addresses of `cidr`. Service: the"
        " pods behind `service`. All tools of a tenant share one pod, so the places of all of them"
        " are open to it."
    )
    cidr: Annotated[str, Field(min_length=3, max_length=43)] | None = Field(
        default=None, description="A range of addresses: 203.0.113.0/24 or 2001:db8::/32."
    )
    service: ServiceReference | None = Field(
        default=None, description="A Service of the same cluster."
    )
    ports: tuple[Annotated[int, Field(ge=1, le=65_535)], ...] = Field(
        default=(),
        max_length=16,
        description="TCP ports. Empty: 443 for Internet, every port otherwise.",
        json_schema_extra=one_of_each(),
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a place to connect to."""
        return (
            Rule(
                name="egress-cidr-matches-type",
                cel="has(self.cidr) == (self.type == 'CIDR')",
                python=lambda value: ("cidr" in value) == (value.get("type") == "CIDR"),
                message="`cidr` belongs to type CIDR and to no other: write both, as in type: CIDR"
                " with cidr: 203.0.113.0/24, or remove cidr.",
                field_path=".cidr",
            ),
            Rule(
                name="egress-service-matches-type",
                cel="has(self.service) == (self.type == 'Service')",
                python=lambda value: ("service" in value) == (value.get("type") == "Service"),
                message="`service` belongs to type Service and to no other: write both, as in type:"
                " Service with service: {name: orders}, or remove service.",
                field_path=".service",
            ),
            Rule(
                name="egress-cidr-is-a-network",
                cel="!has(self.cidr) || (isCIDR(self.cidr) &&"
                " cidr(self.cidr) == cidr(self.cidr).masked())",
                python=lambda value: "cidr" not in value or _is_network(value["cidr"]),
                message="cidr is not a network: write the network's first address and the length"
                " of its prefix, as 203.0.113.0/24.",
                field_path=".cidr",
            ),
        )


class Tool(Part):
    """Something the agent can do beyond talking."""

    name: ItemName = Field(
        description="The tool's name, unique in the agent. The model sees it, so let it say what"
        " the tool does: look-up-order."
    )
    type: ToolType = Field(
        description="BuiltIn: part of Konstruct. HTTP: one request. MCP: the tools of a Model"
        " Context Protocol server. The block of the same name is required."
    )
    description: Annotated[str, Field(max_length=1024)] | None = Field(
        default=None,
        description="What the tool does and when to use it, for the model. Unset: what the tool"
        " says of itself.",
    )
    built_in: BuiltInTool | None = Field(default=None, description="A tool of type BuiltIn.")
    http: HTTPTool | None = Field(default=None, description="A tool of type HTTP.")
    mcp: MCPTool | None = Field(default=None, description="A tool of type MCP.")
    repetition: Repetition | None = Field(
        default=None,
        description="Whether a call may be made again when a crash hid its outcome. Unset:"
        " Forbidden, and the model is told that the outcome is unknown. Allowed: calling twice does"
        " no harm.",
    )
    approval: Approval | None = Field(
        default=None, description="When a human must agree. Unset: never."
    )
    egress: tuple[Egress, ...] = Field(
        default=(),
        max_length=16,
        description="Where the tool connects to. Everything else is closed to the tenant's pods.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )

    @classmethod
    def rules(cls) -> tuple[Rule, ...]:
        """Return the rules over a tool."""
        return (
            _block_rule("builtIn", ToolType.BUILT_IN, "builtIn: {function: DateAndTime}"),
            _block_rule("http", ToolType.HTTP, "http: {url: ...}"),
            _block_rule("mcp", ToolType.MCP, "mcp: {url: ...}"),
        )


class EscalationType(StrEnum):
    """Whom an escalation turns to."""

    HAND_OFF = "HandOff"
    AGENT = "Agent"


class EscalationTarget(Part):
    """Whom an escalation turns to."""

    type: EscalationType = Field(
        description="HandOff: humans, an entry of handOff. Agent: another Agent of the tenant."
    )
    target: ItemName = Field(description="The name of the handOff entry or of the Agent.")


class Escalation(Part):
    """When a conversation goes to somebody else. Rules are tried in order; the first wins."""

    name: ItemName = Field(description="The rule's name, unique in the agent.")
    when: Annotated[str, Field(min_length=1, max_length=1024)] = Field(
        description="The condition in Konstruct's rule language, for example: message contains"
        " 'refund' or turns > 10. Condition Accepted tells whether it could be read."
    )
    to: EscalationTarget = Field(description="Who takes over.")


def _block_rule(block: str, tool_type: ToolType, example: str) -> Rule:
    return Rule(
        name=f"tool-{block.lower()}-matches-type",
        cel=f"has(self.{block}) == (self.type == '{tool_type.value}')",
        python=lambda value: (block in value) == (value_at(value, "type") == tool_type.value),
        message=f"The block `{block}` belongs to tools of type {tool_type.value} and to no other:"
        f" write type: {tool_type.value} with {example}, or remove the block.",
        field_path=f".{block}",
    )


def _is_network(text: str) -> bool:
    """Tell what CEL's isCIDR and masked() tell: no host bits, no zone, no mapped IPv4 address."""
    try:
        network = ipaddress.ip_network(text, strict=True)
    except ValueError:
        return False
    mapped = isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped
    prefix = text.rpartition("/")[2]
    plain = prefix.isascii() and prefix.isdigit() and str(int(prefix)) == prefix
    return "/" in text and "%" not in text and not mapped and plain
