"""``python -m ui`` is ``max-whisper``."""

from ui.cli import run

run()
