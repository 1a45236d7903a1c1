"""From what a user names to a folder or file with a checkpoint, downloaded where it must be."""

from __future__ import annotations

from pathlib import Path

from engine.errors import CheckpointError
from engine.hub import HubModel, download, is_offline
from engine.packaged import checkpoint_folder, is_packaged
from engine.progress import OnProgress, say_nothing

_OPENAI = (
    "tiny.en", "tiny", "base.en", "base", "small.en", "small", "medium.en", "medium", "large-v1", "large-v2",
    "large-v3", "large-v3-turbo",
)  # fmt: skip
_DISTILLED = ("small.en", "medium.en", "large-v2", "large-v3", "large-v3.5")
HUB_IDS = {
    **{name: "openai/whisper-" + name.removesuffix("-v1" if name == "large-v1" else "") for name in _OPENAI},
    "large": "openai/whisper-large-v3",
    "turbo": "openai/whisper-large-v3-turbo",
    **{f"distil-{name}": f"distil-whisper/distil-{name}" for name in _DISTILLED},
}
"""Where each model that has a name of its own is on the hub."""


def resolve_model(which: str | Path, *, offline: bool = False, on_progress: OnProgress = say_nothing) -> Path:
    """Return where the checkpoint is that ``which`` names; it is downloaded where it is not on this machine.

    Args:
        which: a name, as "tiny.en"; the id of a model on the hub, as "openai/whisper-tiny", maybe with "@revision"
            behind it; or a path.
        offline: request nothing.  Of a model that is on this machine nothing is requested either way.
        on_progress: told how far a download is.

    Raises:
        CheckpointError: there is no such model, or it cannot be downloaded.
    """
    if is_packaged(which):
        return checkpoint_folder(which)
    model = None if isinstance(which, Path) else hub_model(which)
    if model is None or (which not in HUB_IDS and Path(which).exists()):
        return _existing(Path(which))
    snapshot = model.snapshot
    if snapshot is not None:
        return snapshot
    if offline or is_offline():
        raise CheckpointError(
            f"{which} is not on this machine, and nothing may be downloaded. Run `max-whisper models pull {which}` "
            f"without --offline; or do so elsewhere, and copy {model.folder} from there."
        )
    return download(model, on_progress)


def hub_model(name: str) -> HubModel | None:
    """Return the model on the hub that ``name`` stands for, or None where it can be but a path.

    Raises:
        CheckpointError: the revision in it is none.
    """
    id, at, revision = name.partition("@")
    id = HUB_IDS.get(id, id)
    if id.count("/") != 1 or id.startswith((".", "/", "~")) or id.endswith("/"):
        return None
    return HubModel(id, revision) if at else HubModel(id)


def _existing(path: Path) -> Path:
    if not path.exists():
        names = ", ".join(HUB_IDS)
        raise CheckpointError(
            f"There is no model {str(path)!r}. Name one of {names}; or give owner/name of one on the hub, or a path."
        )
    return path
