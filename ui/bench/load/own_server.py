"""Runs in a process of its own: ``max-whisper serve``, which ends when the one who started it does."""

from __future__ import annotations

import json
import sys

from ui.bench.peers.lifeline import end_with_standard_input
from ui.cli import main

if __name__ == "__main__":
    settings = json.loads(sys.argv[1])
    end_with_standard_input()
    sys.exit(main(["serve", "--port", str(settings["port"]), *settings["flags"]]))
