"""What can go wrong with a file, told apart by what the caller must do.

MediaError
├── MediaAway               the object store cannot be reached now: try again later
├── MediaMissing            it has no such object
├── MediaRefused            the bytes are not what was announced, or are not wanted
│   ├── TooLarge            more bytes than allowed, declared or counted
│   ├── LengthWrong         more or fewer bytes than were declared
│   └── ChecksumWrong       other bytes than the checksum says
└── AddressInvalid          the object store's address in the settings is none
"""


class MediaError(Exception):
    """The root of this package's errors."""


class MediaAway(MediaError):
    """The object store cannot be reached now."""


class MediaMissing(MediaError):
    """The object store has no such object."""


class MediaRefused(MediaError):
    """The bytes are not taken; nothing of them is kept."""


class TooLarge(MediaRefused):
    """There are more bytes than allowed; `most` is how many are."""

    def __init__(self, most: int) -> None:
        super().__init__(f"At most {most} bytes are taken.")
        self.most = most


class LengthWrong(MediaRefused):
    """More or fewer bytes came than were declared."""


class ChecksumWrong(MediaRefused):
    """The bytes have another SHA-256 than was declared."""


class AddressInvalid(MediaError):
    """The address of the object store cannot be used; the text says why."""
