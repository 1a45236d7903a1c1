"""What the command line says about decoding, and the options that come of it.

A flag that is not given leaves no trace among the arguments, so that each use keeps its own default.  The flags'
``dest`` are the fields of ``DecodingOptions`` and ``StreamingOptions``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ui.flag_values import count, listed, number
from ui.imports import quiet_imports
from ui.output_arguments import all_outputs
from ui.streaming_arguments import by_flags, live_flags, with_streaming

if TYPE_CHECKING:
    from engine.options import StreamingOptions

_ABSENT = argparse.SUPPRESS


def add_decoding(command: argparse.ArgumentParser) -> None:
    """Declare what can be asked of the text, for every command that transcribes."""
    add = add_text(command)
    add("--prefix", metavar="TEXT", help="what the first words are")
    add("--suppress-tokens", type=_token_ids, metavar="=ID,…", help="never write these; -1: the model's list (=-1)")
    add("--beam-size", type=count, metavar="N", help="texts followed at once (1)")
    add("--patience", type=number(0.1, 10), metavar="X", help="beams: until X times as many texts have ended (1)")
    add("--length-penalty", type=number(0, 1), metavar="X", help="beams: exponent of the length (the plain mean)")
    tried = "0 is the likeliest text; more are tried in turn where a text is rejected (0; for recordings 0,0.2 … 1)"
    add("--temperature", dest="temperatures", type=_temperatures, metavar="T,…", help=tried)
    add("--best-of", type=count, metavar="N", help="texts drawn at a temperature above 0 (5)")
    add("--timestamps", action="store_true", help="cut the text into segments by Whisper's own timestamps")
    _add_limits(add)


def add_text(command: argparse.ArgumentParser) -> Callable[..., argparse.Action]:
    """Declare what can be asked of any model, here or elsewhere; return what adds more to the group."""
    add = partial(command.add_argument_group("decoding").add_argument, default=_ABSENT)
    add("--language", metavar="CODE", help="what is spoken, as en or de (as heard)")
    add("--languages", type=_words, metavar="CODE,…", help="those that may be heard (all the model knows)")
    add("--translate", action="store_true", help="write English, whatever is spoken")
    add("--prompt", metavar="TEXT", help="text before, or names and terms, to be expected")
    hotwords = "words likely to be said, the likeliest first; @FILE has one a line"
    add("--hotwords", type=_hotwords, metavar="WORD,…|@FILE", help=hotwords)
    add("--words", action="store_true", help="tell when each word was said, in --events and .json")
    return add


def asked_text(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what was asked by the flags of ``add_text``, by their names."""
    names = ("language", "languages", "translate", "prompt", "hotwords", "words")
    asked = {name: vars(arguments)[name] for name in names if name in arguments}
    if wants_cues(arguments):
        asked["words"] = True
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asked.items()}


def _add_limits(add: Callable[..., argparse.Action]) -> None:
    ratio = "reject what compresses better: it repeats itself (2.4)"
    add("--compression-ratio-limit", type=_limit(1, 100), metavar="X|none", help=ratio)
    add("--logprob-limit", type=_limit(-100, 0), metavar="X|none", help="reject what is less probable (-1)")
    silence = "what was rejected is silence where no speech is more probable than that (0.6)"
    add("--no-speech-limit", type=_limit(0, 1), metavar="X|none", help=silence)


def add_sequential(command: argparse.ArgumentParser) -> None:
    """Declare what can be asked for recordings alone."""
    add = partial(command.add_argument_group("recordings").add_argument, default=_ABSENT)
    windows = "window after window, as OpenAI's program, instead of cut at pauses; slower"
    add("--sequential", action="store_true", help=windows)
    forgets = "with --sequential: do not tell a window the text before it"
    add("--no-previous-text", dest="condition_on_previous_text", action="store_false", help=forgets)


def find_contradiction(arguments: argparse.Namespace) -> str | None:
    """Return what of the arguments cannot be done together, naming the flags; None where all can."""
    given = vars(arguments)
    temperatures: tuple[float, ...] = given.get("temperatures", (0.0, 1.0) if _is_recording(arguments) else (0.0,))
    has_beams, languages = given.get("beam_size", 1) > 1, given.get("languages", ())
    is_foreign = bool(languages) and given.get("language", languages[0]) not in languages
    limits = next((f"--{name.replace('_', '-')}" for name in given if name.endswith("_limit")), "")
    is_one_try = len(temperatures) == 1 and arguments.command != "serve"
    impossible = {
        "--beam-size needs a --temperature of 0: at any other, texts are drawn": has_beams and 0 not in temperatures,
        "--patience needs a --beam-size of at least 2": "patience" in given and not has_beams,
        "--length-penalty needs a --beam-size of at least 2": "length_penalty" in given and not has_beams,
        "--best-of needs a --temperature above 0: at 0 there is one likeliest text": "best_of" in given
        and not any(temperatures),
        f"--language {given.get('language')} is not among --languages {','.join(languages)}": is_foreign,
        "--endpointing and the other options of live streams need --paced": _is_recording(arguments)
        and bool(live_flags(given)),
        "--sequential needs the whole recording: not with --paced": "sequential" in given and given["paced"],
        f"{limits} needs more than one --temperature: what it rejects is tried at the next": is_one_try
        and bool(limits),
        "--n-agreeing needs --stability agreement": "stability_n_agreeing" in given
        and given.get("stability_policy") != "agreement",
        "--no-previous-text needs --sequential: pieces between pauses stand alone anyway": "sequential" not in given
        and "condition_on_previous_text" in given,
    }
    problem = next((problem for problem, is_so in impossible.items() if is_so), None)
    return problem or _find_bad_value(arguments)


def _find_bad_value(arguments: argparse.Namespace) -> str | None:
    with quiet_imports():
        from engine.options import StreamingOptions  # brings NumPy, for which --help should not wait
    try:
        streaming_options(arguments, StreamingOptions())
    except ValueError as error:
        return by_flags(str(error))
    return None


def _is_recording(arguments: argparse.Namespace) -> bool:
    return arguments.command == "file" and not arguments.paced


def streaming_options(arguments: argparse.Namespace, usual: StreamingOptions) -> StreamingOptions:
    """Return ``usual`` with what the arguments ask of the text, and of a live stream.

    Raises:
        ValueError: a value is out of bounds, or does not go with another.
    """
    given, here = vars(arguments), {"sequential", "condition_on_previous_text"}
    asked = {field.name: given[field.name] for field in fields(usual.decoding) if field.name in given}
    if wants_cues(arguments):
        asked["words"] = True
    more: dict[str, Any] = {name: given[name] for name in here & given.keys()}
    live = with_streaming(given, usual) if usual.partials else usual
    return replace(live, decoding=replace(usual.decoding, **asked), **more)


def task_of(arguments: argparse.Namespace) -> str:
    """Return "transcribe" or "translate"."""
    return "translate" if "translate" in arguments else "transcribe"


def wants_cues(arguments: argparse.Namespace) -> bool:
    """Whether subtitles are written, whose cues are cut between words."""
    return any(output.has_cues for output in all_outputs(arguments))


def _limit(least: float, most: float) -> Callable[[str], float | None]:
    read = number(least, most)

    def limit(text: str) -> float | None:
        return None if text == "none" else read(text)

    return limit


def _temperatures(text: str) -> tuple[float, ...]:
    return tuple(number(0, 2)(part) for part in text.split(","))


def _token_ids(text: str) -> tuple[int, ...]:
    ids = [part.strip() for part in text.split(",")] if text else []
    if not all(id == "-1" or id.isdecimal() for id in ids):
        raise argparse.ArgumentTypeError(f"must be token ids, or -1 for the model's own list, got {text}")
    return tuple(map(int, ids))


def _words(text: str) -> tuple[str, ...]:
    words = listed(text)
    if not words:
        raise argparse.ArgumentTypeError(f"must name at least one, got {text!r}")
    return words


def _hotwords(text: str) -> tuple[str, ...]:
    if not text.startswith("@"):
        return _words(text)
    try:
        lines = Path(text[1:]).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise argparse.ArgumentTypeError(f"cannot read {text[1:]}: {reason}") from error
    words = tuple(line.strip() for line in lines if line.strip())
    if not words:
        raise argparse.ArgumentTypeError(f"{text[1:]} has no word in it")
    return words
