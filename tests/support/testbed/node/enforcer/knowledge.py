"""What all threads of the enforcer share: the known objects, and how far the kernel has them."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from support.testbed.node.enforcer.objects import (
    Document,
    Endpoint,
    Pod,
    Policy,
    read_labels,
    read_pod,
    read_policy,
)

READERS: Mapping[str, Callable[[Document], Any]] = {
    "pods": read_pod,
    "namespaces": read_labels,
    "networkpolicies": read_policy,
}
"""The kinds that are watched, and how each object of them is read."""


@dataclass
class Knowledge:
    """Take `changed` (a condition) before reading or writing anything here."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    objects: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {kind: {} for kind in READERS}
    )
    complete: set[str] = field(default_factory=set)
    announced: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By container: the pod (namespace/name) and its address, from the CNI plugin."""
    generation: int = 0
    """Counts changes."""
    enforced: int = 0
    """The generation that the kernel has."""

    def touch(self) -> None:
        """Say that something changed."""
        self.generation += 1
        self.changed.notify_all()

    @property
    def is_complete(self) -> bool:
        """Whether every kind has been listed once."""
        return len(self.complete) == len(READERS)

    @property
    def pods(self) -> Mapping[str, Pod]:
        """Pods by namespace/name."""
        return self.objects["pods"]

    @property
    def policies(self) -> Mapping[str, Policy]:
        """Policies by namespace/name."""
        return self.objects["networkpolicies"]

    @property
    def namespaces(self) -> Mapping[str, Mapping[str, str]]:
        """Labels of namespaces by name."""
        return self.objects["namespaces"]

    def endpoints(self, pod_range: str) -> list[Endpoint]:
        """Return the pods on the pod network; what CNI announced wins over a pod's status."""
        network = ip_network(pod_range)
        owners: dict[str, Pod] = {}
        announced: set[str] = set()
        for name, address in self.announced.values():
            if name in self.pods:
                owners[address] = self.pods[name]
                announced.add(name)
        for name, pod in self.pods.items():
            if pod.on_host_network or pod.ended or name in announced:
                continue
            for address in pod.addresses:
                if ip_address(address) in network:
                    owners.setdefault(address, pod)
        return [
            Endpoint(pod=owners[one], address=one)
            for one in sorted(owners, key=lambda text: int(ip_address(text)))
        ]

    def wait_until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Wait until something holds, with `changed` taken; tell whether it came to that."""
        deadline = time.monotonic() + seconds
        while not holds():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self.changed.wait(left)
        return True
