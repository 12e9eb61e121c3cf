"""Each bound, type, enum and pattern, broken and just kept: the API server and `validate` agree."""

import uuid

import pytest

from konstruct_crds import validate
from konstruct_crds.schema import KINDS, schema_of
from support.api_server import ApiServer
from support.cluster import Cluster
from support.crd_mutations import fields_in, fields_of, full_documents, mutations


@pytest.mark.parametrize("kind", KINDS)
def test_the_full_documents_set_every_field(kind: str) -> None:
    declared = set(fields_of(schema_of(kind)["properties"]["spec"]))
    shown = {path for full in full_documents()[kind] for path in fields_in(full["spec"])}
    assert shown == declared


@pytest.mark.parametrize("kind", KINDS)
def test_the_full_documents_are_valid(kind: str) -> None:
    assert [validate(full) for full in full_documents()[kind]] == [[]] * len(full_documents()[kind])


@pytest.mark.cluster
def test_both_give_the_same_verdict_on_every_mutation(cluster_with_crds: Cluster) -> None:
    namespace = f"crds-{uuid.uuid4().hex[:8]}"
    cluster_with_crds.kubectl("create", "namespace", namespace)
    api_server = ApiServer.of(cluster_with_crds, namespace)
    differing = []
    for what, document in mutations():
        there = api_server.refusal(document)
        here = validate(document)
        if bool(there) != bool(here):
            differing.append(f"{what}\n  there: {there or 'fine'}\n  here: {here or 'fine'}")
    cluster_with_crds.kubectl("delete", "namespace", namespace, "--wait=false")
    assert not differing, "\n".join([f"{len(differing)} verdicts differ:", *differing])
