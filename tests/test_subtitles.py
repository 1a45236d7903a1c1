"""Subtitle files: their form, and what players make of them."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from engine.alignment import WordTiming
from engine.events import Final, Partial, TimedEvent
from ui.formats.transcripts import transcript_writer


def final(text: str, start_s: float, end_s: float) -> TimedEvent:
    words = tuple(
        WordTiming(f" {word}", start_s + 0.25 * i, start_s + 0.25 * i + 0.25, 0.9)
        for i, word in enumerate(text.split())
    )
    return TimedEvent(0.0, Final(1, text, start_s, end_s, words=words))


def written(path: Path, *events: TimedEvent) -> str:
    writer = transcript_writer(path, task="transcribe")
    for event in events:
        writer.show(event)
    writer.close()
    return path.read_text(encoding="utf-8")


EVENTS = (
    final("Ask not what your country can do for you; ask what you can do.", 0.5, 5.0),
    TimedEvent(0.0, Partial(2, "what", "", 1.0, 2.0)),
    final("A <b> & --> 二", 3661.25, 3663.0),
)


def test_subrip(tmp_path: Path) -> None:
    assert written(tmp_path / "talk.srt", *EVENTS) == (
        "1\n00:00:00,500 --> 00:00:04,000\nAsk not what your country can\ndo for you; ask what you can do.\n\n"
        "2\n01:01:01,250 --> 01:01:02,500\nA <b> & --› 二\n\n"
    )


def test_webvtt(tmp_path: Path) -> None:
    assert written(tmp_path / "folder" / "talk.VTT", *EVENTS) == (
        "WEBVTT\n\n"
        "00:00:00.500 --> 00:00:04.000\nAsk not what your country can\ndo for you; ask what you can do.\n\n"
        "01:01:01.250 --> 01:01:02.500\nA &lt;b&gt; &amp; --&gt; 二\n\n"
    )


@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_ffmpeg_reads_them(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"talk{suffix}"
    written(path, *EVENTS)

    with av.open(path) as container:
        packets = [packet for packet in container.demux(container.streams[0]) if packet.size]
    assert [500, 3_661_250] == [round(1000 * packet.pts * packet.time_base) for packet in packets]
    assert [3500, 1250] == [round(1000 * packet.duration * packet.time_base) for packet in packets]
    assert bytes(packets[0]).decode() == "Ask not what your country can\ndo for you; ask what you can do."


def test_finals_that_meet_do_not_overlap(tmp_path: Path) -> None:
    text = written(tmp_path / "talk.srt", final("one two", 0.0, 1.0), final("three", 0.3, 1.0))

    assert [line for line in text.splitlines() if "-->" in line] == [
        "00:00:00,000 --> 00:00:01,000",
        "00:00:01,000 --> 00:00:01,040",
    ]


def test_a_final_without_text_is_no_cue(tmp_path: Path) -> None:
    assert written(tmp_path / "talk.vtt", TimedEvent(0.0, Final(1, "\u200b", 0.0, 1.0))) == "WEBVTT\n\n"


def test_each_final_is_on_disk_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "talk.srt"
    writer = transcript_writer(path, task="transcribe")
    writer.show(EVENTS[0])
    assert path.read_text().startswith("1\n")
    writer.close()


def test_a_file_with_text_in_it_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "talk.vtt"
    path.write_text("yesterday\n")
    with pytest.raises(FileExistsError):
        transcript_writer(path, task="transcribe")
    assert path.read_text() == "yesterday\n"
    transcript_writer(path, task="transcribe", overwrite=True).close()
    assert path.read_text() == "yesterday\n"
    writer = transcript_writer(path, task="transcribe", overwrite=True)
    writer.show(EVENTS[1])
    writer.close()
    assert path.read_text() == "WEBVTT\n\n"
