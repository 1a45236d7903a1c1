"""Whispers from the Hugging Face hub, in the folder where its own programs keep them.

The only file that may reach the network, and only in ``download``.  The layout of the folder is the hub's: for each
model ``refs/<revision>`` with the commit, ``snapshots/<commit>/<file>`` linked to ``blobs/<hash of the content>``.
"""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from engine.checkpoints.config_file import read_object
from engine.errors import CheckpointError
from engine.progress import LoadProgress, OnProgress

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
REVISION = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*")
_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
_BESIDE = (
    "config.json", "generation_config.json", "vocab.json", "added_tokens.json", "vocabulary.json", "vocabulary.txt",
)  # fmt: skip
_INDEX = "model.safetensors.index.json"
_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model on the hub.

    Attributes:
        id: owner and name, "openai/whisper-tiny".
        revision: a branch, a tag or a commit.
    """

    id: str
    revision: str = "main"

    def __post_init__(self) -> None:
        if not ID.fullmatch(self.id) or ".." in self.id:
            raise CheckpointError(f"{self.id!r} names no model: give owner/name, as openai/whisper-tiny.")
        if not REVISION.fullmatch(self.revision) or ".." in self.revision:
            raise CheckpointError(f"{self.revision!r} names no revision: give a branch, a tag or a commit.")

    @property
    def folder(self) -> Path:
        """Where all its revisions are kept."""
        return hub_folder() / ("models--" + self.id.replace("/", "--"))

    @property
    def snapshot(self) -> Path | None:
        """The folder of this revision; None where it was never downloaded.  Nothing is requested."""
        ref = self.folder / "refs" / self.revision
        commit = ref.read_text(encoding="ascii", errors="replace").strip() if ref.is_file() else self.revision
        found = self.folder / "snapshots" / commit
        return found if is_whole(found) else None


def hub_folder() -> Path:
    """Return where the hub's programs keep what they download."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def is_offline() -> bool:
    """Tell whether the environment forbids requests to the hub, with HF_HUB_OFFLINE."""
    from huggingface_hub import constants

    return bool(constants.is_offline_mode())


def is_whole(folder: Path) -> bool:
    """Tell whether a model's files are all in ``folder``: its weights come last."""
    names = {path.name for path in folder.glob("*") if path.exists()}
    if not names & {"vocab.json", "tokenizer.json", "vocabulary.json", "vocabulary.txt"} or "config.json" not in names:
        return False
    if names & {"model.safetensors", "model.bin"}:
        return True
    if _INDEX not in names:
        return False
    try:
        return set(read_object(folder / _INDEX)["weight_map"].values()) <= names
    except (CheckpointError, KeyError, AttributeError, TypeError):
        return False


def needed_files(names: Iterable[str]) -> list[str]:
    """Return which of a model's files are read, weights last.

    Raises:
        CheckpointError: it has no weights in a format that is read.
    """
    there = set(names)
    beside = [name for name in _BESIDE if name in there]
    if "added_tokens.json" not in there and "tokenizer.json" in there:
        beside.append("tokenizer.json")
    if "model.safetensors" in there:
        return [*beside, "model.safetensors"]
    if _INDEX in there:
        return [*beside, _INDEX, *sorted(name for name in there if _SHARD.fullmatch(name))]
    if "model.bin" in there:
        return [*beside, "model.bin"]
    raise CheckpointError("it has neither safetensors nor a CTranslate2 model.bin. Name another model")


def download(model: HubModel, on_progress: OnProgress) -> Path:
    """Download ``model`` and return its folder; what of it is there already is not asked for again.

    Raises:
        CheckpointError: there is no such model, no network, no room, or what came is not what was sent.
    """
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]  # of the library it requests with

    try:
        return _download(model, on_progress)
    except (HTTPError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(_explanation(model, error)) from error


def _download(model: HubModel, on_progress: OnProgress) -> Path:
    from huggingface_hub import HfApi, hf_hub_download
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # it speaks in between
    info = HfApi().model_info(model.id, revision=model.revision, files_metadata=True, timeout=_TIMEOUT_S)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
    try:
        files = needed_files(sizes)
    except CheckpointError as error:
        raise CheckpointError(f"{model.id} cannot be read: {error}.") from error
    commit = _commit(info)
    bar = _bar_class(f"Downloading {model.id}", sum(sizes[name] for name in files), on_progress)
    folder = model.folder
    for name in files:
        path = Path(hf_hub_download(model.id, name, revision=commit, tqdm_class=bar, etag_timeout=_TIMEOUT_S))
        folder = path.parent
        if name == "config.json" and read_object(path).get("model_type", "whisper") != "whisper":
            raise CheckpointError(f"{model.id} is of another kind than Whisper. Name a Whisper.")
        _check(path, model)
    if not is_whole(folder):
        raise CheckpointError(f"{model.id} lacks files that every Whisper has, or its tokenizer. Name another model.")
    _remember(model, commit)
    return folder


def _commit(info: ModelInfo) -> str:
    if info.sha is None or not re.fullmatch(r"[0-9a-f]{40}", info.sha):
        raise ValueError("the server names no commit")
    return str(info.sha)


def _remember(model: HubModel, commit: str) -> None:
    """Note which commit a branch or tag is at: only now, so that half a model is never taken for a whole one."""
    if model.revision != commit:
        ref = model.folder / "refs" / model.revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(commit, encoding="ascii")


def is_sound(path: Path) -> bool | None:
    """Tell whether the file at ``path``, in a snapshot, is what the hub sent; None where its hash is not known."""
    name = path.readlink().name if path.is_symlink() else ""
    if re.fullmatch(r"[0-9a-f]{64}", name):
        digest = hashlib.sha256()
    elif re.fullmatch(r"[0-9a-f]{40}", name):
        digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)  # as git names contents
    else:
        return None
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest() == name


def _check(path: Path, model: HubModel) -> None:
    if is_sound(path) is False:
        path.resolve().unlink()
        path.unlink()
        raise CheckpointError(f"{path.name} of {model.id} came damaged: its hash differs from the hub's. Try again.")


def _bar_class(stage: str, n_bytes: int, on_progress: OnProgress) -> Any:  # noqa: ANN401  # a stand-in for tqdm
    """What the hub's library shows its progress on: files come one after the other."""
    done = 0

    def report(n: float) -> None:
        nonlocal done
        done += int(n)
        on_progress(LoadProgress(stage, 1, 1, False, 60.0, done, n_bytes))

    report(0)

    class Bar:
        def __init__(self, *_: object, initial: float = 0, desc: str = "", **__: object) -> None:
            # Of two bars for one file, one counts what came over the network, compressed.
            self._counts = not desc.endswith("downloading bytes")
            self.update(initial)

        def update(self, n: float | None = 1) -> None:
            if self._counts and n:
                report(n)

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            return

        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *_, **__: None  # whatever else is done to a bar changes nothing here

    return Bar


def _explanation(model: HubModel, error: Exception) -> str:
    match error:
        case OSError(errno=errno.ENOSPC):
            return f"No room is left in {hub_folder()} for {model.id}. Make room, or name another folder in HF_HOME."
        case OSError() if "Consistency check" in str(error):
            return f"{model.id} came incomplete. Try again."
        case OSError(filename=str() as name):
            return f"{name} cannot be written: {error.strerror}. Name another folder in HF_HOME."
    return _refusal(model, error) or (
        f"{model.id} cannot be downloaded: {_first_line(error)}. Check the network; or run `max-whisper models pull "
        f"{model.id}` where there is one, and copy {model.folder} from there."
    )


def _refusal(model: HubModel, error: Exception) -> str:
    """What the hub means by refusing; nothing where it did not."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    match error:
        case GatedRepoError():
            return (
                f"{model.id} is given only to those who accepted its terms. Accept them on its page on the hub, and "
                "give your access token with `hf auth login`."
            )
        case RevisionNotFoundError():
            return f"{model.id} has no revision {model.revision!r}. Name another, or none for the latest."
        case RepositoryNotFoundError():
            return (
                f"There is no model {model.id} on the hub, or it is private. Check the name; for a private one, give "
                "your access token with `hf auth login`."
            )
        case HfHubHTTPError() if error.response.status_code in {401, 403}:
            return f"The hub refuses to give {model.id}. Give a valid access token with `hf auth login`."
        case _:
            return ""


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
