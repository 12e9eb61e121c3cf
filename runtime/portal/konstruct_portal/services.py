"""What the pages work with, put together once at start."""

import gettext
from collections.abc import Mapping
from dataclasses import dataclass

from konstruct_portal.channel_words import ChannelWords
from konstruct_portal.cookies import Cookies
from konstruct_portal.passwords import Passwords
from konstruct_portal.records import Records
from konstruct_portal.resources import Resources
from konstruct_portal.settings import PortalSettings
from konstruct_portal.templates import Templates


@dataclass(frozen=True)
class Services:
    """The portal's outside things and its settings; found by pages at `app.state.services`."""

    settings: PortalSettings
    records: Records
    resources: Resources
    passwords: Passwords
    cookies: Cookies
    templates: Templates
    catalogues: Mapping[str, gettext.NullTranslations]
    channels: ChannelWords
