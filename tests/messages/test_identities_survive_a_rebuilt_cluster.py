"""Stored ids come from the tenant's id and a name: the same today and in a rebuilt cluster."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from konstruct_messages.identity import (
    PORTAL_CONNECTION,
    TenantId,
    agent_id,
    connection_id,
    person_id,
)

TENANT = TenantId(uuid.UUID("0f6a3f5e-4b0c-4c2b-9d27-6a1f0c5be7a1"))
OTHER = TenantId(uuid.UUID(int=1))


def test_ids_never_change() -> None:
    # Rows are stored under these: a different value here loses every conversation there is.
    assert str(agent_id(TENANT, "ana")) == "9900e93c-bc7b-51c4-b87f-bac391c26a67"
    website = connection_id(TENANT, "website")
    assert str(website) == "f229b0bd-e976-58b1-ba1f-aedfb904f093"
    visitor = person_id(TENANT, website, "visitor:1")
    assert str(visitor) == "c14539a6-4add-56de-9f48-f590ee175fcb"


def test_an_agent_and_a_connection_of_one_name_are_different() -> None:
    assert agent_id(TENANT, "ana") != connection_id(TENANT, "ana")


def test_the_same_name_in_another_tenant_is_another() -> None:
    assert agent_id(TENANT, "ana") != agent_id(OTHER, "ana")
    assert connection_id(TENANT, PORTAL_CONNECTION) != connection_id(OTHER, PORTAL_CONNECTION)


@given(one=st.text(max_size=40), other=st.text(max_size=40))
def test_people_of_different_keys_are_different(one: str, other: str) -> None:
    website = connection_id(TENANT, "website")
    same = person_id(TENANT, website, one) == person_id(TENANT, website, other)
    assert same == (one == other)


def test_the_same_person_on_another_connection_is_another() -> None:
    website, shop = connection_id(TENANT, "website"), connection_id(TENANT, "shop")
    assert person_id(TENANT, website, "a") != person_id(TENANT, shop, "a")
