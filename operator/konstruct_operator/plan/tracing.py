"""Where the agents' traces go, and the opening in the fence that lets them there."""

from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from konstruct_operator.settings import OperatorSettings

_NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
_OF_A_SERVICE: Final = 2


def endpoint(settings: OperatorSettings) -> str:
    """Return the collector's address as a tenant's namespace reaches it; '' without traces.

    A bare name is that of a Service beside the platform. What no policy can name, a host outside
    the cluster without `traces_cidrs`, gets no traces of agents: their fence opens to nobody else.
    """
    if egress(settings) is None:
        return ""
    parts = urlsplit(settings.traces_endpoint)
    host = parts.hostname or ""
    if "." in host or ":" in host:
        return settings.traces_endpoint
    there = f"{host}.{settings.platform_namespace or settings.namespace}"
    return parts._replace(netloc=there if parts.port is None else f"{there}:{parts.port}").geturl()


def egress(settings: OperatorSettings) -> dict[str, Any] | None:
    """Return the rule that lets agents reach the collector, None where there is none."""
    parts = urlsplit(settings.traces_endpoint)
    places = _places(parts, settings)
    if not places:
        return None
    return {"to": places, "ports": [{"protocol": "TCP", "port": _port(parts)}]}


def _places(parts: SplitResult, settings: OperatorSettings) -> list[dict[str, Any]]:
    host = parts.hostname
    if not host:
        return []
    if settings.traces_cidrs:
        return [{"ipBlock": {"cidr": cidr}} for cidr in settings.traces_cidrs]
    try:
        address = ip_address(host)
    except ValueError:
        named = _namespace(host.split("."), settings)
        selector = {"namespaceSelector": {"matchLabels": {_NAMESPACE_LABEL: named}}}
        return [selector] if named else []
    return [{"ipBlock": {"cidr": f"{address}/{address.max_prefixlen}"}}]


def _namespace(labels: list[str], settings: OperatorSettings) -> str:
    """Return the namespace of the Service that a host's labels name, '' if they name none."""
    if len(labels) == 1:
        return settings.platform_namespace or settings.namespace
    if len(labels) == _OF_A_SERVICE or labels[_OF_A_SERVICE] == "svc":
        return labels[1]
    return ""


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)
