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


class MessagePrice(ChannelConfig):
    """What Meta charges this customer for one message, by their contract."""

    category: str = Field(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z_]+$",
        description="The category as Meta's reports name it: marketing, utility, authentication or"
        " service.",
        examples=["utility"],
        json_schema_extra={LABEL: "Category"},
    )
    calling_code: str = Field(
        default="",
        max_length=8,
        pattern=r"^[0-9]*$",
        description="The beginning of the phone numbers it is for, without +; empty: all others."
        " The longest that fits counts.",
        examples=["55"],
        json_schema_extra={LABEL: "Calling code"},
    )
    usd: str = Field(
        min_length=1,
        max_length=12,
        pattern=r"^[0-9]{1,4}(\.[0-9]{1,6})?$",
        description="US dollars for one message.",
        examples=["0.0080"],
        json_schema_extra={LABEL: "US dollars"},
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
    reopen_template: str = Field(
        default="",
        max_length=512,
        pattern=r"^[a-z0-9_]*$",
        description="The name of an approved template without values. It asks a person to write"
        " again when an answer comes later than 24 hours after the person's last message; the"
        " answer is held until then. Empty: nothing is sent, and the answer waits. Meta charges for"
        " it.",
        examples=["your_answer_is_ready"],
        json_schema_extra={LABEL: "Template that reopens a conversation"},
    )
    reopen_language: str = Field(
        default="en",
        min_length=2,
        max_length=10,
        pattern=r"^[a-z]{2,3}(_[A-Z]{2})?$",
        description="The language of that template, as Meta writes it.",
        examples=["pt_BR"],
        json_schema_extra={LABEL: "Language of that template"},
    )
    message_prices: tuple[MessagePrice, ...] = Field(
        default=(),
        max_length=300,
        description="What Meta charges for a message. Without a price only the category of a"
        " message is recorded.",
        json_schema_extra={"x-kubernetes-list-type": "atomic", LABEL: "Prices of messages"},
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
            example="a-text-of-your-own",
            pattern=r"[!-~]{8,128}",
            description="A text of your own choice; enter the same in the app's webhook"
            " configuration.",
        ),
        SecretKey(
            key="accessToken",
            title="Access token",
            example="EAA...",
            pattern=r"EAA[0-9A-Za-z]{4,1021}",
            description="A System User access token with whatsapp_business_messaging and"
            " whatsapp_business_management.",
        ),
    ),
    limits=Limits(
        inbound_text_characters=65_536,
        outbound_text_characters=4_096,
        inbound_body_bytes=3_145_728,
        dedupe_days=8,
    ),
    sends=True,
    window_hours=24,
    api_url="https://graph.facebook.com/",
)
