"""What the API does: from a request to a running call or a list of vectors."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from konstruct_llm import choice, tokens
from konstruct_llm.budgets import BudgetWatch
from konstruct_llm.calls import ModelCalls, RunningCall
from konstruct_llm.errors import BudgetReached, RequestRefused, TryLater
from konstruct_llm.ledger import Ledger, Recorded, Reserved, StepKey, TurnOwner
from konstruct_llm.media import MediaReader, Prepared
from konstruct_llm.own_keys import OwnKeys
from konstruct_llm.pool import Pool, PoolModel
from konstruct_llm.provider import ChatCall, Deployment, Embeddings
from konstruct_llm.requests import ChatCompletionRequest, EmbeddingRequest
from konstruct_llm.routing import Router
from konstruct_llm.tenants import Tenants, agent_of
from konstruct_registry.snapshot import AgentSnapshot, Budget, Models, TenantSnapshot
from konstruct_store.errors import StoreError
from konstruct_store.usage import Limits
from konstruct_telemetry.logs import remember

_MOST_TEXTS = 256
_EMBEDDING_DEADLINE_SECONDS = 30.0


@dataclass(frozen=True)
class Caller:
    """Who calls, for which turn, on behalf of which agent."""

    tenant: TenantSnapshot
    agent: AgentSnapshot | None
    owner: TurnOwner
    step: StepKey

    @property
    def models(self) -> Models:
        """What the agent declares; nothing for an agent that was deleted meanwhile."""
        return self.agent.models if self.agent is not None else Models()


class ModelService:
    """Calls on behalf of turns. One per program."""

    def __init__(
        self,
        *,
        pool: Pool,
        environment: Mapping[str, str],
        tenants: Tenants,
        ledger: Ledger,
        router: Router,
        calls: ModelCalls,
        reader: MediaReader,
        budgets: BudgetWatch,
        own_keys: OwnKeys,
    ) -> None:
        self._pool = pool
        self._environment = environment
        self._tenants = tenants
        self._ledger = ledger
        self._router = router
        self._calls = calls
        self._reader = reader
        self._budgets = budgets
        self._own_keys = own_keys

    async def chat(self, step: StepKey, request: ChatCompletionRequest) -> RunningCall:
        """Return the running (or recorded) call of a model step. Raises CallRefused."""
        running = self._calls.join(step)
        if running is not None:
            return running
        caller = await self._caller(step)
        models = choice.choose(
            self._pool, request.model, agent=caller.models, tenant=caller.tenant.models
        )
        self._calls.check_room(step.tenant_id)
        prepared = await self._prepare(caller, request)
        reserved, chain = await self._reserve(caller, models, request, prepared)
        if isinstance(reserved, Recorded):
            return self._calls.replay(step, reserved)
        joined = self._calls.join(step)
        if joined is not None:  # the same request twice at once: one of them pays
            await self._ledger.release(reserved)
            return joined
        most = chain[0].model.max_output_tokens
        call = ChatCall(
            messages=prepared.messages,
            tools=request.tools,
            max_output_tokens=request.output_tokens(most),
            options=request.options(),
            blind=prepared.blind,
        )
        return self._calls.start(reserved, chain, call)

    async def embed(self, step: StepKey, request: EmbeddingRequest) -> tuple[PoolModel, Embeddings]:
        """Return vectors, booked to the turn's agent. Raises CallRefused."""
        texts = request.texts()
        if not texts or len(texts) > _MOST_TEXTS:
            raise RequestRefused(f"Send between 1 and {_MOST_TEXTS} texts.")
        caller = await self._caller(step)
        models = choice.choose(
            self._pool,
            request.model,
            agent=caller.models,
            tenant=caller.tenant.models,
            kind="Embedding",
        )
        chain = self._deploy(caller, models)
        deadline = asyncio.get_running_loop().time() + _EMBEDDING_DEADLINE_SECONDS
        deployment, found = await self._router.embed(chain, texts, deadline=deadline)
        await self._ledger.book_embedding(
            step,
            caller.owner,
            tenant=caller.tenant,
            model=deployment.model.name,
            tokens=found.input_tokens,
            cost=deployment.model.cost(found.input_tokens, 0),
        )
        return deployment.model, found

    def models(self, tenant: TenantSnapshot) -> list[PoolModel]:
        """Return the models that something of this tenant declares, and the defaults."""
        declared = {"", *_names(tenant.models)}
        for agent in tenant.agents:
            declared |= _names(agent.models)
        defaults = {self._pool.default("Chat"), self._pool.default("Embedding")}
        return [one for one in self._pool.models if one.name in declared or one in defaults]

    async def _caller(self, step: StepKey) -> Caller:
        tenant = self._tenants.get(step.tenant_id)
        remember(tenant_id=step.tenant_id, turn_id=step.turn_id)
        owner = await self._ledger.owner(step)
        remember(conversation_id=owner.conversation_id)
        self._budgets.touch(step.tenant_id)
        return Caller(tenant, agent_of(tenant, owner.agent_id), owner, step)

    def _deploy(self, caller: Caller, models: Sequence[PoolModel]) -> list[Deployment]:
        return choice.deploy(
            models,
            own=self._own_keys.of(caller.tenant),
            tenant=str(caller.tenant.tenant_id),
            environment=self._environment,
        )

    async def _prepare(self, caller: Caller, request: ChatCompletionRequest) -> Prepared:
        """Return the messages with the turn's files in them. Raises TryLater."""
        try:
            return await self._reader.prepare(
                caller.step.tenant_id, caller.owner.conversation_id, request.messages
            )
        except StoreError as error:
            raise TryLater("The turn's files cannot be looked up now.", retry_after=1.0) from error

    async def _reserve(
        self,
        caller: Caller,
        models: Sequence[PoolModel],
        request: ChatCompletionRequest,
        prepared: Prepared,
    ) -> tuple[Reserved | Recorded, list[Deployment]]:
        """Reserve for the dearest model of the chain; at a limit, for cheaper ones if declared."""
        chain = self._deploy(caller, models)
        limits = limits_of(caller.tenant.budget, caller.agent.budget if caller.agent else None)
        try:
            reserved = await self._reserve_for(caller, chain, request, prepared, limits)
        except BudgetReached:
            fallbacks = choice.cheaper(models) if falls_back(caller) else []
            if not fallbacks:
                raise
            chain = self._deploy(caller, fallbacks)
            unlimited = Limits(None, None, None)
            reserved = await self._reserve_for(caller, chain, request, prepared, unlimited)
        return reserved, chain

    async def _reserve_for(
        self,
        caller: Caller,
        chain: Sequence[Deployment],
        request: ChatCompletionRequest,
        prepared: Prepared,
        limits: Limits,
    ) -> Reserved | Recorded:
        prompt = tokens.estimate_prompt(prepared.messages, request.tools)
        estimate = max(
            one.model.cost(prompt, request.output_tokens(one.model.max_output_tokens))
            for one in chain
        )
        return await self._ledger.reserve(
            caller.step,
            caller.owner,
            tenant=caller.tenant,
            limits=limits,
            model=chain[0].model.name,
            estimate=estimate,
        )


def limits_of(tenant: Budget | None, agent: Budget | None) -> Limits:
    """Return the month's limits in micro-USD; None is no limit. The stricter person limit holds."""
    persons = [
        budget.per_person_micro_usd
        for budget in (tenant, agent)
        if budget is not None and budget.per_person_micro_usd is not None
    ]
    return Limits(
        tenant=tenant.monthly_micro_usd if tenant is not None else None,
        agent=agent.monthly_micro_usd if agent is not None else None,
        person=min(persons, default=None),
    )


def falls_back(caller: Caller) -> bool:
    """Tell whether a reached limit means a cheaper model: every declared budget must say so."""
    budgets = [caller.tenant.budget, caller.agent.budget if caller.agent else None]
    return all(budget.on_limit == "UseFallbackModel" for budget in budgets if budget is not None)


def _names(models: Models) -> set[str]:
    return {models.default, *models.fallbacks, *models.by_purpose.values()}
