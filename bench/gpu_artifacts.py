"""Carry compiled graphs to a machine with a GPU: minutes of compiling there are saved.

    python bench/gpu_artifacts.py collect FOLDER   here: what was compiled for a GPU that is not there
    python bench/gpu_artifacts.py place FOLDER     there: into the cache, under the keys of that machine

An artifact holds code for this machine's processor too: where the other lacks an instruction of it, that is told, for
it may fail there.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from compile_for_gpu import artifact, pretend

GRAPHS = ("encoder", "decoder", "alignment", "rearrangement")
SIZES = ("tiny.en", "base", "large-v3-turbo")
FLAGS = "cpu-flags"
INSTRUCTIONS = ("avx", "fma", "bmi", "sse", "f16c", "amx")


def cpu_flags() -> set[str]:
    """Return the instruction sets of this machine's processor."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return set(next(line for line in lines if line.startswith("flags")).split(":")[1].split())


def names() -> list[tuple[str, str, bool]]:
    return [(size, graph, is_bfloat16) for size in SIZES for graph in GRAPHS for is_bfloat16 in (False, True)]


def kept(folder: Path, size: str, graph: str, *, is_bfloat16: bool) -> Path:
    return folder / f"{size}-{graph}{'-bfloat16' if is_bfloat16 else ''}.mef"


def collect(folder: Path) -> None:
    pretend()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FLAGS).write_text(" ".join(sorted(cpu_flags())) + "\n", encoding="utf-8")
    for size, graph, is_bfloat16 in names():
        path = artifact(size, graph, is_bfloat16=is_bfloat16, only_look=True)
        if path.is_file():
            shutil.copyfile(path, kept(folder, size, graph, is_bfloat16=is_bfloat16))
            print(f"packed {size} {graph}{' in bfloat16' if is_bfloat16 else ''}, {path.stat().st_size >> 20} MiB")


def place(folder: Path) -> None:
    missing = set((folder / FLAGS).read_text(encoding="utf-8").split()) - cpu_flags()
    if lacking := sorted(flag for flag in missing if flag.startswith(INSTRUCTIONS)):
        print(f"this processor lacks {', '.join(lacking)}, which the one they were compiled on has")
    for size, graph, is_bfloat16 in names():
        source = kept(folder, size, graph, is_bfloat16=is_bfloat16)
        if source.is_file():
            target = artifact(size, graph, is_bfloat16=is_bfloat16, only_look=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            print(f"placed {source.name}")


if __name__ == "__main__":
    verb, folder = sys.argv[1], Path(sys.argv[2])
    {"collect": collect, "place": place}[verb](folder)
