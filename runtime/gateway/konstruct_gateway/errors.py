"""What can go wrong between the gateway and whoever calls it. Each knows how it is answered.

GatewayError
├── Unauthorised        401: no credential, or one that nobody has
├── Forbidden           403: a genuine caller where it may not go
├── NotFound            404: the registry is loaded and has no such thing
├── NoSuchHalf          404: the channel exists, and cannot receive here yet
├── BadRequest          422: the request cannot mean anything
├── Gone                410: it was there, and its time is over
├── TooLarge            413: more bytes than the route takes
├── WrongType           415: files of this type are not taken
├── TooFast             429: slow down, then come again
└── Unavailable         503: come again, nothing was taken
    ├── Unloaded        the registry is not known yet
    └── Overloaded      this tenant has more in flight than one tenant may
"""


class GatewayError(Exception):
    """The root of this package's errors."""

    status = 500
    code = "internal"
    retry_after_seconds: int | None = None


class Unauthorised(GatewayError):
    """No credential, or one that nobody has."""

    status = 401
    code = "unauthorized"


class Forbidden(GatewayError):
    """A genuine caller where it may not go."""

    status = 403
    code = "forbidden"


class NotFound(GatewayError):
    """The registry is loaded and has no such thing."""

    status = 404
    code = "not_found"


class NoSuchHalf(GatewayError):
    """The channel exists, and this version cannot receive from it."""

    status = 404
    code = "no_inbound_half"


class BadRequest(GatewayError):
    """The request cannot mean anything."""

    status = 422
    code = "invalid"


class Gone(GatewayError):
    """It was there, and its time is over."""

    status = 410
    code = "gone"


class WrongType(GatewayError):
    """Files of this type are not taken."""

    status = 415
    code = "wrong_type"


class TooLarge(GatewayError):
    """More bytes than the route takes."""

    status = 413
    code = "too_large"


class TooFast(GatewayError):
    """More requests than one caller may make."""

    status = 429
    code = "too_fast"
    retry_after_seconds = 1


class Unavailable(GatewayError):
    """Nothing was taken; come again."""

    status = 503
    code = "unavailable"
    retry_after_seconds = 1


class Unloaded(Unavailable):
    """The registry is not known yet."""

    code = "unloaded"


class Overloaded(Unavailable):
    """One tenant has more in flight than one tenant may."""

    code = "overloaded"
