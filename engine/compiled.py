"""Compile a graph once, keep the artifact, load it in milliseconds ever after.

An artifact lives in the user's cache folder under a key of everything that shapes the compiled code: the source of
the graph, the model's dimensions, the device, the element type and MAX's version.  Weights are not part of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import io
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from max._mlir_context import ensure_default_mlir_context
from max.engine import CompiledModel, InferenceSession, read
from max.graph import Graph
from mojo.paths import MojoCompilationError

from engine.cache import CACHE_VARIABLE, cache_folder, note_use, whole_file
from engine.errors import ModelLoadError

_MAGIC = b"max-whisper artifact 1\n"
_DIGEST_BYTES = 32


def artifact_path(name: str, *shaping: str) -> Path:
    """Return where the artifact of graph ``name`` is kept.

    Args:
        name: for people who look into the folder.
        shaping: whatever shapes the code beside the graph's source and MAX's version.
    """
    digest = hashlib.sha256(importlib.metadata.version("max").encode())
    for source in _shaping_sources(Path(__file__).parent):
        digest.update(source.read_bytes())
    for part in shaping:
        digest.update(b"\0" + part.encode())
    return cache_folder() / f"{name}-{digest.hexdigest()[:24]}.mef"


def _shaping_sources(engine: Path) -> Iterator[Path]:
    names = ("graph.py", "alignment_graph.py", "rearrangement_graph.py", "convolution.py", "layers.py", "int16.py")
    yield from (engine / name for name in names)
    yield from sorted((engine / "kernels").glob("*.mojo"))


def read_artifact(path: Path) -> CompiledModel | None:
    """Return the artifact at ``path``, or None where there is none or it is damaged.

    MAX trusts what it reads, so the content is held against its own checksum first.
    """
    try:
        with path.open("rb") as file:
            head, body = file.read(len(_MAGIC) + _DIGEST_BYTES), file.read()
    except OSError:
        return None
    if head != _MAGIC + hashlib.sha256(body).digest():
        return None
    note_use(path)
    try:
        return read(io.BytesIO(body))
    except RuntimeError:
        return None


def compile_and_keep(path: Path, session: InferenceSession, build: Callable[[], Graph]) -> CompiledModel:
    """Compile the graph that ``build`` makes and keep the artifact at ``path``.

    A second process that wants the same artifact waits here for the first, then takes what that one made.

    Raises:
        ModelLoadError: the cache folder cannot be written, or MAX cannot compile the graph.
    """
    with _only_one(path):
        made_meanwhile = read_artifact(path)
        if made_meanwhile is not None:
            return made_meanwhile
        try:
            # Graphs are built in MAX's compiler context, which only the thread that imported MAX has by itself.
            with ensure_default_mlir_context():
                compiled = session.compile(build())
        except (RuntimeError, ValueError, MojoCompilationError) as error:
            raise ModelLoadError(
                f"MAX could not compile {path.stem.rsplit('-', 1)[0]}: {error}. A full disk is the most frequent "
                f"cause: MAX writes to {Path(tempfile.gettempdir())} and to your cache folder while it compiles."
            ) from error
        _keep(compiled, path)
        return compiled


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold a lock beside ``path``, for the sake of other processes, and see that the folder can be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("w")
    except OSError as error:
        raise _unwritable(path.parent, error) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _keep(compiled: CompiledModel, path: Path) -> None:
    try:
        with whole_file(path) as unfinished:
            exported = unfinished.with_name("exported")
            compiled.export_mef(exported)
            body = exported.read_bytes()
            unfinished.write_bytes(_MAGIC + hashlib.sha256(body).digest() + body)
    except (OSError, RuntimeError, ValueError) as error:  # MAX reports a full disk as a ValueError
        raise _unwritable(path.parent, error) from error


def _unwritable(folder: Path, error: Exception) -> ModelLoadError:
    return ModelLoadError(
        f"Compiled graphs cannot be kept in {folder}: {error}. Make room or give write access there, "
        f"or set {CACHE_VARIABLE} to a folder on a disk with 500 MB free."
    )
