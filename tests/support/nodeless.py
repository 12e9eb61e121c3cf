"""What a cluster without a node lacks, as processes of a stack: the operator, and agents' pods."""

import base64
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.cluster import Cluster
from support.operator_process import (
    ACCOUNT,
    AS_INSTALLED_HERE,
    NAMESPACE,
    OperatorProcess,
    account_kubeconfig,
    eventually,
    operator_process,
)
from support.stack import Stack, encode_public_key


@contextmanager
def operator_of(
    cluster: Cluster,
    stack: Stack,
    folder: Path,
    *,
    program: Callable[[Path, Path], Sequence[str]] = lambda *_: AS_INSTALLED_HERE,
    **over: str,
) -> Iterator[OperatorProcess]:
    """Run an operator whose registry and agents' addresses are the stack's, until it leads.

    `program` makes its command of a kubeconfig and a folder; `over` are more settings, without
    their prefix.
    """
    kubeconfig = account_kubeconfig(cluster, folder, ACCOUNT, NAMESPACE)
    with operator_process(
        kubeconfig,
        stack.gateway_internal_url,
        folder,
        program=program(kubeconfig, folder),
        REGISTRY_TOKEN=stack.registry_token,
        GATEWAY_SEAL_PUBLIC_KEY=encode_public_key(stack.gateway_seal),
        LLM_SEAL_PUBLIC_KEY=encode_public_key(stack.llm_seal),
        AGENT_GATEWAY_URL=stack.gateway_internal_url,
        AGENT_LLM_URL=stack.llm_url,
        PUBLIC_URL=stack.gateway_url,
        **over,
    ) as operator:
        eventually(operator.leads, what="leadership")
        yield operator


def environment_of_the_pod(cluster: Cluster, namespace: str) -> dict[str, str]:
    """Return what a kubelet would give the container: values, Secrets and fields, resolved."""
    found = cluster.get("-n", namespace, "deployments")["items"]
    assert len(found) == 1
    container = found[0]["spec"]["template"]["spec"]["containers"][0]
    environment: dict[str, str] = {}
    for variable in container["env"]:
        if "value" in variable:
            environment[variable["name"]] = variable["value"]
            continue
        source: dict[str, Any] = variable["valueFrom"]
        if "secretKeyRef" in source:
            reference = source["secretKeyRef"]
            secret = cluster.get("-n", namespace, f"secret/{reference['name']}")
            encoded = secret["data"][reference["key"]]
            environment[variable["name"]] = base64.b64decode(encoded).decode()
        else:
            assert source["fieldRef"]["fieldPath"] == "metadata.name"
            environment[variable["name"]] = f"konstruct-agent-{uuid.uuid4().hex[:5]}"
    return environment
