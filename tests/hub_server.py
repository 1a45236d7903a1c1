"""A stand-in for the Hugging Face hub, on this machine: what its library asks of it, and ways to fail."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

COMMIT = "1" * 40


@dataclass
class Hub:
    """One model, and what goes wrong.

    Attributes:
        id, files: the model.
        status: what every request is answered with, where it is not 0; with ``error_code`` in the header.
        cut_after: how many bytes of the weights come before the connection breaks, the first time.
        is_always_cut: whether it breaks every time.
        is_wrong: whether the weights come with a wrong byte in them.
        requests: what was asked, method and path.
    """

    id: str
    files: dict[str, bytes]
    status: int = 0
    error_code: str = ""
    cut_after: int = 0
    is_always_cut: bool = False
    is_wrong: bool = False
    requests: list[str] = field(default_factory=list)
    url: str = ""


def hub_of(folder: Path, id: str = "someone/some-whisper") -> Hub:
    return Hub(id, {path.name: path.read_bytes() for path in folder.iterdir()})


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        return

    def do_HEAD(self) -> None:
        self.answer(with_body=False)

    def do_GET(self) -> None:
        self.answer(with_body=True)

    def answer(self, *, with_body: bool) -> None:
        hub = self.hub
        hub.requests.append(f"{self.command} {self.path} {self.headers.get('Range', '')}".rstrip())
        info = re.fullmatch(rf"/api/models/{hub.id}/revision/([^?]+)(\?.*)?", self.path)
        file = re.fullmatch(rf"/{hub.id}/resolve/([^/]+)/(.+)", self.path)
        if hub.status:
            self.reply(hub.status, b"{}", {"X-Error-Code": hub.error_code}, with_body=with_body)
        elif info and info[1] not in ("main", COMMIT):
            self.reply(404, b"{}", {"X-Error-Code": "RevisionNotFound"}, with_body=with_body)
        elif info:
            files = [{"rfilename": name, "size": len(content)} for name, content in hub.files.items()]
            self.reply(200, json.dumps({"id": hub.id, "sha": COMMIT, "siblings": files}).encode(), {})
        elif file and file[2] in hub.files:
            self.send_file(file[2], with_body=with_body)
        else:
            self.reply(404, b"{}", {"X-Error-Code": "RepoNotFound"}, with_body=with_body)

    def send_file(self, name: str, *, with_body: bool) -> None:
        hub = self.hub
        content = hub.files[name]
        is_large = name.endswith((".safetensors", ".bin"))
        git_hash = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        headers = {"ETag": f'"{git_hash}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if is_large:
            headers |= {"X-Linked-Etag": f'"{sha256(content)}"', "X-Linked-Size": str(len(content))}
        if is_large and hub.is_wrong:
            content = content[:-1] + bytes([content[-1] ^ 1])
        begin = 0
        if wanted := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            begin = int(wanted[1])
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        cut = hub.cut_after if is_large and with_body and (hub.is_always_cut or not begin) else 0
        self.reply(206 if begin else 200, content[begin:], headers, with_body=with_body, cut=cut)

    def reply(self, status: int, body: bytes, headers: dict[str, str], *, with_body: bool = True, cut: int = 0) -> None:
        self.send_response(status)
        for name, value in (headers | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            self.wfile.write(body[:cut] if cut else body)
        if cut:
            self.close_connection = True


def point_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the hub's library ask there, as HF_ENDPOINT does at its start."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")


@contextlib.contextmanager
def served(hub: Hub) -> Iterator[Hub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("HandlerOfHub", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
