"""Real speech, the real model, and OpenAI's own SDK."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import jiwer
import numpy as np
import pytest
import soxr
from fakes_server import running_server
from openai_client import assert_known
from openai_sdk import append, is_completed, realtime, sdk, texts, until
from speech import SAID, companded, read_clip

from engine.options import FOR_RECORDINGS
from engine.pipeline import transcribe
from stream.detector import WebRtcDetector
from stream.file import FileSource
from ui.formats.transcripts import transcript_writer

pytestmark = [pytest.mark.max, pytest.mark.weights]


@pytest.fixture
def jfk(audio_folder: Path) -> Path:
    return audio_folder / "formats" / "jfk_44k1_stereo.flac"


def written(path: Path, model: Any, output: Path, **decoding: Any) -> str:
    """What ``max-whisper file PATH --output OUTPUT`` writes."""

    async def write() -> None:
        options = replace(FOR_RECORDINGS, decoding=replace(FOR_RECORDINGS.decoding, **decoding))
        writer = transcript_writer(output, task="transcribe")
        async for timed in transcribe(FileSource(path), model, options):
            writer.show(timed)
        writer.close()

    asyncio.run(write())
    return output.read_text(encoding="utf-8")


def transcribed(path: Path, model: Any, **asked: Any) -> Any:
    async def transcribe() -> Any:
        async with running_server(model, detector=WebRtcDetector) as running, sdk(running) as client:
            found = await client.audio.transcriptions.create(file=path, model="whisper-1", **asked)
            return [event async for event in found] if "stream" in asked else found

    return asyncio.run(transcribe())


def test_text_and_subtitles_are_those_of_a_file(model: Any, jfk: Path, tmp_path: Path) -> None:
    assert written(jfk, model, tmp_path / "a.txt") == transcribed(jfk, model, response_format="text")
    for form in ("srt", "vtt"):
        assert written(jfk, model, tmp_path / f"a.{form}", words=True) == transcribed(jfk, model, response_format=form)


def test_segments_and_words_are_those_of_a_file(model: Any, jfk: Path, tmp_path: Path) -> None:
    expected = json.loads(written(jfk, model, tmp_path / "a.json", words=True, timestamps=True))
    asked = {"response_format": "verbose_json", "timestamp_granularities": ["segment", "word"]}
    found = transcribed(jfk, model, **asked)

    assert_known(found.segments)
    assert_known(found.words)
    assert expected["segments"] == [segment.model_dump() for segment in found.segments]
    words = [(word["word"].strip(), word["start"], word["end"]) for word in expected["words"]]
    assert words == [(word.word, word.start, word.end) for word in found.words]
    assert (expected["text"], expected["duration"], "english") == (found.text, found.duration, found.language)


@pytest.mark.slow
def test_a_long_recording_comes_piece_by_piece(model: Any, audio_folder: Path, tmp_path: Path) -> None:
    path = max((audio_folder / "long").glob("*.flac"), key=lambda path: path.stat().st_size)
    expected = " ".join(written(path, model, tmp_path / "a.txt").splitlines())

    *deltas, done = transcribed(path, model, stream=True)
    assert expected == done.text
    assert expected == "".join(delta.delta for delta in deltas)
    assert len(deltas) > 5


@pytest.mark.parametrize("name", ["jfk_16k_mono.mp3", "jfk_44k1_aac.m4a"])
def test_compressed_files(model: Any, audio_folder: Path, tmp_path: Path, name: str) -> None:
    path = audio_folder / "formats" / name

    assert written(path, model, tmp_path / "a.txt").strip() == transcribed(path, model).text


def spoken(jfk: Path, rate: int) -> np.ndarray:
    """The recording at another rate, int16, with two seconds of silence behind it."""
    samples = np.concatenate((read_clip(jfk), np.zeros(32_000, np.int16)))
    return soxr.resample(samples, 16_000, rate)


def live(model: Any, sound: bytes, settings: dict[str, Any], rate: int = 24_000, sample_bytes: int = 2) -> list[str]:
    """The transcripts of a GA session up to the first, which is committed by hand where there is no turn detection."""

    async def talk() -> list[str]:
        async with running_server(model, detector=WebRtcDetector) as running, realtime(running) as connection:
            await connection.session.update(session={"type": "transcription", "audio": {"input": settings}})
            await append(connection, sound, rate, sample_bytes)
            if settings["turn_detection"] is None:
                await connection.input_audio_buffer.commit()
            return texts(await until(connection, is_completed))

    return asyncio.run(talk())


def test_live_by_turn_detection(model: Any, jfk: Path) -> None:
    turn = {"type": "server_vad", "silence_duration_ms": 1500}

    assert [SAID] == live(model, spoken(jfk, 24_000).tobytes(), {"turn_detection": turn})


def test_live_by_commits(model: Any, jfk: Path) -> None:
    assert [SAID] == live(model, spoken(jfk, 24_000).tobytes(), {"turn_detection": None})


@pytest.mark.parametrize(("kind", "law"), [("audio/pcmu", "mulaw"), ("audio/pcma", "alaw")])
def test_live_from_a_telephone(model: Any, jfk: Path, kind: str, law: Literal["mulaw", "alaw"]) -> None:
    settings = {"format": {"type": kind}, "turn_detection": None}
    [heard] = live(model, companded(spoken(jfk, 8_000), law), settings, 8_000, 1)

    assert jiwer.wer(SAID, heard) < 0.1


def test_live_in_the_older_form(model: Any, jfk: Path) -> None:
    async def talk(sound: bytes) -> list[str]:
        async with (
            running_server(model, detector=WebRtcDetector) as running,
            realtime(running, is_beta=True) as connection,
        ):
            turn = {"type": "server_vad", "silence_duration_ms": 1500}
            await connection.transcription_session.update(session={"turn_detection": turn})
            await append(connection, sound, 24_000)
            return texts(await until(connection, is_completed, is_beta=True))

    assert [SAID] == asyncio.run(talk(spoken(jfk, 24_000).tobytes()))


@pytest.mark.slow
def test_words_come_while_they_are_spoken(model: Any, jfk: Path) -> None:
    """At the speed of speech, so that there are partials; ``texts`` holds the deltas to the transcript."""

    async def talk(sound: bytes) -> list[dict[str, Any]]:
        async with running_server(model, detector=WebRtcDetector) as running, realtime(running) as connection:
            turn = {"type": "server_vad", "silence_duration_ms": 1500}
            await connection.session.update(
                session={"type": "transcription", "audio": {"input": {"turn_detection": turn}}}
            )
            speaking = asyncio.create_task(append(connection, sound, 24_000, is_paced=True))
            events = await until(connection, is_completed)
            await speaking
        return events

    events = asyncio.run(talk(spoken(jfk, 24_000).tobytes()))
    [transcript] = texts(events)
    kinds = [event["type"].rsplit(".", 1)[-1] for event in events]
    assert kinds.index("speech_stopped") - kinds.index("speech_started") > 5
    assert jiwer.wer(SAID, transcript) < 0.25
