"""Threads that are begun as lazy ones are, and only those."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine.timers import lazy_timers

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has timer slack")


def slack_of_a_new_thread() -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(slack_ns()))
    thread.start()
    thread.join()
    return found[0]


def slack_ns() -> int:
    return int(Path(f"/proc/{threading.get_native_id()}/timerslack_ns").read_text())


def test_threads_begun_in_the_block_are_lazy_and_no_others() -> None:
    before, own = slack_of_a_new_thread(), slack_ns()
    with lazy_timers():
        within = slack_of_a_new_thread()

    assert (50_000_000, before, own) == (within, slack_of_a_new_thread(), slack_ns())


_SLACKS = """
from pathlib import Path
from engine.model import WhisperModel

WhisperModel.load("tiny.en", device="cpu", is_live=True)
print(*(Path(f"/proc/{task.name}/timerslack_ns").read_text().strip() for task in Path("/proc/self/task").iterdir()))
"""


@pytest.mark.max
@pytest.mark.weights
def test_what_max_begins_for_live_text_is_lazy() -> None:
    """In a process of its own: the thread is begun by the first pass of the first model."""
    done = subprocess.run(
        [sys.executable, "-c", _SLACKS], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )

    assert "50000000" in done.stdout.split()
