"""A channel's manual as a page shows it: in the viewer's language, with its values."""

from markupsafe import Markup

from konstruct_channels.presentation import read_setup
from konstruct_channels.spec import ChannelSpec
from konstruct_portal.directory import ShownTenant
from konstruct_portal.markdown import Manual, render
from konstruct_portal.page import Page
from konstruct_portal.pages.connection.common import address_of
from konstruct_portal.templates import icon


def manual_of(page: Page, channel: ChannelSpec, tenant: ShownTenant, connection: str) -> Manual:
    """Return the manual of a connection that is, or will be, called `connection`."""
    text = read_setup(channel, page.language)
    known = {
        "webhook_url": address_of(page, channel, tenant, connection),
        "public_url": page.services.settings.gateway_url,
        "tenant": tenant.name,
        "namespace": tenant.namespace,
        "connection": connection,
    }
    for name, value in known.items():
        text = text.replace(f"{{{{ {name} }}}}", value)
    return render(text, copy_button=lambda copied: _copy_button(page, copied))


def _copy_button(page: Page, text: str) -> Markup:
    _ = page.translate
    return Markup(
        '<button class="icon-button" type="button" data-copy="{0}" data-copied="{1}" title="{2}"'
        ' aria-label="{2}">{3}</button>'
    ).format(text, _("Copied"), _("Copy"), icon("copy"))
