"""What a figure was measured on: it means nothing without."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import datetime
from pathlib import Path


def n_cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> dict[str, str | int]:
    """Return system, processor, CPUs, Python and the day."""
    return {
        "system": platform.platform(),
        "processor": _processor(),
        "n_cpus": n_cpus(),
        "python": platform.python_version(),
        "date": datetime.now().astimezone().isoformat(timespec="minutes"),
    }


def busy_s(stat: Path = Path("/proc/stat")) -> float | None:
    """Return the seconds for which all CPUs together have worked since the machine began; None where nobody counts."""
    if not stat.is_file():
        return None
    user, nice, system, _idle, _waiting, *interrupts = map(int, stat.read_text(encoding="utf-8").split()[1:9])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


def our_version() -> str:
    """Return our version and that of MAX."""
    return f"{importlib.metadata.version('max-whisper')} (MAX {importlib.metadata.version('max')})"


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
