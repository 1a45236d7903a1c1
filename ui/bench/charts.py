"""Figures as a picture: panels of points, with one legend, as SVG that needs nothing but a browser."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from xml.sax.saxutils import escape

_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8c6bb1", "#4d4d4d")
"""Okabe and Ito's, which nearly everybody can tell apart, without their yellow, and two more."""
_INK, _FAINT = "#333333", "#dddddd"
_WIDTH, _HEIGHT = 400, 290
"""Of a panel, in pixels, with its titles and axes."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 18, 34, 48
_ROW = 20
"""Of the legend."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point, and how far to the right a line goes on from it: to a p95, say."""

    x: float
    y: float
    x_to: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """Points that belong together.

    Attributes:
        name: what the legend calls them; series of one name share a colour in all panels.
        points: in order.
        is_hollow: drawn as rings: the same, measured in another way.
        is_line: joined by a line.
    """

    name: str
    points: Sequence[Point]
    is_hollow: bool = False
    is_line: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Panel:
    """One pair of axes, from 0, and what is drawn there."""

    title: str
    x_title: str
    y_title: str
    series: Sequence[Series] = field(default_factory=list)


def picture(panels: Sequence[Panel], note: str = "") -> str:
    """Return an SVG of ``panels``, two in a row, above their legend and ``note``."""
    names = list(dict.fromkeys(series.name for panel in panels for series in panel.series))
    width, rows = min(2, len(panels)) * _WIDTH, math.ceil(len(panels) / 2)
    height = rows * _HEIGHT + (len(names) + 1) * _ROW + (_ROW if note else 0)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    style = f'font-family="system-ui, sans-serif" font-size="12" fill="{_INK}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for i, panel in enumerate(panels):
        parts.append(f'<g transform="translate({i % 2 * _WIDTH} {i // 2 * _HEIGHT})">')
        parts += [*_drawn(panel, names), "</g>"]
    parts += _legend(names, note, rows * _HEIGHT)
    return "\n".join([*parts, "</svg>", ""])


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to pixels: from 0 at ``begin`` to ``most`` at ``end``."""

    most: float
    step: float
    begin: float
    end: float

    def __call__(self, value: float) -> str:
        return f"{self.begin + (self.end - self.begin) * value / self.most:.1f}"

    @property
    def ticks(self) -> list[float]:
        return [i * self.step for i in range(round(self.most / self.step) + 1)]


def _scale(values: Sequence[float], begin: float, end: float) -> _Scale:
    """A scale to beyond the greatest value, with a round number between four to eight ticks."""
    greatest = max([*values, 0.0]) or 1.0
    magnitude = 10.0 ** math.floor(math.log10(greatest / 5))
    step = next(magnitude * n for n in (1, 2, 5, 10) if greatest / (magnitude * n) <= 6)
    return _Scale(step * math.ceil(greatest / step * 1.0001), step, begin, end)


def _drawn(panel: Panel, names: Sequence[str]) -> Iterator[str]:
    points = [point for series in panel.series for point in series.points]
    x = _scale([p.x if p.x_to is None else p.x_to for p in points], _LEFT, _WIDTH - _RIGHT)
    y = _scale([p.y for p in points], _HEIGHT - _BOTTOM, _TOP)
    yield f'<text x="{_LEFT}" y="20" font-weight="600">{escape(panel.title)}</text>'
    yield from _axes(panel, x, y)
    for series in panel.series:
        yield from _series(series, x, y, names.index(series.name), is_numbered=len(names) > 1)


def _axes(panel: Panel, x: _Scale, y: _Scale) -> Iterator[str]:
    floor = _HEIGHT - _BOTTOM
    for tick in y.ticks:
        yield f'<path d="M{_LEFT} {y(tick)}H{_WIDTH - _RIGHT}" stroke="{_FAINT}"/>'
        at = f'x="{_LEFT - 6}" y="{y(tick)}"'
        yield f'<text {at} text-anchor="end" dominant-baseline="middle">{round(tick, 6):g}</text>'
    for tick in x.ticks:
        yield f'<path d="M{x(tick)} {floor}v4" stroke="{_INK}"/>'
        yield f'<text x="{x(tick)}" y="{floor + 17}" text-anchor="middle">{round(tick, 6):g}</text>'
    yield f'<path d="M{_LEFT} {floor}H{_WIDTH - _RIGHT}" stroke="{_INK}"/>'
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield f'<text x="{middle}" y="{floor + 36}" text-anchor="middle">{escape(panel.x_title)}</text>'
    turned = f'transform="translate(14 {(_TOP + floor) / 2}) rotate(-90)"'
    yield f'<text {turned} text-anchor="middle">{escape(panel.y_title)}</text>'


def _series(series: Series, x: _Scale, y: _Scale, index: int, *, is_numbered: bool) -> Iterator[str]:
    color = _COLORS[index % len(_COLORS)]
    if series.is_line and series.points:
        path = "L".join(f"{x(point.x)} {y(point.y)}" for point in series.points)
        yield f'<path d="M{path}" fill="none" stroke="{color}" stroke-width="1.5"/>'
    for point in series.points:
        if point.x_to is not None:
            yield f'<path d="M{x(point.x)} {y(point.y)}H{x(point.x_to)}m0 -4v8" stroke="{color}" opacity="0.6"/>'
        yield _dot(x(point.x), y(point.y), color, is_hollow=series.is_hollow)
        if is_numbered and not series.is_line:
            at = f'x="{x(point.x)}" y="{y(point.y)}" dy="{-8 if index % 2 == 0 else 17}"'
            yield f'<text {at} text-anchor="middle" fill="{color}">{index + 1}</text>'


def _dot(x: str, y: str, color: str, *, is_hollow: bool) -> str:
    inside = "white" if is_hollow else color
    return f'<circle cx="{x}" cy="{y}" r="5" fill="{inside}" stroke="{color}" stroke-width="2"/>'


def _legend(names: Sequence[str], note: str, top: float) -> Iterator[str]:
    for i, name, at in zip(count(), names, count(top + _ROW / 2, _ROW), strict=False):
        yield _dot(str(_LEFT), str(at), _COLORS[i % len(_COLORS)], is_hollow=False)
        number = f"{i + 1}  " if len(names) > 1 else ""
        yield f'<text x="{_LEFT + 14}" y="{at + 4}">{number}{escape(name)}</text>'
    if note:
        yield f'<text x="{_LEFT - 5}" y="{top + len(names) * _ROW + 16}" fill="#777777">{escape(note)}</text>'
