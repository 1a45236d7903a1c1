"""The command line's options of decoding: what becomes of each, and what is refused before anything heavy."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from engine.options import FOR_RECORDINGS, DecodingOptions, StreamingOptions
from ui import cli
from ui.decoding_arguments import asked_text, streaming_options

GIVEN: dict[str, tuple[list[str], Any]] = {
    "language": (["--language", "de"], "de"),
    "languages": (["--languages", "de, en"], ("de", "en")),
    "translate": (["--translate"], True),
    "timestamps": (["--timestamps"], True),
    "words": (["--words"], True),
    "prompt": (["--prompt", "Loch Crianan"], "Loch Crianan"),
    "prefix": (["--prefix", "Well"], "Well"),
    "hotwords": (["--hotwords", "Loch Crianan,Guenever"], ("Loch Crianan", "Guenever")),
    "suppress_tokens": (["--suppress-tokens=-1,50"], (-1, 50)),
    "beam_size": (["--beam-size", "5"], 5),
    "patience": (["--beam-size", "2", "--patience", "1.5"], 1.5),
    "length_penalty": (["--beam-size", "2", "--length-penalty", "0.5"], 0.5),
    "temperatures": (["--temperature", "0,0.4"], (0.0, 0.4)),
    "best_of": (["--best-of", "3"], 3),
    "compression_ratio_limit": (["--compression-ratio-limit", "2"], 2.0),
    "logprob_limit": (["--logprob-limit", "-0.5"], -0.5),
    "no_speech_limit": (["--no-speech-limit", "none"], None),
}


def options(*words: str, usual: StreamingOptions = FOR_RECORDINGS) -> StreamingOptions:
    return streaming_options(cli._arguments(["file", "talk.wav", *words]), usual)


@pytest.mark.parametrize("field", GIVEN)
def test_a_flag_sets_its_option_and_no_other(field: str) -> None:
    words, value = GIVEN[field]
    given, usual = options(*words).decoding, FOR_RECORDINGS.decoding

    assert value == getattr(given, field) != getattr(usual, field)
    with_it = {"beam_size"} if "--beam-size" in words else set()
    changed = {f.name for f in fields(usual) if getattr(given, f.name) != getattr(usual, f.name)}
    assert {field} | with_it == changed


def test_there_is_a_flag_for_every_option_that_users_need() -> None:
    left_out = {"hotword_boost", "suppress_blank", "max_tokens"}

    assert {field.name for field in fields(DecodingOptions)} == GIVEN.keys() | left_out


def test_no_flag_changes_nothing() -> None:
    usual = StreamingOptions(decoding=DecodingOptions(beam_size=3, prompt="usual"))

    assert usual == options(usual=usual)


def test_window_after_window() -> None:
    assert not options().sequential
    sequential = options("--sequential", "--no-previous-text")
    assert (True, False) == (sequential.sequential, sequential.condition_on_previous_text)


def test_hotwords_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("Loch Crianan\n\n Guenever, the queen \n", encoding="utf-8")

    assert ("Loch Crianan", "Guenever, the queen") == options("--hotwords", f"@{path}").decoding.hotwords


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--beam-size 0", "argument --beam-size: must be a whole number of at least 1, got 0"),
        ("--best-of x", "argument --best-of: must be a whole number of at least 1, got x"),
        ("--patience 0", "argument --patience: must be a number between 0.1 and 10, got 0"),
        ("--length-penalty nan", "argument --length-penalty: must be a number between 0 and 1, got nan"),
        ("--temperature 0,2.5", "argument --temperature: must be a number between 0 and 2, got 2.5"),
        ("--temperature=", "argument --temperature: must be a number between 0 and 2, got "),
        ("--logprob-limit 1", "argument --logprob-limit: must be a number between -100 and 0, got 1"),
        ("--no-speech-limit never", "argument --no-speech-limit: must be a number between 0 and 1, got never"),
        ("--suppress-tokens=-2", "argument --suppress-tokens: must be token ids, or -1 for the model's own list"),
        ("--languages ,", "argument --languages: must name at least one, got ','"),
        ("--hotwords @nowhere", "argument --hotwords: cannot read nowhere: No such file or directory"),
        ("--patience 2", "--patience needs a --beam-size of at least 2"),
        ("--length-penalty 1", "--length-penalty needs a --beam-size of at least 2"),
        ("--beam-size 5 --temperature 0.2", "--beam-size needs a --temperature of 0"),
        ("--best-of 3 --temperature 0", "--best-of needs a --temperature above 0"),
        ("--best-of 3 --paced", "--best-of needs a --temperature above 0"),
        ("--language en --languages de,fr", "--language en is not among --languages de,fr"),
        ("--sequential --paced", "--sequential needs the whole recording: not with --paced"),
        ("--paced --logprob-limit=-1", "--logprob-limit needs more than one --temperature"),
        ("--temperature 0 --no-speech-limit 0.5", "--no-speech-limit needs more than one --temperature"),
        ("--no-previous-text", "--no-previous-text needs --sequential"),
    ],
)
def test_what_cannot_be_is_refused(words: str, problem: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        options(*words.split(" "))

    assert 2 == error.value.code
    assert problem in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "problem"), [(b" \n\n", "has no word in it"), (b"\xff\xfe", "it is not UTF-8 text")]
)
def test_a_file_without_hotwords(
    content: bytes, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes(content)

    with pytest.raises(SystemExit):
        options("--hotwords", f"@{path}")
    assert str(path) in (complaint := capsys.readouterr().err)
    assert problem in complaint


@pytest.mark.parametrize("command", ["mic", "pipe", "demo"])
def test_what_is_live_is_not_heard_window_after_window(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli._arguments([command, "--sequential"])
    assert "unrecognized arguments: --sequential" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "words"), [("talk.srt", True), ("talk.VTT", True), ("talk.txt", None)])
def test_a_server_is_asked_for_word_times_where_subtitles_are_written(name: str, words: bool | None) -> None:
    arguments = cli._parser().parse_args(["connect", "captions.example", "--output", name])

    assert asked_text(arguments).get("words") is words
