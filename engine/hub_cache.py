"""Which Whispers are in the hub's folder on this machine, put there by whichever program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from engine.hub import ID, REVISION, HubModel, hub_folder


def downloaded_models() -> list[HubModel]:
    """Return the Whispers that were downloaded, by whichever program: of each its revisions, the main one first."""
    folders = sorted(hub_folder().glob("models--*--*"))
    return [model for folder in folders for model in _revisions(folder) if _is_whisper(model.snapshot)]


def unfinished_models() -> list[HubModel]:
    """Return the Whispers of which some files came, and no revision is whole."""
    models = [HubModel(id) for folder in sorted(hub_folder().glob("models--*--*")) if (id := _id_of(folder))]
    begun = [model for model in models if any(map(_is_whisper, model.folder.glob("snapshots/*")))]
    return [model for model in begun if not any(_revisions(model.folder))]


def _id_of(folder: Path) -> str:
    id = folder.name.removeprefix("models--").replace("--", "/", 1)
    return id if ID.fullmatch(id) and ".." not in id else ""


def _revisions(folder: Path) -> Iterator[HubModel]:
    """Yield the whole revisions in ``folder``, by their branch or tag where they have one."""
    refs = [path.relative_to(folder / "refs").as_posix() for path in folder.glob("refs/**/*") if path.is_file()]
    commits = [path.name for path in folder.glob("snapshots/*")]
    seen: set[Path] = set()
    id = _id_of(folder)
    for revision in [*sorted(refs, key=lambda name: (name != "main", name)), *sorted(commits)]:
        if id and REVISION.fullmatch(revision):
            model = HubModel(id, revision)
            if (snapshot := model.snapshot) is not None and snapshot not in seen:
                seen.add(snapshot)
                yield model


def _is_whisper(snapshot: Path | None) -> bool:
    if snapshot is None:
        return False
    try:
        config = json.loads((snapshot / "config.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and (config.get("model_type") == "whisper" or "suppress_ids_begin" in config)
