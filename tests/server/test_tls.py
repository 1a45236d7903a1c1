"""HTTPS and WSS from files."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from fakes import ListSource, cut, speech
from fakes_server import running_server

from engine.events import Final
from ui.remote.client import Remote, RemoteError, remote_captions
from ui.server.transport import Transport

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "cert.pem"
    made = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(["openssl", *made, *names, *files], check=True, capture_output=True)
    return certificate, key


async def finals(address: str, tls: ssl.SSLContext | None) -> list[str]:
    source = ListSource(cut(speech([10, 20]), lambda: 1_600))
    remote = Remote(url=f"wss://{address}/stream", tls=tls)
    events = remote_captions(source, remote, asyncio.Event(), [].append, can_wait=True)
    async with contextlib.aclosing(events):
        return [timed.event.text async for timed in events if isinstance(timed.event, Final)]


@needs_openssl
def test_who_trusts_the_certificate_is_served_and_who_does_not_says_so(certificate: tuple[Path, Path]) -> None:
    async def talk() -> list[str]:
        async with running_server(tls=certificate) as running:
            with pytest.raises(RemoteError, match=r"cannot be reached.*certificate"):
                await finals(running.address, None)
            return await finals(running.address, ssl.create_default_context(cafile=certificate[0]))

    assert ["10 20"] == asyncio.run(asyncio.wait_for(talk(), 10))


@needs_openssl
def test_files_that_are_no_certificate_are_named(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty.pem").touch()
    for cert, key in ((tmp_path / "none.pem", None), (tmp_path / "empty.pem", certificate[1]), (certificate[0], None)):
        with pytest.raises(ValueError, match=r"\.pem.* cannot be used for TLS"):
            Transport(message_bytes=1_000, tls_cert=cert, tls_key=key)
