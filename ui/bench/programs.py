"""The programs that are measured: what each needs, how it is started and what it can be asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

_PEERS = Path(__file__).parent / "peers"
_FASTER_WHISPER = ("faster-whisper==1.2.1", "ctranslate2==4.8.5")
_WHISPER_CPP = ("pywhispercpp==1.5.1", "av==18.1.0")
_OPENAI_WHISPER = ("openai-whisper==20250625", "torch==2.13.0", "av==18.1.0")


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceFile:
    """One file of a repository on GitHub.

    Attributes:
        repository: its owner and name.
        commit: all 40 digits.
        name: of the file, in the repository's top folder.
        sha256: of its content.
        flag: of the command line; names a folder that has a copy.
    """

    repository: str
    commit: str
    name: str
    sha256: str
    flag: str

    @property
    def label(self) -> str:
        """The program and its version, as a folder may be called."""
        return f"{self.repository.split('/')[1]}-{self.commit[:7]}"

    @property
    def address(self) -> str:
        """Where the file itself is: the archives that GitHub makes of a commit need not stay the same bytes."""
        return f"https://raw.githubusercontent.com/{self.repository}/{self.commit}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Program:
    """Something that turns recordings into text, in a process of its own.

    Attributes:
        name: what the tables call it.
        weights: the form it reads them in: "folder" (CTranslate2's), "ggml" or "pt".
        requirements: what its environment holds, the program itself first; empty for ours.
        alone: what is installed there without what it asks for; then it has the program itself.
        source: the program itself where no package registry has it; its folder is told to the worker as "source".
        worker: the file that runs there.
        settings: told to the worker.
        has_parts: whether encoder and decoder can be measured by themselves.
        note: how it is used, where the name does not say it.
    """

    name: str
    weights: str = "folder"
    requirements: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    source: SourceFile | None = None
    worker: Path
    settings: dict[str, str | int | bool] = field(default_factory=dict)
    has_parts: bool = False
    note: str = ""

    @property
    def version(self) -> str:
        """What was installed, and of which version."""
        source = (self.source.label,) if self.source else ()
        return ", ".join((*source, *(self.alone or self.requirements)))


def ours(compute: str) -> Program:
    """``max-whisper file``, on the device that ``compute`` names."""
    worker = Path(__file__).with_name("ours_worker.py")
    return Program(name="max-whisper", worker=worker, settings={"compute": compute}, has_parts=True)


def _faster_whisper(compute_type: str, batch_size: int) -> Program:
    batched = f" batch {batch_size}" if batch_size else ""
    return Program(
        name=f"faster-whisper {compute_type}{batched}",
        requirements=_FASTER_WHISPER,
        worker=_PEERS / "faster_whisper_worker.py",
        settings={"compute_type": compute_type, "batch_size": batch_size},
        has_parts=not batch_size,
        note="beam 1, its voice filter",
    )


PEERS = {
    "faster-whisper": _faster_whisper("float32", 0),
    "faster-whisper-int8": _faster_whisper("int8", 0),
    "faster-whisper-batched": _faster_whisper("float32", 8),
    "faster-whisper-batched-int8": _faster_whisper("int8", 8),
    "whisper.cpp": Program(
        name="whisper.cpp",
        weights="ggml",
        requirements=_WHISPER_CPP,
        worker=_PEERS / "whisper_cpp_worker.py",
        note="float16 weights, greedy, best of 1, no second try; its wheel on PyPI, which for x86-64 is built for "
        "AVX2, without AVX-512: built on this machine, it may be faster",
    ),
    "openai-whisper": Program(
        name="openai-whisper",
        weights="pt",
        requirements=_OPENAI_WHISPER,
        worker=_PEERS / "openai_whisper_worker.py",
        note="float32, greedy, no second try",
    ),
}
"""By the name that --peers takes."""
