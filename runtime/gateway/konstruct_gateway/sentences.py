"""Every sentence the gateway says to a person, in the person's language."""

from collections.abc import Callable, Mapping

from konstruct_messages.translations import LANGUAGES, choose_language, load_catalogues


class Sentences:
    """The catalogues of this package. `languages` are BCP 47 tags, best first."""

    def __init__(self) -> None:
        self._catalogues = load_catalogues("konstruct_gateway")

    def _speak(self, languages: tuple[str, ...]) -> Callable[[str], str]:
        return self._catalogues[choose_language(*languages)].gettext

    def apology(self, *languages: str) -> str:
        """Say that the turn could not be answered."""
        _ = self._speak(languages)
        return _("I am sorry, I could not answer this. Please try again in a while.")

    def apologies(self) -> Mapping[str, str]:
        """Return the apology by language."""
        return {language: self.apology(language) for language in LANGUAGES}

    def later(self, *languages: str) -> str:
        """Say that the answer takes long and is not given up."""
        _ = self._speak(languages)
        return _("This takes longer than usual. The answer will come here as soon as it is ready.")

    def suspended(self, *languages: str) -> str:
        """Say that nobody answers now, and that the message is kept."""
        _ = self._speak(languages)
        return _("Nobody answers here at the moment. Your message was kept.")

    def stopped(self, *languages: str) -> str:
        """Say that the person's wish to stop was done."""
        _ = self._speak(languages)
        return _("Stopped.")

    def refusal(self, code: str, *languages: str) -> str:
        """Say why what a person sent was not taken, by the code of the refusal."""
        _ = self._speak(languages)
        sentences = {
            "empty": _("The message is empty."),
            "too_long": _("The message is too long. Please send it in parts."),
            "too_large": _("The message is too long. Please send it in parts."),
            "no_files": _("Files cannot be sent here yet."),
            "too_fast": _("That was a lot at once. Please wait a moment."),
            "try_again": _("The message could not be taken just now. Please send it again."),
            "no_agent": _("There is nobody here who could answer."),
        }
        return sentences.get(code) or _("This could not be understood.")
