"""What a message costs by the prices that a connection names. Pure; no price is made up here."""

from decimal import Decimal

from konstruct_channels.whatsapp.spec import WhatsAppConfig

_MICRO = 1_000_000


def price(config: WhatsAppConfig, conversation_key: str, category: str) -> int | None:
    """Return micro-USD for a message to a person; None where no price fits.

    A person known only by a user id has no calling code: only prices for all fit.
    """
    number = conversation_key if conversation_key.isascii() and conversation_key.isdecimal() else ""
    fitting = [
        one
        for one in config.message_prices
        if one.category == category and number.startswith(one.calling_code)
    ]
    if not fitting:
        return None
    best = max(fitting, key=lambda one: len(one.calling_code))
    return int(Decimal(best.usd) * _MICRO)
