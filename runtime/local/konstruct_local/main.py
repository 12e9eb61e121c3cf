"""`konstruct`: the command."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from pydantic import ValidationError

from konstruct_local.errors import LocalError
from konstruct_local.settings import LocalSettings
from konstruct_local.terminal import Terminal
from konstruct_local.words import Words, language_of
from konstruct_local.words import mark as _

DONE, FAILED, WRONG_USE = 0, 1, 2
_WAIT_SECONDS = 60.0


def main() -> None:
    """Run the command; exit 0 done, 1 failed, 2 wrong use."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    build_command(Words(language_of(os.environ)))(prog_name="konstruct")


def build_command(words: Words) -> typer.Typer:
    """Return the command line in a person's language. Nothing heavy is imported before its use."""
    terminal = Terminal(words)
    command = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        help=words(_("Konstruct: an AI employee in the channels your team uses, on one machine.")),
    )
    _add_up(command, terminal)
    _add_check(command, terminal)
    _add_chat(command, terminal)
    _add_doctor(command, terminal)
    return command


def _add_up(command: typer.Typer, terminal: Terminal) -> None:
    words = terminal.words

    @command.command(help=words(_("Run the whole product from a folder of YAML.")))
    def up(
        folder: Annotated[
            Path, typer.Argument(metavar="FOLDER", help=words(_("The folder with the resources.")))
        ],
        port: Annotated[
            int | None,
            typer.Option(
                min=0, max=65_535, help=words(_("Where to listen; default: PORT, else 8080."))
            ),
        ] = None,
        host: Annotated[
            str | None,
            typer.Option(help=words(_("Where to listen; default: HOST, else 127.0.0.1."))),
        ] = None,
    ) -> None:
        from konstruct_local.up import run_up  # noqa: PLC0415 - heavy

        settings = _settings(terminal, port=port, host=host)
        _existing(terminal, folder)
        _finish(terminal, lambda: run_up(folder, settings, terminal))


def _add_check(command: typer.Typer, terminal: Terminal) -> None:
    words = terminal.words

    @command.command(help=words(_("Say whether a folder of YAML would be accepted, and why not.")))
    def check(
        folder: Annotated[
            Path, typer.Argument(metavar="FOLDER", help=words(_("The folder with the resources.")))
        ],
    ) -> None:
        from konstruct_local.check import run_check  # noqa: PLC0415 - heavy

        _existing(terminal, folder)
        _finish(terminal, lambda: run_check(folder, terminal))


def _add_chat(command: typer.Typer, terminal: Terminal) -> None:
    words = terminal.words

    @command.command(help=words(_("Talk to an agent in this terminal, as a visitor of web chat.")))
    def chat(
        connection: Annotated[
            str,
            typer.Argument(
                metavar="TENANT/CONNECTION", help=words(_("Whom to talk to, as acme/website."))
            ),
        ],
        text: Annotated[
            str | None,
            typer.Argument(metavar="TEXT", help=words(_("One message; without it, line by line."))),
        ] = None,
        url: Annotated[
            str | None,
            typer.Option(help=words(_("Where Konstruct runs; default: where it last started."))),
        ] = None,
        new: Annotated[  # noqa: FBT002 - a flag of the command line
            bool, typer.Option("--new", help=words(_("Begin another conversation.")))
        ] = False,
        wait: Annotated[
            float, typer.Option(min=1, help=words(_("How many seconds to wait for the answer.")))
        ] = _WAIT_SECONDS,
    ) -> None:
        from konstruct_local.chat_command import run_chat  # noqa: PLC0415 - heavy
        from konstruct_local.chat_memory import ChatAddress  # noqa: PLC0415 - heavy

        settings = _settings(terminal)
        try:
            address = ChatAddress.parse(connection)
        except ValueError:
            terminal.complain(_("Write the connection as TENANT/CONNECTION, as acme/website."))
            raise typer.Exit(WRONG_USE) from None
        if text is not None and not text.strip():
            terminal.complain(_("The message is empty."))
            raise typer.Exit(WRONG_USE)
        _finish(
            terminal,
            lambda: uvloop.run(
                run_chat(settings, terminal, address, text, url=url, anew=new, wait_seconds=wait)
            ),
        )


def _add_doctor(command: typer.Typer, terminal: Terminal) -> None:
    words = terminal.words

    @command.command(
        help=words(_("Look whether this machine and its connections are in order; say what to do."))
    )
    def doctor(
        connection: Annotated[
            str | None,
            typer.Argument(
                metavar="TENANT/CONNECTION",
                help=words(_("One connection alone, as acme/team; or a tenant's.")),
            ),
        ] = None,
        url: Annotated[
            str | None,
            typer.Option(
                help=words(
                    _("A gateway's internal address; its token is in KONSTRUCT_REGISTRY_TOKEN.")
                )
            ),
        ] = None,
        as_json: Annotated[  # noqa: FBT002 - a flag of the command line
            bool, typer.Option("--json", help=words(_("Print JSON for programs.")))
        ] = False,
    ) -> None:
        from konstruct_local.doctor import run_doctor  # noqa: PLC0415 - heavy
        from konstruct_local.doctor_asking import Asked  # noqa: PLC0415 - heavy

        settings = _settings(terminal)
        tenant, _slash, name = (connection or "").partition("/")
        asked = Asked(tenant=tenant, connection=name, url=url or "", as_json=as_json)
        _finish(terminal, lambda: asyncio.run(run_doctor(settings, terminal, asked)))


def _settings(
    terminal: Terminal, *, port: int | None = None, host: str | None = None
) -> LocalSettings:
    """Return the environment's settings with the options of this call on top."""
    given = {"PORT": port, "HOST": host}
    try:
        return LocalSettings(**{name: one for name, one in given.items() if one is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        for problem in error.errors():
            reason = f"{problem['loc'][0]}: {problem['msg']}"
            terminal.complain(_("A setting cannot be read: {reason}"), reason=reason)
        raise typer.Exit(WRONG_USE) from error


def _existing(terminal: Terminal, folder: Path) -> None:
    if not folder.is_dir():
        terminal.complain(_("There is no folder {folder}."), folder=folder)
        raise typer.Exit(WRONG_USE)


def _finish(terminal: Terminal, work: Callable[[], int | None]) -> None:
    """Do the command's work and leave with its exit code; known trouble is told, never traced."""
    try:
        code = work()
    except LocalError as error:
        terminal.tell(error)
        raise typer.Exit(FAILED) from error
    except ModuleNotFoundError as error:
        terminal.complain(
            _("The package {name} is not installed. Run `make install`."), name=error.name
        )
        raise typer.Exit(FAILED) from error
    except KeyboardInterrupt:
        raise typer.Exit(FAILED) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on
        raise typer.Exit(FAILED) from None
    raise typer.Exit(code or DONE)
