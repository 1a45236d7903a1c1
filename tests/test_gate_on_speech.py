"""SpeechGate with WebRTC's detector on real speech."""

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from speech import read_clip, voice_level

from stream.audio import AudioChunk, seconds
from stream.detector import WebRtcDetector
from stream.gate import GateOptions, SpeechClosed, SpeechGate
from ui.bench.streaming.sounds import joined


def spans_s(path: Path) -> list[tuple[float, float]]:
    return spans_of(read_clip(path))


def spans_of(audio: NDArray[np.int16]) -> list[tuple[float, float]]:
    """The utterances the gate finds, in seconds."""
    gate = SpeechGate(WebRtcDetector(), GateOptions())
    events = [*gate.receive_audio(AudioChunk(audio, 0)), *gate.receive_eof()]
    return [
        (seconds(event.start_sample), seconds(event.end_sample)) for event in events if isinstance(event, SpeechClosed)
    ]


def stem_of(timings: Path) -> str:
    return timings.name.removesuffix(".words.tsv")


def with_coughs(audio: NDArray[np.int16]) -> NDArray[np.int16]:
    random = np.random.default_rng(5)
    level = voice_level(audio)
    noisy = audio + random.normal(0.0, level / 10 ** (10 / 20), len(audio))
    cough = random.normal(0.0, level * 10 ** (22 / 20), 16_000) * abs(np.sin(np.arange(16_000) / 16_000 * 5 * np.pi))
    for start in range(8 * 16_000, len(audio) - 32_000, 14 * 16_000):
        noisy[start : start + 16_000] += cough
    return np.clip(noisy, -32768, 32767).astype(np.int16)


def test_every_hand_aligned_word_lies_inside_an_utterance(audio_folder: Path) -> None:
    outside = []
    for timings in sorted((audio_folder / "timings").glob("*.words.tsv")):
        spans = spans_s(audio_folder / "short" / f"{stem_of(timings)}.flac")
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


def test_a_cough_does_not_silence_who_speaks_on(audio_folder: Path) -> None:
    """Clips 10 dB above white noise, and every 14 s a burst of a second, far louder than the voices.

    Measured 2026-11-28: 11 of 192 words outside, 30 while a burst was taken for the voice.
    """
    clips = sorted((audio_folder / "timings").glob("*.words.tsv"))
    audio, starts = joined([read_clip(audio_folder / "short" / f"{stem_of(path)}.flac") for path in clips], 1.2)
    spans = spans_of(with_coughs(audio))
    middles = [
        seconds(start) + (float(row["start"]) + float(row["end"])) / 2
        for path, start in zip(clips, starts, strict=True)
        for row in csv.DictReader(path.read_text().splitlines(), delimiter="\t")
    ]

    outside = [middle for middle in middles if not any(start_s <= middle <= end_s for start_s, end_s in spans)]
    assert len(outside) <= 0.08 * len(middles)
