"""MAX's own threads on the CPU, made to rest when there is nothing to do: docs/decisions/0020-threads-that-rest.md.

At its first execution MAX's runtime begins a thread that asks some five thousand times a second whether anything has
finished, for as long as the process lives: a tenth of a core (26.7.0, on the CPU).  Linux may let a thread sleep
longer than it asked for, by its timer slack, and a thread inherits that of the one that began it (prctl(2),
PR_SET_TIMERSLACK).  With 50 ms it is 0.25 %; what wakes a thread before its time still does so at once.

Its workers, one a core, wait awake for 200 µs before they sleep, and that once for every task that they were woken for
(AsyncRT/lib/Runtime/ThreadPoolWorkQueue.cpp): after a text of a second's work they take all cores for 0.2 s more.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

Device = TypeVar("Device")

_PR_SET_TIMERSLACK = 29
_SLACK_NS = 50_000_000
_USUAL = 0
"""What the thread had when it was begun."""

_WAIT_VARIABLE = "MODULAR_THREAD_BUSY_WAIT_US"
_WAIT_US = 20
"""Long enough for the next operation of a graph to come, short enough not to be felt."""
_USUAL_WAIT_US = 200
_TASKS = Path("/proc/self/task")
_WORKER = "\N{FIRE} Thread"


@contextmanager
def lazy_timers() -> Iterator[None]:
    """Let threads that are begun in the block, and never elsewhere than on Linux, sleep up to 50 ms longer."""
    _set_slack(_SLACK_NS)
    try:
        yield
    finally:
        _set_slack(_USUAL)


def _set_slack(slack_ns: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(slack_ns), 0, 0, 0)


def spread_workers() -> None:
    """Give each worker that has begun a processor of its own, where there is one for each.

    For virtual machines: there Linux takes a processor that rests for one that was taken away, and wakes all on one.
    """
    if sys.platform != "linux":
        return
    workers = sorted(int(task.name) for task in _TASKS.iterdir() if _name(task).startswith(_WORKER))
    cpus = sorted(os.sched_getaffinity(0))
    if len(workers) == len(cpus):
        for worker, cpu in zip(workers, cpus, strict=True):
            os.sched_setaffinity(worker, {cpu})


def with_short_waits(make: Callable[[], Device]) -> Device:
    """Make MAX's device for the host with workers that wait for 20 µs, or as MODULAR_THREAD_BUSY_WAIT_US says.

    They are begun with the first device of the process: where there is one already, they wait as they do.

    MAX reads the variable when it makes the device.  An ``InferenceSession``, later, wants one with the usual wait
    whatever the variable says, and aborts the process over another (26.7.0): so what is on record is put back.
    """
    asked = os.environ.pop(_WAIT_VARIABLE, "")
    asked = asked if asked.isdecimal() else str(_WAIT_US)
    wait = _recorded_wait_us()
    if wait is None or wait.value not in (_USUAL_WAIT_US, int(asked)):
        return make()
    os.environ[_WAIT_VARIABLE] = asked
    try:
        return make()
    finally:
        del os.environ[_WAIT_VARIABLE]
        wait.value = _USUAL_WAIT_US


def _recorded_wait_us() -> ctypes.c_size_t | None:
    """How long the workers wait by what MAX has on record of its device: CPUDeviceOptions::threadBusyWaitTime."""
    if sys.platform != "linux":
        return None
    try:
        runtime = ctypes.CDLL("libAsyncRTRuntimeGlobals.so", mode=os.RTLD_NOLOAD)
        options = runtime._ZN1M7AsyncRT39getStoredGlobalCPUDeviceCreationOptionsEv
    except (OSError, AttributeError):
        return None
    options.restype = ctypes.c_void_p
    n_bytes_before = 64  # two sizes, a string, a mask and a flag
    return ctypes.c_size_t.from_address(options() + n_bytes_before)


def _name(task: Path) -> str:
    try:
        return (task / "comm").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # it has ended
