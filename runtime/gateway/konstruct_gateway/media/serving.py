"""`GET /chat/files/{tenant}/{media}`: a file for whoever has an unexpired link to it.

No file is ever shown as a page: everything is an attachment, and only pictures keep their type.
"""

from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from konstruct_gateway.errors import Forbidden, Gone, NotFound, Unavailable
from konstruct_gateway.media.files import Files
from konstruct_media.errors import MediaAway, MediaMissing
from konstruct_media.kinds import served_as
from konstruct_messages.errors import ExpiredCredential, ForgedCredential
from konstruct_messages.links import check_link
from konstruct_messages.names import disposition
from konstruct_store import media as stored
from konstruct_store.media import MediaState

_HEADERS = {
    # The link is the permission: whichever page has it may read the file, without credentials.
    "Access-Control-Allow-Origin": "*",
    "Cache-Control": "private, max-age=3600, immutable",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    # A picture may be shown on the customer's page that the chat is on.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class FileRoutes:
    """The endpoint. A link is the whole permission: it names one file, and it expires."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def file(self, request: Request) -> Response:
        """Answer a file. Raises Forbidden, Gone, NotFound and Unavailable."""
        tenant_id: UUID = request.path_params["tenant"]
        media_id: UUID = request.path_params["media"]
        query = request.query_params
        try:
            check_link(
                tenant_id,
                media_id,
                query.get("expires", ""),
                query.get("signature", ""),
                key=self._files.key,
                now=self._files.now(),
            )
        except ForgedCredential:
            raise Forbidden("This link was not made here.") from None
        except ExpiredCredential:
            raise Gone("This link has expired; open the conversation again.") from None
        found = await stored.find_media(self._files.store, tenant_id, media_id)
        if found is None or found.state is not MediaState.STORED:
            raise NotFound("There is no such file.")
        headers = {
            **_HEADERS,
            "Content-Disposition": disposition(found.name),
            "Content-Length": str(found.size),
            "ETag": f'"{found.sha256}"',
        }
        if request.method == "HEAD":
            return Response(headers=headers, media_type=served_as(found.media_type))
        try:
            pieces = await self._files.require().stream(tenant_id, media_id)
        except MediaMissing:
            raise NotFound("There is no such file.") from None
        except MediaAway as away:
            raise Unavailable("The file cannot be read now.") from away
        return StreamingResponse(pieces, headers=headers, media_type=served_as(found.media_type))
