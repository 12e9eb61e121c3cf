"""What takes one round trip does what its statements do one by one."""

import re
from collections.abc import Mapping

import pytest

from konstruct_store import Store
from konstruct_store.statements import statement
from support.build import inbound
from support.working import Office

pytestmark = pytest.mark.postgres

_CLAIM = {
    "claims/lock_due": {},
    "claims/open": {
        "$2": "chosen.conversation_id",
        "$3": "$4",
        "$4": "$2",
        "$9": "chosen.agent_id",
        "$10": "$9[place]",
        "$12": "$10[place]",
        "$13": "$12",
        "$14": "$11[place]",
    },
    "claims/frozen": {"$2": "$4"},
}
_ANSWER = {
    "settle/lock": {},
    "settle/settle": {
        "$3": "locked.conversation_id",
        "$4": "'Answered'::text",
        "$5": "'Answered'::text",
        "$6": "''::text",
        "$7": "$5",
        "$8": "'agent'::text",
        "$9": "'Reply'::text",
        "$10": "said",
        "$11": "$7",
        "$12": "'Queued'::text",
        "$13": "''::text",
    },
    "audit/append": {
        "$2": "'agent'::text",
        "$3": "'TurnAnswered'::text",
        "$4": "jsonb_build_object('turn', $2, 'conversation', locked.conversation_id)",
        "$5": "$8",
        "$6": "$9",
        "$7": "$10",
    },
}


@pytest.mark.parametrize(
    ("function", "parts"),
    [
        ("claim_at_once", _CLAIM),
        ("turn_at_once", {"journal/check_turn": {}}),
        ("answer_at_once", _ANSWER),
    ],
)
async def test_the_functions_are_their_statements_word_for_word(
    gateway_store: Store, function: str, parts: Mapping[str, Mapping[str, str]]
) -> None:
    async with gateway_store.connection() as connection:
        source = await connection.fetchval(
            "SELECT prosrc FROM pg_proc WHERE proname = $1", function
        )
    for name, meanings in parts.items():
        # A new revision of an agent is left to the statements one by one.
        text = re.sub(
            r",\s+revision AS \(.*?\n\)(?=\s+UPDATE)", "", statement(name), flags=re.DOTALL
        )
        assert words(_with(meanings, text)) in words(source)


def _with(meanings: Mapping[str, str], sql: str) -> str:
    """Return a statement whose parameters are called as in the function."""
    return re.sub(r"\$\d+", lambda found: meanings.get(found[0], found[0]), sql)


def words(sql: str) -> str:
    """Return the words of a statement without its comments."""
    lines = [line for line in sql.splitlines() if not line.lstrip().startswith("--")]
    return " ".join(" ".join(lines).split())


async def test_a_claim_says_whether_more_is_due(gateway_store: Store) -> None:
    office = Office(gateway_store)
    assert not (await office.look()).more
    await office.write(inbound("one", conversation_key="one"))
    await office.look()  # an agent's first turn does not say it
    for number in range(3):
        await office.write(inbound("more", conversation_key=f"c{number}"))
    looks = [await office.look() for _ in range(4)]
    assert [one.turn is not None for one in looks] == [True, True, True, False]
    assert [one.more for one in looks] == [True, True, False, False]


async def test_an_answer_says_whether_more_came_meanwhile(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write("hello")
    turn = await office.must_claim()
    await office.write("and another thing")
    assert (await office.complete(turn)).more
    again = await office.must_claim()
    assert not (await office.complete(again)).more


async def test_a_turn_is_claimed_the_same_in_either_way(gateway_store: Store) -> None:
    office = Office(gateway_store)
    await office.write(inbound("first", conversation_key="one"))
    slowly = await office.must_claim()  # an agent's first turn keeps its revision
    await office.write(inbound("second", conversation_key="two"))
    at_once = await office.must_claim()
    assert (slowly.agent, slowly.tenant) == (at_once.agent, at_once.tenant)
    assert [[one.text for one in turn.messages] for turn in (slowly, at_once)] == [
        ["first"],
        ["second"],
    ]
    assert (slowly.attempt, at_once.attempt) == (1, 1)
    assert await office.claim() is None
