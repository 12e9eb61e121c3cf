"""What the portal shows of channels, found by their folders: no list of channels is kept here."""

import gettext
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from konstruct_channels.catalogue import has_half, load_specs
from konstruct_channels.presentation import load_words, read_icon
from konstruct_channels.spec import ChannelSpec, Transport

PORTAL = "Portal"
"""The channel of the reserved connection `portal`: this site's own chat, no folder."""


@dataclass(frozen=True)
class ChannelWords:
    """The channels with their words by language."""

    specs: Mapping[str, ChannelSpec]
    catalogues: Mapping[str, gettext.NullTranslations]

    def title(self, channel_type: object, language: str) -> str:
        """Return a channel's name to people; its type where no folder has it."""
        spec = self.specs.get(str(channel_type))
        return str(channel_type) if spec is None else self.say(spec.title, language)

    def say(self, sentence: str, language: str) -> str:
        """Return one of the channels' own sentences in a language."""
        return self.catalogues[language].gettext(sentence) if sentence else ""

    def by_folder(self, folder: str) -> ChannelSpec | None:
        """Return the channel of a folder, or None where this version carries none."""
        return next((one for one in self.listed if one.folder == folder), None)

    @property
    def listed(self) -> list[ChannelSpec]:
        """The channels that this version carries, in the order of their titles."""
        served = [one for one in self.specs.values() if has_half(one, "inbound")]
        return sorted(served, key=lambda one: one.title.casefold())

    @cached_property
    def icon_files(self) -> Mapping[str, bytes]:
        """Every channel's icon, by its name among the static files."""
        icons = {one.folder: read_icon(one).encode() for one in self.specs.values()}
        return {f"channels/{folder}.svg": icon for folder, icon in icons.items() if icon}

    @cached_property
    def icons(self) -> Mapping[str, str]:
        """The address of every channel's icon, by type; it changes with the icon."""
        return {
            name: f"/static/{file}?v={hashlib.sha256(self.icon_files[file]).hexdigest()[:12]}"
            for name, spec in self.specs.items()
            if (file := f"channels/{spec.folder}.svg") in self.icon_files
        }


def load_channel_words() -> ChannelWords:
    """Read the channels' folders."""
    specs = load_specs()
    return ChannelWords(specs, load_words(specs))


def webhook_address(spec: ChannelSpec, public_url: str, *, tenant: str, connection: str) -> str:
    """Return where the channel's vendor is to call; empty for a channel without webhooks."""
    if spec.transport is not Transport.WEBHOOK:
        return ""
    return f"{public_url}/hooks/{spec.folder}/{tenant}/{connection}"
