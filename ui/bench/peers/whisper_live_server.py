"""Runs in WhisperLive's environment, in a process of its own: its server, as its run_server.py sets it up for a CPU."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3]))
from ui.bench.peers.lifeline import end_with_standard_input
from ui.bench.peers.server import HOST

_AN_HOUR_S = 3600


def main() -> None:
    settings = json.loads(sys.argv[1])
    end_with_standard_input()
    from whisper_live.server import TranscriptionServer

    TranscriptionServer().run(
        HOST,
        port=settings["port"],
        backend="faster_whisper",
        faster_whisper_custom_model_path=settings["weights"],
        single_model=True,  # as run_server.py unless it is told otherwise
        max_clients=settings["max_clients"],
        max_connection_time=_AN_HOUR_S,
        batch_enabled=settings["is_batched"],
    )


if __name__ == "__main__":
    main()
