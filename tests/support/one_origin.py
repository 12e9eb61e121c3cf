"""Gateway and portal behind one address, as an ingress serves them."""

from starlette.types import ASGIApp, Receive, Scope, Send


def one_origin(gateway: ASGIApp, portal: ASGIApp) -> ASGIApp:
    """Send `/chat/` to the gateway and the rest to the portal."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        chat = scope["type"] == "websocket" or scope["path"].startswith("/chat/")
        await (gateway if chat else portal)(scope, receive, send)

    return app
