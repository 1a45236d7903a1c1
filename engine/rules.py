"""Which tokens may follow: the rules of a text with or without timestamps.

A rule names a row of the model's filter table and a range of timestamps; both are applied where the logits are.
whisper/decoding.py@c0d2f62, SuppressBlank, SuppressTokens and ApplyTimestampRules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from engine.hotwords import Hotwords

_LATEST_START = 50
"""A text begins with a timestamp of one second at most (max_initial_timestamp)."""


class Filter(IntEnum):
    """Rows of the filter table."""

    ANYWHERE = 0
    """The checkpoint's suppressed tokens never."""
    AT_START = 1
    """Nor those that may not be first: a blank, the end."""
    TIME_OR_END = 2
    """No text."""
    TIME = 3
    """Neither text nor the end."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be picked at one position.

    Attributes:
        filter: a row of the filter table; the first of them are those of ``Filter``.
        times: the first timestamp allowed, and the first after it that is not.
    """

    filter: int
    times: tuple[int, int] = (0, 0)


UNRESTRICTED = Rule(Filter.ANYWHERE)


@dataclass(frozen=True, slots=True)
class PlainText:
    """A text without timestamps."""

    def rule_after(self, ids: Sequence[int]) -> Rule:
        """Return the rule for what follows the text ``ids``."""
        return Rule(Filter.ANYWHERE if ids else Filter.AT_START)


@dataclass(frozen=True, slots=True)
class TimedText:
    """A text of segments, each between two timestamps; times never go back, and a segment is not empty.

    Attributes:
        first_timestamp: the id of <|0.00|>.
        n_vocab: one past the last timestamp.
    """

    first_timestamp: int
    n_vocab: int

    def rule_after(self, ids: Sequence[int]) -> Rule:
        """Return the rule for what follows the text ``ids``."""
        if not ids:
            return Rule(Filter.TIME, (self.first_timestamp, self.first_timestamp + _LATEST_START + 1))
        times = [id for id in ids if id >= self.first_timestamp]
        after_time = ids[-1] >= self.first_timestamp
        segment_is_open = len(ids) < 2 or ids[-2] >= self.first_timestamp
        if after_time and segment_is_open:
            return UNRESTRICTED
        # Where one segment ends, the next may begin at once; but no segment ends where it began.
        earliest = self.first_timestamp if not times else times[-1] if after_time else times[-1] + 1
        return Rule(Filter.TIME_OR_END if after_time else Filter.ANYWHERE, (earliest, self.n_vocab))


@dataclass(frozen=True, slots=True)
class FilteredText:
    """A text with or without timestamps whose filters are part of a larger table (``engine.filters``).

    Attributes:
        rules: of the text.
        first_row: where the rows of ``Filter`` stand in the table.
        hotwords: whose rows follow those; None where there are none.
    """

    rules: PlainText | TimedText
    first_row: int
    hotwords: Hotwords | None = None

    def rule_after(self, ids: Sequence[int]) -> Rule:
        """Return the rule for what follows the text ``ids``."""
        rule = self.rules.rule_after(ids)
        return replace(rule, filter=self.first_row + self._row(rule, ids))

    def _row(self, rule: Rule, ids: Sequence[int]) -> int:
        if self.hotwords is None or rule.filter not in {Filter.ANYWHERE, Filter.AT_START}:
            return rule.filter
        if rule.filter == Filter.AT_START:
            return len(Filter)
        return len(Filter) + 1 + self.hotwords.node_after(ids)


TextRules = PlainText | TimedText | FilteredText
PLAIN_TEXT = PlainText()
