"""What the agent says to people in its own name, not the model's."""

from gettext import NullTranslations


def budget_reached(catalogue: NullTranslations) -> str:
    """Say that nothing more may be spent this month."""
    _ = catalogue.gettext
    return _(
        "I have reached the limit of what I may do this month, so I cannot answer right now."
        " Please ask the person responsible for me, or write again next month."
    )


def stopped(catalogue: NullTranslations) -> str:
    """Say that the answer was stopped before it began."""
    _ = catalogue.gettext
    return _("I stopped, as you asked.")


def files_made(catalogue: NullTranslations) -> str:
    """Say that what was asked for is attached, where the model says nothing."""
    _ = catalogue.gettext
    return _("Here is what you asked for.")


def using_tool(catalogue: NullTranslations, tool: str) -> str:
    """Say, while the person waits, what the agent is doing."""
    _ = catalogue.gettext
    if tool == "time":
        return _("Looking at the clock…")
    return _("Using {tool}…").format(tool=tool)
