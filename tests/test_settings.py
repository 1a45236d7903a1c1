"""Flags from a file and from the environment: which one counts, and what is said about one that makes no sense."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from ui.cli import _parser
from ui.serve_arguments import find_unsafe, limits, read_tokens
from ui.settings import SettingsError, with_settings


def parsed(given: list[str], environment: dict[str, str] | None = None) -> argparse.Namespace:
    parser = _parser()
    return parser.parse_args(with_settings(parser, ["serve", *given], environment or {}))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "serve.toml"
    path.write_text(
        'port = 9000\nmodel = "base"\nno-token = true\noffline = false\nmax_streams = 5\n'
        'allow-origin = ["https://a.example", "https://b.example"]\nhotwords = ["Loch", "Ness"]\nidle-s = 12.5\n'
    )
    return path


def test_a_file_has_the_flags_names(config: Path) -> None:
    arguments = parsed(["--config", str(config)])

    assert (9000, "base", True, False) == (arguments.port, arguments.model, arguments.no_token, arguments.offline)
    assert (("https://a.example", "https://b.example"), ("Loch", "Ness")) == (
        arguments.allow_origin,
        arguments.hotwords,
    )
    assert (5, 12.5) == (limits(arguments).streams, limits(arguments).idle_s)


def test_a_flag_beats_the_environment_and_that_the_file(config: Path) -> None:
    environment = {"MAX_WHISPER_CONFIG": str(config), "MAX_WHISPER_PORT": "9001", "MAX_WHISPER_MODEL": "small"}
    arguments = parsed(["--model", "tiny"], environment)

    assert (9001, "tiny", 5) == (arguments.port, arguments.model, arguments.streams)


def test_the_environment_says_yes_and_no() -> None:
    assert parsed([], {"MAX_WHISPER_NO_TOKEN": "true"}).no_token
    assert not parsed([], {"MAX_WHISPER_NO_TOKEN": "0", "MAX_WHISPER_AUDIO": "/elsewhere"}).no_token


def test_a_no_of_the_environment_beats_the_file(config: Path) -> None:
    assert not parsed(["--config", str(config)], {"MAX_WHISPER_NO_TOKEN": "false"}).no_token


def test_a_flag_is_written_out(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(["--conf", str(config)])
    assert "unrecognized arguments: --conf" in capsys.readouterr().err


def test_other_commands_are_left_alone() -> None:
    parser = _parser()

    assert ["mic", "--model", "base"] == with_settings(
        parser, ["mic", "--model", "base"], {"MAX_WHISPER_MODEL": "tiny"}
    )
    assert [] == with_settings(parser, [], {"MAX_WHISPER_MODEL": "tiny"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("prot = 1", "has 'prot', which is no flag's name: see --help"),
        ("port", "is no TOML"),
        ("no-token = 1", "no-token in .* must be true or false, got 1"),
        ("port = true", "port in .* must be a text, a number or a list of them, got True"),
        ("[port]", "port in .* must be a text, a number or a list"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "serve.toml"
    path.write_text(content)

    with pytest.raises(SettingsError, match=said):
        parsed(["--config", str(path)])


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml cannot be read: No such file"):
        parsed([f"--config={tmp_path / 'none.toml'}"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--host", "0.0.0.0"], "--host 0.0.0.0 needs --token-file, or --no-token"),
        (["--token-file", "x", "--no-token"], "contradict"),
        (["--tls-key", "x"], "--tls-key needs --tls-cert"),
    ],
)
def test_what_would_leave_the_server_open_is_refused(given: list[str], said: str) -> None:
    assert said in (find_unsafe(parsed(given)) or "")


@pytest.mark.parametrize("given", [[], ["--host", "::1"], ["--host", "0.0.0.0", "--token-file", "x"]])
def test_what_is_closed_is_not(given: list[str]) -> None:
    assert find_unsafe(parsed(given)) is None


def test_tokens_stand_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("# for the page\n0123456789abcdef\n\n fedcba9876543210 \n")
    path.chmod(0o600)

    assert ["0123456789abcdef", "fedcba9876543210"] == read_tokens(path)
    assert [] == read_tokens(None)


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [("", 0o600, "has no token in it"), ("short", 0o600, "fewer than 16"), ("0123456789abcdef", 0o644, "chmod 600")],
)
def test_a_file_that_keeps_no_secret_is_refused(content: str, mode: int, said: str, tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text(content)
    path.chmod(mode)

    with pytest.raises(ValueError, match=said):
        read_tokens(path)
