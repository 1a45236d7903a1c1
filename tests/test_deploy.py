"""The files that put the server into service, as far as what they are for can be asked here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ui.cli import _parser
from ui.serve_arguments import find_unsafe
from ui.settings import with_settings

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"


def run(*command: str) -> str:
    """What a program says, which must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stderr + done.stdout


def needs(program: str) -> pytest.MarkDecorator:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/bin")
    return pytest.mark.skipif(found is None, reason=f"{program} is not installed")


def test_the_settings_are_flags() -> None:
    parser = _parser()
    arguments = parser.parse_args(with_settings(parser, ["serve", "--config", str(DEPLOY / "serve.toml")], {}))

    assert (8, ("127.0.0.1",)) == (arguments.streams, arguments.trusted_proxies)
    assert find_unsafe(arguments) is None


def test_the_container_sets_flags_that_are_there() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    settings = dict(re.findall(r"(MAX_WHISPER_[A-Z_]+)=([^\s\\]+)", text.split("ENV", 1)[1]))
    command = re.findall(r'"([^"]+)"', text.rsplit("CMD", 1)[1])
    settings["MAX_WHISPER_COMPUTE"] = "cpu"
    parser = _parser()
    arguments = parser.parse_args(with_settings(parser, ["serve", *command], settings))

    assert ("0.0.0.0", "json", "cpu") == (arguments.host, arguments.log_format, arguments.compute)
    assert find_unsafe(arguments) is None


@needs("systemd-analyze")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "max-whisper.service").read_text()
    (tmp_path / "max-whisper.service").write_text(unit.replace("/opt/max-whisper/bin/max-whisper", sys.executable))

    assert "" == run("systemd-analyze", "verify", "--man=no", str(tmp_path / "max-whisper.service"))


@needs("nginx")
@needs("openssl")
def test_nginx_understands_the_proxy(tmp_path: Path) -> None:
    key, certificate = tmp_path / "captions.key", tmp_path / "captions.pem"
    subject = ["-subj", "/CN=captions.example.org"]
    run(
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        *subject,
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    )
    site = (DEPLOY / "nginx.conf").read_text()
    for name, path in (("captions.pem", certificate), ("captions.key", key)):
        site = site.replace(f"/etc/ssl/{name}", str(path))
    whole = tmp_path / "nginx.conf"
    whole.write_text(f"pid {tmp_path}/pid; error_log stderr; events {{}}\nhttp {{\n{site}\n}}\n")

    assert "test is successful" in run("/usr/sbin/nginx", "-t", "-c", str(whole))
