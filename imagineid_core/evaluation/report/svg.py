"""Small plots as SVG in the page itself: lines over frames, dots of many clips on one line.

Colours and fonts come from the page's style, so plots follow light and dark. Knows nothing about
what is drawn.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

MOST_POINTS = 600  # of a line; behind that each stretch shows its least and its greatest
MOST_DOTS = 400
_WIDTH, _HEIGHT = 420, 184
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 412, 10, 164
_STRIP_WIDTH, _STRIP_HEIGHT = 300, 46
_DIGITS = 4  # behind the point at most; there is no room for more
Values = Sequence[float | None]
_Point = tuple[float, float | None]


@dataclass(frozen=True, kw_only=True)
class Line:
    name: str
    values: Values
    first: int = 0  # the number of the first value


@dataclass(frozen=True, kw_only=True)
class Dot:
    name: str
    value: float
    href: str


def line_chart(
    lines: Sequence[Line],
    *,
    described: str,
    across: str,
    level: float | None = None,
    empty: Sequence[tuple[int, int]] = (),
    follows: bool = True,
) -> str:
    """`level`: a dashed line, such as the mean. `empty`: stretches without values, shaded.

    `follows`: has a cursor that a script can put at the frame that is being played.
    """
    known = [value for line in lines for value in line.values if value is not None]
    if level is not None:
        known.append(level)
    low, high = _padded(min(known), max(known))
    first = min(line.first for line in lines)
    last = max(line.first + len(line.values) - 1 for line in lines)

    def x(number: float) -> float:
        return _LEFT + (number - first) / max(1, last - first) * (_RIGHT - _LEFT)

    def y(value: float) -> float:
        return _BOTTOM - (value - low) / (high - low) * (_BOTTOM - _TOP)

    parts = []
    for start, stop in empty:
        left, right = x(max(first, start - 0.5)), x(min(last, stop + 0.5))
        parts.append(
            f'<rect class="empty" x="{left:.1f}" y="{_TOP}" width="{max(1.5, right - left):.1f}" '
            f'height="{_BOTTOM - _TOP}"/>'
        )
    for tick, told in _ticks(low, high, 4):
        parts.append(f'<path class="grid" d="M{_LEFT} {y(tick):.1f}H{_RIGHT}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" class="end">{told}</text>')
    for tick, told in _ticks(first, last, 6, whole=True):
        parts.append(f'<text x="{x(tick):.1f}" y="{_BOTTOM + 15}" class="mid">{told}</text>')
    parts.append(
        f'<text x="{_LEFT - 14}" y="{_BOTTOM + 15}" class="end">{html.escape(across)}</text>'
    )
    if level is not None:
        parts.append(f'<path class="level" d="M{_LEFT} {y(level):.1f}H{_RIGHT}"/>')
    for number, line in enumerate(lines):
        drawn = _path([(x(at), None if v is None else y(v)) for at, v in _thinned(line)])
        parts.append(f'<path class="line l{number}" d="{drawn}"/>')
    if follows:
        span = f'data-left="{_LEFT}" data-right="{_RIGHT}" data-first="{first}" data-last="{last}"'
        parts.append(f'<path class="now" {span} d="M{_LEFT} {_TOP}V{_BOTTOM}"/>')
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{html.escape(described, quote=True)}">{"".join(parts)}</svg>'
    )


def dot_strip(dots: Sequence[Dot], *, described: str, mean: float | None) -> str:
    """A dot a clip, each a link to it; those at the ends stay however many there are."""
    shown = _some(sorted(dots, key=lambda dot: dot.value))
    low, high = shown[0].value, shown[-1].value
    ends = f"{shorter(low)}", f"{shorter(high)}"
    left, right, middle = 8, _STRIP_WIDTH - 8, 16

    def x(value: float) -> float:
        return (
            (left + right) / 2
            if low == high
            else left + (value - low) / (high - low) * (right - left)
        )

    parts = [f'<path class="grid" d="M{left} {middle}H{right}"/>']
    rows = _apart([x(dot.value) for dot in shown])
    for dot, row in zip(shown, rows, strict=True):
        told = html.escape(f"{dot.name}: {shorter(dot.value)}", quote=True)
        parts.append(
            f'<a href="{dot.href}"><title>{told}</title>'
            f'<circle cx="{x(dot.value):.1f}" cy="{middle + row}" r="4"/></a>'
        )
    if mean is not None and low <= mean <= high:
        parts.append(f'<path class="level" d="M{x(mean):.1f} 2V{middle + 14}"/>')
    parts.append(f'<text x="{left - 6}" y="{_STRIP_HEIGHT - 2}">{ends[0]}</text>')
    if low != high:
        parts.append(f'<text x="{right + 6}" y="{_STRIP_HEIGHT - 2}" class="end">{ends[1]}</text>')
    return (
        f'<svg class="strip" viewBox="0 0 {_STRIP_WIDTH} {_STRIP_HEIGHT}" role="group" '
        f'aria-label="{html.escape(described, quote=True)}">{"".join(parts)}</svg>'
    )


def shorter(value: float, digits: int = 4) -> str:
    """So many digits that count, without a power of ten where it can be read without."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    if 10**digits <= abs(value) < 1e9:
        return f"{value:.0f}"
    return f"{value:.{digits}g}" if abs(value) >= 1e-4 else f"{value:.{digits - 1}e}"


def _some(dots: list[Dot]) -> list[Dot]:
    if len(dots) <= MOST_DOTS:
        return dots
    steps = (len(dots) - 1) / (MOST_DOTS - 1)
    return [dots[round(number * steps)] for number in range(MOST_DOTS)]


def _apart(places: Sequence[float]) -> list[int]:
    """Rows for dots that would lie on one another: 0, then 4 up, 4 down and so on."""
    rows: list[int] = []
    taken: dict[int, float] = dict.fromkeys((0, -4, 4, -8, 8, -12, 12), -math.inf)
    for place in places:
        free = next((row for row, last in taken.items() if place - last >= 8), None)
        row = min(taken, key=lambda one: taken[one]) if free is None else free
        taken[row] = place
        rows.append(row)
    return rows


def _padded(low: float, high: float) -> tuple[float, float]:
    room = 0.06 * (high - low) or 0.06 * abs(high) or 1.0
    bottom = low - room
    return (0.0 if low >= 0 > bottom else bottom), high + room


def _ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[tuple[float, str]]:
    span = high - low or 1.0
    step = 10.0 ** math.floor(math.log10(span / most))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= most)
    if whole:
        step = max(1.0, step)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    count = math.floor(high / step + 1e-9) - math.ceil(low / step - 1e-9) + 1
    start = math.ceil(low / step - 1e-9)
    found = [(start + number) * step for number in range(count)]
    form = f".{digits}f" if digits <= _DIGITS else ".0e"
    return [(tick, f"{tick + 0.0:{form}}") for tick in found]


def _thinned(line: Line) -> list[_Point]:
    points = [(line.first + at, value) for at, value in enumerate(line.values)]
    if len(points) <= MOST_POINTS:
        return list(points)
    size = math.ceil(2 * len(points) / MOST_POINTS)
    kept: list[_Point] = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        found = [(value, at) for at, value in part if value is not None]
        if not found:
            kept.append(part[0])
            continue
        ends = sorted({min(found), max(found)}, key=lambda one: one[1])
        kept += [(at, value) for value, at in ends]
    return kept


def _path(points: Sequence[_Point]) -> str:
    """Lines between neighbours; a value alone is a point, which a round end shows."""
    drawn, pen = [], False
    for place, height in points:
        if height is None:
            pen = False
            continue
        drawn.append(f"{'L' if pen else 'M'}{place:.1f} {height:.1f}{'' if pen else 'h0'}")
        pen = True
    return "".join(drawn)
