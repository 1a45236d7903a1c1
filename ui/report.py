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
from whisper_normalizer.english import EnglishTextNormalizer

from engine.events import Final, Partial, Status, TimedEvent

_normalize = EnglishTextNormalizer()


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


def word_delays(script: Script, events: Sequence[TimedEvent]) -> Delays:
    """Measure when each word of ``script`` was first shown and first settled."""
    spoken = [_bare(word.text) for word in script.words]
    shown: dict[int, float] = {}
    settled: dict[int, float] = {}
    finals: list[str] = []
    for timed in events:
        match timed.event:
            case Final(text=text):
                finals += _words(text)
                _note(shown, spoken, finals, timed.t_s, script)
                _note(settled, spoken, finals, timed.t_s, script)
            case Partial(stable=stable, unstable=unstable):
                _note(shown, spoken, finals + _words(stable + unstable), timed.t_s, script)
                _note(settled, spoken, finals + _words(stable), timed.t_s, script)
    return Delays(*(tuple(t - script.words[i].end_s for i, t in sorted(at.items())) for at in (shown, settled)))


def _note(at: dict[int, float], spoken: list[str], words: list[str], t_s: float, script: Script) -> None:
    """Remember ``t_s`` for the words of the script that appear in ``words`` for the first time."""
    for block in SequenceMatcher(None, spoken, words, autojunk=False).get_matching_blocks():
        for i in range(block.a, block.a + block.size):
            if script.words[i].start_s <= t_s:  # shown before it was spoken, it was another word
                at.setdefault(i, t_s)


def _words(text: str) -> list[str]:
    return [_bare(word) for word in text.split()]


def _bare(word: str) -> str:
    return "".join(c for c in word.casefold() if c.isalnum())


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile of ``values``, at least two of them, by linear interpolation."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def print_report(
    console: Console, events: Sequence[TimedEvent], script: Script, model_name: str, device_name: str, *, is_paced: bool
) -> None:
    """Print what was measured in the run that made ``events``."""
    errors = word_errors(script.text, final_text(events))
    n_words = errors.hits + errors.substitutions + errors.deletions
    rows = [("word error rate", f"{errors.wer:.1%}", f"{errors.hits} of {n_words} words right")]
    if is_paced:
        delays = word_delays(script, events)
        rows += [_delay_row("word first shown", delays.shown), _delay_row("word settled", delays.settled)]
    statuses = [timed.event for timed in events if isinstance(timed.event, Status)]
    rows.append(("real-time factor", f"{statuses[-1].real_time_factor:.2f}", "seconds of compute a second of audio"))
    rows.append(("ran on", device_name, f"Whisper {model_name} on MAX"))
    _print_rows(console, rows)


def _delay_row(name: str, delays: Sequence[float]) -> tuple[str, str, str]:
    if len(delays) < 2:
        return name, "–", "too few words were recognised"
    median, late = percentile(delays, 50), percentile(delays, 95)
    return name, f"{median:.2f} s", f"after it was spoken (median; 95 % within {late:.2f} s)"


def _print_rows(console: Console, rows: Sequence[tuple[str, str, str]]) -> None:
    if not console.is_terminal:
        for name, value, note in rows:
            console.file.write(f"{name}: {value} ({note})\n")
        return
    table = Table(title="Measured in this run", title_justify="left", box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(style="bold", justify="right")
    table.add_column(style="dim")
    for row in rows:
        table.add_row(*row)
    console.print()
    console.print(table)
