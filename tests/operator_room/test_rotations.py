"""Which version of a secret counts while it is replaced. Pure."""

import dataclasses
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from nacl.public import PrivateKey

from konstruct_crds.connection import ChannelConnection, ChannelConnectionStatus
from konstruct_crds.tenant import Tenant
from konstruct_operator import checks, names
from konstruct_operator.observed import (
    NamespaceView,
    Observed,
    Registration,
    RegistrationState,
    SealKeys,
    SecretView,
)
from konstruct_operator.plan import work_token
from konstruct_operator.plan.registry import tenant_snapshot
from konstruct_registry.errors import SealRefused
from konstruct_registry.seals import key_id, open_sealed
from konstruct_registry.snapshot import SealedSecret
from konstruct_registry.wire import Report

PLACE = "team-acme"
LLM = PrivateKey.generate().public_key


def observed(key: PrivateKey | None = None, **over: Any) -> Observed:
    tenant = {
        "metadata": {"name": "acme", "uid": "00000000-0000-4000-8000-000000000001"},
        "spec": {"displayName": "Acme", "namespace": PLACE},
    }
    secret = SecretView("slack", "u", "7", {names.LABEL_USE: "channel"}, {"botToken": "xoxb"})
    values: dict[str, Any] = {
        "tenant": Tenant.model_validate(tenant),
        "now": datetime(2026, 11, 23, tzinfo=UTC),
        "namespace": NamespaceView(PLACE, tenant="acme"),
        "registration": Registration(RegistrationState.REGISTERED, "digest"),
        "connections": (connection(),),
        "secrets": {(PLACE, "slack"): secret},
    }
    if key is not None:
        values["seal_keys"] = SealKeys(gateway=key.public_key, llm=LLM)
    return Observed(**(values | over))


def connection(known: str | None = None) -> ChannelConnection:
    found = ChannelConnection.model_validate(
        {
            "metadata": {"name": "team", "namespace": PLACE},
            "spec": {
                "type": "Slack",
                "slack": {"appId": "A0123", "teamId": "T0123"},
                "credentialsSecretRef": {"name": "slack"},
                "agentRef": {"name": "ana"},
            },
        }
    )
    return found.model_copy(update={"status": ChannelConnectionStatus(credentials_version=known)})


def sealed(look: Observed) -> SealedSecret:
    return tenant_snapshot(look, refused=frozenset()).secrets[0]


def digest(look: Observed) -> str:
    return tenant_snapshot(look, refused=frozenset(), sealed=False).digest()


def test_a_new_pair_of_seal_keys_seals_everything_anew_and_the_old_key_opens_what_is_left() -> None:
    old, new = PrivateKey.generate(), PrivateKey.generate()
    before, after = observed(old), observed(new)
    # The digest is what a sweep compares: another one is a push of everything.
    assert digest(before) != digest(after)
    assert digest(after) == digest(observed(new))
    tenant_id = before.tenant_id
    for look, key in ((before, old), (after, new)):
        box = sealed(look)
        assert box.recipient_key_id == key_id(key.public_key)
        opened = open_sealed(box, keys=(new, old), tenant_id=tenant_id)
        assert opened == {"botToken": "xoxb"}
    with pytest.raises(SealRefused):
        open_sealed(sealed(before), keys=(new,), tenant_id=tenant_id)
    assert open_sealed(sealed(after), keys=(new,), tenant_id=tenant_id)


@pytest.mark.parametrize(
    ("spoken", "known", "version"),
    [
        ((), None, "u/7"),
        ((), "u/5", "u/7"),
        ((("digest", "u/6"),), "u/6", "u/6"),
        ((("digest", "u/7"),), "u/6", "u/7"),
        ((("earlier", "u/6"),), "u/6", "u/6"),
        ((("earlier", "u/6"),), None, "u/6"),
        ((("digest", ""),), "u/6", "u/7"),
    ],
)
def test_the_version_shown_is_the_one_the_gateway_works_with(
    spoken: tuple[tuple[str, str], ...], known: str | None, version: str
) -> None:
    look = observed()
    reports = tuple(
        Report(
            tenant_id=look.tenant_id,
            digest=digest_,
            kind="ChannelConnection",
            name="team",
            condition="Authenticated",
            status="True",
            reason="TokenAccepted",
            message="",
            version=of,
        )
        for digest_, of in spoken
    )
    look = dataclasses.replace(look, reports=reports)
    assert checks.credentials_version(look, connection(known)) == version


def test_what_the_gateway_says_of_another_tenant_does_not_count() -> None:
    spoken = Report(
        tenant_id=UUID(int=9),
        digest="digest",
        kind="ChannelConnection",
        name="team",
        condition="Authenticated",
        status="True",
        reason="TokenAccepted",
        message="",
        version="u/6",
    )
    assert checks.credentials_version(observed(reports=(spoken,)), connection()) == "u/7"


def test_a_secret_for_another_use_has_no_version() -> None:
    secret = SecretView("slack", "u", "7", {}, {})
    look = observed(secrets={(PLACE, "slack"): secret})
    assert checks.credentials_version(look, connection()) is None


def test_an_old_work_token_counts_until_its_pods_are_gone() -> None:
    def deployed(current: str, *former: str) -> dict[str, Any]:
        annotations = {names.ANNOTATION_TOKEN_HASH: current}
        if former:
            annotations[names.ANNOTATION_OLD_TOKEN_HASH] = ",".join(former)
        return {"metadata": {"annotations": annotations}}

    assert work_token.rolled(None, "new", rolled_out=False) == ()
    assert work_token.rolled(deployed("old"), "new", rolled_out=True) == ("old",)
    assert work_token.rolled(deployed("new", "old"), "new", rolled_out=False) == ("old",)
    assert work_token.rolled(deployed("new", "old"), "new", rolled_out=True) == ()
    twice = work_token.rolled(deployed("new", "old"), "newest", rolled_out=False)
    assert twice == ("new", "old")
