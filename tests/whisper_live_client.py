"""Speaks to a server with WhisperLive's own client classes; run as a program, for it prints and has threads.

    python whisper_live_client.py streaming|file PORT FILE

prints, as its last line, the segments it holds complete as JSON.  Its library is found on the path; two that it imports
and does not need for this (one for microphone and loudspeakers, one not used at all) are stood in for.
"""

from __future__ import annotations

import json
import sys
import types
import wave


class _NoSoundCard:
    def open(self, **_: object) -> None:
        raise OSError("there is no sound card here")


sys.modules["scipy"] = types.ModuleType("scipy")
sys.modules["pyaudio"] = types.ModuleType("pyaudio")
sys.modules["pyaudio"].PyAudio = _NoSoundCard  # type: ignore[attr-defined]
sys.modules["pyaudio"].paInt16 = 8  # type: ignore[attr-defined]
from whisper_live.client import StreamingTranscriptionClient, TranscriptionClient  # noqa: E402


def stream(port: int, path: str) -> list[dict[str, object]]:
    """Send a WAV file in pieces, as fast as it is taken."""
    partials: list[str] = []
    client = StreamingTranscriptionClient(
        "127.0.0.1", port, model="tiny.en", on_partial_transcript=lambda text, _: partials.append(text)
    )
    with client, wave.open(path, "rb") as sound:
        while data := sound.readframes(1600):
            client.send(data, pcm_format="int16")
    return list(client.transcript)


def play(port: int, path: str) -> list[dict[str, object]]:
    """Send a file as fast as it was spoken; behind it the client waits until nothing new came for 5 s, not for 15."""
    client = TranscriptionClient("127.0.0.1", port, model="tiny.en", mute_audio_playback=True, log_transcription=False)
    client.client.disconnect_if_no_response_for = 5  # a loop that takes a whole processor
    client(path)
    return list(client.client.transcript)


if __name__ == "__main__":
    how, port, path = sys.argv[1:]
    segments = {"streaming": stream, "file": play}[how](int(port), path)
    print(json.dumps(segments))
