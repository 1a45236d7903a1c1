"""What the page does, in a real Chromium with the real server and model; what it hears is played to its microphone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jiwer
import pytest
from browser import Page
from serve_process import ServeProcess, free_port
from speech import BRIEF
from whisper_normalizer.english import EnglishTextNormalizer

pytestmark = [pytest.mark.max, pytest.mark.weights, pytest.mark.slow]

CLIP = "en_read_librispeech-dev-clean_84-121550-0000"
IN_TWO = "en_read_moonshine-beckett"
WORDS = "document.querySelectorAll('#lines .final').length"
SPOKEN = "document.getElementById('stable').textContent.split(' ').length"

OpenPage = Callable[..., Page]


def shown(page: Page) -> str:
    """The text of all finals."""
    return str(page.run("[...document.querySelectorAll('#lines .final p')].map((line) => line.textContent).join(' ')"))


def word_error_rate(audio_folder: Path, name: str, text: str) -> float:
    normalise = EnglishTextNormalizer()
    reference = (audio_folder / "transcripts" / f"{name}.txt").read_text(encoding="utf-8")
    return float(jiwer.wer(normalise(reference), normalise(text)))


def stop(page: Page) -> None:
    page.click("start")
    page.when("document.body.dataset.phase === 'idle'", 30)


def listen_until(page: Page, second: float) -> None:
    """Wait until so much was recorded, then stop."""
    page.when(f"document.getElementById('clock').textContent >= '00:{second:02.0f}'", 60)
    stop(page)


def clip_of(audio_folder: Path, name: str) -> Path:
    return audio_folder / "short" / f"{name}.flac"


def test_what_is_said_appears(page_server: ServeProcess, open_page: OpenPage, audio_folder: Path) -> None:
    page = open_page(page_server.address, clip_of(audio_folder, BRIEF))
    page.click("start")
    page.when(WORDS)
    listen_until(page, 5)

    assert word_error_rate(audio_folder, BRIEF, shown(page)) <= 0.1
    states = page.run("seen")
    assert any(stable and unstable for stable, unstable, _ in states)
    assert {""} == {announced for *_, announced in states[:5]}
    assert shown(page) == " ".join(page.run("document.getElementById('announcer').innerText").split("\n\n"))
    assert "00:00" == page.run("document.querySelector('#lines time').textContent")
    assert [] == page.complaints


def test_the_files_hold_what_was_said(page_server: ServeProcess, open_page: OpenPage, audio_folder: Path) -> None:
    page = open_page(page_server.address, clip_of(audio_folder, IN_TWO))
    page.click("start")
    listen_until(page, 11)
    page.call("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    page.press("c")
    page.when("document.getElementById('notice').textContent === 'Copied.'")

    files = {name: page.run(DOWNLOAD % name) for name in ("txt", "srt", "vtt")}

    assert shown(page) == " ".join(files["txt"].splitlines())
    assert files["txt"] == page.run("navigator.clipboard.readText()")
    assert files["srt"].startswith("1\n00:00:0")
    assert files["vtt"].startswith("WEBVTT\n\n00:00:0")
    cues = [block.split("\n", 1)[1] for block in files["vtt"].strip().split("\n\n")[1:]]
    assert shown(page).split() == " ".join(cues).split()
    assert [] == page.complaints


DOWNLOAD = """
new Promise((resolve) => {
  const make = URL.createObjectURL;
  URL.createObjectURL = (blob) => { blob.text().then(resolve); URL.createObjectURL = make; return make(blob); };
  HTMLAnchorElement.prototype.click = () => {};
  document.querySelector("[data-format=%s]").click();
})
"""


LOSE_2_S = "sockets[0].send = () => {}; new Promise((resolve) => setTimeout(resolve, 2000))"
"""What the page believes to be sent, as a network loses it that is about to break."""


def test_a_cut_connection_goes_on_where_it_was(
    page_server: ServeProcess, open_page: OpenPage, audio_folder: Path
) -> None:
    page = open_page(page_server.address, clip_of(audio_folder, CLIP))
    page.click("start")
    page.when(f"{SPOKEN} > 4")
    page.run(LOSE_2_S)
    page.run("sockets[0].close(3001)")
    page.when("sockets.length === 2 && document.body.dataset.cutOff === 'false'")
    listen_until(page, 10)

    sessions = page.run("heard.filter((message) => message.kind === 'session')")
    assert [False, True] == [session["resumed"] for session in sessions]
    assert 1 == len({session["session"] for session in sessions})
    numbers = [n for n in page.run("heard.map((message) => message.seq)") if n]
    assert sorted(set(numbers)) == list(range(1, max(numbers) + 1))
    assert word_error_rate(audio_folder, CLIP, shown(page)) <= 0.1


def test_nothing_is_lost_when_the_server_dies(open_page: OpenPage, audio_folder: Path) -> None:
    with ServeProcess(free_port()) as server:
        server.start()
        page = open_page(server.address, clip_of(audio_folder, CLIP))
        page.click("start")
        page.when(f"{SPOKEN} > 4")
        server.kill()
        page.when("document.getElementById('notice').textContent.startsWith('Cut off')")
        server.start()
        page.when("document.body.dataset.cutOff === 'false'")
        listen_until(page, 10)

        assert "" == page.run("document.getElementById('notice').textContent")
        assert word_error_rate(audio_folder, CLIP, shown(page)) <= 0.1
        assert "00:00" == page.run("document.querySelector('#lines time').textContent")


def test_a_session_that_lasted_as_long_as_it_may_is_followed_by_another(
    open_page: OpenPage, audio_folder: Path
) -> None:
    with ServeProcess() as server:
        server.start("--max-session-s", "5")
        page = open_page(server.address, clip_of(audio_folder, CLIP))
        page.click("start")
        listen_until(page, 10)

        sessions = page.run("heard.filter((message) => message.kind === 'session')")
        assert len({session["session"] for session in sessions}) >= 2
        assert "" == page.run("document.getElementById('notice').textContent")
        assert word_error_rate(audio_folder, CLIP, shown(page)) <= 0.2, "a word may be cut in two"
        times = page.run("[...document.querySelectorAll('#lines time')].map((time) => time.textContent)")
        assert len(times) >= 2
        assert sorted(set(times)) == times


def test_pausing_ends_what_is_open_and_records_nothing(
    page_server: ServeProcess, open_page: OpenPage, audio_folder: Path
) -> None:
    page = open_page(page_server.address, clip_of(audio_folder, CLIP))
    page.click("start")
    page.when(f"{SPOKEN} > 2")
    page.press("p")
    page.when(WORDS)

    clock = page.run("document.getElementById('clock').textContent")
    page.run("new Promise((resolve) => setTimeout(resolve, 1500))")
    assert clock == page.run("document.getElementById('clock').textContent")
    assert "Paused" == page.run("document.getElementById('state').textContent")
    page.click("pause")
    page.when(f"document.getElementById('clock').textContent > '{clock}'")
    stop(page)


PRESS_PAUSE_WHEN_CUT_OFF = """
document.body.dataset.cutOff === 'true' && (document.getElementById('pause').click(), true)
"""


def test_what_was_said_before_a_pause_while_cut_off_is_sent(
    page_server: ServeProcess, open_page: OpenPage, audio_folder: Path
) -> None:
    page = open_page(page_server.address, clip_of(audio_folder, CLIP))
    page.click("start")
    page.when(f"{SPOKEN} > 4")
    page.run("sockets[0].send = () => {}")
    page.when("document.getElementById('clock').textContent >= '00:09'")
    page.run("sockets[0].close(3001)")
    page.when(PRESS_PAUSE_WHEN_CUT_OFF)
    page.when("document.body.dataset.cutOff === 'false'")
    stop(page)

    assert word_error_rate(audio_folder, CLIP, shown(page)) <= 0.1


def test_who_goes_on_while_cut_off_is_heard(page_server: ServeProcess, open_page: OpenPage, audio_folder: Path) -> None:
    page = open_page(page_server.address, clip_of(audio_folder, CLIP))
    page.click("start")
    page.when(f"{SPOKEN} > 2")
    page.press("p")
    page.when(f"{WORDS} === 1")
    page.run("sockets[0].close(3001)")
    page.when(PRESS_PAUSE_WHEN_CUT_OFF)

    page.when(f"{WORDS} === 2")
    stop(page)
