"""What a run over a recording with a known script measured: word error rate and the delay of words."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

import jiwer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from whisper_normalizer.english import EnglishTextNormalizer

from engine.events import Final, Partial, Status, TimedEvent

_normalize = EnglishTextNormalizer()

Row = tuple[str, str, str]
"""What was measured, its value, and what that means."""


@dataclass(frozen=True, slots=True)
class ScriptWord:
    """A word of a script and when it is spoken, in seconds of audio."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Script:
    """What is said in a recording, and when."""

    text: str
    words: tuple[ScriptWord, ...]
    duration_s: float


@dataclass(frozen=True, slots=True)
class Delays:
    """Seconds from the end of each word in the audio to the moment it was shown; words never shown are left out.

    Attributes:
        shown: to its first appearance.
        settled: to its first appearance in stable or final text.
    """

    shown: tuple[float, ...]
    settled: tuple[float, ...]


def read_script(folder: Path) -> Script:
    """Read sample.txt and sample.words.tsv (start_s, end_s, word) from ``folder``."""
    words = []
    for line in (folder / "sample.words.tsv").read_text(encoding="utf-8").splitlines():
        start_s, end_s, word = line.split("\t")
        words.append(ScriptWord(word, float(start_s), float(end_s)))
    text = (folder / "sample.txt").read_text(encoding="utf-8")
    return Script(" ".join(text.split()), tuple(words), words[-1].end_s)


def final_text(events: Iterable[TimedEvent]) -> str:
    """Join the finals of a run."""
    return " ".join(timed.event.text for timed in events if isinstance(timed.event, Final))


def word_errors(script: str, text: str) -> jiwer.WordOutput:
    """Hold ``text`` against ``script``, both normalised as Whisper's authors do for English."""
    return jiwer.process_words(_normalize(script), _normalize(text))


def word_delays(script: Script, events: Iterable[TimedEvent]) -> Delays:
    """Measure when each word of ``script`` was first shown and first settled."""
    shown: dict[int, float] = {}
    settled: dict[int, float] = {}
    for timed in events:
        match timed.event:
            case Partial(stable=stable, unstable=unstable) as event:
                _note(shown, timed.t_s, _matching_words(script, event, stable + unstable))
                _note(settled, timed.t_s, _matching_words(script, event, stable))
            case Final(text=text) as event:
                matching = _matching_words(script, event, text)
                _note(shown, timed.t_s, matching)
                _note(settled, timed.t_s, matching)
    return Delays(_after_their_end(script, shown), _after_their_end(script, settled))


def _matching_words(script: Script, event: Partial | Final, text: str) -> list[int]:
    """Which words of the script, of those spoken in the event's time, appear in ``text`` in their order."""
    spoken = [i for i, word in enumerate(script.words) if word.start_s < event.end_s and word.end_s > event.start_s]
    matcher = SequenceMatcher(None, [_bare(script.words[i].text) for i in spoken], _words(text), autojunk=False)
    return [i for block in matcher.get_matching_blocks() for i in spoken[block.a : block.a + block.size]]


def _note(at: dict[int, float], t_s: float, words: Iterable[int]) -> None:
    """Remember ``t_s`` for the words that have no time yet."""
    for word in words:
        at.setdefault(word, t_s)


def _after_their_end(script: Script, at: dict[int, float]) -> tuple[float, ...]:
    return tuple(t_s - script.words[i].end_s for i, t_s in sorted(at.items()))


def _words(text: str) -> list[str]:
    return [_bare(word) for word in text.split()]


def _bare(word: str) -> str:
    return "".join(c for c in word.casefold() if c.isalnum())


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of ``values``, at least two of them, by linear interpolation."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def report_rows(
    events: Sequence[TimedEvent], script: Script, model_name: str, device_name: str, *, is_paced: bool
) -> list[Row]:
    """Return what was measured in the run that made ``events``; delays mean something only if it was paced."""
    errors = word_errors(script.text, final_text(events))
    n_words = errors.hits + errors.substitutions + errors.deletions
    rows = [("word error rate", f"{errors.wer:.1%}", f"{errors.hits} of {n_words} words right")]
    if is_paced:
        delays = word_delays(script, events)
        rows += [_delay_row("word first shown", delays.shown), _delay_row("word settled", delays.settled)]
    load = [timed.event.real_time_factor for timed in events if isinstance(timed.event, Status)][-1]
    rows.append(("real-time factor", f"{load:.2f}", "seconds of compute a second of audio"))
    rows.append(("ran on", device_name, f"Whisper {model_name} on MAX"))
    return rows


def print_rows(console: Console, rows: Sequence[Row]) -> None:
    """Print ``rows`` as a table on a terminal, elsewhere as plain lines."""
    if not console.is_terminal:
        console.file.writelines(f"{name}: {value} ({note})\n" for name, value, note in rows)
        return
    table = Table(title="Measured in this run", title_justify="left", title_style="bold", box=None, show_header=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(style="bold", justify="right", no_wrap=True)
    table.add_column(style="dim")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print()
    console.print(table)


def _delay_row(name: str, delays: Sequence[float]) -> Row:
    if len(delays) < 2:
        return name, "–", "too few words were recognised"
    median, late = percentile(delays, 50), percentile(delays, 95)
    return name, f"{median:.2f} s", f"after it was spoken (median; 95 % within {late:.2f} s)"
