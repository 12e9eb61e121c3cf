"""What we wrote ourselves is no reason to look again; what anybody else wrote always is."""

from typing import Any
from uuid import UUID

import pytest

from konstruct_operator.cluster.declarations import Declarations
from konstruct_operator.reconcile.roster import Roster

ADDRESS = ("Tenant", "", "acme")


def tenant(version: int, *, generation: int = 1, uid: str = "u1", name: str = "Acme") -> Any:
    return {
        "apiVersion": "konstruct.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {
            "name": "acme",
            "uid": uid,
            "resourceVersion": str(version),
            "generation": generation,
            "managedFields": [{"manager": "x" * 2000}],
        },
        "spec": {"displayName": name},
    }


class Told:
    """The declarations, and which changes they told of."""

    def __init__(self) -> None:
        self.changes: list[tuple[str, str, str]] = []
        self.declared = Declarations(lambda *address: self.changes.append(address))

    async def write(self, returned: Any, *meanwhile: Any) -> None:
        async def answer() -> Any:
            for document in meanwhile:
                self.declared.hear("MODIFIED", document)
            if isinstance(returned, Exception):
                raise returned
            return returned

        await self.declared.written(ADDRESS, answer())

    def known(self) -> str:
        found = self.declared.tenant("acme")
        return "" if found is None else found.metadata.resource_version


@pytest.fixture
def told() -> Told:
    found = Told()
    found.declared.hear("ADDED", tenant(1))
    found.changes.clear()
    return found


async def test_the_echo_of_a_write_is_no_change_whether_it_comes_before_or_after_the_answer(
    told: Told,
) -> None:
    await told.write(tenant(2), tenant(2))
    await told.write(tenant(3))
    told.declared.hear("MODIFIED", tenant(3))
    assert told.changes == []
    assert told.known() == "3"


async def test_somebody_elses_change_during_a_write_is_one(told: Told) -> None:
    await told.write(tenant(3, generation=2), tenant(2, generation=2))
    assert told.changes


async def test_somebody_elses_change_that_only_our_answer_shows_is_one(told: Told) -> None:
    await told.write(tenant(3, generation=2))
    assert told.changes == [ADDRESS]


async def test_somebody_elses_change_that_is_told_late_is_one(told: Told) -> None:
    await told.write(tenant(3))
    told.declared.hear("MODIFIED", tenant(2))
    assert told.changes == [ADDRESS]
    assert told.known() == "3"


async def test_what_came_during_a_failed_write_is_not_forgotten(told: Told) -> None:
    with pytest.raises(ValueError, match="conflict"):
        await told.write(ValueError("conflict"), tenant(2, generation=2))
    assert told.changes == [ADDRESS]


async def test_an_answer_does_not_bring_back_what_was_deleted(told: Told) -> None:
    told.declared.hear("DELETED", tenant(5))
    await told.write(tenant(4))
    assert told.known() == ""


def test_the_end_of_an_older_object_does_not_end_the_newer_one_of_its_name(told: Told) -> None:
    told.declared.hear("ADDED", tenant(9, uid="u2", name="New"))
    told.declared.hear("DELETED", tenant(8))
    assert told.known() == "9"


def test_two_claims_of_one_namespace_are_both_known_until_one_leaves() -> None:
    roster, first, second = Roster(), UUID(int=1), UUID(int=2)
    roster.enter("acme", first, "team")
    roster.enter("rival", second, "team")
    assert roster.of_namespace("team") == ["acme", "rival"]
    roster.enter("acme", first, "elsewhere")
    assert roster.of_namespace("team") == ["rival"]
    assert roster.of_ids([first, second]) == ["acme", "rival"]
    assert roster.forget("rival") == "team"
    assert roster.of_namespace("team") == []
