"""OpenAI's HTTP interface, by OpenAI's own SDK."""

from __future__ import annotations

import asyncio
import gc
import io
import threading
import time
import wave
from collections.abc import Sequence
from typing import Any, BinaryIO

import httpx
import openai
import pytest
from fakes import LONG_PAUSE, ReadingModel, speech
from fakes_server import Running, no_streams, running_server
from openai.types.audio import TranscriptionTextDeltaEvent, TranscriptionTextDoneEvent
from openai_client import assert_known
from openai_sdk import sdk

from engine.events import DecodeJob, Hypothesis
from stream.file import FileSource
from ui.server.limits import Limits

pytestmark = pytest.mark.slow

TWO = [10, 20, *(3 * [LONG_PAUSE]), 30]
"""Two utterances: a recording is cut where nobody speaks for two seconds."""


def wav(words: Sequence[int]) -> tuple[str, bytes]:
    """A file as the SDK takes it: its name, and what is in it."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(speech(words).tobytes())
    return "numbers.wav", written.getvalue()


def transcribed(words: Sequence[int], model: ReadingModel | None = None, **asked: Any) -> Any:
    """What the SDK returns."""

    async def transcribe() -> Any:
        async with running_server(model) as running, sdk(running) as client:
            return await client.audio.transcriptions.create(file=wav(words), model="whisper-1", **asked)

    return asyncio.run(transcribe())


def test_json() -> None:
    found = transcribed(TWO)

    assert_known(found)
    assert ("10 20 30", 5) == (found.text, found.usage.seconds)


def test_plain_text() -> None:
    assert "10 20 30\n" == transcribed(TWO, response_format="text")


def test_verbose_json() -> None:
    model = ReadingModel()
    found = transcribed(TWO, model, response_format="verbose_json", timestamp_granularities=["segment", "word"])

    assert_known(found.usage)
    assert ("10 20 30", "english", 5) == (found.text, found.language, found.usage.seconds)
    assert found.model_extra == {"task": "transcribe"}
    assert all(job.options.timestamps and job.options.words for job in model.jobs)


def test_subtitles() -> None:
    srt, vtt = (transcribed(TWO, response_format=form) for form in ("srt", "vtt"))

    assert srt.startswith("1\n00:00:00,")
    assert ["10 20", "30"] == srt.splitlines()[2::4]
    assert vtt.startswith("WEBVTT\n\n00:00:00.")


def test_a_stream_of_text() -> None:
    async def listen() -> list[Any]:
        async with running_server() as running, sdk(running) as client:
            events = await client.audio.transcriptions.create(file=wav(TWO), model="whisper-1", stream=True)
            return [event async for event in events]

    *deltas, done = asyncio.run(listen())
    for event in (*deltas, done):
        assert_known(event)
    assert all(isinstance(delta, TranscriptionTextDeltaEvent) for delta in deltas)
    assert isinstance(done, TranscriptionTextDoneEvent)
    assert ["10 20", " 30"] == [delta.delta for delta in deltas]
    assert "10 20 30" == done.text


def test_logprobs() -> None:
    found = transcribed([10, 20], include=["logprobs"])

    assert_known(found)
    assert [(" 10", -0.1, list(b" 10")), (" 20", -0.1, list(b" 20"))] == [
        (one.token, one.logprob, one.bytes) for one in found.logprobs
    ]


def test_what_is_asked_reaches_the_model() -> None:
    model = ReadingModel()
    transcribed([10, 20], model, temperature=0.5, languages=["en"], keywords=["ten", "twenty one"], prompt="Numbers.")

    options = model.jobs[0].options
    assert ((0.5, 0.7, 0.9), ("en",), ("ten", "twenty one"), "Numbers.") == (
        options.temperatures,
        options.languages,
        options.hotwords,
        options.prompt,
    )


@pytest.mark.parametrize(
    ("strategy", "n_pieces"),
    [("auto", 1), ({"type": "server_vad"}, 1), ({"type": "server_vad", "silence_duration_ms": 500}, 2)],
)
def test_where_a_recording_is_cut(strategy: Any, n_pieces: int) -> None:
    model = ReadingModel()
    transcribed([10, LONG_PAUSE, 20], model, chunking_strategy=strategy)

    assert n_pieces == len({job.utterance_id for job in model.jobs})


@pytest.mark.parametrize(
    ("asked", "kind", "param", "message"),
    [
        ({"model": "large-v3"}, openai.NotFoundError, "model", "This server has one: 'reading'"),
        ({"language": "xx"}, openai.BadRequestError, "language", "It knows: en."),
        ({"file": ("no.wav", b"RIFFno")}, openai.BadRequestError, "file", "no.wav is not audio"),
        ({"file": ("no.wav", b"RIFFno"), "stream": True}, openai.BadRequestError, "file", "no.wav is not audio"),
        ({"file": ("no.wav", b"")}, openai.BadRequestError, "file", "empty"),
    ],
)
def test_what_makes_no_sense_is_refused(
    asked: dict[str, Any], kind: type[openai.APIStatusError], param: str, message: str
) -> None:
    async def transcribe() -> None:
        async with running_server() as running, sdk(running) as client:
            await client.audio.transcriptions.create(**{"file": wav([10]), "model": "reading"} | asked)

    with pytest.raises(kind, match=message) as caught:
        asyncio.run(transcribe())
    assert param == caught.value.param


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")
def test_an_english_model_does_not_translate() -> None:
    async def translate() -> None:
        async with running_server() as running, sdk(running) as client:
            await client.audio.translations.create(file=wav([10]), model="whisper-1")

    with pytest.raises(openai.BadRequestError, match="knows one language: it cannot translate"):
        asyncio.run(translate())


def test_the_models() -> None:
    async def ask() -> None:
        async with running_server() as running, sdk(running) as client:
            assert ["reading"] == [model.id async for model in client.models.list()]
            assert_known(await client.models.retrieve("reading"))
            with pytest.raises(openai.NotFoundError, match="This server has one: 'reading'"):
                await client.models.retrieve("whisper-1")

    asyncio.run(ask())


def test_no_more_is_taken_than_there_is_room_for() -> None:
    async def overload() -> None:
        async with running_server(limits=Limits(streams=1)) as running, sdk(running) as client:
            async with running.client():
                with pytest.raises(openai.RateLimitError, match="all 1 streams are taken") as caught:
                    await client.audio.transcriptions.create(file=wav([10]), model="whisper-1")
            assert "rate_limit_exceeded" == caught.value.code
            assert int(caught.value.response.headers["retry-after"]) > 0

    asyncio.run(overload())


class FailingModel(ReadingModel):
    """Fails over every job."""

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        raise MemoryError("no room")


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_model_that_fails_is_told(is_streamed: bool) -> None:
    async def transcribe() -> None:
        async with running_server(FailingModel()) as running, sdk(running) as client:
            found = await client.audio.transcriptions.create(file=wav([10]), model="whisper-1", stream=is_streamed)
            async for _ in found:
                pass

    with pytest.raises(openai.APIError, match=r"the model failed over 0\.0 to") as caught:
        asyncio.run(transcribe())
    assert "transcription_failed" == caught.value.code


class WaitingModel(ReadingModel):
    """Decodes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_answer = threading.Event(), threading.Event()

    def decode(self, jobs: Sequence[DecodeJob]) -> list[Hypothesis]:
        self.is_asked.set()
        self.may_answer.wait(20)
        return super().decode(jobs)


class SlowFile:
    """A file on a slow disk."""

    def __init__(self, file: BinaryIO) -> None:
        self.seek, self.tell, self._file = file.seek, file.tell, file

    def read(self, size: int = -1) -> bytes:
        time.sleep(0.02)
        return self._file.read(size)


def test_what_is_heard_is_let_go_of_before_it_is_closed(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyAV complains where a client left and its file is closed while a thread reads it."""
    slow = lambda file, name: FileSource(SlowFile(file), name=name)  # noqa: E731
    monkeypatch.setattr("ui.server.transcriptions.FileSource", slow)

    async def cut(running: Running, after_s: float, **asked: str) -> None:
        url, fields = f"http://{running.address}/v1/audio/transcriptions", {"model": "whisper-1"} | asked
        async with httpx.AsyncClient() as client:
            posting = asyncio.create_task(client.post(url, files={"file": wav(10 * TWO)}, data=fields))
            await asyncio.sleep(after_s)
            posting.cancel()
            await asyncio.wait({posting})

    async def talk() -> None:
        async with running_server() as running:
            for after_s in (0.1, 0.15, 0.2, 0.25):
                await cut(running, after_s)
                await cut(running, after_s, stream="true")
            await no_streams(running)
        gc.collect()

    asyncio.run(talk())

    assert "" == capfd.readouterr().err


def test_who_does_not_wait_is_not_transcribed_for() -> None:
    """The first batch is still with the model when the client leaves; the rest is never asked for."""

    async def leave(model: WaitingModel) -> None:
        async with running_server(model) as running, sdk(running) as client:
            create = client.audio.transcriptions.create(file=wav(20 * [10, *(3 * [LONG_PAUSE])]), model="whisper-1")
            asking = asyncio.create_task(create)
            await asyncio.to_thread(model.is_asked.wait, 20)
            asking.cancel()
            await asyncio.wait({asking})
            async with asyncio.timeout(20):
                while running.server.n_streams:
                    await running.get("/healthz")
            assert 0 == running.server.service.load.n_streams
            model.may_answer.set()

    model = WaitingModel()
    asyncio.run(leave(model))
    assert len(model.jobs) < 20
