"""A transcript as verbose_json: valid at any moment, and never lost to a full disk."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from engine.alignment import WordTiming
from engine.events import Final, Status, TimedEvent
from engine.segments import Segment
from ui.formats.verbose_json import VerboseJsonWriter


def final(text: str, start_s: float, *, words: tuple[WordTiming, ...] = ()) -> TimedEvent:
    segment = Segment(
        start_s=start_s + 0.5,
        end_s=start_s + 2.0,
        text=text,
        tokens=(1, 2),
        temperature=0.2,
        avg_logprob=-0.25,
        compression_ratio=1.5,
        no_speech_prob=0.125,
    )
    return TimedEvent(0.0, Final(1, text, start_s, start_s + 2.0, "de", words, (segment,)))


def status(now_s: float) -> TimedEvent:
    return TimedEvent(0.0, Status(now_s, -20.0, False, 0.0, 0.1))


def read(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def test_everything_verbose_json_has(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "talk.json"
    writer = VerboseJsonWriter(path, task="translate")
    writer.show(final("Eins, „zwei“.", 1.0, words=(WordTiming(" Eins,", 1.5, 2.0, 0.75),)))
    writer.show(final("Drei.", 61.5))
    writer.show(status(70.0))
    writer.close()

    values = {"tokens": [1, 2], "temperature": 0.2, "avg_logprob": -0.25, "compression_ratio": 1.5}
    values |= {"no_speech_prob": 0.125}
    assert read(path) == {
        "task": "translate",
        "language": "german",
        "duration": 70.0,
        "text": "Eins, „zwei“. Drei.",
        "segments": [
            {"id": 0, "seek": 100, "start": 1.5, "end": 3.0, "text": "Eins, „zwei“."} | values,
            {"id": 1, "seek": 6150, "start": 62.0, "end": 63.5, "text": "Drei."} | values,
        ],
        "words": [{"word": " Eins,", "start": 1.5, "end": 2.0, "probability": 0.75}],
    }


@pytest.mark.parametrize(("task", "text"), [("transcribe", "一。二。"), ("translate", "一。 二。")])
def test_japanese_has_no_spaces_and_its_translation_has(task: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    writer = VerboseJsonWriter(path, task=task)
    for sentence in ("一。", "二。"):
        writer.show(TimedEvent(0.0, Final(1, sentence, 0.0, 1.0, "ja")))
    writer.close()

    assert ("japanese", text) == (read(path)["language"], read(path)["text"])


def test_each_language_is_written_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    writer = VerboseJsonWriter(path, task="transcribe")
    for sentence, language in (("一。", "ja"), ("二。", "ja"), ("One.", "en"), ("Two.", "en"), ("三。", "ja")):
        writer.show(TimedEvent(0.0, Final(1, sentence, 0.0, 1.0, language)))
    writer.close()

    assert "一。二。 One. Two. 三。" == read(path)["text"]


def test_is_whole_before_during_and_after(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    writer = VerboseJsonWriter(path, task="transcribe")
    assert [] == list(tmp_path.iterdir())
    writer.show(status(0.1))
    assert read(path)["text"] == ""
    for n in range(100):
        writer.show(final(f"{n}.", 2.0 * n))
        assert len(read(path)["segments"]) >= (n + 1) * 0.95 - 1
    writer.close()
    assert [f"{n}." for n in range(100)] == read(path)["text"].split()
    assert [path] == list(tmp_path.iterdir())


def test_a_full_disk_keeps_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "talk.json"
    writer = VerboseJsonWriter(path, task="transcribe")
    writer.show(final("One.", 0.0))

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        writer.show(final("Two.", 2.0))
    assert "One." == read(path)["text"]
    assert [path] == list(tmp_path.iterdir())


def test_a_pipe_is_written_once(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = VerboseJsonWriter(path, task="transcribe")
    writer.show(final("One.", 0.0))
    writer.close()

    assert "One." == json.loads(os.read(reader, 65_536))["text"]
    os.close(reader)
    assert path.is_fifo()


def test_a_file_with_text_in_it_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    path.write_text("yesterday\n")
    with pytest.raises(FileExistsError):
        VerboseJsonWriter(path, task="transcribe")
    assert path.read_text() == "yesterday\n"


def test_a_folder_that_cannot_be_written_is_found_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        VerboseJsonWriter(tmp_path / "file" / "talk.json", task="transcribe")


def test_where_nothing_was_heard_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "talk.json"
    VerboseJsonWriter(path, task="transcribe").close()
    assert [] == list(tmp_path.iterdir())
    path.write_text("yesterday\n")
    VerboseJsonWriter(path, task="transcribe", overwrite=True).close()
    assert path.read_text() == "yesterday\n"


def test_a_link_stays_one_and_its_file_as_private_as_it_was(tmp_path: Path) -> None:
    target, link = tmp_path / "real.json", tmp_path / "talk.json"
    target.touch(mode=0o600)
    link.symlink_to(target)
    writer = VerboseJsonWriter(link, task="transcribe")
    writer.show(final("One.", 0.0))
    writer.close()

    assert link.is_symlink()
    assert "One." == read(target)["text"]
    assert 0o600 == target.stat().st_mode & 0o777
