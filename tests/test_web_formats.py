"""The page's own arithmetic, run by Node.js: its files must be those that the program writes."""

from __future__ import annotations

import random
import unicodedata
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from node import run_node
from rich.cells import cell_len

from engine.alignment import WordTiming
from engine.events import Final, TimedEvent
from engine.segments import Segment
from ui.formats.event_lines import event_fields
from ui.formats.transcripts import transcript_writer

VOCABULARY = (
    "a", "the", "harbour,", "and", "people.", "who", "built", "it;", "Rhabarberbarbarabarbarbarenbartbarbierbierbar",
    "“no”", "A&B", "<i>", "-->", "3,5", "naïve", "…", "東京に、", "行きます。", "กำ", "so:",
    "e\u0301te\u0301", "x\u200by", "👩\u200d🚀",
    "スーパーマーケットで", "ﾊﾝｶｸ", "मराठी", "￥5", "❤\ufe0f", "🇩🇪", "한글",
)  # fmt: skip

MARKED = ("'albero", "’hui", ".5", "-known", "%", ",000", "°")
"""Words that Whisper begins without a space."""


def spoken(random_: random.Random) -> Final:
    """A final of random words, some wide, some longer than a line, with pauses; with or without word times."""
    at_s, words = round(random_.uniform(0, 9000), 3), []
    for _ in range(random_.randint(0, 40)):
        at_s = round(at_s + random_.choice([0, 0, 0.1, 0.35, 2.5]), 3)
        end_s = round(at_s + random_.uniform(0, 0.9), 3)
        said = random_.choice(MARKED) if random_.random() < 0.2 else f" {random_.choice(VOCABULARY)}"
        words.append(WordTiming(said, at_s, end_s, 0.5))
        at_s = end_s
    text = "".join(word.text for word in words).strip()
    start_s = words[0].start_s if words else at_s
    final = Final(1, text, start_s, round(at_s + 0.2, 3), words=tuple(words))
    if random_.random() < 0.5:
        return final
    values = {"temperature": 0.0, "avg_logprob": 0.0, "compression_ratio": 0.0, "no_speech_prob": 0.0}
    segment = Segment(start_s=start_s, end_s=final.end_s, text=text, tokens=(), **values)
    return replace(final, words=(), segments=random_.choice([(), (segment,)]))


def in_order(n: int, seed: int) -> list[Final]:
    return sorted((spoken(random.Random(seed + i)) for i in range(n)), key=lambda final: final.start_s)


def test_a_file_from_the_page_is_the_file_of_the_program(modules: Path, tmp_path: Path) -> None:
    events = [TimedEvent(0.0, final) for final in in_order(40, seed=7)]
    expected = {}
    for suffix in (".txt", ".srt", ".vtt"):
        path = tmp_path / f"talk{suffix}"
        with closing(transcript_writer(path, task="transcribe")) as writer:
            for timed in events:
                writer.show(timed)
        expected[suffix] = path.read_text(encoding="utf-8")

    script = """
const { asText, asSubRip, asWebVtt } = await import("./formats.js");
return { ".txt": asText(given), ".srt": asSubRip(given), ".vtt": asWebVtt(given) };
"""
    assert expected == run_node(modules, script, [event_fields(timed) for timed in events])


@pytest.mark.slow
def test_every_character_is_as_wide_as_in_the_program(modules: Path) -> None:
    characters = [chr(code) for code in range(0x20, 0x2FFFF)]
    shown = [c for c in characters if unicodedata.category(c) not in {"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"}]
    texts = [*shown, *(c + "\ufe0f" for c in shown if unicodedata.category(c) == "So"), "👩\u200d🚀", "1\ufe0f\u20e3"]
    script = 'const { columns } = await import("./text.js"); return given.map(columns);'

    assert list(map(cell_len, texts)) == run_node(modules, script, texts)


def test_the_tape_keeps_the_last_minute_and_finds_every_sample(modules: Path) -> None:
    script = """
const { Tape } = await import("./tape.js");
const tape = new Tape(100);
let next = 0;
for (let i = 0; i < 50; i++) tape.append(Int16Array.from({ length: 7 + (i % 3) }, () => next++));
const read = [];
for (let at = tape.first; at < tape.end; at = read.length + tape.first) read.push(...tape.read(at));
return { first: tape.first, end: tape.end, next, read, beyond: [...tape.read(tape.end)], gone: [...tape.read(0)] };
"""
    kept = run_node(modules, script, {})

    assert kept["end"] == kept["next"] == 399
    assert list(range(kept["first"], 399)) == kept["read"]
    assert 100 <= len(kept["read"]) < 109
    assert [] == kept["beyond"] == kept["gone"]


def test_what_is_shown_follows_the_events(modules: Path) -> None:
    script = """
const { apply, EMPTY } = await import("./transcript.js");
const seen = [];
let transcript = EMPTY;
for (const event of given) {
  const [after, line] = apply(transcript, event);
  transcript = after;
  seen.push([transcript.partial?.text ?? null, line?.kind ?? null, transcript.settledS]);
}
return seen;
"""
    status = {"kind": "status", "is_speech": False, "lag": 0}
    events = [
        {**status, "now": 3.0},
        {"kind": "speech_started", "utterance": 1, "start": 3.5},
        {"kind": "partial", "utterance": 1, "text": "a b", "stable": "a", "start": 3.5, "end": 4},
        {**status, "now": 9.0},
        {"kind": "speech_started", "utterance": 2, "start": 9.5},
        {"kind": "partial", "utterance": 2, "text": "c", "stable": "", "start": 9.5, "end": 10},
        {"kind": "final", "utterance": 1, "text": "a b.", "start": 3.5, "end": 9},
        {"kind": "gap", "start": 10, "end": 11},
        {"kind": "heard of by nobody"},
        {"kind": "discarded", "utterance": 2, "start": 9.5, "end": 12},
        {"kind": "session", "resumed": False, "translate": False, "languages": ["en", "de"]},
    ]

    assert [
        [None, None, 2.0],
        ["", None, 2.0],
        ["a b", None, 2.0],
        ["a b", None, 2.0],
        ["", None, 2.0],
        ["c", None, 2.0],
        ["c", "final", 9],
        ["c", "gap", 9],
        ["c", None, 9],
        [None, None, 12],
        [None, None, 12],
    ] == run_node(modules, script, events)


def test_what_is_written_has_its_language(modules: Path) -> None:
    script = """
const { apply, EMPTY, writtenLanguage } = await import("./transcript.js");
let [transcript, line] = [EMPTY, null];
return given.map((event) => {
  [transcript, line] = apply(transcript, event);
  return [line?.language ?? null, writtenLanguage(transcript, ""), writtenLanguage(transcript, "he")];
});
"""
    final = {"kind": "final", "utterance": 1, "text": "…", "start": 0, "end": 1}
    session = {"kind": "session", "resumed": False, "translate": False, "languages": ["en", "ar"]}
    events = [
        session,
        {**final, "language": "ar"},
        {**session, "resumed": True},
        {**session, "translate": True},
        {**final, "language": "ar"},
    ]

    assert [
        [None, "", "he"],
        ["ar", "ar", "he"],
        [None, "ar", "he"],
        [None, "en", "en"],
        ["en", "en", "en"],
    ] == run_node(modules, script, events)
    assert [[None, "de", "he"]] == run_node(modules, script, [{**session, "languages": ["de"]}])


def test_every_refusal_of_the_server_has_words(modules: Path) -> None:
    script = """
const { refusalMessage } = await import("./messages.js");
return given.map((code) => refusalMessage({ code, message: "so it is", retry_after: 7.2 }, true).text);
"""
    texts = run_node(modules, script, ["busy", "draining", "unauthorized", "idle", "internal"])

    assert len(set(texts)) == 5
    assert "in 8 s" in texts[0]
    assert texts[-1].endswith("so it is.")
