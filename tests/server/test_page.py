"""The page in a real Chromium, against the real server and model; what it hears is played to its microphone."""

from __future__ import annotations

import json
import wave
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import jiwer
import pytest
from browser import MICROPHONE_FLAGS, Page, browser, chromium
from serve_process import ServeProcess, free_port
from speech import read_clip
from websockets.sync.client import connect
from whisper_normalizer.english import EnglishTextNormalizer

from stream.audio import SAMPLE_RATE

pytestmark = [pytest.mark.max, pytest.mark.weights, pytest.mark.slow]

CLIP = "en_read_librispeech-dev-clean_84-121550-0000"
IN_TWO = "en_read_moonshine-beckett"
WORDS = "document.querySelectorAll('#lines .final').length"
SPOKEN = "document.getElementById('stable').textContent.split(' ').length"
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

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module", autouse=True)
def _chromium() -> None:
    chromium()


@pytest.fixture(scope="module")
def server() -> Iterator[ServeProcess]:
    """One server for the tests that leave it alone."""
    with ServeProcess() as process:
        process.start()
        yield process


@pytest.fixture
def open_page(tmp_path: Path) -> Iterator[OpenPage]:
    """Opens a page of a server in a browser that ends with the test; its microphone plays ``clip``, then silence."""
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


def test_what_is_said_appears(server: ServeProcess, open_page: OpenPage, audio_folder: Path) -> None:
    page = open_page(server.address, clip_of(audio_folder, CLIP))
    page.click("start")
    page.when(WORDS)
    listen_until(page, 10)

    assert word_error_rate(audio_folder, CLIP, shown(page)) <= 0.1
    states = page.run("seen")
    assert any(stable and unstable for stable, unstable, _ in states)
    assert {""} == {announced for *_, announced in states[:5]}
    assert shown(page) == " ".join(page.run("document.getElementById('announcer').innerText").split("\n\n"))
    assert "00:00" == page.run("document.querySelector('#lines time').textContent")
    assert [] == page.complaints


def test_the_files_hold_what_was_said(server: ServeProcess, open_page: OpenPage, audio_folder: Path) -> None:
    page = open_page(server.address, clip_of(audio_folder, IN_TWO))
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


def test_a_cut_connection_goes_on_where_it_was(server: ServeProcess, open_page: OpenPage, audio_folder: Path) -> None:
    page = open_page(server.address, clip_of(audio_folder, CLIP))
    page.click("start")
    page.when(f"{SPOKEN} > 4")
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


def test_pausing_ends_what_is_open_and_records_nothing(
    server: ServeProcess, open_page: OpenPage, audio_folder: Path
) -> None:
    page = open_page(server.address, clip_of(audio_folder, CLIP))
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


def test_who_is_busy_says_so_and_when_to_try_again(open_page: OpenPage) -> None:
    with ServeProcess() as server:
        server.start("--max-streams", "1")
        page = open_page(server.address)
        with connect(f"ws://127.0.0.1:{server.port}/stream") as other:
            other.recv()
            page.click("start")
            said = page.when("document.getElementById('notice').textContent")
        assert "busy" in said
        assert "tried again in" in said


def test_a_token_is_asked_for_and_kept_for_the_tab_alone(open_page: OpenPage, tmp_path: Path) -> None:
    token_file = tmp_path / "tokens"
    token_file.write_text("correct horse battery staple/=\n")
    token_file.chmod(0o600)
    with ServeProcess() as server:
        server.start("--token-file", str(token_file))
        page = open_page(server.address)
        page.when("!document.getElementById('token-form').hidden")
        for given, wanted in (("wrong-token-of-16", "unauthorized"), (token_file.read_text().strip(), "session")):
            page.run(f"document.getElementById('token').value = {json.dumps(given)}")
            page.run("document.getElementById('token-form').requestSubmit()")
            page.click("start")
            page.when(f"heard.some(({{ kind, code }}) => [kind, code].includes('{wanted}')) && document.title")

        assert 1 == page.run("sessionStorage.length")
        assert 0 == page.run("localStorage.length")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--use-fake-device-for-media-stream", "--deny-permission-prompts"), "not allowed"),
        (("--use-fake-ui-for-media-stream",), "No microphone"),
    ],
)
def test_why_nothing_is_heard_is_said(
    flags: Sequence[str], words: str, server: ServeProcess, open_page: OpenPage
) -> None:
    page = open_page(server.address, flags=flags)
    page.click("start")

    assert words in page.when("document.getElementById('notice').textContent")
    assert "idle" == page.run("document.body.dataset.phase")


def test_an_insecure_page_says_what_to_do(open_page: OpenPage) -> None:
    port, name = free_port(), "captions.test"
    with ServeProcess(port) as server:
        server.start("--allow-origin", f"http://{name}:{port}")
        flags = (*MICROPHONE_FLAGS, f"--host-resolver-rules=MAP {name} 127.0.0.1")
        page = open_page(f"http://{name}:{port}/", flags=flags)
        page.click("start")

        assert "https" in page.when("document.getElementById('notice').textContent")


CONTRASTS = """
(() => {
  const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const paper = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = numbers(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    throw new Error("no background");
  };
  const found = {};
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || element.closest(":disabled, [hidden], noscript, dialog, [popover], option")) continue;
    const [ink, ground] = [numbers(getComputedStyle(element).color), paper(element)].map(luminance);
    found[element.id || element.className || element.tagName] =
      (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
  }
  return found;
})()
"""
SAY = """
import("./web/view.js").then(({ View }) => {
  const view = new View();
  view.addLine({ kind: "final", start: 0, end: 2, text: "Good evening, and thank you all for coming." });
  view.addLine({ kind: "gap", start: 2, end: 3.5 });
  const partial = { utterance: 2, start: 4, end: 6, text: "Most of them came here", stable: "Most of them" };
  view.showTranscript({ partial, status: { now: 6, is_speech: true, lag: 0.4 }, settledS: 2 }, 6);
  view.showPhase("listening", false);
  view.showMessage({ tone: "warning", text: "Nothing at all comes from the microphone." });
})
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (360, 640)])
def test_everything_can_be_read(theme: str, size: tuple[int, int], server: ServeProcess, open_page: OpenPage) -> None:
    page = open_page(server.address)
    page.emulate(prefers_color_scheme=theme)
    page.resize(*size)
    page.run(SAY)

    contrasts = page.run(CONTRASTS)
    assert {"stable", "unstable", "state", "notice", "delay", "start-name"} <= contrasts.keys()
    assert {} == {name: ratio for name, ratio in contrasts.items() if ratio < 4.5}
    assert theme == page.run("document.documentElement.dataset.theme")
    assert size[0] >= page.run("document.documentElement.scrollWidth")
    edges = page.run(EDGES)
    assert {} == {name: edge for name, edge in edges.items() if edge[0] < 0 or edge[1] > size[0]}


EDGES = """
Object.fromEntries([...document.querySelectorAll("button, select, .line p, #meter, #notice")]
  .filter((element) => element.getClientRects().length)
  .map((element) => [element.id || element.className, element.getBoundingClientRect()])
  .map(([name, { left, right }]) => [name, [left, right]]))
"""


def test_the_keyboard_does_what_the_mouse_does(server: ServeProcess, open_page: OpenPage) -> None:
    page = open_page(server.address)
    page.emulate(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    order = []
    for _ in range(6):
        page.press("Tab")
        order.append(page.run("document.activeElement.id"))

    assert ["large", "theme", "help", "page", "start", "microphone"] == order
    page.press("t")
    assert "dark" == page.run("document.documentElement.dataset.theme")
    page.press("t")
    assert "light" == page.run("document.documentElement.dataset.theme")
    assert 0 == page.run("localStorage.length"), "the system's own choice is not kept"
    page.press("l")
    page.press("+")
    assert page.run("document.body.classList.contains('is-large')")
    assert "0s" == page.run("getComputedStyle(document.querySelector('.bar')).transitionDuration")
    page.press("Escape")
    assert not page.run("document.body.classList.contains('is-large')")
    page.run("document.getElementById('keys-on').click()")
    page.press("l")
    assert not page.run("document.body.classList.contains('is-large')"), "the keys were switched off"


def test_who_scrolls_up_is_left_there(server: ServeProcess, open_page: OpenPage) -> None:
    page = open_page(server.address)
    page.run(MANY_LINES)
    assert page.run(AT_THE_END)

    page.run("document.getElementById('page').scrollTop = 100")
    page.when("!document.getElementById('newest').hidden")
    page.run("view.addLine({ kind: 'final', start: 90, end: 91, text: 'One more.' })")
    assert 100 == page.run("document.getElementById('page').scrollTop")
    page.click("newest")
    assert page.run(AT_THE_END)


MANY_LINES = """
import("./web/view.js").then(({ View }) => {
  window.view = new View();
  for (let i = 0; i < 60; i++) view.addLine({ kind: "final", start: i, end: i + 1, text: `Line ${i}` });
})
"""
AT_THE_END = """
(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight < 2)(
  document.getElementById("page"))
"""
