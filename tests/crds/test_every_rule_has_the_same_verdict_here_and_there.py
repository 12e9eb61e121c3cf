"""Each rule's examples, before the API server and before `validate`: same verdict, same words."""

import uuid
from collections.abc import Iterator

import pytest

from konstruct_crds import validate
from konstruct_crds.schema import KINDS
from support.api_server import ApiServer
from support.cluster import Cluster
from support.crd_examples import Example, examples, merged, rules_of

_EXAMPLES = pytest.mark.parametrize("example", examples(), ids=lambda one: one.title)


@pytest.fixture(scope="module")
def api_server(cluster_with_crds: Cluster) -> Iterator[ApiServer]:
    namespace = f"crds-{uuid.uuid4().hex[:8]}"
    cluster_with_crds.kubectl("create", "namespace", namespace)
    yield ApiServer.of(cluster_with_crds, namespace)
    cluster_with_crds.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.mark.parametrize("kind", KINDS)
def test_every_rule_has_an_accepted_and_a_refused_example(kind: str) -> None:
    shown = {one.rule for one in examples() if one.kind == kind}
    assert shown == set(rules_of(kind))


@_EXAMPLES
def test_validate_gives_the_verdict(example: Example) -> None:
    old = {**example.old, "status": example.status} if example.old is not None else None
    problems = validate(example.document, old=old)
    if example.accepted:
        assert problems == []
    else:
        rule = rules_of(example.kind)[example.rule]
        assert rule.message in [problem.message for problem in problems]


@pytest.mark.cluster
@_EXAMPLES
def test_the_api_server_gives_the_same_verdict(example: Example, api_server: ApiServer) -> None:
    refusal = _refusal(example, api_server)
    if example.accepted:
        assert not refusal
    else:
        assert rules_of(example.kind)[example.rule].message in refusal


def _refusal(example: Example, api_server: ApiServer) -> str:
    if example.old is None:
        return api_server.refusal(example.document)
    name = {"metadata": {"name": f"old-{uuid.uuid4().hex[:8]}"}}
    old = merged(example.old, name)
    api_server.create(old, example.status)
    try:
        return api_server.replacement_refusal(merged(example.document, name))
    finally:
        api_server.delete(old)
