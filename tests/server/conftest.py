"""The page in a real Chromium, against the real server."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from browser import MICROPHONE_FLAGS, Page, browser, chromium
from serve_process import ServeProcess
from speech import read_clip

from stream.audio import SAMPLE_RATE

SPY = """
window.sockets = []; window.heard = []; window.seen = [];
window.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    sockets.push(this);
    this.addEventListener("message", ({ data }) => heard.push(JSON.parse(data)));
  }
};
addEventListener("DOMContentLoaded", () => new MutationObserver(() => {
  const [stable, unstable] = ["stable", "unstable"].map((id) => document.getElementById(id).textContent);
  seen.push([stable, unstable, document.getElementById("announcer").innerText]);
}).observe(document.getElementById("open"), { subtree: true, childList: true, characterData: true }));
"""
"""Keeps the sockets, what came through them, and each state of the open utterance."""


@pytest.fixture(scope="session")
def page_server() -> Iterator[ServeProcess]:
    """One server for the tests that leave it alone; they are skipped where there is no Chromium."""
    chromium()
    with ServeProcess() as process:
        process.start()
        yield process


@pytest.fixture
def open_page(tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Opens a page of a server in a browser that ends with the test; its microphone plays ``clip``, then silence.

    Skips where there is no Chromium.
    """
    chromium()
    with ExitStack() as stack:

        def open_(address: str, clip: Path | None = None, flags: Sequence[str] = MICROPHONE_FLAGS) -> Page:
            if clip is not None:
                flags = [*flags, f"--use-file-for-fake-audio-capture={wav_of(clip, tmp_path)}%noloop"]
            page = stack.enter_context(browser(tmp_path, *flags))
            page.call("Page.addScriptToEvaluateOnNewDocument", source=SPY)
            page.resize(1280, 800)
            page.open(address)
            return page

        yield open_


def wav_of(clip: Path, folder: Path) -> Path:
    """The recording as Chromium takes it."""
    path = folder / "microphone.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes(read_clip(clip).astype("<i2").tobytes())
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sockets and waiting take seconds: what is here is left to the whole run."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.slow)
