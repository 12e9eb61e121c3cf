"""The settings of every program that reaches the object store: where it is, and with which keys."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from konstruct_media.objects import ObjectAddress


class MediaSettings(BaseSettings):
    """A base of a program's settings; the prefix is the program's."""

    media_url: str = Field(
        default="",
        description="Where people's files are: s3://bucket/prefix or file:///folder; empty:"
        " nowhere, and no files are taken",
    )
    media_endpoint_url: str = Field(
        default="", description="An S3-compatible server's address; empty: Amazon's own"
    )
    media_region: str = Field(default="us-east-1", description="The bucket's region")
    media_access_key_id: str = Field(
        default="", description="Key of the bucket; empty: the environment's (a pod's role)"
    )
    media_secret_access_key: SecretStr = Field(
        default=SecretStr(""), description="The key's secret"
    )

    @property
    def media_address(self) -> ObjectAddress | None:
        """Where files are kept; None: nowhere."""
        if not self.media_url:
            return None
        return ObjectAddress(
            url=self.media_url,
            endpoint_url=self.media_endpoint_url,
            region=self.media_region,
            access_key_id=self.media_access_key_id,
            secret_access_key=self.media_secret_access_key,
        )
