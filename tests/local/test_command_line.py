"""The command: exit codes 0 done, 1 failed, 2 wrong use; sentences in the person's language."""

import io
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from konstruct_local import postgres_programs, up
from konstruct_local.errors import UnusableSystem
from konstruct_local.main import build_command
from konstruct_local.settings import LocalSettings, load_dotenv
from konstruct_local.system import refuse_unsupported
from konstruct_local.terminal import Terminal
from konstruct_local.words import Words, language_of
from support.folders import AGENT, write_samples


def _konstruct(*words: str, language: str = "en", **environment: str) -> Result:
    return CliRunner().invoke(build_command(Words(language)), list(words), env=environment)


@pytest.mark.parametrize(
    "words",
    [
        ("up",),
        ("up", "no-such-folder"),
        ("up", ".", "--port", "high"),
        ("up", ".", "--port", "70000"),
        ("check",),
        ("chat",),
        ("chat", "acme"),
        ("chat", "acme/website/more"),
        ("chat", "Acme/website"),
        ("chat", "acme/website", " "),
        ("dance",),
        ("doctor", "--all"),
    ],
)
def test_wrong_use_ends_with_2_and_says_why(words: tuple[str, ...]) -> None:
    result = _konstruct(*words)
    assert result.exit_code == 2
    assert result.output.strip()
    assert "Traceback" not in result.output


def test_a_setting_that_cannot_be_read_is_wrong_use(tmp_path: Path) -> None:
    result = _konstruct("up", str(tmp_path), PORT="eighty")
    assert result.exit_code == 2
    assert "PORT" in result.output


def test_checking_a_valid_folder_is_done(tmp_path: Path) -> None:
    write_samples(tmp_path)
    result = _konstruct("check", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert "3 resources in 4 files" in result.output


def test_checking_an_invalid_folder_fails_with_file_line_and_reason(tmp_path: Path) -> None:
    write_samples(tmp_path)
    (tmp_path / "agent.yaml").write_text(AGENT.replace("displayName: Ana", "displayName: 7"))
    result = _konstruct("check", str(tmp_path))
    assert result.exit_code == 1
    line = AGENT[: AGENT.index("displayName")].count("\n") + 1
    assert f"{tmp_path / 'agent.yaml'}:{line}: spec.displayName: " in result.output


def test_checking_finds_what_only_several_objects_together_get_wrong(tmp_path: Path) -> None:
    write_samples(tmp_path)
    (tmp_path / "agent.yaml").write_text(AGENT.replace("name: ana", "name: eva"))
    result = _konstruct("check", str(tmp_path))
    assert result.exit_code == 1
    assert f"{tmp_path / 'connection.yaml'}:" in result.output
    assert "ana" in result.output


def test_checking_a_model_pool_says_on_which_line_it_is_wrong(tmp_path: Path) -> None:
    write_samples(tmp_path)
    (tmp_path / "models.yaml").write_text("models:\n  - name: far\n    apiBase: nowhere\n")
    result = _konstruct("check", str(tmp_path))
    assert result.exit_code == 1
    assert f"{tmp_path / 'models.yaml'}:" in result.output


def test_braces_in_a_refused_value_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").write_text(AGENT.replace("displayName: Ana", "operatingMode: '{x}'"))
    result = _konstruct("check", str(tmp_path))
    assert result.exit_code == 1
    assert "{x}" in result.output


def test_a_folder_that_cannot_start_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("konstruct_local.up.asyncio.run", _never)
    monkeypatch.setattr(up, "refuse_unsupported", lambda: refuse_unsupported("plan9"))
    result = _konstruct("up", str(tmp_path), KONSTRUCT_HOME=str(tmp_path / "home"))
    assert result.exit_code == 1
    assert "Linux and macOS" in result.output
    assert not (tmp_path / "home").exists()


def _never(work: object) -> int:
    raise AssertionError("it started")


def test_a_missing_wheel_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_programs, "installed_programs", lambda: None)
    with pytest.raises(UnusableSystem, match="make install"):
        postgres_programs.usable_programs(postgres_programs.Account())


def test_a_directory_that_cannot_be_used_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    result = _konstruct("up", str(tmp_path), KONSTRUCT_HOME=str(tmp_path / "home"))
    assert result.exit_code == 1
    assert "KONSTRUCT_HOME" in result.output


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "es_ES.UTF-8"}, "es"),
        ({"LANG": "pt_BR"}, "pt"),
        ({"LANG": "de_DE.UTF-8"}, "en"),
        ({"LANG": "es_ES", "LC_ALL": "pt_PT.UTF-8"}, "pt"),
        ({"LANG": "en_GB", "LANGUAGE": "de:es:en"}, "es"),
        ({"LANG": "es@euro"}, "es"),
    ],
)
def test_the_language_is_the_environment_s(environment: Mapping[str, str], language: str) -> None:
    assert language_of(environment) == language


def test_complaints_are_in_the_person_s_language() -> None:
    result = _konstruct("up", "nowhere", language="es")
    assert "No existe la carpeta nowhere." in result.output
    assert "mensagem" in _konstruct("chat", "acme/website", "", language="pt").output


def test_trouble_is_told_in_the_person_s_language() -> None:
    err = io.StringIO()
    Terminal(Words("es"), err=err).tell(UnusableSystem("There is no folder {folder}.", folder="x"))
    assert err.getvalue() == "No existe la carpeta x.\n"


def test_the_person_s_own_directory_is_never_taken_for_konstruct_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("KONSTRUCT_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert LocalSettings().home == Path(".konstruct")


def test_provider_keys_come_from_the_file_where_the_environment_has_none(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(
        "# keys\nOPENAI_API_KEY=sk-1\nexport ANTHROPIC_API_KEY='sk-2'\nEMPTY=\n"
    )
    found = load_dotenv(tmp_path, {"OPENAI_API_KEY": "sk-own"})
    assert found == {"ANTHROPIC_API_KEY": "sk-2"}
    assert load_dotenv(tmp_path / "nowhere", {}) == {}
