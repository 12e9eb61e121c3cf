"""A delivery from its text to its messages: asked about where in doubt, drafts finished, in pieces.

The first piece of a drafted reply takes the draft's message; what follows is posted behind it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from konstruct_channels.errors import ContentRefused, SendLater, SendRefused, SendUnclear
from konstruct_channels.outbound import Outgoing
from konstruct_channels.slack import finishing, posting
from konstruct_channels.slack.blocks import Block, choice_block, feedback_block
from konstruct_channels.slack.calls import Call
from konstruct_channels.slack.format import render
from konstruct_channels.slack.refusals import Refusals
from konstruct_channels.slack.spec import SPEC

_FEEDBACK = "feedback_buttons"


async def deliver(
    call: Call,
    outgoing: Outgoing,
    refusals: Refusals,
    translate: Callable[[str], str],
    *,
    ends: float,
) -> str:
    """Bring all of a delivery to Slack, until `ends` (the loop's time); return the last `ts`.

    Raises SendRefused, SendLater, SendUnclear or SendUnknown.
    """
    pieces = render(outgoing.text, limit=SPEC.limits.outbound_text_characters)
    if not pieces:
        raise ContentRefused("the reply is blank")
    there, draft_id = await _known(call, outgoing)
    for number, piece in enumerate(pieces):
        if there.get(number):
            continue
        last = number == len(pieces) - 1
        buttons = _buttons(call, outgoing, refusals, translate) if last else []
        try:
            _require_time(ends)
            if number == 0 and draft_id:
                finish = partial(finishing.finish, call, outgoing, draft_id, piece, alone=last)
                there[0] = await _with_buttons(finish, call, refusals, buttons)
            if not there.get(number):
                post = partial(posting.post, call, outgoing, piece, number)
                there[number] = await _with_buttons(post, call, refusals, buttons)
        except SendLater as later:
            if any(there.values()):
                # Slack has the beginning: the next attempt must see that.
                raise SendUnclear(str(later), after_seconds=later.after_seconds) from later
            raise
    return there[len(pieces) - 1]


async def _known(call: Call, outgoing: Outgoing) -> tuple[dict[int, str], str]:
    """Return the pieces that are there for good, by number, and the draft to be finished."""
    draft_id = outgoing.draft_id if outgoing.drafted else ""
    if not outgoing.in_doubt and (draft_id or not outgoing.drafted):
        return {}, draft_id
    found = await posting.ask_about(call, outgoing)
    there = dict(found.pieces)
    if not outgoing.drafted:
        return there, ""
    marked = there.get(0, "")
    if draft_id and marked and marked != finishing.stamp_in(draft_id):
        # The draft could not be used, and an earlier attempt posted in its place.
        return there, ""
    # A marked first piece may be a draft that was never finished: it is finished again.
    there.pop(0, None)
    stamp = marked or found.draft
    return there, draft_id or (f"{finishing.STREAM}{stamp}" if stamp else "")


def _buttons(
    call: Call, outgoing: Outgoing, refusals: Refusals, translate: Callable[[str], str]
) -> list[Block]:
    found: list[Block] = []
    if outgoing.choices and outgoing.ask_id is not None:
        found.append(choice_block(outgoing.ask_id, outgoing.choices))
    if outgoing.feedback_key and not refusals.holds(call.team, _FEEDBACK):
        found.append(feedback_block(outgoing.feedback_key, translate))
    return found


async def _with_buttons(
    say: Callable[..., Awaitable[str]],
    call: Call,
    refusals: Refusals,
    buttons: list[Block],
) -> str:
    """Say it with the buttons; where Slack does not take those for feedback, without them."""
    try:
        return await say(buttons=buttons)
    except SendRefused as refused:
        if not buttons or str(refused) not in posting.BLOCKS_REFUSED:
            raise
    refusals.note(call.team, _FEEDBACK)
    return await say(buttons=[one for one in buttons if one["type"] != "context_actions"])


def _require_time(ends: float) -> None:
    if asyncio.get_running_loop().time() > ends:
        raise SendLater("the rest of a long reply follows", after_seconds=0.1)
