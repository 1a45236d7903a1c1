"""Chromium, driven by its own DevTools protocol: a page as a person has it, with a microphone that plays a file."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIET_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--mute-audio",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)  # fmt: skip
MICROPHONE_FLAGS = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
KEY_CODES = {"Tab": 9, "Escape": 27, "End": 35}
_ANSWER_S = 60.0

WHEN = """
new Promise((resolve) => {
  const found = () => { const value = (%s); if (value) { watcher.disconnect(); resolve(value); } return value; };
  const watcher = new MutationObserver(found);
  const what = { subtree: true, childList: true, characterData: true, attributes: true };
  if (!found()) watcher.observe(document, what);
})
"""


class PageError(AssertionError):
    """What went wrong in the page."""


class Page:
    """One tab.

    Attributes:
        complaints: what the page wrote to the console as an error or a warning, uncaught exceptions among it.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self.complaints: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, timeout_s: float = _ANSWER_S, **parameters: Any) -> dict[str, Any]:
        """Return the answer of the browser to one command of its protocol.

        Raises:
            PageError: it refuses.
            TimeoutError: it does not answer in time.
        """
        call_id = next(self._ids)
        self._socket.send(json.dumps({"id": call_id, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout_s))
            if message.get("id") == call_id:
                if "error" in message:
                    raise PageError(f"{method}: {message['error']}")
                return message["result"]
            self._note(message)

    def run(self, script: str, timeout_s: float = _ANSWER_S) -> Any:
        """Return the value of a JavaScript expression, as JSON; a promise is waited for."""
        how = {"awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self.call("Runtime.evaluate", timeout_s, expression=script, **how)
        if "exceptionDetails" in answer:
            raise PageError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def when(self, condition: str, timeout_s: float = _ANSWER_S) -> Any:
        """Return the value of ``condition`` once a change of the document makes it true."""
        try:
            return self.run(WHEN % condition, timeout_s)
        except TimeoutError:
            seen = self.run("document.body.innerText")
            raise PageError(
                f"not within {timeout_s} s: {condition}; the page says:\n{seen}\n{self.complaints}"
            ) from None

    def open(self, address: str) -> None:
        """Load ``address`` and wait until its scripts have run."""
        self.call("Page.navigate", url=address)
        self.run("new Promise((r) => document.readyState === 'complete' ? r() : addEventListener('load', r))")

    def press(self, key: str) -> None:
        """Press a key as a person does."""
        named = {"windowsVirtualKeyCode": KEY_CODES[key], "code": key} if key in KEY_CODES else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **(named or {"text": key}))
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, **named)

    def click(self, element_id: str) -> None:
        """Click the middle of an element with the mouse."""
        box = self.run(f"JSON.stringify(document.getElementById('{element_id}').getBoundingClientRect())")
        at = json.loads(box)
        x, y = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def resize(self, width: int, height: int, scale: float = 1.0) -> None:
        """Make the window ``width`` × ``height`` CSS pixels."""
        how = {"deviceScaleFactor": scale, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, **how)

    def emulate(self, **features: str) -> None:
        """Set media features; underscores stand for hyphens: ``prefers_color_scheme="dark"``."""
        given = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=given)

    def picture(self, path: Path) -> None:
        """Save what is seen as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def _note(self, message: dict[str, Any]) -> None:
        details = message.get("params", {})
        match message.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(details["exceptionDetails"])[:1000])
            case "Log.entryAdded" if details["entry"]["level"] in {"error", "warning"}:
                self.complaints.append(f"{details['entry']['text']} {details['entry'].get('url', '')}")
            case "Runtime.consoleAPICalled" if details["type"] in {"error", "warning"}:
                self.complaints.append(json.dumps(details["args"])[:1000])


def chromium() -> str:
    """The browser's path; the test is skipped where there is none."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("no Chromium on the PATH; Debian, Ubuntu: apt install chromium")
    return found


@contextmanager
def browser(folder: Path, *flags: str) -> Iterator[Page]:
    """A new Chromium with one empty tab; ``folder`` takes its profile."""
    profile = folder / "profile"
    command = [chromium(), *QUIET_FLAGS, *flags, f"--user-data-dir={profile}", "about:blank"]
    how: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, preexec_fn=_run_anywhere, **how) as process:  # noqa: PLW1509
        try:
            with connect(_tab_address(process), max_size=None, close_timeout=1) as socket:
                yield Page(socket)
        finally:
            process.terminate()
            _end(process)


def _run_anywhere() -> None:
    """Take every processor, not those of one worker of the tests alone: a microphone must not wait for a model."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))


def _end(process: subprocess.Popen[str]) -> None:
    """Wait until the browser has ended; end it with all its helpers where it takes long."""
    try:
        process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _tab_address(process: subprocess.Popen[str]) -> str:
    """Wait until the browser says where it listens, and return the address of its tab."""
    said = []
    for line in process.stderr or ():
        said.append(line)
        if "DevTools listening on " in line:
            return _first_tab(line.split("DevTools listening on ")[1].strip())
    raise PageError(f"Chromium ended: {said[-5:]}")


def _first_tab(browser_address: str) -> str:
    with connect(browser_address, max_size=None) as socket:
        socket.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
        targets = json.loads(socket.recv(_ANSWER_S))["result"]["targetInfos"]
    tab = next(target["targetId"] for target in targets if target["type"] == "page")
    return browser_address.partition("/devtools/")[0] + f"/devtools/page/{tab}"
