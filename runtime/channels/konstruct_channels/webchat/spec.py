"""Web chat's declaration."""

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from konstruct_channels.spec import (
    LABEL,
    ChannelConfig,
    ChannelSpec,
    Credentials,
    Limits,
    Transport,
)


class Visitors(StrEnum):
    """Whether people who did not log in may chat."""

    ALLOWED = "Allowed"
    DENIED = "Denied"


Origin = Annotated[
    str,
    Field(
        min_length=8,
        max_length=253,
        pattern=r"^https?://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?$",
    ),
]


class FilesPolicy(StrEnum):
    """Whether people may send files."""

    ALLOWED = "Allowed"
    DENIED = "Denied"


MediaTypePattern = Annotated[
    str,
    Field(
        min_length=3,
        max_length=127,
        pattern=r"^[a-z0-9][a-z0-9!#&_.+-]*/([*]|[a-z0-9][a-z0-9!#&_.+-]*[*]?)$",
    ),
]

USUAL_FILES = (
    "image/*",
    "text/*",
    "audio/*",
    "video/*",
    "application/json",
    "application/pdf",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-powerpoint",
    "application/vnd.oasis.opendocument.*",
    "application/vnd.openxmlformats-officedocument.*",
)
"""What people send each other; programs and archives are not among them."""

LARGEST_FILE = 104_857_600


class WebChatConfig(ChannelConfig):
    """A chat on web pages. It needs no credentials: sockets come to Konstruct itself."""

    visitors: Visitors = Field(
        default=Visitors.DENIED,
        description="Whether people who did not log in may chat. Allowed: any page whose origin"
        " is listed in allowedOrigins, and the portal. Denied: only people whom the portal vouches"
        " for.",
        json_schema_extra={LABEL: "Visitors"},
    )
    allowed_origins: tuple[Origin, ...] = Field(
        default=(),
        max_length=32,
        description="Origins of the web pages that may open this chat, as a browser sends them:"
        " scheme, host in lower case and, if unusual, the port (https://www.example.com). The"
        " portal's own origin is always allowed. Programs that send no Origin are not browsers and"
        " are not held back by this list.",
        examples=["https://www.example.com"],
        json_schema_extra={"x-kubernetes-list-type": "set", LABEL: "Pages that may open it"},
    )
    title: str = Field(
        default="",
        max_length=128,
        description="The chat window's title. Empty: the agent's display name.",
        json_schema_extra={LABEL: "Title"},
    )
    greeting: str = Field(
        default="",
        max_length=1024,
        description="What a person reads before writing the first message, as plain text. It is"
        " shown by the chat window and is not part of the conversation.",
        json_schema_extra={LABEL: "Greeting"},
    )
    files: FilesPolicy = Field(
        default=FilesPolicy.ALLOWED,
        description="Whether people may send files with their messages.",
        json_schema_extra={LABEL: "Files"},
    )
    largest_file_bytes: int = Field(
        default=10_485_760,
        ge=1024,
        le=LARGEST_FILE,
        description="The largest file that is taken, in bytes. Pictures over 5 MiB are taken, but"
        " models do not get to see them.",
        json_schema_extra={LABEL: "Largest file (bytes)"},
    )
    file_types: tuple[MediaTypePattern, ...] = Field(
        default=(),
        max_length=64,
        description="Which types of files are taken, as media types; a star at the end stands for"
        " any rest (image/*). Empty: pictures, texts, audio, video, PDF and office documents.",
        examples=["image/*"],
        json_schema_extra={"x-kubernetes-list-type": "set", LABEL: "Types of files"},
    )
    files_per_minute: int = Field(
        default=20,
        ge=1,
        le=600,
        description="How many files one person may send in a minute.",
        json_schema_extra={LABEL: "Files per minute and person"},
    )

    def takes(self, media_type: str) -> bool:
        """Tell whether files of this type are taken."""
        patterns = self.file_types or USUAL_FILES
        return any(fnmatchcase(media_type, pattern) for pattern in patterns)


SPEC = ChannelSpec(
    channel_type="WebChat",
    block="webChat",
    folder="webchat",
    title="Web chat",
    description="A chat on web pages and in the portal.",
    config=WebChatConfig,
    credentials=Credentials.FORBIDDEN,
    secret_keys=(),
    limits=Limits(
        inbound_text_characters=16_000,
        outbound_text_characters=65_536,
        inbound_body_bytes=131_072,
        dedupe_days=30,
    ),
    sends=False,
    transport=Transport.SOCKET,
)
