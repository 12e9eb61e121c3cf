"""Agents know where traces go and how much to log, and their fence opens to the collector alone."""

import json
from typing import Any

import pytest

from konstruct_operator.plan import platform, tracing
from konstruct_operator.settings import OperatorSettings


def settings(**over: Any) -> OperatorSettings:
    return OperatorSettings(
        **{
            "registry_url": "http://konstruct-gateway.konstruct-system.svc:8001",
            "registry_token": "token",
            "gateway_seal_public_key": "",
            "llm_seal_public_key": "",
            **over,
        }
    )


def namespace(name: str) -> dict[str, Any]:
    return {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}}


@pytest.mark.parametrize(
    ("endpoint", "place", "port"),
    [
        ("http://collector.observability:4318", namespace("observability"), 4318),
        ("http://collector.observability.svc:4318", namespace("observability"), 4318),
        ("https://collector.observability.svc.cluster.local", namespace("observability"), 443),
        ("http://collector", namespace("konstruct-system"), 80),
        ("http://192.0.2.7:4318", {"ipBlock": {"cidr": "192.0.2.7/32"}}, 4318),
        ("http://[2001:db8::7]:4318", {"ipBlock": {"cidr": "2001:db8::7/128"}}, 4318),
    ],
)
def test_the_fence_opens_to_the_collector_and_its_port(
    endpoint: str, place: dict[str, Any], port: int
) -> None:
    rule = tracing.egress(settings(traces_endpoint=endpoint))
    assert rule == {"to": [place], "ports": [{"protocol": "TCP", "port": port}]}


def test_a_host_outside_the_cluster_needs_its_ranges() -> None:
    outside = "https://otlp.example.co.uk"
    assert tracing.egress(settings(traces_endpoint=outside)) is None
    assert tracing.endpoint(settings(traces_endpoint=outside)) == ""
    told = settings(traces_endpoint=outside, traces_cidrs="192.0.2.0/28, 198.51.100.0/28")
    assert tracing.endpoint(told) == outside
    assert tracing.egress(told) == {
        "to": [{"ipBlock": {"cidr": one}} for one in ("192.0.2.0/28", "198.51.100.0/28")],
        "ports": [{"protocol": "TCP", "port": 443}],
    }


def test_a_bare_name_is_meant_beside_the_platform() -> None:
    found = settings(traces_endpoint="http://collector:4318", platform_namespace="platform")
    assert tracing.endpoint(found) == "http://collector.platform:4318"


def test_a_pod_is_told_what_the_programs_are_told() -> None:
    told = _environment(
        traces_endpoint="http://collector.observability:4318",
        traces_sample_percent=12.5,
        log_level="DEBUG",
    )
    assert told["KONSTRUCT_TRACES_ENDPOINT"] == "http://collector.observability:4318"
    assert told["KONSTRUCT_TRACES_SAMPLE_PERCENT"] == "12.5"
    assert told["KONSTRUCT_LOG_LEVEL"] == "DEBUG"


def test_without_a_collector_a_pod_is_told_of_none() -> None:
    told = _environment()
    assert told["KONSTRUCT_LOG_LEVEL"] == "INFO"
    assert not any("TRACES" in name for name in told)
    assert tracing.egress(settings()) is None


def _environment(**over: Any) -> dict[str, str]:
    part = json.loads(platform.target(settings(**over)))
    (container,) = part["spec"]["containers"]
    return {one["name"]: one.get("value", "") for one in container["env"]}
