"""Everything that is measured of a trace, as counts and lists that add up over streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from ui.scoring.corrections import steadiness_of
from ui.scoring.delays import word_delays
from ui.scoring.placement import Piece, placed_pieces
from ui.scoring.scripts import Script
from ui.scoring.traces import View
from ui.scoring.words import n_words, word_errors


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """What was measured of one stream, or of several together.

    Attributes:
        audio_s: how long it lasts.
        n_words: of the script.
        n_timed: of its words, those whose time is known.
        n_final_errors, n_stable_errors, n_first_errors: words wrong, left out or made up in the last text of all
            pieces, in what each place held when it was first stable, and in what it held first.
        shown_s, settled_s, stays_s, final_s: see ``ui.scoring.delays.Delays``.
        n_changed, n_stable_changed, n_taken_back, n_completed, n_shown: see ``ui.scoring.corrections.Steadiness``.
        n_last: words in the last text of all pieces.
        n_lost: words of the script that were in the audio of a piece that was taken off.
        n_false: words in the last text of pieces that no word of the script is in.
        n_false_shown: words ever shown in such pieces.
    """

    audio_s: float
    n_words: int = 0
    n_timed: int = 0
    n_final_errors: int = 0
    n_stable_errors: int = 0
    n_first_errors: int = 0
    shown_s: tuple[float, ...] = ()
    settled_s: tuple[float, ...] = ()
    stays_s: tuple[float, ...] = ()
    final_s: tuple[float, ...] = ()
    n_changed: int = 0
    n_stable_changed: int = 0
    n_taken_back: int = 0
    n_completed: int = 0
    n_shown: int = 0
    n_last: int = 0
    n_lost: int = 0
    n_false: int = 0
    n_false_shown: int = 0

    def __add__(self, other: Score) -> Score:
        """Both streams together."""
        return Score(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})


def score_of(script: Script, trace: Sequence[View]) -> Score:
    """Measure ``trace`` against ``script``."""
    pieces = placed_pieces(script, trace)
    steady = [steadiness_of(piece.views) for piece in pieces]
    delays = word_delays(script, trace)
    false = [k for k, piece in enumerate(pieces) if not piece.paired]
    return Score(
        audio_s=script.duration_s,
        n_words=n_words(script.text),
        n_timed=sum(not word.is_guessed for word in script.words),
        n_final_errors=_n_errors(script, [piece.last.text for piece in pieces]),
        n_stable_errors=_n_errors(script, [one.stable_text for one in steady]),
        n_first_errors=_n_errors(script, [one.first_text for one in steady]),
        shown_s=delays.shown,
        settled_s=delays.settled,
        stays_s=delays.stays,
        final_s=delays.final,
        n_changed=sum(one.n_changed for one in steady),
        n_stable_changed=sum(one.n_stable_changed for one in steady),
        n_taken_back=sum(one.n_taken_back for one in steady),
        n_completed=sum(one.n_completed for one in steady),
        n_shown=sum(one.n_shown for one in steady),
        n_last=sum(n_words(piece.last.text) for piece in pieces),
        n_lost=_n_lost(script, pieces),
        n_false=sum(n_words(pieces[k].last.text) for k in false),
        n_false_shown=sum(steady[k].n_shown for k in false),
    )


def _n_errors(script: Script, texts: Sequence[str]) -> int:
    text = " ".join(texts)
    if not n_words(script.text):
        return n_words(text)
    errors = word_errors(script.text, text)
    return int(errors.substitutions + errors.deletions + errors.insertions)


def _n_lost(script: Script, pieces: Sequence[Piece]) -> int:
    """How many words that stand in no text lie in the audio of pieces that were taken off."""
    heard = {i for piece in pieces for i in piece.paired}
    gone = [piece.last.span_s for piece in pieces if piece.last.is_closed and not piece.last.text]
    middles = {i: (word.start_s + word.end_s) / 2 for i, word in enumerate(script.words) if i not in heard}
    return sum(any(span and span[0] <= at < span[1] for span in gone) for at in middles.values())
