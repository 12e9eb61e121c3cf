"""Everything the demo model can say. Each function takes the language's translation as `_`."""

from collections.abc import Callable

Translate = Callable[[str], str]


def greeting(_: Translate, *, agent: str, person: str) -> str:
    """Say hello and say what this is."""
    hello = _("Hello {person}!").format(person=person) if person else _("Hello!")
    if agent:
        who = _("I am {agent}, speaking through Konstruct's built-in demo model.").format(
            agent=agent
        )
    else:
        who = _("I am Konstruct's built-in demo model.")
    offer = _("Tell me your name, or ask me what time it is.")
    return f"{hello} {who} {offer}"


def well_met(_: Translate, *, person: str) -> str:
    """Answer somebody who said their name."""
    return _(
        "Nice to meet you, {person}. I will remember your name for as long as we are talking."
    ).format(person=person)


def your_name(_: Translate, *, person: str) -> str:
    """Answer somebody who asks for their own name."""
    if person:
        return _("Your name is {person}: you told me so.").format(person=person)
    return _("You have not told me your name yet.")


def disclosure(_: Translate) -> str:
    """Answer somebody who asks whether this is an AI."""
    return _("Yes, I am an AI: Konstruct's built-in demo model, not a person.")


def time_is(_: Translate, *, time: str, date: str, zone: str) -> str:
    """Say what the time tool found."""
    return _("It is {time} on {date} ({zone}).").format(time=time, date=date, zone=zone)


def time_unknown(_: Translate) -> str:
    """Say that the time tool found nothing."""
    return _("I could not find out the time just now.")


def welcome(_: Translate) -> str:
    """Answer thanks."""
    return _("You are welcome!")


def goodbye(_: Translate, *, person: str) -> str:
    """Answer a farewell."""
    return _("Goodbye, {person}!").format(person=person) if person else _("Goodbye!")


def question(_: Translate) -> str:
    """Ask what to show next."""
    return _("What would you like to see?")


def offers(_: Translate) -> list[str]:
    """Return what may be chosen; each is something that the demo model understands."""
    return [_("What time is it?"), _("Our conversation as a file"), _("Are you a person?")]


def file_title(_: Translate) -> str:
    """Return the title of a file that holds what was said."""
    return _("Conversation")


def file_made(_: Translate) -> str:
    """Say that the file is there."""
    return _("Here is our conversation as a file.")


def file_not_made(_: Translate) -> str:
    """Say that there is no file."""
    return _("I could not make the file just now.")


def you(_: Translate) -> str:
    """Name the person in a file of what was said."""
    return _("You")


def me(_: Translate) -> str:
    """Name the model in a file of what was said."""
    return _("Demo model")


def limits(_: Translate, *, shows: bool = False) -> str:
    """Say what the demo model cannot do, and what to do about it; `shows`: it has tools to show."""
    limited = _(
        "I am the built-in demo model: I can greet you, remember your name and tell the time, and"
        " nothing else. With OPENAI_API_KEY or ANTHROPIC_API_KEY set, a real model answers here."
    )
    return f"{limited} {_('You may also ask me for buttons or for a file.')}" if shows else limited
