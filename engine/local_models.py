"""The models on this machine: those of packages, and those downloaded from the hub, by whichever program."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.blueprints import Heads, possible_blueprints, usual_heads
from engine.checkpoint import identity_of, read_checkpoint, read_stored
from engine.config import ModelDimensions
from engine.devices import choose_compute
from engine.errors import CheckpointError
from engine.graph import SpecialIds
from engine.hub import HubModel, hub_folder, is_sound
from engine.hub_cache import downloaded_models, unfinished_models
from engine.kept_arrays import kept_files
from engine.model_names import HUB_IDS, hub_model
from engine.packaged import checkpoint_folder, is_packaged
from engine.tokenizer import Tokenizer

_NAMES = {id: name for name, id in reversed(HUB_IDS.items())}


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model on this machine.

    Attributes:
        name: what --model takes.
        folder: where its files are.
        on_hub: where it came from; None where a package holds it.
    """

    name: str
    folder: Path
    on_hub: HubModel | None = None

    @property
    def n_bytes(self) -> int:
        """What its files take."""
        return sum(
            path.stat().st_size for path in {path.resolve() for path in self.folder.rglob("*") if path.is_file()}
        )


@dataclass(frozen=True, slots=True)
class Outline:
    """What a model is, without its weights."""

    dimensions: ModelDimensions
    languages: tuple[str, ...]
    ids: SpecialIds
    alignment_heads: Heads


def local_models() -> list[LocalModel]:
    """Return all models on this machine, those of packages first."""
    found = [LocalModel(name, checkpoint_folder(name)) for name in ("tiny.en", "base") if is_packaged(name)]
    taken = {model.name for model in found}
    for on_hub in downloaded_models():
        name = _name_of(on_hub)
        if on_hub.snapshot is not None:
            found.append(LocalModel(on_hub.id if name in taken else name, on_hub.snapshot, on_hub))
    return found


def unfinished() -> list[LocalModel]:
    """Return the models whose download was begun and not ended, each with the folder of what came."""
    return [LocalModel(_name_of(on_hub), on_hub.folder, on_hub) for on_hub in unfinished_models()]


def _name_of(on_hub: HubModel) -> str:
    name = _NAMES.get(on_hub.id, on_hub.id)
    return name if on_hub.revision == "main" else f"{name}@{on_hub.revision}"


def local_model(name: str) -> LocalModel:
    """Return the model on this machine that ``name`` stands for.

    Raises:
        CheckpointError: it is not here.
    """
    if is_packaged(name):
        return LocalModel(name, checkpoint_folder(name))
    on_hub = hub_model(name)
    snapshot = on_hub.snapshot if on_hub is not None else None
    if snapshot is None:
        names = ", ".join(model.name for model in local_models())
        raise CheckpointError(f"{name} is not on this machine. Name one of {names}.")
    return LocalModel(name, snapshot, on_hub)


def removable_model(name: str) -> LocalModel:
    """Return what ``remove`` takes for ``name``: a model on this machine, or what came of one.

    Raises:
        CheckpointError: there is neither.
    """
    on_hub = None if is_packaged(name) else hub_model(name)
    begun = [model for model in unfinished() if on_hub is not None and model.folder == on_hub.folder]
    return begun[0] if begun else local_model(name)


def outline(model: LocalModel) -> Outline:
    """Read what ``model`` is; fast, as its weights are not.

    Raises:
        CheckpointError: it is damaged.
    """
    stored = read_stored(model.folder)
    tokenizer = Tokenizer(stored.vocabulary)
    languages = tuple(tokenizer.languages) if tokenizer.is_multilingual else ("en",)
    ids = SpecialIds(tokenizer.no_speech, tokenizer.first_timestamp)
    return Outline(stored.dimensions, languages, ids, stored.alignment_heads or usual_heads(stored.dimensions))


def verify(model: LocalModel) -> None:
    """Hold the files of ``model`` against the hub's hashes of them, and read all of it.

    What was made of its weights and kept is made again when it is next loaded.

    Raises:
        CheckpointError: it is damaged.
    """
    for path in sorted(model.folder.iterdir()):
        if is_sound(path) is False:
            raise CheckpointError(
                f"{path} is damaged: its hash differs from the hub's. Run `max-whisper models remove {model.name}`, "
                f"then `max-whisper models pull {model.name}`."
            )
    read_checkpoint(model.folder)
    for path in kept_files(identity_of(model.folder)):
        with contextlib.suppress(OSError):  # another user's, say: the model is sound
            path.unlink()


def artifacts(what: Outline) -> list[Path]:
    """Return the compiled artifacts of models that are as ``what``, as far as there are any for this machine."""
    compute = choose_compute("auto")
    blueprints = possible_blueprints(what.dimensions, what.ids, what.alignment_heads, compute)
    return [path for blueprint in blueprints if (path := blueprint.path(compute)).is_file()]


def is_compiled(paths: Sequence[Path]) -> bool:
    """Tell whether ``paths``, the artifacts of one model, are enough to transcribe with."""
    return {"encoder", "decoder"} <= {path.name.split("-")[0] for path in paths}


def remove(model: LocalModel) -> int:
    """Delete ``model`` with all its revisions and what was made of them alone; return the bytes freed.

    Raises:
        CheckpointError: it belongs to a package, or cannot be deleted.
    """
    if model.on_hub is None:
        raise CheckpointError(f"{model.name} is part of an installed package, in {model.folder}. Uninstall that.")
    whole = model.on_hub.folder
    kept = [path for snapshot in whole.glob("snapshots/*") for path in kept_files(identity_of(snapshot))]
    made = _unshared_artifacts(model) + kept
    paths = [path for path in whole.rglob("*") if path.is_file() and not path.is_symlink()] + made
    n_bytes = sum(path.stat().st_size for path in paths)
    try:
        shutil.rmtree(whole)
        for path in made:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f"{error.filename} cannot be deleted: {error.strerror}.") from error
    shutil.rmtree(hub_folder() / ".locks" / whole.name, ignore_errors=True)
    return n_bytes


def _unshared_artifacts(model: LocalModel) -> list[Path]:
    """Artifacts hold no weights: models of one size share them."""
    ours = _artifacts_of(model)
    others = [path for other in local_models() if other.on_hub != model.on_hub for path in _artifacts_of(other)]
    return [path for path in ours if path not in others]


def _artifacts_of(model: LocalModel) -> list[Path]:
    try:
        return artifacts(outline(model))
    except CheckpointError:  # damaged: what it is cannot be told
        return []
