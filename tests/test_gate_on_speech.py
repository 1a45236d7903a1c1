"""SpeechGate with WebRTC's detector on real speech."""

import asyncio
import csv
from pathlib import Path

import pytest

from stream.audio import seconds
from stream.detector import WebRtcDetector
from stream.file import FileSource
from stream.gate import GateEvent, GateOptions, SpeechClosed, SpeechGate


def spans_s(path: Path) -> list[tuple[float, float]]:
    """The utterances the gate finds in a recording, in seconds."""

    async def judge_file() -> list[GateEvent]:
        gate = SpeechGate(WebRtcDetector(), GateOptions())
        events = [event async for chunk in FileSource(path).chunks() for event in gate.receive_audio(chunk)]
        return events + gate.receive_eof()

    events = asyncio.run(judge_file())
    return [
        (seconds(event.start_sample), seconds(event.end_sample)) for event in events if isinstance(event, SpeechClosed)
    ]


def test_every_hand_aligned_word_lies_inside_an_utterance(audio_folder: Path) -> None:
    outside = []
    for timings in sorted((audio_folder / "timings").glob("*.words.tsv")):
        spans = spans_s(audio_folder / "short" / timings.name.replace(".words.tsv", ".flac"))
        for row in csv.DictReader(timings.read_text().splitlines(), delimiter="\t"):
            start_s, end_s = float(row["start"]), float(row["end"])
            if not any(span_start <= start_s and end_s <= span_end for span_start, span_end in spans):
                outside.append((timings.name, row["word"], spans))
    assert outside == []


def test_silence_between_utterances_stays_outside(audio_folder: Path) -> None:
    spans = spans_s(audio_folder / "stream" / "en_stream_dev1.flac")
    assert not any(end_s > 0.5 and start_s < 11.5 for start_s, end_s in spans)  # room tone
    assert not any(end_s > 25.8 and start_s < 32.8 for start_s, end_s in spans)  # digital silence


@pytest.mark.parametrize("clip", ["silence_digital-20s", "noise_white"])
def test_silence_and_white_noise_do_not_open_it(clip: str, audio_folder: Path) -> None:
    assert spans_s(audio_folder / "nonspeech" / f"{clip}.flac") == []
