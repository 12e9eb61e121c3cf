"""NetworkPolicies: nothing in, nothing out, but to the platform, DNS and the tools' places."""

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from konstruct_crds.tool import Egress
from konstruct_operator import names
from konstruct_operator.observed import Document, Observed
from konstruct_operator.plan import tracing
from konstruct_operator.plan.metadata import child
from konstruct_operator.settings import OperatorSettings

NOT_INTERNET_V4: Final = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
NOT_INTERNET_V6: Final = ("::1/128", "fc00::/7", "fe80::/10", "ff00::/8")
"""Addresses that are not the public Internet (IANA's special-purpose registries)."""


def default_deny(observed: Observed) -> Document:
    """Return the policy under which nothing is allowed.

    In a namespace we made it holds for every pod; in an adopted one for the agents' pods alone, so
    that what else lives there goes on working.
    """
    made_by_us = observed.namespace is not None and observed.namespace.created_by_us
    selector = {} if made_by_us else {"matchLabels": dict(names.AGENT_LABELS)}
    return _policy(
        observed,
        names.POLICY_DENY,
        {
            "podSelector": selector,
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [],
            "egress": [],
        },
    )


def platform_egress(observed: Observed, settings: OperatorSettings) -> Document:
    """Return the policy that lets agents reach the gateway, the model service and DNS.

    And the collector of traces, if there is one.
    """
    namespace = settings.platform_namespace or settings.namespace
    collector = tracing.egress(settings)
    return _policy(
        observed,
        names.POLICY_PLATFORM,
        {
            "podSelector": {"matchLabels": dict(names.AGENT_LABELS)},
            "policyTypes": ["Egress"],
            "egress": [
                _component(namespace, "gateway", _port(settings.gateway_url)),
                _component(namespace, "llm", _port(settings.agent_llm_url)),
                _dns(settings),
                *([collector] if collector is not None else []),
            ],
        },
    )


def tools_egress(observed: Observed, settings: OperatorSettings) -> Document | None:
    """Return the policy with the union of what the tenant's tools may reach; None if nothing."""
    rules: list[dict[str, Any]] = []
    for agent in sorted(observed.agents, key=lambda one: one.metadata.name):
        for tool in agent.spec.tools:
            for egress in tool.egress:
                rule = _tool_rule(observed, settings, egress)
                if rule not in rules:
                    rules.append(rule)
    if not rules:
        return None
    return _policy(
        observed,
        names.POLICY_TOOLS,
        {
            "podSelector": {"matchLabels": dict(names.AGENT_LABELS)},
            "policyTypes": ["Egress"],
            "egress": rules,
        },
    )


def _tool_rule(observed: Observed, settings: OperatorSettings, egress: Egress) -> dict[str, Any]:
    rule: dict[str, Any] = {"to": _places(observed, settings, egress)}
    if egress.ports:
        rule["ports"] = [{"protocol": "TCP", "port": port} for port in sorted(egress.ports)]
    return rule


def _places(observed: Observed, settings: OperatorSettings, egress: Egress) -> list[dict[str, Any]]:
    if egress.cidr is not None:
        return [{"ipBlock": {"cidr": egress.cidr}}]
    if egress.service is not None:
        namespace = egress.service.namespace or observed.namespace_name
        # A policy cannot name a Service; its pods' labels are not ours to read in every namespace.
        return [{"namespaceSelector": _named(namespace), "podSelector": {}}]
    v4 = [*NOT_INTERNET_V4, *(one for one in settings.cluster_cidrs if ":" not in one)]
    v6 = [*NOT_INTERNET_V6, *(one for one in settings.cluster_cidrs if ":" in one)]
    return [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": v4}},
        {"ipBlock": {"cidr": "::/0", "except": v6}},
    ]


def _component(namespace: str, component: str, port: int) -> dict[str, Any]:
    labels = {names.LABEL_NAME: "konstruct", names.LABEL_COMPONENT: component}
    return {
        "to": [{"namespaceSelector": _named(namespace), "podSelector": {"matchLabels": labels}}],
        "ports": [{"protocol": "TCP", "port": port}],
    }


def _dns(settings: OperatorSettings) -> dict[str, Any]:
    key, _, value = settings.dns_selector.partition("=")
    pods = {
        "namespaceSelector": _named(settings.dns_namespace),
        "podSelector": {"matchLabels": {key: value}},
    }
    return {
        "to": [pods, *({"ipBlock": {"cidr": cidr}} for cidr in settings.dns_cidrs)],
        "ports": [{"protocol": one, "port": settings.dns_port} for one in ("UDP", "TCP")],
    }


def _named(namespace: str) -> dict[str, Any]:
    return {"matchLabels": {"kubernetes.io/metadata.name": namespace}}


def _port(url: str) -> int:
    parts = urlsplit(url)
    return parts.port or (443 if parts.scheme == "https" else 80)


def _policy(observed: Observed, name: str, spec: dict[str, Any]) -> Document:
    return child(
        observed,
        api_version="networking.k8s.io/v1",
        kind="NetworkPolicy",
        name=name,
        body={"spec": spec},
    )


def policies(observed: Observed, settings: OperatorSettings) -> Iterable[Document]:
    """Return every policy of the tenant, the strictest first."""
    yield default_deny(observed)
    yield platform_egress(observed, settings)
    tools = tools_egress(observed, settings)
    if tools is not None:
        yield tools
