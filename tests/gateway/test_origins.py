from uuid import uuid4

import pytest

from konstruct_channels.webchat.spec import WebChatConfig
from konstruct_gateway.chat.access import Place, origin_allowed
from support.gateways import SampleTenant


def place(*origins: str) -> Place:
    return Place(
        tenant=SampleTenant().snapshot(),
        connection_id=uuid4(),
        connection="website",
        config=WebChatConfig.model_validate({"allowedOrigins": list(origins)}),
        agent="ana",
    )


@pytest.mark.parametrize(
    ("origin", "public_url", "allowed"),
    [
        (None, "https://chat.example.com", True),
        ("https://www.acme.example", "https://chat.example.com", True),
        ("https://chat.example.com", "https://chat.example.com", True),
        ("https://chat.example.com:443", "https://chat.example.com", True),
        ("https://chat.example.com:8443", "https://chat.example.com", False),
        ("http://chat.example.com", "https://chat.example.com", False),
        ("https://chat.example.com.evil.example", "https://chat.example.com", False),
        ("https://evil.example/https://chat.example.com", "https://chat.example.com", False),
        ("null", "https://chat.example.com", False),
        ("", "https://chat.example.com", False),
        ("https://[::1", "https://chat.example.com", False),
        ("https://chat.example.com:port", "https://chat.example.com", False),
        ("http://localhost:8080", "http://127.0.0.1:8080", True),
        ("http://[::1]:8080", "http://127.0.0.1:8080", True),
        ("http://localhost:8081", "http://127.0.0.1:8080", False),
        ("http://evil.example:8080", "http://127.0.0.1:8080", False),
        ("http://192.168.1.5:8080", "http://0.0.0.0:8080", True),
        ("http://evil.example:8080", "http://0.0.0.0:8080", False),
    ],
)
def test_a_page_may_chat_if_its_origin_is_listed_or_our_own(
    origin: str | None, public_url: str, *, allowed: bool
) -> None:
    somewhere = place("https://www.acme.example")
    host = "192.168.1.5:8080"
    assert origin_allowed(origin, somewhere, public_url, host=host) is allowed
