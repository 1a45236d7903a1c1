"""Runs in a process of its own, as the peers do: max-whisper, imported and loaded as its command line does it."""

from __future__ import annotations

import json
import sys

from ui.bench.peers.answering import serve
from ui.imports import quiet_imports

if __name__ == "__main__":
    with quiet_imports():
        from ui.bench.ours import MaxWhisper
    program = MaxWhisper(json.loads(sys.argv[1]))
    serve({"transcribe": program.transcribe, "encode": program.encode, "step": program.step})
