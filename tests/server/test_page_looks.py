"""What the page looks like and what it says when something is wrong, in a real Chromium with the real server."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from browser import MICROPHONE_FLAGS, Page
from serve_process import ServeProcess, free_port
from websockets.sync.client import connect

pytestmark = [pytest.mark.max, pytest.mark.weights, pytest.mark.slow]

OpenPage = Callable[..., Page]


def test_who_is_busy_says_so_and_when_to_try_again(open_page: OpenPage) -> None:
    with ServeProcess() as server:
        server.start("--max-streams", "1")
        page = open_page(server.address)
        with connect(f"ws://127.0.0.1:{server.port}/stream") as other:
            other.recv()
            page.click("start")
            page.when("document.body.dataset.cutOff === 'true'")
            said = page.run("document.getElementById('notice').textContent")
        assert "Waiting" == page.run("document.getElementById('state').textContent")
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
        right = token_file.read_text().strip()
        for given, said, phase in (("wrong-token-of-16", "unauthorized", "idle"), (right, "session", "listening")):
            page.run(f"document.getElementById('token').value = {json.dumps(given)}")
            page.run("document.getElementById('token-form').requestSubmit()")
            page.click("start")
            heard = f"heard.some(({{ kind, code }}) => [kind, code].includes('{said}'))"
            page.when(f"{heard} && document.body.dataset.phase === '{phase}'")

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
    flags: Sequence[str], words: str, page_server: ServeProcess, open_page: OpenPage
) -> None:
    page = open_page(page_server.address, flags=flags)
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


def test_a_server_that_does_not_know_its_name_says_so(page_server: ServeProcess, open_page: OpenPage) -> None:
    name = "somebodys-laptop.test"
    address = page_server.address.replace("127.0.0.1", name)
    as_if_encrypted = f"--unsafely-treat-insecure-origin-as-secure={address}"
    page = open_page(address, flags=(*MICROPHONE_FLAGS, f"--host-resolver-rules=MAP {name} 127.0.0.1", as_if_encrypted))
    page.click("start")

    page.when("document.getElementById('notice').textContent.includes('--allow-origin')", 20)
    assert page.run("document.getElementById('token-form').hidden")


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
  view.showPhase("listening", { kind: "link", state: "open", nTries: 0 });
  view.addLine({ kind: "final", start: 0, end: 2, text: "Good evening, and thank you for coming.", language: "en" });
  view.addLine({ kind: "gap", start: 2, end: 3.5 });
  const partial = { utterance: 2, start: 4, end: 6, text: "Most of them came here", stable: "Most of them" };
  view.showTranscript({ partial, status: { now: 6, is_speech: true, lag: 0.4 }, settledS: 2 }, 6, "en");
  view.showMessage({ tone: "warning", text: "Nothing at all comes from the microphone." });
})
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (360, 640)])
def test_everything_can_be_read(
    theme: str, size: tuple[int, int], page_server: ServeProcess, open_page: OpenPage
) -> None:
    page = open_page(page_server.address)
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


def test_text_stands_in_its_own_direction(page_server: ServeProcess, open_page: OpenPage) -> None:
    page = open_page(page_server.address)
    page.run(SAY_IN_ARABIC)

    for text in ("#lines .final p", "#open-text", "#announcer p"):
        assert page.run(f"document.querySelector('{text}').matches(':dir(rtl):lang(ar)')")
    assert page.run("document.querySelector('#lines .gap p').matches(':dir(ltr):lang(en)')")
    assert page.run(f"{RIGHT_OF_THE_TEXT} === document.getElementById('open-text').getBoundingClientRect().right")


SAY_IN_ARABIC = """
import("./web/view.js").then(({ View }) => {
  const view = new View();
  view.addLine({ kind: "final", start: 0, end: 2, text: "مساء الخير، وشكرا لحضوركم جميعا.", language: "ar" });
  view.addLine({ kind: "gap", start: 2, end: 3.5 });
  const partial = { utterance: 2, start: 4, end: 6, text: "جاء معظمهم إلى هنا", stable: "جاء معظمهم" };
  view.showTranscript({ partial, status: null }, 6, "ar");
})
"""
RIGHT_OF_THE_TEXT = """
(() => {
  const text = document.createRange();
  text.selectNodeContents(document.getElementById("stable"));
  return text.getBoundingClientRect().right;
})()
"""


def test_the_keyboard_does_what_the_mouse_does(page_server: ServeProcess, open_page: OpenPage) -> None:
    page = open_page(page_server.address)
    page.emulate(prefers_color_scheme="light", prefers_reduced_motion="reduce")
    order = []
    for _ in range(6):
        page.press("Tab")
        order.append(page.run("document.activeElement.id"))

    assert ["large", "theme", "help", "page", "start", "microphone"] == order
    page.run("document.getElementById('page').focus()")
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


def test_who_scrolls_up_is_left_there(page_server: ServeProcess, open_page: OpenPage) -> None:
    page = open_page(page_server.address)
    page.run(MANY_LINES)
    assert page.run(AT_THE_END)

    page.run("document.getElementById('page').scrollTop = 100")
    page.when("!document.getElementById('newest').hidden")
    page.run("view.addLine({ kind: 'final', start: 90, end: 91, text: 'One more.', language: 'en' })")
    assert 100 == page.run("document.getElementById('page').scrollTop")
    page.click("newest")
    assert page.run(AT_THE_END)


MANY_LINES = """
import("./web/view.js").then(({ View }) => {
  window.view = new View();
  for (let i = 0; i < 60; i++) view.addLine({ kind: "final", start: i, end: i + 1, text: `Line ${i}`, language: "en" });
})
"""
AT_THE_END = """
(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight < 2)(
  document.getElementById("page"))
"""
