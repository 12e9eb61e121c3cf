"""The form of a connection: from a spec to texts and back, and where each problem belongs. Pure."""

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from konstruct_channels.spec import ChannelSpec, Credentials, Transport
from konstruct_portal.errors import Problem
from konstruct_portal.language import Translate
from konstruct_portal.pages.connection import general, routing, values
from konstruct_portal.pages.connection.fields import (
    FormField,
    Say,
    config_fields,
    secret_fields,
)


@dataclass(frozen=True)
class ConnectionForm:
    """What the form shows: its fields, the text of each, and what is wrong with it."""

    channel: ChannelSpec
    general: Sequence[FormField]
    config: Sequence[FormField]
    secrets: Sequence[FormField]
    texts: Mapping[str, str]
    problems: Mapping[str, Sequence[str]] = field(default_factory=dict)
    elsewhere: Sequence[Problem] = ()

    @property
    def fields(self) -> list[FormField]:
        """Every field of the form."""
        return [*self.general, *self.config, *self.secrets]

    @property
    def wrong(self) -> bool:
        """Whether anything is wrong with it."""
        return bool(self.problems or self.elsewhere)

    def text(self, name: str) -> str:
        """Return a field's text; credentials are never shown again."""
        return self.texts.get(name, "")

    def belongs(self, one: FormField) -> bool:
        """Tell whether a field is part of the form, given the values of the others."""
        return values.belongs(one, self.texts)

    def filled(self, submitted: Mapping[str, str]) -> "ConnectionForm":
        """Return the form as somebody filled it in."""
        known = {one.name for one in self.fields}
        given = {name: text for name, text in submitted.items() if name in known}
        return replace(self, texts={**self.texts, **given})

    def with_problems(self, problems: Sequence[Problem]) -> "ConnectionForm":
        """Return the form with what the API says at its fields; what has no field stays apart."""
        at_fields = {name: list(said) for name, said in self.problems.items()}
        elsewhere = []
        for one in problems:
            name = self._field_at(one.path)
            if name is None:
                elsewhere.append(one)
            else:
                at_fields.setdefault(name, []).append(one.message)
        return replace(self, problems=at_fields, elsewhere=tuple(elsewhere))

    def _field_at(self, path: str) -> str | None:
        block = f"spec.{self.channel.block}."
        fixed = {
            "metadata.name": "name",
            "spec.agentRef": "agent",
            "spec.access.allowed": "allowed",
            "spec.access": "access_policy",
            "spec.replyWhen": "reply_when",
            "spec.gatherMilliseconds": "gather",
            "spec.routes": routing.ROUTES,
        }
        known = {one.name for one in self.fields}
        if path.startswith(block):
            wanted = f"config.{path.removeprefix(block)}"
            found = [one for one in known if re.match(rf"{re.escape(one)}(\W|$)", wanted)]
            return max(found, key=len, default=None)
        found = [name for at, name in fixed.items() if path.startswith(at) and name in known]
        return found[0] if found else None


def empty_form(
    channel: ChannelSpec, *, name: str, agents: Sequence[tuple[str, str]], say: Say, _: Translate
) -> ConnectionForm:
    """Return the form of a new connection. `agents` are names with what people call them."""
    config, secrets = config_fields(channel, say), secret_fields(channel, say)
    wait = general.USUAL_WAIT if channel.transport is Transport.WEBHOOK else general.AT_ONCE
    texts = {
        **values.texts_of_block(config, {}),
        **general.DEFAULTS,
        "name": name,
        "agent": agents[0][0] if agents else "",
        "gather": wait,
    }
    shared = [general.name_field(_), *general.general_fields(agents, _)]
    return ConnectionForm(channel, shared, config, secrets, texts)


def form_of(
    channel: ChannelSpec,
    spec: Mapping[str, Any],
    *,
    agents: Sequence[tuple[str, str]],
    say: Say,
    _: Translate,
) -> ConnectionForm:
    """Return the form of a declared connection; its credentials have a form of their own."""
    config = config_fields(channel, say)
    texts = {
        **values.texts_of_block(config, spec.get(channel.block) or {}),
        **general.texts_of_spec(spec),
        routing.ROUTES: routing.text_of_routes(spec),
    }
    if texts["agent"] and texts["agent"] not in dict(agents):
        agents = [*agents, (texts["agent"], texts["agent"])]
    shared = [
        *general.general_fields(agents, _, wait=int(texts["gather"])),
        routing.routes_field(_),
    ]
    return ConnectionForm(channel, shared, config, (), texts)


def secrets_form(channel: ChannelSpec, spec: Mapping[str, Any], say: Say) -> ConnectionForm:
    """Return the form of new credentials for a declared connection."""
    config = config_fields(channel, say, hidden=True)
    texts = values.texts_of_block(config, spec.get(channel.block) or {})
    return ConnectionForm(channel, (), (), secret_fields(channel, say), texts)


def checked(form: ConnectionForm, spec: Mapping[str, Any], _: Translate) -> "Checked":
    """Return what a filled-in form makes of `spec`, with every problem at its field."""
    problems: dict[str, list[str]] = {}
    made = copy.deepcopy(dict(spec))
    if any(one.name == "name" for one in form.general):
        problems |= general.name_problems(form.text("name"), _)
    if form.general:
        problems |= general.put_general(made, form.texts, _)
    if any(one.name == routing.ROUTES for one in form.general):
        agents = {
            name for one in form.general if one.name == "agent" for name, _title in one.options
        }
        wrong = routing.put_routes(made, form.text(routing.ROUTES), agents, _)
        problems |= {routing.ROUTES: wrong} if wrong else {}
    if form.config:
        block = made.get(form.channel.block) or {}
        block, unread = values.read_block(form.config, form.texts, block, _)
        problems |= values.problems_of_block(form.channel, form.config, block, _) | unread
        made[form.channel.block] = block
    secret: dict[str, str] = {}
    for one in form.secrets:
        if form.belongs(one):
            text = form.text(one.name).strip()
            said = values.problem_of_secret(one, text, _)
            if said:
                problems[one.name] = [said]
            elif text:
                secret[one.name.partition(".")[2]] = text
    return Checked(replace(form, problems=problems), made, secret)


@dataclass(frozen=True)
class Checked:
    """A filled-in form, and what it stands for (which holds only without problems)."""

    form: ConnectionForm
    spec: dict[str, Any]
    secret: dict[str, str] = field(repr=False)


def read_config(form: ConnectionForm) -> dict[str, Any]:
    """Return the block as far as it is filled in, with its defaults; nothing is checked."""
    block = values.read_block(form.config, form.texts, {}, lambda text: text)[0]
    defaults = {one.name.split(".", 1)[1]: one.default for one in form.config if one.default}
    return {**defaults, **block}


def new_spec(channel: ChannelSpec) -> dict[str, Any]:
    """Return what every new connection of a channel begins with."""
    return {"type": channel.channel_type}


def needs_secret(channel: ChannelSpec) -> bool:
    """Tell whether a connection of the channel refers to a Secret."""
    return channel.credentials is Credentials.REQUIRED
