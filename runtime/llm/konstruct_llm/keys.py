"""Provider keys while they are replaced: a new one is tried first, a refused one is not used."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from konstruct_llm.compatible import DirectVendor, speaks
from konstruct_llm.errors import AttemptFailed, FailureKind
from konstruct_llm.pool import Pool, PoolModel
from konstruct_llm.provider import ChatCall, Deployment, Vendor

_TRIAL_SECONDS = 20.0
_TRIAL = ChatCall(messages=({"role": "user", "content": "ok"},), max_output_tokens=16)
# What a provider says only to whoever it has let in.
_LET_IN = frozenset({FailureKind.REFUSED, FailureKind.TOO_LONG, FailureKind.RATE_LIMITED})


class Trial(StrEnum):
    """What became of trying a key."""

    TAKEN = "Taken"
    REFUSED = "Refused"
    UNKNOWN = "Unknown"


Try = Callable[[str, str], Awaitable[Trial]]
"""Tries the value of a variable."""


@dataclass
class KeptKeys:
    """The keys of one owner by their variables' names: what is in use, and which version that is.

    `refused` and `untried` are variables whose declared value is not in use, and why.
    """

    version: str
    in_use: Mapping[str, str]
    refused: frozenset[str] = frozenset()
    untried: frozenset[str] = frozenset()

    async def take_over(self, declared: Mapping[str, str], version: str, attempt: Try) -> None:
        """Take over each declared key that its provider takes; the former of others stay.

        A variable that had no key gets the declared one at once: there is nothing to keep.
        """
        kept: dict[str, str] = {}
        refused: set[str] = set()
        untried: set[str] = set()
        for variable, value in declared.items():
            former = self.in_use.get(variable)
            found = Trial.TAKEN if former in {None, value} else await attempt(variable, value)
            if found is Trial.TAKEN or former is None:
                kept[variable] = value
                continue
            kept[variable] = former
            (refused if found is Trial.REFUSED else untried).add(variable)
        self.in_use, self.refused, self.untried = kept, frozenset(refused), frozenset(untried)
        if not refused and not untried:
            self.version = version


class KeyTrials:
    """Tries keys at their providers, with the smallest question there is."""

    def __init__(
        self, pool: Pool, vendor: Callable[[], Awaitable[Vendor]], direct: DirectVendor
    ) -> None:
        self._pool = pool
        self._vendor = vendor
        self._direct = direct

    async def attempt(self, variable: str, value: str) -> Trial:
        """Tell whether the provider of the variable's first model takes this key.

        A key that no model of the pool uses is taken. Unknown: the provider cannot be asked now.
        """
        model = self._model(variable)
        if model is None:
            return Trial.TAKEN
        deployment = Deployment(model, api_key=value, owner="trial")
        try:
            async with asyncio.timeout(_TRIAL_SECONDS):
                await self._ask(deployment)
        except TimeoutError:
            return Trial.UNKNOWN
        except AttemptFailed as failure:
            if failure.kind is FailureKind.KEY_REFUSED:
                return Trial.REFUSED
            return Trial.TAKEN if failure.kind in _LET_IN else Trial.UNKNOWN
        return Trial.TAKEN

    async def _ask(self, deployment: Deployment) -> None:
        if deployment.model.kind == "Embedding":
            translating = await self._vendor()
            await translating.embed(deployment, ("ok",), timeout_seconds=_TRIAL_SECONDS)
            return
        vendor = self._direct if speaks(deployment) else await self._vendor()
        stream = vendor.stream(deployment, _TRIAL, timeout_seconds=_TRIAL_SECONDS)
        try:
            await anext(stream, None)
        finally:
            await stream.aclose()

    def _model(self, variable: str) -> PoolModel | None:
        using = [one for one in self._pool.models if one.api_key_env == variable]
        return next((one for one in using if one.kind == "Chat"), next(iter(using), None))
