"""Tickets with which whoever views a page goes straight to the gateway, to its chat or its desk."""

from datetime import UTC, datetime, timedelta

from starlette.responses import JSONResponse, Response

from konstruct_messages import identity
from konstruct_messages.credentials import ChatCredential, CredentialUse, sign
from konstruct_portal.directory import ShownTenant
from konstruct_portal.errors import NotHere
from konstruct_portal.page import Page, plain


def ticket_for(
    page: Page,
    tenant: ShownTenant,
    *,
    use: CredentialUse,
    lifetime: timedelta,
    display_name: str,
    agent: str = "",
) -> Response:
    """Return a signed ticket of the viewer as JSON, and when it expires.

    `display_name` is what others read of the viewer; `agent` is whom alone it may be used for.
    Raises NotHere while the tenant has no id.
    """
    if tenant.tenant_id is None:
        raise NotHere(tenant.name)
    expires_at = datetime.now(UTC) + lifetime
    ticket = sign(
        ChatCredential(
            use=use,
            tenant_id=tenant.tenant_id,
            connection=identity.PORTAL_CONNECTION,
            person_key=f"portal:{page.user.user_id}",
            display_name=display_name,
            language=page.language,
            agent=agent,
            expires_at=expires_at,
        ),
        page.services.settings.chat_key.get_secret_value(),
    )
    return plain(JSONResponse({"ticket": ticket, "expiresAt": expires_at.isoformat()}))
