"""What the enforcer of NetworkPolicies writes for nft; a pure function, so this needs no node."""

from collections.abc import Mapping
from typing import Any

from support.testbed.node.enforcer.objects import (
    Endpoint,
    Pod,
    Policy,
    read_pod,
    selects,
)
from support.testbed.node.enforcer.rules import Network, table

_NETWORK = Network(pods="10.0.0.0/24", node="10.0.0.1", bridge="bridge0")
_NAMESPACES: Mapping[str, Mapping[str, str]] = {
    "here": {"name": "here"},
    "there": {"name": "there"},
}


def test_without_policies_only_strangers_are_cut_off() -> None:
    written = _table()
    assert "elements = { 10.0.0.2, 10.0.0.3, 10.0.0.1 };" in written
    assert "ip saddr 10.0.0.0/24 ip saddr != @known counter drop" in written
    assert "vmap" not in written


def test_a_policy_without_rules_closes_both_directions() -> None:
    written = _table({"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
    assert "ip daddr vmap { 10.0.0.2 : goto ingress_closed0 }" in written
    assert "ip saddr vmap { 10.0.0.2 : goto egress_closed0 }" in written
    assert "accept" not in _chain(written, "ingress_closed0")


def test_an_egress_to_pods_still_passes_their_ingress() -> None:
    to = {"namespaceSelector": {"matchLabels": {"name": "there"}}, "podSelector": {}}
    rule = {"to": [to], "ports": [{"port": 80, "endPort": 90}, {"port": 85}]}
    written = _table({"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule]})
    assert "set addresses0 { type ipv4_addr; elements = { 10.0.0.3 }; }" in written
    lines = _chain(written, "egress_policy0")
    assert "ip daddr @addresses0 meta l4proto tcp th dport { 80-90 } goto to_ingress" in lines


def test_a_pod_selector_alone_means_the_policys_own_namespace() -> None:
    rule: dict[str, Any] = {"from": [{"podSelector": {}}]}
    written = _table({"podSelector": {}, "ingress": [rule]})
    assert "elements = { 10.0.0.2 };" in written
    assert "ip saddr @addresses0 accept" in _chain(written, "ingress_policy0")


def test_a_named_port_is_each_pods_own() -> None:
    rule = {"ports": [{"port": "web"}]}
    written = _table({"podSelector": {}, "ingress": [rule]})
    expected = "ip daddr . meta l4proto . th dport { 10.0.0.2 . tcp . 8080 } accept"
    assert expected in _chain(written, "ingress_policy0")


def test_a_block_leaves_its_exceptions_out() -> None:
    block = {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/9", "10.128.0.0/9"]}
    six = {"ipBlock": {"cidr": "::/0"}}
    rule = {"to": [{"ipBlock": block}, six]}
    written = _table({"podSelector": {}, "policyTypes": ["Egress"], "egress": [rule]})
    lines = _chain(written, "egress_policy0")
    assert "ip daddr 0.0.0.0/0 ip daddr != { 10.0.0.0/8 } goto to_ingress" in lines
    assert "::" not in lines


def test_an_empty_rule_lets_everything_through() -> None:
    written = _table({"podSelector": {}, "ingress": [{}]})
    assert _chain(written, "ingress_policy0").split() == ["accept"]


def test_selectors_have_four_operators() -> None:
    labels = {"tier": "web"}
    assert selects({}, labels)
    assert selects({"matchLabels": {"tier": "web"}}, labels)
    assert not selects({"matchLabels": {"tier": "db"}}, labels)
    assert selects(_expression("tier", "In", "web", "db"), labels)
    assert not selects(_expression("tier", "NotIn", "web"), labels)
    assert selects(_expression("other", "NotIn", "web"), labels)
    assert selects(_expression("tier", "Exists"), labels)
    assert selects(_expression("other", "DoesNotExist"), labels)


def test_a_pod_is_read_with_its_sidecars_ports_and_without_ipv6() -> None:
    read = read_pod(
        {
            "metadata": {"namespace": "here", "name": "one", "uid": "u"},
            "spec": {
                "containers": [{"ports": [{"name": "web", "containerPort": 8080}]}],
                "initContainers": [
                    {"restartPolicy": "Always", "ports": [{"name": "side", "containerPort": 1}]},
                    {"ports": [{"name": "gone", "containerPort": 2}]},
                ],
            },
            "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.9"}, {"ip": "fd00::9"}]},
        }
    )
    assert read.addresses == ("10.0.0.9",)
    assert read.ports == (("web", "TCP", 8080), ("side", "TCP", 1))
    assert not read.ended


def _expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    return {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}


def _table(*specs: Mapping[str, Any]) -> str:
    endpoints = [
        Endpoint(_pod("here", "one", (("web", "TCP", 8080),)), "10.0.0.2"),
        Endpoint(_pod("there", "two", ()), "10.0.0.3"),
    ]
    policies = [Policy("here", f"policy{n}", "1", spec) for n, spec in enumerate(specs)]
    return table(endpoints, _NAMESPACES, policies, _NETWORK)


def _pod(namespace: str, name: str, ports: tuple[tuple[str, str, int], ...]) -> Pod:
    return Pod(
        namespace=namespace,
        name=name,
        uids=frozenset({name}),
        labels={"app": name},
        on_host_network=False,
        ended=False,
        addresses=(),
        ports=ports,
    )


def _chain(written: str, name: str) -> str:
    """Return the rules of one chain, a line each."""
    _, _, rest = written.partition(f"chain {name} {{\n")
    rules, _, _ = rest.partition("\n  }\n")
    return rules
