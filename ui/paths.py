"""Where the program keeps what belongs to the user."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import platformdirs

_NAME = "max-whisper"


def new_transcript_path() -> Path:
    """Return where a transcript that begins now is saved."""
    now = datetime.now().astimezone()
    return platformdirs.user_data_path(_NAME) / "transcripts" / f"{now:%Y-%m-%d_%H-%M-%S}.txt"


def crash_log_path() -> Path:
    """Return where the details of an unexpected error are kept."""
    return platformdirs.user_log_path(_NAME) / "crash.log"


def bench_folder() -> Path:
    """Return where measuring keeps its peers and what they read."""
    return platformdirs.user_cache_path(_NAME)
