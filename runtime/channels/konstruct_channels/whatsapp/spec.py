"""WhatsApp's declaration.

Limits: https://developers.facebook.com/docs/whatsapp/cloud-api
"""

from pydantic import Field

from konstruct_channels.spec import (
    LABEL,
    ChannelConfig,
    ChannelSpec,
    Credentials,
    Limits,
    SecretKey,
)


class WhatsAppConfig(ChannelConfig):
    """One business phone number on the Cloud API. Deliveries that name another are ignored."""

    phone_number_id: str = Field(
        min_length=1,
        max_length=32,
        pattern=r"^[0-9]+$",
        description="The phone number's id (digits; not the phone number itself), from the app's"
        " WhatsApp > API Setup page.",
        examples=["106540352242922"],
        json_schema_extra={LABEL: "Phone number ID"},
    )
    business_account_id: str = Field(
        min_length=1,
        max_length=32,
        pattern=r"^[0-9]+$",
        description="The WhatsApp Business Account's id (digits), from the same page.",
        examples=["102290129340398"],
        json_schema_extra={LABEL: "WhatsApp Business Account ID"},
    )


SPEC = ChannelSpec(
    channel_type="WhatsApp",
    block="whatsApp",
    folder="whatsapp",
    title="WhatsApp",
    description="Messages to a business number of the customer's own.",
    config=WhatsAppConfig,
    credentials=Credentials.REQUIRED,
    secret_keys=(
        SecretKey(
            key="appSecret",
            title="App Secret",
            example="0123456789abcdef0123456789abcdef",
            pattern=r"[0-9a-zA-Z]{16,64}",
            description="The Meta app's App Secret (App settings, Basic): it signs deliveries.",
        ),
        SecretKey(
            key="verifyToken",
            title="Verify token",
            description="A text of your own choice; enter the same in the app's webhook"
            " configuration.",
        ),
        SecretKey(
            key="accessToken",
            title="Access token",
            example="EAA...",
            description="A System User access token with whatsapp_business_messaging.",
        ),
    ),
    limits=Limits(
        inbound_text_characters=65_536,
        outbound_text_characters=4_096,
        inbound_body_bytes=3_145_728,
        dedupe_days=8,
    ),
    sends=True,
    api_url="https://graph.facebook.com/",
)
