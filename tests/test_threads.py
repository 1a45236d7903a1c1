"""Threads rest when there is nothing to do: those begun as lazy ones, and MAX's workers."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from engine import threads
from engine.threads import lazy_timers

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux's threads are looked after")


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


def printed(script: str, **variables: str) -> str:
    """What ``script`` prints in a process of its own: MAX's threads are begun once a process."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **variables},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_SLACKS = """
from pathlib import Path
from engine.model import WhisperModel

WhisperModel.load("tiny.en", device="cpu")
print(*(Path(f"/proc/{task.name}/timerslack_ns").read_text().strip() for task in Path("/proc/self/task").iterdir()))
"""


@pytest.mark.max
@pytest.mark.weights
def test_what_the_first_execution_begins_is_lazy() -> None:
    assert "50000000" in printed(_SLACKS).split()


_WORKED_AFTERWARDS = """
import time
from pathlib import Path
import numpy as np
from engine.events import DecodeJob
from engine.model import WhisperModel

def worked_s():
    workers = (task for task in Path("/proc/self/task").iterdir() if "Thread" in (task / "comm").read_text())
    return sum(int((task / "schedstat").read_text().split()[0]) for task in workers) / 1e9

model = WhisperModel.load("tiny.en", device="cpu")
noise = np.random.default_rng(1).integers(-3000, 3000, 320_000).astype(np.int16)
model.decode([DecodeJob(0, noise, 0, is_final=True)])
before = worked_s()
time.sleep(0.3)
print(before > 0, worked_s() - before)
"""


@pytest.mark.max
@pytest.mark.weights
def test_workers_rest_once_a_text_is_done() -> None:
    """Of two workers' 0.6 s those of MAX as it comes take 0.3, ours a hundredth."""
    has_worked, afterwards_s = printed(_WORKED_AFTERWARDS).split()

    assert has_worked == "True"
    assert float(afterwards_s) < 0.1


_LOAD = """
from engine.model import WhisperModel

print(WhisperModel.load("tiny.en", device="cpu").name)
"""


@pytest.mark.max
@pytest.mark.weights
def test_whoever_says_how_long_workers_wait_is_heard() -> None:
    """MAX alone aborts: its session wants 200 µs, whatever the variable says."""
    assert printed(_LOAD, MODULAR_THREAD_BUSY_WAIT_US="50") == "tiny.en\n"


@pytest.mark.parametrize("recorded", [None, 7])
@pytest.mark.parametrize("asked", ["", "50", "soon"])
def test_max_is_left_alone_where_its_record_is_not_what_is_known(
    recorded: int | None, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = None if recorded is None else ctypes.c_size_t(recorded)
    monkeypatch.setenv("MODULAR_THREAD_BUSY_WAIT_US", asked)
    monkeypatch.setattr(threads, "_recorded_wait_us", lambda: record)

    assert threads.with_short_waits(lambda: os.environ.get("MODULAR_THREAD_BUSY_WAIT_US")) is None
    assert record is None or record.value == recorded


@pytest.mark.parametrize(("asked", "heard"), [("", "20"), ("50", "50"), ("soon", "20")])
def test_the_device_is_made_with_short_waits_and_recorded_as_usual(
    asked: str, heard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = ctypes.c_size_t(200)

    def make() -> str | None:
        record.value = int(os.environ["MODULAR_THREAD_BUSY_WAIT_US"])
        return os.environ["MODULAR_THREAD_BUSY_WAIT_US"]

    monkeypatch.setenv("MODULAR_THREAD_BUSY_WAIT_US", asked)
    monkeypatch.setattr(threads, "_recorded_wait_us", lambda: record)

    assert threads.with_short_waits(make) == heard
    assert record.value == 200
    assert "MODULAR_THREAD_BUSY_WAIT_US" not in os.environ


_PLACES = """
import os
from pathlib import Path
from engine.devices import Compute
from engine.model import WhisperModel

Compute.is_virtual_cpu = {is_virtual}
WhisperModel.load("tiny.en", device="cpu")
for task in Path("/proc/self/task").iterdir():
    if "Thread" in (task / "comm").read_text():
        print(sorted(os.sched_getaffinity(int(task.name))))
"""


@pytest.mark.max
@pytest.mark.weights
def test_on_a_virtual_machine_each_worker_has_a_processor_of_its_own() -> None:
    cpus = sorted(os.sched_getaffinity(0))
    places = printed(_PLACES.format(is_virtual=True)).splitlines()
    if len(places) != len(cpus):
        pytest.skip(f"MAX has {len(places)} workers for {len(cpus)} processors here")

    assert sorted(places) == sorted(f"[{cpu}]" for cpu in cpus)


@pytest.mark.max
@pytest.mark.weights
def test_elsewhere_workers_go_where_linux_puts_them() -> None:
    places = printed(_PLACES.format(is_virtual=False)).splitlines()

    assert set(places) == {str(sorted(os.sched_getaffinity(0)))}
