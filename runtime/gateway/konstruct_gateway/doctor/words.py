"""Findings as everybody reads them: the same document for the portal, a terminal and programs."""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from konstruct_channels.checks import Check, Finding, Verdict
from konstruct_channels.presentation import load_words
from konstruct_channels.spec import ChannelSpec
from konstruct_gateway.doctor.doctor import Examined
from konstruct_messages.translations import choose_language, load_catalogues


class SaidFinding(BaseModel):
    """One check of a connection in words. `nextStep` is empty where nobody needs to do anything."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    check: str
    title: str
    verdict: Verdict
    message: str
    next_step: str = ""
    informs: bool = False


class SaidConnection(BaseModel):
    """One connection with all its checks; `checkedAt` is ISO 8601."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)

    tenant: str
    connection: str
    channel: str
    checked_at: str
    verdict: Verdict
    findings: tuple[SaidFinding, ...]


class DoctorWords:
    """Says findings in a language: in the channels' own words, or the gateway's."""

    def __init__(self, specs: Mapping[str, ChannelSpec]) -> None:
        own, self._words = load_catalogues("konstruct_gateway"), load_words(specs)
        for language, catalogue in self._words.items():
            catalogue.add_fallback(own[language])

    def findings(
        self, declared: Iterable[Check], found: Iterable[Finding], language: str
    ) -> tuple[SaidFinding, ...]:
        """Return findings in words; those of checks that nobody declared are left out."""
        translate = self._words[choose_language(language)].gettext
        checks = {one.name: one for one in declared}
        return tuple(
            SaidFinding(
                check=one.check,
                title=translate(checks[one.check].title),
                verdict=one.verdict,
                message=one.said.say(translate),
                next_step=one.next_step.say(translate) if one.next_step is not None else "",
                informs=checks[one.check].informs,
            )
            for one in found
            if one.check in checks
        )

    def connection(self, examined: Examined, language: str) -> SaidConnection:
        """Return one connection in words."""
        findings = self.findings(examined.checks, examined.findings, language)
        return SaidConnection(
            tenant=examined.tenant,
            connection=examined.connection,
            channel=examined.channel,
            checked_at=examined.at.isoformat(timespec="seconds"),
            verdict=worst(findings),
            findings=findings,
        )


def worst(findings: Iterable[SaidFinding]) -> Verdict:
    """Return the verdict over all: failed, else unknown, else ok; what only informs is no part."""
    verdicts = {one.verdict for one in findings if not one.informs}
    return next((one for one in (Verdict.FAILED, Verdict.UNKNOWN) if one in verdicts), Verdict.OK)
