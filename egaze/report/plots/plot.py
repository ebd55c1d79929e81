"""A small plot as SVG, in the page's font and colours, light or dark, with text for screen readers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

#: The number of series colours in the page's style sheet.
SERIES = 7

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear axis from `low`, at the left or the bottom, to `high`, with ticks and a label.

    `low` may be greater than `high`: positions on a screen or picture grow downwards.
    """

    low: float
    high: float
    label: str = ""
    ticks: tuple[float, ...] = ()
    decimals: int = 1

    @classmethod
    def around(cls, values: Iterable[float], label: str, *, whole: bool = False, ticks: int = 5) -> Axis:
        """Make an axis that contains all finite values, with evenly spaced ticks."""
        finite = [value for value in values if isfinite(value)] or [0.0]
        low, high = min(finite), max(finite)
        if low == high:
            low, high = low - 0.5, high + 0.5
        marks = [float(mark) for mark in MaxNLocator(ticks, integer=whole, steps=[1, 2, 5, 10]).tick_values(low, high)]
        low, high = min(low, marks[0] if marks[0] > low - (high - low) * 0.1 else low), high
        shown = tuple(mark for mark in marks if low <= mark <= high)
        step = marks[1] - marks[0]
        return cls(low, high, label, shown, max(0, -floor(log10(step) + 1e-9)))

    def said(self, tick: float) -> str:
        """A tick as it is written; 0 has no sign."""
        text = f"{tick:.{self.decimals}f}"
        return text if float(text) else text.removeprefix("-")


UNIT_TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)


def unit_axis(label: str) -> Axis:
    """Make an axis from 0 to 1."""
    return Axis(0.0, 1.0, label, UNIT_TICKS, 2)


class Plot:
    """Marks on two axes. Coordinates are in the axes' units; `look` is a class of the page's style sheet.

    Args:
        name: a name that is unique on the page, of letters, digits and hyphens.
        title: what the plot shows, for screen readers and, unless `quiet`, above the plot.
        description: what can be read from the plot, for screen readers.
        x, y: the axes.
        width, height: size of the whole plot.
        margins: left, top, right and bottom margins of the axes.
        quiet: whether the title is shown to screen readers only.
    """

    def __init__(
        self,
        name: str,
        title: str,
        description: str,
        x: Axis,
        y: Axis,
        *,
        width: int = 300,
        height: int = 300,
        margins: tuple[int, int, int, int] = (46, 30, 12, 44),
        quiet: bool = False,
    ) -> None:
        self._name, self._title, self._description, self._quiet = name, title, description, quiet
        self._x, self._y, self._width, self._height = x, y, width, height
        self._left, self._top, right, bottom = margins
        self._right, self._bottom = width - right, height - bottom
        self._marks: list[Markup] = []

    def line(self, points: Sequence[Point], look: str) -> None:
        """Draw straight lines from point to point; a point that is not finite leaves a gap."""
        path, gap = [], True
        for x, y in points:
            if isfinite(x) and isfinite(y):
                path.append(f"{'M' if gap else 'L'}{self._at(x, y)}")
            gap = not (isfinite(x) and isfinite(y))
        self._add('<path class="line {}" d="{}"/>', look, "".join(path))

    def area(self, points: Sequence[Point], look: str) -> None:
        """Fill the inside of a closed line."""
        self._add('<path class="area {}" d="{}Z"/>', look, "M" + "L".join(self._at(x, y) for x, y in points))

    def dot(self, x: float, y: float, look: str, radius: float = 3.5, said: str = "") -> None:
        """Draw a disc, with a tooltip."""
        title = Markup("<title>{}</title>").format(said) if said else ""
        place = f'cx="{self._px(x):.1f}" cy="{self._py(y):.1f}"'
        self._add('<circle class="dot {}" {} r="{}">{}</circle>', look, Markup(place), radius, title)

    def box(self, x_low: float, y_low: float, x_high: float, y_high: float, look: str) -> None:
        """Draw a filled rectangle."""
        left, top, right, bottom = self._px(x_low), self._py(y_high), self._px(x_high), self._py(y_low)
        size = f'x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}"'
        self._add('<rect class="{}" {}/>', look, Markup(size))

    def text(
        self, x: float, y: float, words: str, look: str = "", *, shift: Point = (0, 0), anchor: str = "start"
    ) -> None:
        """Write text at a point, moved by `shift` pixels."""
        place = f'x="{self._px(x) + shift[0]:.1f}" y="{self._py(y) + shift[1]:.1f}" text-anchor="{anchor}"'
        self._add('<text class="{}" {}>{}</text>', look, Markup(place), words)

    def svg(self, *, x_axis: bool = True, y_axis: bool = True) -> Markup:
        """Return the finished plot."""
        frame: list[Markup] = []
        marks, self._marks = self._marks, frame
        if x_axis:
            self._draw_x_axis()
        if y_axis:
            self._draw_y_axis()
        if not self._quiet:
            place = Markup('x="{}" y="16"').format(self._left)
            self._add('<text class="plot-title" {}>{}</text>', place, self._title)
        self._marks = marks
        return Markup(
            '<svg viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" aria-labelledby="{n}-title {n}-desc">'
            '<title id="{n}-title">{title}</title><desc id="{n}-desc">{desc}</desc>{body}</svg>'
        ).format(
            w=self._width,
            h=self._height,
            n=self._name,
            title=self._title,
            desc=self._description,
            body=Markup("").join([*frame, *marks]),
        )

    def _draw_x_axis(self) -> None:
        for tick in self._x.ticks:
            x = self._px(tick)
            self._add('<path class="grid" d="M{} {}V{}"/>', f"{x:.1f}", self._top, self._bottom)
            place = Markup('x="{}" y="{}"').format(f"{x:.1f}", self._bottom + 16)
            self._add('<text class="tick" {} text-anchor="middle">{}</text>', place, self._x.said(tick))
        self._add('<path class="axis" d="M{} {}H{}"/>', self._left, self._bottom, self._right)
        place = Markup('x="{}" y="{}"').format((self._left + self._right) / 2, self._bottom + 34)
        self._add('<text class="label" {} text-anchor="middle">{}</text>', place, self._x.label)

    def _draw_y_axis(self) -> None:
        for tick in self._y.ticks:
            y = self._py(tick)
            self._add('<path class="grid" d="M{} {}H{}"/>', self._left, f"{y:.1f}", self._right)
            place = Markup('x="{}" y="{}"').format(self._left - 7, f"{y + 3.5:.1f}")
            self._add('<text class="tick" {} text-anchor="end">{}</text>', place, self._y.said(tick))
        middle = (self._top + self._bottom) / 2
        place = Markup('x="11" y="{0}" transform="rotate(-90 11 {0})"').format(middle)
        self._add('<text class="label" {} text-anchor="middle">{}</text>', place, self._y.label)

    def _add(self, form: str, *values: object) -> None:
        self._marks.append(Markup(form).format(*values))

    def _px(self, x: float) -> float:
        return self._left + (x - self._x.low) / (self._x.high - self._x.low) * (self._right - self._left)

    def _py(self, y: float) -> float:
        return self._bottom - (y - self._y.low) / (self._y.high - self._y.low) * (self._bottom - self._top)

    def _at(self, x: float, y: float) -> str:
        return f"{self._px(x):.1f} {self._py(y):.1f}"
