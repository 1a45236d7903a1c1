"""Models from the hub, against a stand-in for it: what comes, what fails, and that nothing is asked for twice."""

from __future__ import annotations

import errno
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
from checkpoint_files import same, small_checkpoint, write_hugging_face
from hub_server import COMMIT, Hub, hub_of, point_to, served
from huggingface_hub import constants

from engine import hub as hub_module
from engine.checkpoint import read_checkpoint
from engine.errors import CheckpointError
from engine.hub import HubModel, is_sound, needed_files
from engine.hub_cache import downloaded_models
from engine.model_names import HUB_IDS, hub_model, resolve_model
from engine.progress import LoadProgress

pytestmark = pytest.mark.slow

SMALL = small_checkpoint()
ID = "someone/some-whisper"


@pytest.fixture(scope="module")
def small_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_hugging_face(SMALL, tmp_path_factory.mktemp("hub") / "small")
    (folder / "pytorch_model.bin").write_bytes(b"not needed")
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    return tmp_path / "cache"


@pytest.fixture
def hub(small_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with served(hub_of(small_folder)) as hub:
        point_to(hub.url, monkeypatch)
        yield hub


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a socket is opened")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


def refusal(name: str, *, offline: bool = False) -> str:
    with pytest.raises(CheckpointError) as error:
        resolve_model(name, offline=offline)
    return str(error.value)


def test_downloads_what_is_needed(hub: Hub) -> None:
    same(SMALL, read_checkpoint(resolve_model(ID)))

    assert not [request for request in hub.requests if "pytorch_model" in request]
    assert HubModel(ID).snapshot == HubModel(ID, COMMIT).snapshot
    assert downloaded_models() == [HubModel(ID)]


def test_what_is_there_is_not_asked_for_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = resolve_model(ID)
    hub.requests.clear()

    assert folder == resolve_model(ID) == resolve_model(ID, offline=True) == resolve_model(f"{ID}@{COMMIT}")
    assert hub.requests == []


def test_offline_opens_no_socket(hub: Hub, request: pytest.FixtureRequest) -> None:
    folder = resolve_model(ID)
    request.getfixturevalue("no_sockets")

    assert folder == resolve_model(ID, offline=True)
    assert "is not on this machine, and nothing may be downloaded" in refusal("medium.en", offline=True)


def test_the_environment_may_forbid_requests(no_sockets: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)

    assert "nothing may be downloaded" in refusal("medium.en")


def test_tells_how_far_it_is(hub: Hub) -> None:
    told: list[LoadProgress] = []
    resolve_model(ID, on_progress=told.append)

    n_bytes = sum(len(content) for name, content in hub.files.items() if name != "pytorch_model.bin")
    assert [told[0].n_bytes_done, told[-1].n_bytes_done] == [0, n_bytes]
    assert {progress.n_bytes for progress in told} == {n_bytes}
    assert told == sorted(told, key=lambda progress: progress.n_bytes_done)
    assert told[0].stage == f"Downloading {ID}"


def test_a_broken_connection_goes_on_where_it_was(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    hub.cut_after = 100_000

    same(SMALL, read_checkpoint(resolve_model(ID)))
    assert [request for request in hub.requests if request.endswith("model.safetensors bytes=100000-")]


def test_gives_up_on_a_connection_that_always_breaks(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda s: None)
    hub.cut_after, hub.is_always_cut = 1000, True

    assert "cannot be downloaded: peer closed connection" in refusal(ID)
    assert HubModel(ID).snapshot is None


def test_half_a_model_is_not_taken_for_a_whole_one(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    class EnoughError(Exception):
        pass

    def stop(progress: LoadProgress) -> None:
        if progress.n_bytes_done > progress.n_bytes / 2:
            raise EnoughError

    with pytest.raises(EnoughError):
        resolve_model(ID, on_progress=stop)
    assert HubModel(ID).snapshot is None
    same(SMALL, read_checkpoint(resolve_model(ID)))


def test_a_wrong_byte_is_seen(hub: Hub) -> None:
    hub.is_wrong = True
    assert "model.safetensors of someone/some-whisper came damaged" in refusal(ID)

    hub.is_wrong = False
    same(SMALL, read_checkpoint(resolve_model(ID)))


def test_a_changed_file_is_seen(hub: Hub) -> None:
    folder = resolve_model(ID)
    assert {is_sound(path) for path in folder.iterdir()} == {True}

    (folder / "config.json").resolve().write_text("{}")
    (folder / "model.safetensors").resolve().write_bytes(b"")
    assert [is_sound(folder / name) for name in ("config.json", "model.safetensors", "vocab.json")] == [
        False, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (404, "RepoNotFound", "There is no model someone/some-whisper on the hub"),
        (401, "RepoNotFound", "There is no model someone/some-whisper on the hub, or it is private"),
        (403, "GatedRepo", "accepted its terms"),
        (401, "", "Give your access token|access token with"),
        (403, "", "The hub refuses to give"),
        (400, "", "cannot be downloaded"),
    ],
)
def test_says_why_the_hub_refuses(status: int, code: str, message: str, hub: Hub) -> None:
    hub.status, hub.error_code = status, code

    assert any(part in refusal(ID) for part in message.split("|"))


def test_says_that_there_is_no_such_revision(hub: Hub) -> None:
    assert "has no revision 'v9'" in refusal(f"{ID}@v9")


def test_says_what_to_do_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    point_to(f"http://127.0.0.1:{port}", monkeypatch)

    assert f"run `max-whisper models pull {ID}` where there is one, and copy" in refusal(ID)


def test_says_that_no_room_is_left(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("huggingface_hub.file_download.http_get", no_room)
    assert "No room is left in" in refusal(ID)


def test_says_that_the_folder_cannot_be_written(hub: Hub, cache: Path) -> None:
    cache.write_text("a file")

    assert "Name another folder in HF_HOME" in refusal(ID)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"config.json": b'{"model_type": "bert"}', "model.safetensors": b"x"}, "is of another kind than Whisper"),
        ({"config.json": b'{"model_type": "whisper"}', "pytorch_model.bin": b"x"}, "neither safetensors nor"),
        ({"config.json": b'{"model_type": "whisper"}', "model.safetensors": b"x"}, "or its tokenizer"),
    ],
)
def test_refuses_other_models(files: dict[str, bytes], message: str, hub: Hub) -> None:
    hub.files = files

    assert message in refusal(ID)


def test_a_copied_folder_is_enough(hub: Hub, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    resolve_model(ID)
    shutil.copytree(cache, tmp_path / "other")  # as where there are no links
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "other"))

    folder = resolve_model(ID, offline=True)
    assert folder.is_relative_to(tmp_path / "other")
    assert {is_sound(path) for path in folder.iterdir()} == {None}
    same(SMALL, read_checkpoint(folder))


def test_a_path_goes_before_a_hub_id(small_folder: Path, no_sockets: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small_folder.parent.parent)

    assert resolve_model(f"{small_folder.parent.name}/small") == Path(small_folder.parent.name, "small")
    assert resolve_model(small_folder) == small_folder
    assert resolve_model(str(small_folder)) == small_folder


@pytest.mark.parametrize("name", ["large-v9", "/nowhere", "./a/b", Path("a/b"), "a/b/c"])
def test_says_which_names_there_are(name: str | Path, no_sockets: None) -> None:
    with pytest.raises(CheckpointError, match=r"Name one of tiny\.en, tiny, .* distil-large-v3\.5; or give owner/name"):
        resolve_model(name)


@pytest.mark.parametrize("name", ["a b/c", "a/..b..c", "tiny@../x", "tiny@a..b", "a/b@", "a/-b@/x"])
def test_refuses_names_that_are_none(name: str, no_sockets: None) -> None:
    assert "names no" in refusal(name)


def test_known_names_are_on_the_hub() -> None:
    assert HUB_IDS["turbo"] == "openai/whisper-large-v3-turbo"
    assert HUB_IDS["large-v1"] == "openai/whisper-large"
    assert HUB_IDS["distil-large-v3.5"] == "distil-whisper/distil-large-v3.5"
    assert hub_model("tiny@v1") == HubModel("openai/whisper-tiny", "v1")


def test_base_comes_from_the_hub_where_its_package_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)

    assert "Run `max-whisper models pull base`" in refusal("base", offline=True)


def test_needs_few_files_and_the_weights_last() -> None:
    names = ["a.md", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "tokenizer.json"]
    names += ["model.fp32-00001-of-00002.safetensors", "model.safetensors.index.json", "config.json"]

    assert needed_files(names) == [
        "config.json",
        "tokenizer.json",
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    ]
    assert needed_files(["model.bin", "config.json"]) == ["config.json", "model.bin"]


def test_a_model_in_several_files_is_whole_with_all_of_them(tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "a.safetensors"):
        (tmp_path / name).write_text("{}")
    index = tmp_path / "model.safetensors.index.json"
    index.write_text('{"weight_map": {"x": "a.safetensors", "y": "b.safetensors"}}')
    assert not hub_module.is_whole(tmp_path)

    (tmp_path / "b.safetensors").touch()
    assert hub_module.is_whole(tmp_path)
