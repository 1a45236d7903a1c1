"""Any audio or video file that FFmpeg reads, as chunks: at once, or paced like a microphone.

Decoding, the downmix to mono and the resampling are FFmpeg's, as in OpenAI's ``whisper/audio.py``:
the same file gives the same samples there and here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

from stream.audio import SAMPLE_RATE, AudioChunk, n_samples, seconds
from stream.reading import ThreadedReading, in_daemon_thread
from stream.source import SourceError

_PACED_CHUNK_SAMPLES = n_samples(0.1)
_CHUNK_SAMPLES = n_samples(1.0)
"""Where nobody waits for a word, fewer and longer chunks: each costs a change of threads."""

_LOST_S = 0.05
"""A frame that starts this much later than all before it ended follows audio that is missing."""
_LONGEST_GAP_S = 600.0
_LONGEST_OVERLAP_S = 1.0
"""Beyond these the file's clock was set anew, as where recordings were joined: nothing is missing."""

_BROKEN_OFF_S = 0.25
"""A file this much shorter than it says is incomplete; less is an encoder's padding."""

_FLOATS: dict[str, type[np.floating]] = {
    "flt": np.float32,
    "fltp": np.float32,
    "dbl": np.float64,
    "dblp": np.float64,
}
"""FFmpeg's sample formats that can hold what is no number."""

_LOUDEST = 2.0**15
"""Full scale is 1; FFmpeg wraps what is louder than twice this to a full-scale click instead of clipping it."""

_OPENS_NOTHING_ELSE = {"protocol_whitelist": "none"}
"""A list of other files, or an address, is no recording: whoever sent it must not learn what is there."""

_FORMATS_WITH_A_LENGTH = {"aiff", "flac", "mov,mp4,m4a,3gp,3g2,mj2", "ogg"}
"""Of other formats FFmpeg guesses the length from the bit rate or from the size of the file."""


class FileSource:
    """The best audio stream of a file, in chunks of 100 ms where it is paced, of a second otherwise.

    The file is decoded while it is read: memory does not grow with its length.  Time counts from
    the first frame; a stretch that cannot be decoded shows as a jump in ``start_sample``.  A file
    that ends before it says raises after its last good chunk; WAV, MP3 without a LAME header and
    raw AAC do not say.
    """

    def __init__(
        self,
        file: str | Path | BinaryIO,
        *,
        name: str | None = None,
        paced: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Open nothing yet.

        Args:
            file: a path; or what is open already and can be sought in, a stranger's maybe: it may name no other file.
            name: what people call it; a path's own where it is not given.
            paced: release each chunk when a microphone would have recorded its last sample.
            clock: seconds; only pacing uses it.
            sleep: waits for some.
        """
        self._file = Path(file) if isinstance(file, str) else file
        self._name = name
        self._paced = paced
        self._clock = clock
        self._sleep = sleep
        self._duration_s: float | None = None

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self._name or (self._file.name if isinstance(self._file, Path) else "the file")

    @property
    def duration_s(self) -> float | None:
        """How long the file says it is; None before its first chunk, or where it does not say."""
        return self._duration_s

    async def chunks(self) -> AsyncGenerator[AudioChunk]:
        """Yield the file's sound.

        Raises:
            SourceError: the file cannot be opened, holds no sound, or broke off.
        """
        started_s = self._clock()
        reading = ThreadedReading(self._decoded_chunks())
        try:
            while (chunk := await in_daemon_thread(reading.next)) is not None:
                if self._paced:
                    await self._sleep(max(0.0, started_s + seconds(chunk.end_sample) - self._clock()))
                yield chunk
        finally:
            # Whoever opened it closes it next.  A path may be one that never answers, and is not waited for.
            if not isinstance(self._file, Path):
                await asyncio.shield(asyncio.to_thread(reading.close))

    def _decoded_chunks(self) -> Generator[AudioChunk]:
        called = str(self._file) if isinstance(self._file, Path) else self.name
        with self._opened(called) as container:
            audio = _best_audio(called, container)
            self._duration_s = _duration_s(container, audio)
            n_samples_each = _PACED_CHUNK_SAMPLES if self._paced else _CHUNK_SAMPLES
            yield from _regrouped(_decoded(called, container, audio), n_samples_each)

    def _opened(self, called: str) -> InputContainer:
        try:
            if not isinstance(self._file, Path):
                self._file.seek(0)
                return av.open(self._file, "r", options=_OPENS_NOTHING_ELSE)
            _check_path(self._file)
            return av.open(str(self._file), "r")
        except av.FFmpegError as error:
            raise _open_error(called, error, has_path=isinstance(self._file, Path)) from error


class _MonoResampler:
    """FFmpeg's resampler to 16 kHz mono, made anew where the format of the frames changes."""

    def __init__(self) -> None:
        self._resampler: AudioResampler | None = None
        self._frame_format: tuple[str, str, int] | None = None

    def resample(self, frame: AudioFrame) -> NDArray[np.int16]:
        _silence_what_is_no_sound(frame)
        frame_format = (frame.format.name, frame.layout.name, frame.sample_rate)
        tail = np.empty(0, np.int16) if frame_format == self._frame_format else self.flush()
        if self._resampler is None:
            self._resampler = AudioResampler("s16", "mono", SAMPLE_RATE)
            self._frame_format = frame_format
        return np.concatenate((tail, _samples(self._resampler.resample(frame))))

    def flush(self) -> NDArray[np.int16]:
        """Return what is still held; the next frame begins anew."""
        tail = [] if self._resampler is None else self._resampler.resample(None)
        self._resampler = self._frame_format = None
        return _samples(tail)


def _samples(frames: list[AudioFrame]) -> NDArray[np.int16]:
    return np.concatenate((np.empty(0, np.int16), *(frame.to_ndarray()[0] for frame in frames)))


def _silence_what_is_no_sound(frame: AudioFrame) -> None:
    """Put 0 for NaN, infinities and numbers near them, which FFmpeg would make clicks or spread by resampling."""
    dtype = _FLOATS.get(frame.format.name)
    for plane in frame.planes if dtype is not None else ():
        samples = np.frombuffer(memoryview(plane), dtype)
        is_sound = np.abs(samples) <= _LOUDEST
        if not is_sound.all():
            samples[~is_sound] = 0


def _check_path(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist: check the name and the folder") from error
    except PermissionError as error:
        raise SourceError(_forbidden(path)) from error
    if S_ISDIR(status.st_mode):
        raise SourceError(f"{path} is a folder: name the files in it, for example {path / '*.mp3'}")
    if S_ISREG(status.st_mode) and status.st_size == 0:
        raise SourceError(f"{path} is empty (0 bytes): record or copy it again")


def _open_error(called: str, error: av.FFmpegError, *, has_path: bool) -> SourceError:
    if has_path and isinstance(error, PermissionError):
        return SourceError(_forbidden(called))
    if not has_path or isinstance(error, av.error.InvalidDataError):
        return SourceError(f"{called} is not audio, or its beginning is damaged: give a file that a player plays")
    return SourceError(f"{called} cannot be opened: {error.strerror}")


def _forbidden(called: object) -> str:
    return f"{called} may not be read: give yourself the right to, for example chmod u+r {called}"


def _best_audio(called: str, container: InputContainer) -> AudioStream:
    audio = container.streams.best("audio")
    if not isinstance(audio, AudioStream):
        raise SourceError(f"{called} has no sound track: give a recording, or a video with sound")
    # PyAV leaves it out where FFmpeg has no decoder.
    if audio.codec_context is None:
        raise SourceError(
            f"{called} is encoded with a codec that FFmpeg does not know here: save it as FLAC, WAV or MP3 first"
        )
    return audio


def _duration_s(container: InputContainer, audio: AudioStream) -> float | None:
    if audio.duration is not None and audio.time_base is not None:
        return float(audio.duration * audio.time_base)
    return container.duration / av.time_base if container.duration is not None else None


def _known_length_s(container: InputContainer, audio: AudioStream) -> float | None:
    # Only a LAME header gives an MP3 a start after 0, and with it a true length.
    is_lame = container.format.name == "mp3" and bool(audio.start_time)
    return _duration_s(container, audio) if is_lame or container.format.name in _FORMATS_WITH_A_LENGTH else None


def _decoded(called: str, container: InputContainer, audio: AudioStream) -> Iterator[AudioChunk]:
    """Yield the sound frame by frame, then raise if it ended too early."""
    resampler = _MonoResampler()
    end_sample = 0
    failure: str | None = None
    try:
        for frame, lost_s in _frames(container, audio):
            if lost_s:
                tail = AudioChunk(resampler.flush(), end_sample)
                yield tail
                end_sample = tail.end_sample + n_samples(lost_s)
            piece = AudioChunk(resampler.resample(frame), end_sample)
            yield piece
            end_sample = piece.end_sample
    except av.FFmpegError as error:
        failure = error.strerror
    tail = AudioChunk(resampler.flush(), end_sample)
    yield tail
    _check_end(called, seconds(tail.end_sample), _known_length_s(container, audio), failure)


def _frames(container: InputContainer, audio: AudioStream) -> Iterator[tuple[AudioFrame, float]]:
    """Yield every frame with how many seconds are missing before it; a clock that trembles adds nothing."""
    end_s: float | None = None
    for packet in container.demux(audio):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            continue  # What is missing shows in the time of the next frame.
        for frame in frames:
            assert isinstance(frame, AudioFrame)
            begin_s = end_s if frame.time is None else frame.time
            lost_s = begin_s - end_s if begin_s is not None and end_s is not None else 0.0
            is_missing = _LOST_S < lost_s <= _LONGEST_GAP_S
            yield frame, lost_s if is_missing else 0.0
            is_anew = end_s is None or is_missing or not -_LONGEST_OVERLAP_S <= lost_s <= _LONGEST_GAP_S
            at_s = begin_s if is_anew else end_s
            end_s = at_s + frame.samples / frame.sample_rate if at_s is not None else None


def _check_end(called: str, end_s: float, length_s: float | None, failure: str | None) -> None:
    if failure is None and (length_s is None or end_s > length_s - _BROKEN_OFF_S) and end_s > 0:
        return
    if end_s == 0:
        raise SourceError(f"{called} holds no sound that can be decoded: save it anew as FLAC, WAV or MP3")
    of_length = f" of {length_s:.1f} s" if length_s is not None else ""
    reason = failure or "the file is incomplete or damaged"
    raise SourceError(f"{called} broke off at {end_s:.1f} s{of_length} ({reason}): get a whole copy of it")


def _regrouped(pieces: Iterator[AudioChunk], n_samples_each: int) -> Iterator[AudioChunk]:
    """Yield chunks of one length, a shorter one before a gap and at the end, even if the end is an error."""
    held = AudioChunk(np.empty(0, np.int16), 0)
    try:
        for piece in pieces:
            if piece.start_sample > held.end_sample:
                if len(held.samples):
                    yield held
                held = AudioChunk(piece.samples[:0], piece.start_sample)
            samples = np.concatenate((held.samples, piece.samples))
            n_whole = len(samples) - len(samples) % n_samples_each
            for first in range(0, n_whole, n_samples_each):
                yield AudioChunk(samples[first : first + n_samples_each], held.start_sample + first)
            held = AudioChunk(samples[n_whole:], held.start_sample + n_whole)
    except SourceError:
        if len(held.samples):
            yield held
        raise
    if len(held.samples):
        yield held
