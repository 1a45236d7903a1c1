"""Runs in WhisperLiveKit's environment, in a process of its own: its server, told by its own flags."""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[3]))
from ui.bench.peers.lifeline import end_with_standard_input
from ui.bench.peers.server import HOST
from ui.bench.peers.torch_checkpoint import openai_checkpoint


def main() -> None:
    settings = json.loads(sys.argv[1])
    end_with_standard_input()
    folder = Path(settings["weights"])
    openai_checkpoint(folder / f"{folder.name}.npz")
    sys.argv = ["whisperlivekit-server", "--host", HOST, "--port", str(settings["port"]), *settings["flags"]]
    sys.argv += ["--model-path", str(folder), f"--custom-alignment-heads={alignment_heads(folder.name)}"]
    from whisperlivekit.basic_server import main as serve

    serve()


def alignment_heads(which: str) -> str:
    """Return which heads it follows: it looks them up by the name of a model, and not of weights given by path."""
    from whisperlivekit.whisper import _ALIGNMENT_HEADS

    return str(_ALIGNMENT_HEADS[which].decode())


if __name__ == "__main__":
    main()
