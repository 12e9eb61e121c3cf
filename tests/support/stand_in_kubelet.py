"""What a kubelet would say of pods, in a cluster that has controllers and no node."""

import json
import time

from support.cluster import Cluster


def make_ready(cluster: Cluster, *tenants: str, image: str = "") -> bool:
    """Say that the tenants' agent pods (of an image) run; return whether there is any pod."""
    pods = cluster.get("pods", "-A", "-l", "app.kubernetes.io/component=agent")["items"]
    ours = [
        one
        for one in pods
        if image in {"", one["spec"]["containers"][0]["image"]}
        and one["metadata"]["labels"].get("konstruct.dev/tenant") in tenants
        and one.get("status", {}).get("phase") != "Running"
    ]
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for one in ours:
        ready = {"type": "Ready", "status": "True", "lastTransitionTime": now}
        status = {"status": {"phase": "Running", "startTime": now, "conditions": [ready]}}
        said = cluster.try_kubectl(
            *("patch", "pod", one["metadata"]["name"], "-n", one["metadata"]["namespace"]),
            *("--subresource=status", "--type=merge", "-p", json.dumps(status)),
        )
        # A roll-out may have removed it since it was listed.
        assert said.returncode == 0 or "NotFound" in said.stderr, said.stderr
    return bool(pods)
