"""NetworkPolicies as one nftables table, as text: a pure function of what is known.

networking.k8s.io/v1: podSelector, namespaceSelector, ipBlock with except, numeric and named ports,
endPort, TCP, UDP and SCTP; policies of a pod add up; a direction that a policy names is closed but
for its rules. Rules see pods' addresses and target ports, since Services are translated before.
The node always reaches its pods, a pod always reaches itself, replies of a permitted connection
pass. A pod that talks to the node is subject to its egress policies. IPv4 only.
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from support.testbed.node.enforcer.objects import Document, Endpoint, Policy, selects

TABLE = "konstruct_policies"
_INGRESS, _EGRESS = "Ingress", "Egress"


@dataclass(frozen=True)
class Network:
    """Where pods live: their range, the node's address on their bridge, and the bridge."""

    pods: str
    node: str
    bridge: str


@dataclass
class _Table:
    """The table while it is written: its address sets and its chains."""

    endpoints: Sequence[Endpoint]
    namespaces: Mapping[str, Mapping[str, str]]
    sets: dict[tuple[str, ...], str] = field(default_factory=dict)
    chains: list[str] = field(default_factory=list)

    def set_of(self, addresses: Iterable[str]) -> str:
        """Return the name of the set that holds the addresses."""
        return "@" + self.sets.setdefault(tuple(addresses), f"addresses{len(self.sets)}")

    def peers(self, policy: Policy, peer: Document) -> list[Endpoint]:
        """Return the pods that a rule's peer means."""
        return [one for one in self.endpoints if self._is_peer(policy, peer, one)]

    def _is_peer(self, policy: Policy, peer: Document, endpoint: Endpoint) -> bool:
        namespaces, pods = peer.get("namespaceSelector"), peer.get("podSelector")
        if namespaces is None:
            if endpoint.pod.namespace != policy.namespace:
                return False
        elif not selects(namespaces, self.namespaces.get(endpoint.pod.namespace, {})):
            return False
        return pods is None or selects(pods, endpoint.pod.labels)


def table(
    endpoints: Sequence[Endpoint],
    namespaces: Mapping[str, Mapping[str, str]],
    policies: Iterable[Policy],
    network: Network,
) -> str:
    """Return the table as the text that `nft -f` reads. Namespaces are names with their labels."""
    written = _Table(endpoints, namespaces)
    closed: dict[str, dict[str, list[str]]] = {_INGRESS: {}, _EGRESS: {}}
    for number, policy in enumerate(sorted(policies, key=lambda one: (one.namespace, one.name))):
        chosen = [
            one
            for one in endpoints
            if one.pod.namespace == policy.namespace
            and selects(policy.spec.get("podSelector") or {}, one.pod.labels)
        ]
        for direction in _directions(policy):
            rules = _rules(written, policy, chosen, direction) if chosen else []
            name = f"{direction.lower()}_policy{number}"
            if rules:
                written.chains.append(_chain(name, rules))
            for one in chosen:
                closed[direction].setdefault(one.address, []).extend([name] if rules else [])
    verdicts = {direction: _verdicts(written, direction, closed[direction]) for direction in closed}
    return _whole(written, verdicts, network)


def _directions(policy: Policy) -> list[str]:
    implied = [_INGRESS] + ([_EGRESS] if policy.spec.get("egress") else [])
    return policy.spec.get("policyTypes") or implied


def _rules(
    written: _Table, policy: Policy, chosen: Sequence[Endpoint], direction: str
) -> list[str]:
    inward = direction == _INGRESS
    # Egress that one pod's policies permit is still subject to the other pod's ingress.
    verdict = "accept" if inward else "goto to_ingress"
    lines: list[str] = []
    for rule in policy.spec.get("ingress" if inward else "egress") or []:
        peers = rule.get("from" if inward else "to") or []
        selectors = [peer for peer in peers if peer.get("ipBlock") is None]
        pods = {
            one.address: one for peer in selectors for one in written.peers(policy, peer)
        }.values()
        if inward:
            targets: Iterable[Endpoint] = chosen
        else:
            targets = pods if selectors and len(selectors) == len(peers) else written.endpoints
        places = _places(written, peers, selectors, pods, "saddr" if inward else "daddr")
        ports = _ports(rule.get("ports") or [], targets)
        lines += [f"{place}{port}{verdict}" for place in places for port in ports]
    return lines


def _places(
    written: _Table,
    peers: Sequence[Document],
    selectors: Sequence[Document],
    pods: Iterable[Endpoint],
    side: str,
) -> list[str]:
    if not peers:
        return [""]
    places = []
    if selectors:
        places.append(f"ip {side} {written.set_of(one.address for one in pods)} ")
    for peer in peers:
        block = peer.get("ipBlock")
        if block is None or ":" in block["cidr"]:
            continue
        place = f"ip {side} {ipaddress.ip_network(block['cidr'], strict=False)} "
        left_out = [
            ipaddress.IPv4Network(one, strict=False)
            for one in block.get("except") or []
            if ":" not in one
        ]
        if left_out:
            ranges = ", ".join(str(one) for one in ipaddress.collapse_addresses(left_out))
            place += f"ip {side} != {{ {ranges} }} "
        places.append(place)
    return places


def _ports(ports: Sequence[Document], targets: Iterable[Endpoint]) -> list[str]:
    if not ports:
        return [""]
    matches: list[str] = []
    numbers: dict[str, list[tuple[int, int]]] = {}
    named: set[tuple[str, str, int]] = set()
    for one in ports:
        protocol, port = one.get("protocol", "TCP"), one.get("port")
        if port is None:
            matches.append(f"meta l4proto {protocol.lower()} ")
        elif isinstance(port, int):
            numbers.setdefault(protocol, []).append((port, one.get("endPort") or port))
        else:
            named |= {
                (target.address, protocol.lower(), number)
                for target in targets
                for name, spoken, number in target.pod.ports
                if (name, spoken) == (port, protocol)
            }
    for protocol, ranges in numbers.items():
        spans = ", ".join(
            f"{low}" if low == high else f"{low}-{high}" for low, high in _merged(ranges)
        )
        matches.append(f"meta l4proto {protocol.lower()} th dport {{ {spans} }} ")
    if named:
        triples = ", ".join(" . ".join(map(str, one)) for one in sorted(named))
        matches.append(f"ip daddr . meta l4proto . th dport {{ {triples} }} ")
    return matches


def _merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the ranges without overlaps, which nft refuses."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _verdicts(written: _Table, direction: str, closed: Mapping[str, Sequence[str]]) -> str:
    """Return the rule that sends each closed address to the chains of its policies."""
    if not closed:
        return ""
    names: dict[tuple[str, ...], str] = {}
    for policies in closed.values():
        if tuple(policies) not in names:
            name = names[tuple(policies)] = f"{direction.lower()}_closed{len(names)}"
            jumps = [f"jump {one}" for one in policies]
            written.chains.append(_chain(name, [*jumps, "counter drop"]))
    elements = ", ".join(
        f"{address} : goto {names[tuple(policies)]}" for address, policies in closed.items()
    )
    side = "daddr" if direction == _INGRESS else "saddr"
    return f"ip {side} vmap {{ {elements} }}"


def _whole(written: _Table, verdicts: Mapping[str, str], network: Network) -> str:
    addresses = [one.address for one in written.endpoints]
    bridge, pods = network.bridge, network.pods
    established = "ct state established,related accept"
    no_ipv6 = f'iifname "{bridge}" meta nfproto ipv6 counter drop'
    unknown = "!= @known counter drop"
    parts = [
        _set("known", "ipv4_addr", [*addresses, network.node]),
        _set("itself", "ipv4_addr . ipv4_addr", [f"{one} . {one}" for one in addresses]),
        *(_set(name, "ipv4_addr", held) for held, name in written.sets.items()),
        _chain("to_ingress", [verdicts[_INGRESS], "accept"]),
        *written.chains,
        _chain(
            "forward",
            [
                "type filter hook forward priority filter - 5; policy accept;",
                no_ipv6,
                established,
                "ip saddr . ip daddr @itself accept",
                # An address of nobody known is cut off: a new pod is closed before it starts.
                f"ip saddr {pods} ip saddr {unknown}",
                f"ip daddr {pods} ip daddr {unknown}",
                verdicts[_EGRESS],
                "goto to_ingress",
            ],
        ),
        _chain(
            "input",
            [
                "type filter hook input priority filter - 5; policy accept;",
                no_ipv6,
                established,
                f"ip saddr {pods} ip saddr {unknown}",
                verdicts[_EGRESS],
            ],
        ),
    ]
    return f"table inet {TABLE} {{\n{''.join(parts)}}}\n"


def _set(name: str, kind: str, elements: Sequence[str]) -> str:
    held = f"elements = {{ {', '.join(elements)} }};" if elements else ""
    return f"  set {name} {{ type {kind}; {held} }}\n"


def _chain(name: str, rules: Iterable[str]) -> str:
    lines = "".join(f"    {rule}\n" for rule in rules if rule)
    return f"  chain {name} {{\n{lines}  }}\n"
