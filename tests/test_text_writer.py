"""Transcripts on disk."""

import os
from pathlib import Path

import pytest

from engine.events import Final, Partial, TimedEvent
from ui.formats.text import printable
from ui.formats.transcripts import TranscriptWriter, transcript_writer


def writer_of(path: Path, *, overwrite: bool = False) -> TranscriptWriter:
    writer = transcript_writer(path, task="transcribe", form="txt", overwrite=overwrite)
    assert isinstance(writer, TranscriptWriter)
    return writer


def final(text: str) -> TimedEvent:
    return TimedEvent(0.0, Final(1, text, 0.0, 1.0))


def test_each_final_is_in_the_file_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "talk.txt"
    writer = writer_of(path)
    writer.show(final("One."))
    assert path.read_bytes() == b"One.\n"
    writer.show(TimedEvent(0.0, Partial(2, "two", "", 1.0, 2.0)))
    writer.show(final("Zwei, 二."))
    assert path.read_bytes() == "One.\nZwei, 二.\n".encode()
    writer.close()


def test_each_final_reaches_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    writer = writer_of(tmp_path / "talk.txt")
    writer.show(final("One."))
    writer.show(final("Two."))
    assert len(synced) == 2
    writer.close()


def test_a_final_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    writer = writer_of(path)
    writer.show(final("One\ntwo\r three."))
    assert path.read_text() == "One two  three.\n"
    writer.close()


def test_a_file_with_text_in_it_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    path.write_text("yesterday\n")
    with pytest.raises(FileExistsError):
        writer_of(path)
    assert path.read_text() == "yesterday\n"


def test_an_empty_file_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    path.touch()
    writer_of(path).close()


def test_overwriting_replaces_the_text(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    path.write_text("yesterday\n")
    writer = writer_of(path, overwrite=True)
    writer.show(final("today"))
    writer.close()
    assert path.read_text() == "today\n"


def test_what_is_silent_has_an_empty_text(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    path.write_text("yesterday\n")
    writer = writer_of(path, overwrite=True)
    writer.show(TimedEvent(0.0, Partial(1, "no", "", 1.0, 2.0)))
    writer.close()
    assert path.read_text() == ""


def test_a_link_to_nothing_stays_one(tmp_path: Path) -> None:
    target, link = tmp_path / "real.txt", tmp_path / "talk.txt"
    link.symlink_to(target)
    writer_of(link).close()
    assert (link.is_symlink(), target.exists()) == (True, False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full: only Linux has a disk that is always full")
def test_a_full_disk_is_told_once_and_closing_works() -> None:
    writer = writer_of(Path("/dev/full"))
    with pytest.raises(OSError, match="No space left"):
        writer.show(final("One."))
    writer.close()


def test_a_device_need_not_be_synced() -> None:
    writer = writer_of(Path(os.devnull))
    writer.show(final("One."))
    writer.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("a\tb\nc\x1b[0m\x9b", "a b c [0m "),
        ("line\u2028paragraph\u2029", "line paragraph "),
        ("left \u202eright\u2066", "left right"),
        ("soft\u00adhyphen\ufeff", "softhyphen"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("👩\u200d🚀", "👩🚀"),
        ("half \ud83d", "half \ufffd"),
    ],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_a_file_in_the_place_of_a_folder_is_no_old_text(tmp_path: Path) -> None:
    (tmp_path / "talks").touch()
    with pytest.raises(NotADirectoryError):
        writer_of(tmp_path / "talks" / "talk.txt")
