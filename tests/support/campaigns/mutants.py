"""Forged webhooks of every channel, made from its recorded examples. Pure, by a seed.

A forger has seen genuine deliveries, knows every address and other tenants' secrets, and does not
know this connection's. Whatever a mutant is, taking it would be a break-in.
"""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from urllib.parse import urlencode

from support.campaigns.asgi import Headers, as_headers
from support.channel_examples import NOW, Example

LATE = (301, 302, 330, 3_600, 86_400, 7 * 86_400, -301, -330, -3_600, -86_400)
_EDGE = 300
_HUGE_SHARE = 0.0005
_HUGE = 10 * 1024 * 1024


@dataclass(frozen=True)
class Request:
    """A webhook as it would be sent. `kind` names the mutation; 'genuine' is none."""

    kind: str
    path: str
    headers: Headers
    body: bytes
    method: str = "POST"
    query: bytes = b""


@dataclass(frozen=True)
class Target:
    """A connection of one example: where its webhooks go and who vouches for them.

    `other_paths` are connections of other tenants with other secrets, `other_secrets` theirs.
    """

    example: Example
    path: str
    credentials: Mapping[str, str] = field(repr=False)
    other_paths: tuple[str, ...]
    other_secrets: tuple[Mapping[str, str], ...] = field(repr=False)

    def vouched(self, body: bytes, *, late: float = 0.0) -> dict[str, str]:
        """Return the headers with which the vendor vouches for `body`, made `late` seconds ago."""
        at = NOW - timedelta(seconds=late)
        return dict(self.example.inbound.sign(body, self.credentials, now=at))

    def genuine(self, chance: random.Random) -> Request:
        """Return a genuine webhook, with its time anywhere in the allowed window."""
        late = 0.0
        if self.example.spec.signs_time:
            late = chance.choice((0, 1, 60, 299, _EDGE, -60, -_EDGE))
        body = self.example.body
        return self._request("genuine", body, self.vouched(body, late=late))

    def _request(self, kind: str, body: bytes, headers: Mapping[str, str]) -> Request:
        plain = dict(self.example.content["headers"])
        return Request(kind, self.path, as_headers({**plain, **headers}), body)


Mutation = Callable[[Target, random.Random], Request]


def mutant(target: Target, chance: random.Random) -> Request:
    """Return one forged webhook."""
    if chance.random() < _HUGE_SHARE:
        return huge_body(target, chance)
    mutations = [one for one in MUTATIONS if _fits(one, target)]
    return chance.choice(mutations)(target, chance)


def _fits(mutation: Mutation, target: Target) -> bool:
    return target.example.spec.signs_time or mutation not in TIMED


def flipped_bit(target: Target, chance: random.Random) -> Request:
    """Change one bit of what was signed."""
    body = bytearray(target.example.body)
    body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    return target._request("flipped bit", bytes(body), target.vouched(target.example.body))


def another_text(target: Target, chance: random.Random) -> Request:
    """Keep the signature and say something else."""
    body = target.example.body
    at = chance.randrange(len(body))
    cut = chance.randrange(1, 8)
    inserted = chance.randbytes(chance.randrange(1, 8))
    changed = chance.choice((body[:at], body + inserted, body[:at] + inserted + body[at + cut :]))
    if changed == body:
        changed += b" "
    return target._request("another text", changed, target.vouched(body))


def written_anew(target: Target, chance: random.Random) -> Request:
    """Write the same JSON in another way."""
    body = target.example.body
    try:
        content = json.loads(body)
    except ValueError:
        return another_text(target, chance)
    styles = (
        json.dumps(content, indent=chance.randrange(1, 5)),
        json.dumps(content, separators=(", ", ": ")),
        json.dumps(content, separators=(",", ":"), sort_keys=True) + " " * chance.randrange(1, 4),
        " " + json.dumps(content, separators=(",", ":"), ensure_ascii=True),
    )
    changed = chance.choice(styles).encode()
    if changed == body:
        changed += b"\n"
    return target._request("written anew", changed, target.vouched(body))


def broken_signature(target: Target, chance: random.Random) -> Request:
    """Damage one of the headers that vouch."""
    body = target.example.body
    headers = target.vouched(body)
    name = chance.choice(sorted(headers))
    value = headers[name]
    at = chance.randrange(len(value))
    letter = chance.choice("0123456789abcdefvz=, \x00é٣")
    changed = chance.choice(
        (
            value[:at] + letter + value[at + 1 :],
            value[:at],
            value[at:],
            value + letter,
            value + value,
            f"{value},{value}",
            value[::-1],
            "",
            "0" * chance.randrange(1, 500),
            chance.randbytes(20).hex(),
        )
    )
    if changed.strip() == value:
        changed = ""
    headers[name] = changed
    return target._request("broken signature", body, headers)


def missing_signature(target: Target, chance: random.Random) -> Request:
    """Leave one header out, or give it a name that is only nearly right."""
    body = target.example.body
    headers = target.vouched(body)
    name = chance.choice(sorted(headers))
    value = headers.pop(name)
    if chance.random() < 0.7:
        near = (f"{name}-", f"x-{name}", name.replace("-", "_"), f"{name}\t", name[:-1])
        headers[chance.choice(near)] = value
    return target._request("missing signature", body, headers)


def signature_twice(target: Target, chance: random.Random) -> Request:
    """Send the signature's header twice, one of them perhaps genuine for another body."""
    body = target.example.body
    genuine = target.vouched(body)
    forged_body = body + b" "
    name = chance.choice(sorted(genuine))
    own = target._request("signature twice", forged_body, genuine)
    forged = as_headers({name: chance.choice((chance.randbytes(32).hex(), genuine[name], ""))})
    headers = [*own.headers, *forged] if chance.random() < 0.5 else [*forged, *own.headers]
    return replace(own, headers=headers)


def wrong_secret(target: Target, chance: random.Random) -> Request:
    """Sign properly with a secret that is not this connection's."""
    keys = target.example.credentials
    secret = chance.choice(
        (
            chance.choice(target.other_secrets),
            dict.fromkeys(keys, chance.randbytes(16).hex()),
            dict.fromkeys(keys, "secret"),
            {key: f"{value} " for key, value in target.credentials.items()},
            {key: value.upper() for key, value in target.credentials.items()},
            {key: value[:-1] for key, value in target.credentials.items()},
        )
    )
    body = target.example.body
    headers = dict(target.example.inbound.sign(body, secret, now=NOW))
    return target._request("wrong secret", body, headers)


def another_address(target: Target, chance: random.Random) -> Request:
    """Send what one tenant's vendor signed to another tenant."""
    genuine = target._request("another address", target.example.body, {})
    headers = as_headers({**target.example.content["headers"], **target.vouched(genuine.body)})
    return replace(genuine, path=chance.choice(target.other_paths), headers=headers)


def other_time(target: Target, chance: random.Random) -> Request:
    """Replay what was signed too long ago, or in the future."""
    late = chance.choice(LATE) + chance.choice((0, chance.randrange(0, 1000))) * 0
    body = target.example.body
    return target._request("other time", body, target.vouched(body, late=float(late)))


def time_exchanged(target: Target, chance: random.Random) -> Request:
    """Give an old signature a fresh time, or a fresh one an old time."""
    body = target.example.body
    old, fresh = target.vouched(body, late=3600), target.vouched(body)
    changing = [name for name in fresh if fresh[name] != old[name]]
    taken = chance.choice(changing)
    return target._request("time exchanged", body, {**fresh, taken: old[taken]})


def signed_by_question(target: Target, chance: random.Random) -> Request:
    """Say in the query what only the headers may say."""
    body = target.example.body
    query = "&".join(f"{name}={value}" for name, value in target.vouched(body).items())
    bare = target._request("signed by question", body, {})
    method = chance.choice(("POST", "GET"))
    return replace(bare, query=query.encode(), method=method)


def guessed_handshake(target: Target, chance: random.Random) -> Request:
    """Ask what a vendor asks before it calls an address, with a token that is not this one's."""
    known = dict(chance.choice(target.other_secrets))
    token = chance.choice((*known.values(), "", "token", chance.randbytes(8).hex()))
    asked = {
        "hub.mode": chance.choice(("subscribe", "unsubscribe", "")),
        "hub.verify_token": token,
        "hub.challenge": str(chance.getrandbits(32)),
    }
    bare = target._request("guessed handshake", b"", {})
    return replace(bare, query=urlencode(asked).encode(), method="GET")


def huge_body(target: Target, chance: random.Random) -> Request:
    """Send ten megabytes, as if they were signed."""
    body = target.example.body + b" " * _HUGE
    return target._request("huge body", body, target.vouched(target.example.body))


MUTATIONS: tuple[Mutation, ...] = (
    flipped_bit,
    another_text,
    written_anew,
    broken_signature,
    missing_signature,
    signature_twice,
    wrong_secret,
    another_address,
    other_time,
    time_exchanged,
    signed_by_question,
    guessed_handshake,
)
TIMED = (other_time, time_exchanged)
