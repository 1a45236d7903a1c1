"""Record speech through a real sound server, then pull the plug: python tests/live_microphone.py.

Starts a private PulseAudio server whose only microphone hears what is played, plays a clip, records it
through Microphone() and compares; then kills the server while recording.  Exits 0 with a line that
begins with "skipped:" where something it needs is missing, 1 where what was recorded is not the clip.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from stream.audio import AudioChunk, n_samples, seconds  # noqa: E402
from stream.file import FileSource  # noqa: E402
from stream.microphone import Microphone, list_devices  # noqa: E402
from stream.source import SourceError  # noqa: E402

AUDIO = Path(os.environ.get("MAX_WHISPER_AUDIO", ROOT / "../shared/audio/dev"))
CLIPS = [AUDIO / "short/en_read_timit_dr7-madd0_sx178.flac", ROOT / "ui/sample/sample.flac"]
MARGIN_S = 4.0
"""The server may hold the clip back this long."""


class MissingError(Exception):
    """Something is missing here that the check needs."""


@contextmanager
def sound_server() -> Iterator[subprocess.Popen[bytes]]:
    """Run PulseAudio with a null sink; its monitor is the default microphone of this process."""
    for program in ("pulseaudio", "paplay", "pactl"):
        if shutil.which(program) is None:
            raise MissingError(f"{program} is not installed (Debian: apt install pulseaudio pulseaudio-utils)")
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/native"
        os.environ |= {"HOME": folder, "XDG_RUNTIME_DIR": folder, "PULSE_SERVER": f"unix:{socket}"}
        Path(folder, ".asoundrc").write_text("pcm.!default { type pulse }\nctl.!default { type pulse }\n")
        command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes", "--log-level=0"]
        command += ["-L", "module-null-sink sink_name=cable rate=48000"]
        command += ["-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1"]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            wait_for(server)
            yield server
        finally:
            server.kill()
            server.wait()


def wait_for(server: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + 20
    while subprocess.run(["pactl", "info"], capture_output=True, check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > deadline_s:
            raise MissingError("the private PulseAudio server does not start")
        time.sleep(0.1)


def check_devices() -> None:
    try:
        devices = list_devices()
    except SourceError as error:
        raise MissingError(str(error)) from error
    if not any(device.is_default for device in devices):
        raise MissingError("PortAudio does not see PulseAudio (Debian: apt install libasound2-plugins)")


async def read_clip(path: Path) -> NDArray[np.int16]:
    return np.concatenate([chunk.samples async for chunk in FileSource(path).chunks()])


async def record_while_playing(clip: Path, duration_s: float) -> list[AudioChunk]:
    """Record from the moment the microphone is alive; the clip starts then."""
    recorded: list[AudioChunk] = []
    player: asyncio.subprocess.Process | None = None
    async with aclosing(Microphone().chunks()) as chunks:
        async for chunk in chunks:
            recorded.append(chunk)
            player = player or await asyncio.create_subprocess_exec("paplay", str(clip))
            if chunk.end_sample >= n_samples(duration_s):
                break
    if player is not None:
        await player.wait()
    return recorded


def best_lag(recorded: NDArray[np.int16], part: NDArray[np.int16]) -> tuple[int, float]:
    """Return where in ``recorded`` ``part`` lies, and their correlation there, -1 … 1."""
    size = 1 << (len(recorded) + len(part)).bit_length()
    spectrum = np.fft.rfft(recorded, size) * np.conj(np.fft.rfft(part, size))
    lag = int(np.argmax(np.fft.irfft(spectrum, size)[: len(recorded) - len(part)]))
    return lag, float(np.corrcoef(recorded[lag : lag + len(part)], part)[0, 1])


def check_recording(chunks: list[AudioChunk], clip: NDArray[np.int16]) -> bool:
    n_lost_samples = chunks[0].start_sample + sum(b.start_sample - a.end_sample for a, b in pairwise(chunks))
    recorded = np.concatenate([chunk.samples for chunk in chunks])
    third = len(clip) // 3
    lag, correlation = best_lag(recorded, clip)
    drift_samples = best_lag(recorded, clip[-third:])[0] - (best_lag(recorded, clip[:third])[0] + len(clip) - third)
    print(f"recorded {seconds(len(recorded)):.1f} s, {n_lost_samples} samples lost")
    print(f"the clip lies {seconds(lag):.2f} s in, correlation {correlation:.4f}, drift {drift_samples} samples")
    return n_lost_samples == 0 and correlation > 0.98 and abs(drift_samples) <= 1


async def check_unplugging(server: subprocess.Popen[bytes]) -> bool:
    """Kill the server while recording; the error must come after the last good audio, within 2.5 s."""
    killed_s = 0.0
    try:
        async for chunk in Microphone().chunks():
            if chunk.end_sample > n_samples(1.0) and not killed_s:
                server.kill()
                killed_s = time.monotonic()
    except SourceError as error:
        took_s = time.monotonic() - killed_s
        print(f"unplugged: {took_s:.2f} s later: {error}")
        return "went away" in str(error) and took_s < 2.5
    return False


def speech() -> Path:
    for clip in CLIPS:
        if clip.is_file():
            return clip
    raise MissingError("no speech to play: set MAX_WHISPER_AUDIO to the folder of recordings")


def main() -> int:
    try:
        clip = speech()
        with sound_server() as server:
            check_devices()
            samples = asyncio.run(read_clip(clip))
            recorded = asyncio.run(record_while_playing(clip, seconds(len(samples)) + MARGIN_S))
            is_faithful = check_recording(recorded, samples)
            return 0 if asyncio.run(check_unplugging(server)) and is_faithful else 1
    except MissingError as reason:
        print(f"skipped: {reason}")
        return 0


if __name__ == "__main__":
    sys.exit(main())
