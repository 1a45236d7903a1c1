"""The page's end of the wire, run by Node.js over sockets that the test holds: what is sent, in which order."""

from __future__ import annotations

from pathlib import Path

import pytest
from node import run_node

STAGE = """
const { Connection } = await import("./connection.js");
const { Tape } = await import("./tape.js");
const RATE = 1000;
let [socket, sent] = [null, []];
globalThis.document = { baseURI: "http://captions.test/" };
const waits = [];
globalThis.setTimeout = (_, ms) => waits.push(ms); // nothing is tried again by itself
globalThis.clearTimeout = () => {};
globalThis.WebSocket = class {
  bufferedAmount = 0;
  constructor() {
    [socket, sent] = [this, []];
  }
  send(data) {
    if (typeof data === "string") return sent.push(JSON.parse(data).kind);
    this.bufferedAmount += data.byteLength;
    sent.push(`${data[0]}-${data[data.length - 1]}`);
  }
};
const tape = new Tape(60 * RATE);
const told = [];
const connection = new Connection(tape, { rate: RATE, language: "", token: "" }, (event) => told.push(event), 0);
const speak = (n) => {
  tape.append(Int16Array.from({ length: n }, (_, i) => tape.end + i));
  connection.pump();
};
const say = (message) => socket.onmessage({ data: JSON.stringify(message) });
const greet = (received, resumed) => say({ kind: "session", seq: 0, session: "s", received, resumed });
const refuse = (code) => (say({ kind: "error", code }), socket.onclose());
const drain = () => { socket.bufferedAmount = 0; say({ kind: "status", now: 0 }); };
"""
"""A connection, and a recording whose samples are numbered; ``sent`` has it as "FIRST-LAST", requests by their kind."""

SILENT_MS = 20_000
"""After which the page leaves a server that says nothing."""

CUT_OFF = "socket.onclose(); "
BACK = "connection.open(); greet(100, true); "
ANEW = "connection.open(); refuse('gone'); greet(0, false); "


def sent(modules: Path, script: str) -> list[str]:
    """What goes over the last connection behind its greeting."""
    return run_node(modules, f"{STAGE} connection.open(); greet(0, false); {script}; return sent;")


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("speak(100); connection.pause()", ["0-99", "flush", "pause"]),
        (f"speak(100); {CUT_OFF} speak(50); connection.pause(); {BACK}", ["100-149", "flush", "pause"]),
        (f"speak(150); connection.pause(); {CUT_OFF} {BACK}", ["100-149", "flush", "pause"]),
        (f"speak(100); {CUT_OFF} speak(50); connection.pause(); {ANEW}", ["0-99", "100-149", "flush", "pause"]),
        (f"speak(100); connection.pause(); {CUT_OFF} {ANEW}", ["0-99", "flush", "pause"]),
        ("speak(1000); speak(50); connection.pause(); drain()", ["0-999", "1000-1049", "flush", "pause"]),
        (f"{CUT_OFF} speak(150); connection.pause(); {BACK} connection.end()", ["100-149", "flush", "pause", "end"]),
        (
            f"{CUT_OFF} speak(150); connection.pause(); connection.open(); connection.end(); greet(100, true)",
            ["100-149", "flush", "pause", "end"],
        ),
    ],
)
def test_a_pause_follows_the_sound_before_it(script: str, expected: list[str], modules: Path) -> None:
    """Sound behind a ``pause`` is silence to the server, and would never be sent again."""
    assert expected == [what for what in sent(modules, script) if what not in {"configure", "resume"}]


def test_who_goes_on_while_cut_off_is_heard_again(modules: Path) -> None:
    """The server's pause outlives the connection in which it was asked for."""
    said = sent(modules, f"speak(100); connection.pause(); {CUT_OFF} connection.resume(); speak(50); {BACK}")

    assert ["configure", "resume", "100-149"] == said


def test_a_pause_that_was_over_before_it_could_be_said_is_none(modules: Path) -> None:
    said = sent(modules, "speak(1000); speak(50); connection.pause(); connection.resume(); speak(50); drain()")

    assert ["0-999", "resume", "1000-1049", "1050-1099"] == said


def test_why_the_server_refuses_stays_said(modules: Path) -> None:
    """That it did not come back would be no help, and is not so."""
    script = f"""
{STAGE}
const {{ linkMessage }} = await import("./messages.js");
connection.open(); greet(0, false); {CUT_OFF} connection.open(); refuse("unauthorized");
return [...told.map(({{ kind }}) => kind), linkMessage(told.at(-1), false)];
"""
    assert ["link", "session", "link", "link", "refused", "link", None] == run_node(modules, script)


def test_a_session_that_lasted_as_long_as_it_may_is_followed_by_another(modules: Path) -> None:
    script = f"""
{STAGE}
connection.open(); greet(0, false); speak(150); connection.settle(0.125); told.length = 0;
refuse("too_long"); connection.open(); greet(0, false); say({{ kind: "final", start: 0, end: 0.25 }});
return [told.map(({{ kind, state, end }}) => state ?? end ?? kind), sent];
"""
    assert [["cut", "session", "open", 0.375], ["125-149"]] == run_node(modules, script)


@pytest.mark.parametrize("greeting", ["", "greet(0, false);"])
def test_a_server_that_refuses_again_and_again_is_asked_ever_less_often(greeting: str, modules: Path) -> None:
    ask = f"connection.open(); {greeting} refuse('too_long');"
    waits = run_node(modules, f"{STAGE} for (let n = 0; n < 8; n++) {{ {ask} }} return waits;")

    least = [500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]
    between = [ms for ms in waits if ms != SILENT_MS]
    assert [True] * 8 == [low <= ms <= 1.2 * low for low, ms in zip(least, between, strict=True)]
