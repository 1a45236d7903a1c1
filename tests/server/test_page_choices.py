"""What the page remembers, and what becomes of keys and microphones at the wrong moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from browser import Page
from serve_process import ServeProcess

pytestmark = [pytest.mark.max, pytest.mark.weights, pytest.mark.slow]

OpenPage = Callable[..., Page]

SLOW_MICROPHONE = """
(() => {
  const devices = navigator.mediaDevices;
  const ask = devices.getUserMedia.bind(devices);
  window.tracks = [];
  devices.getUserMedia = async (...wanted) => {
    const stream = await ask(...wanted);
    tracks.push(...stream.getTracks());
    document.body.dataset.asked = tracks.length;
    if (tracks.length > 1) await new Promise((allowed) => { window.allow = allowed; });
    return stream;
  };
})()
"""


def test_a_language_that_this_model_does_not_know_is_not_asked_for(
    page_server: ServeProcess, open_page: OpenPage
) -> None:
    page = open_page(page_server.address)
    page.run("localStorage.setItem('max-whisper.language', 'de')")
    page.open(page_server.address)
    page.when("document.getElementById('language').disabled")
    page.click("start")
    page.when("document.body.dataset.phase === 'listening' && heard.some(({ kind }) => kind === 'session')")

    assert "de" == page.run("localStorage.getItem('max-whisper.language')"), "another model may know it"


def test_who_stops_while_a_microphone_is_asked_for_is_not_recorded(
    page_server: ServeProcess, open_page: OpenPage
) -> None:
    page = open_page(page_server.address)
    page.run(SLOW_MICROPHONE)
    page.click("start")
    page.when("document.body.dataset.phase === 'listening'")
    page.run("document.getElementById('microphone').dispatchEvent(new Event('change'))")
    page.when("document.body.dataset.asked === '2'")
    page.click("start")
    page.when("document.body.dataset.phase === 'idle'")
    page.run("allow()")

    ended = "tracks.every(({ readyState }) => readyState === 'ended')"
    assert page.run(f"new Promise((told) => setTimeout(() => told({ended}), 300))")


def test_the_key_for_copying_leaves_the_clipboard_alone_while_there_is_nothing(
    page_server: ServeProcess, open_page: OpenPage
) -> None:
    page = open_page(page_server.address)
    page.run("navigator.clipboard.writeText = async (text) => { document.body.dataset.copied = text; }")
    page.press("c")

    assert page.run("document.body.dataset.copied") is None


def test_escape_closes_the_menu(page_server: ServeProcess, open_page: OpenPage) -> None:
    page = open_page(page_server.address)
    page.run("document.getElementById('save-menu').showPopover(); document.getElementById('save').focus()")
    page.press("Escape")

    assert not page.run("document.getElementById('save-menu').matches(':popover-open')")
