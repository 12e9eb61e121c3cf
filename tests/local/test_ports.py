"""A port that cannot be had is one sentence, exit 1, no trace."""

import socket

import pytest

from konstruct_local.errors import UnusableSystem
from konstruct_local.servers import address_of, base_url, listen
from support.embedded import site

pytestmark = pytest.mark.process


def test_a_busy_port_names_another_one() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(UnusableSystem, match=f"Port {port} .* is busy.*PORT={port + 1}"):
            listen("127.0.0.1", port)


def test_any_free_port_may_be_asked_for() -> None:
    listener = listen("127.0.0.1", 0)
    assert address_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"
    listener.close()


def test_an_unknown_host_is_told() -> None:
    with pytest.raises(UnusableSystem, match="HOST"):
        listen("host.invalid", 0)


def test_addresses_of_both_families_are_written_as_they_must() -> None:
    assert base_url("127.0.0.1", 1) == "http://127.0.0.1:1"
    assert base_url("::1", 1) == "http://[::1]:1"


async def test_the_command_says_it_once_and_leaves_nothing() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        async with site() as here:
            code, said = await here.konstruct("up", "samples", "--port", str(busy.getsockname()[1]))
            assert (code, len(said.splitlines())) == (1, 1), said
            assert "is busy" in said
            assert here.processes() == []
