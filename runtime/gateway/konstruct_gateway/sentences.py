"""Every sentence the gateway says to a person, in the person's language."""

from collections.abc import Callable, Mapping

from konstruct_gateway.commands import Commands
from konstruct_messages.inbound import Command
from konstruct_messages.replies import NoticeCode
from konstruct_messages.translations import LANGUAGES, choose_language, load_catalogues
from konstruct_registry.snapshot import AgentSnapshot, TenantSnapshot
from konstruct_store.people import Answering


class Sentences:
    """The catalogues of this package. `languages` are BCP 47 tags, best first."""

    def __init__(self) -> None:
        self.commands = Commands()
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

    def expired(self, *languages: str) -> str:
        """Say that a message waited too long for somebody suspended."""
        _ = self._speak(languages)
        return _(
            "Nobody was here to answer your message, and it is too old by now. Please write again"
            " when you still need an answer."
        )

    def undelivered(self, *languages: str) -> str:
        """Say that the answer to the person could not be sent as it is."""
        _ = self._speak(languages)
        return _("I have an answer, but I could not send it here. Please ask in other words.")

    def perhaps_delivered(self, *languages: str) -> str:
        """Say that nobody can tell whether an answer arrived."""
        _ = self._speak(languages)
        return _(
            "I cannot tell whether my last answer reached you completely. If something is missing,"
            " please ask again."
        )

    def file_link(self, name: str, link: str, *languages: str) -> str:
        """Give a file as a link that works for a day, where it cannot be sent itself."""
        _ = self._speak(languages)
        words = _("The file {name} is here until tomorrow: {link}")
        return words.replace("{link}", link).replace("{name}", name)

    def refused(self, *languages: str) -> str:
        """Say to a person who may not write that nothing will be answered here."""
        _ = self._speak(languages)
        return _(
            "I am sorry, I may not answer you here. If you need me, please ask the people who run"
            " this assistant for access."
        )

    def working(self, *languages: str) -> str:
        """Say what the agent does, behind its name and without a capital letter."""
        _ = self._speak(languages)
        return _("is working on an answer …")

    def stopped(self, *languages: str) -> str:
        """Say that the person's wish to stop was done."""
        _ = self._speak(languages)
        return _("Stopped.")

    def choice_over(self, *languages: str, expired: bool) -> str:
        """Say why a choice was not taken."""
        _ = self._speak(languages)
        if expired:
            return _("This question is too old to be answered. Just write what you need.")
        return _("This question was answered already. Just write if you want something else.")

    def chosen(self, label: str, *languages: str) -> str:
        """Say with which choice a question was answered."""
        _ = self._speak(languages)
        return _("Chosen: {label}").replace("{label}", label)

    def choice_gone(self, *languages: str) -> str:
        """Say in the place of its buttons that a question can no longer be answered."""
        _ = self._speak(languages)
        return _("This question is over.")

    def help(self, agent: str, *languages: str) -> str:
        """Say what the agent can do, and what else a person may write."""
        _ = self._speak(languages)
        forms = self.commands.slash_forms(_)
        lines = (
            _("I am {agent}, an AI assistant. Just write what you need, in your own words."),
            _("You can also write:"),
            f"- {forms[Command.START_OVER]}: " + _("forget what was said so far"),
            f"- {forms[Command.STOP]}: " + _("stop the answer in the making"),
            f"- {forms[Command.HUMAN]}: " + _("hand this conversation to a human"),
            f"- {forms[Command.HELP]}: " + _("show this again"),
        )
        return "\n".join(lines).replace("{agent}", agent)

    def answers(self, agent: str, *languages: str) -> Mapping[NoticeCode, str]:
        """Return what a person is told when a command was obeyed."""
        _ = self._speak(languages)
        return {
            NoticeCode.HELP: self.help(agent, *languages),
            NoticeCode.STARTED_OVER: _("We start over. I no longer look at what was said before."),
            NoticeCode.STOPPED: self.stopped(*languages),
            NoticeCode.NOTHING_TO_STOP: _("There is nothing to stop."),
            NoticeCode.HUMAN: _(
                "A human will answer you here as soon as possible. Until then I stay silent."
            ),
        }

    def answering(
        self, tenant: TenantSnapshot, agent: AgentSnapshot, *, sends: bool = False
    ) -> Answering:
        """Return how commands to an agent are answered; `sends`: a vendor carries the notices."""
        return Answering(
            lambda language: self.answers(
                agent.display_name, language, agent.language, tenant.language
            ),
            sends=sends,
        )

    def files(self, *languages: str) -> Mapping[str, str]:
        """Return the words about files that go with a message."""
        _ = self._speak(languages)
        return {
            "sending": _("Sending: {share} %"),
            "added": _("{name} is attached."),
            "removed": _("{name} was removed."),
            "remove": _("Remove {name}"),
            "again": _("Send {name} again"),
            "wait": _("Please wait until your files are sent."),
            "many": _("A message takes at most 10 files."),
            "large": _("This file is too large. At most {size} can be sent."),
            "empty": _("This file is empty."),
            "type": _("Files of this type cannot be sent here."),
            "fast": _("Too many files at once. Wait a moment, then try again."),
            "none": _("Files cannot be sent here."),
            "failed": _("The file could not be sent."),
            "pasted": _("File"),
        }

    def widget(self, *languages: str) -> Mapping[str, str | Mapping[str, str]]:
        """Return the words of the chat on a customer's page. `{agent}` is put in there."""
        _ = self._speak(languages)
        return {
            "files": self.files(*languages),
            "attach": _("Attach files"),
            "attached": _("Attached files"),
            "choose": _("Choose an answer"),
            "open": _("Open the chat"),
            "close": _("Close the chat"),
            "title": _("Chat"),
            "log": _("Conversation"),
            "write": _("Write a message"),
            "placeholder": _("Write a message …"),
            "send": _("Send"),
            "stop": _("Stop the answer"),
            "you": _("You"),
            "human": _("Human"),
            "machine": _("AI assistant"),
            "writing": _("{agent} is writing"),
            "sending": _("Sending …"),
            "waiting": _("Waiting for the connection …"),
            "connecting": _("Connecting …"),
            "offline": _("The connection broke. Trying again …"),
            "fast": _("That was a lot at once. Please wait a moment."),
            "ended": _("This chat is not available here."),
            "again": _("New conversation"),
            "good": _("Good answer"),
            "bad": _("Bad answer"),
            "thanks": _("Thank you for telling us."),
            "down": _("To the latest message"),
            "new": _("A new answer has come"),
        }

    def refusal(self, code: str, *languages: str) -> str:
        """Say why what a person sent was not taken, by the code of the refusal."""
        _ = self._speak(languages)
        sentences = {
            "empty": _("The message is empty."),
            "too_long": _("The message is too long. Please send it in parts."),
            "too_large": _("The message is too long. Please send it in parts."),
            "bad_file": _("A file could not be sent. Please attach it again."),
            "unknown_ask": _("This question cannot be answered here. Just write what you need."),
            "too_fast": _("That was a lot at once. Please wait a moment."),
            "try_again": _("The message could not be taken just now. Please send it again."),
            "no_agent": _("There is nobody here who could answer."),
            "refused": self.refused(*languages),
        }
        return sentences.get(code) or _("This could not be understood.")
