"""Plots as inline SVG: themed by the page's CSS, crisp in print, readable by a screen reader."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from markupsafe import Markup, escape

TICK = 4.0


def element(tag: str, *children: str | Markup, **attributes: object) -> Markup:
    """An SVG element; text is escaped, ``class_`` is class, ``stroke_width`` is stroke-width.

    Examples
    --------
    >>> element("text", "a < b", x=1.5, class_="tick")
    Markup('<text x="1.5" class="tick">a &lt; b</text>')
    """
    named = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _short(value))
        for name, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(tag), named, Markup("").join(map(escape, children)))


def nice_ticks(low: float, high: float, at_most: int = 6) -> list[float]:
    """Round numbers from `low` to `high`, at most about `at_most` of them.

    Examples
    --------
    >>> nice_ticks(0.0, 1.0)
    [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    if not high > low:
        return [low]
    raw = (high - low) / max(1, at_most - 1)
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= raw * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def padded(values: Iterable[float], share: float = 0.06) -> tuple[float, float]:
    """Range of the finite values with some air around them; (0, 1) without any.

    Examples
    --------
    >>> padded([0.0, float("nan"), 10.0], 0.1)
    (-1.0, 11.0)
    """
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return 0.0, 1.0
    low, high = min(finite), max(finite)
    air = (high - low) * share or abs(high) * share or share
    return low - air, high + air


@dataclass
class Plot:
    """A pair of axes that collects marks.

    Attributes
    ----------
    left, top, width, height : float
        The area of the data, in the units of the SVG's viewBox.
    x_range, y_range : tuple of float
        What the area spans.
    marks : list of Markup
        What is drawn, in this order.
    """

    left: float
    top: float
    width: float
    height: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    marks: list[Markup] = field(default_factory=list)

    def x(self, value: float) -> float:
        """Where `value` lies from left to right."""
        low, high = self.x_range
        return self.left + (value - low) / (high - low) * self.width

    def y(self, value: float) -> float:
        """Where `value` lies from top to bottom."""
        low, high = self.y_range
        return self.top + self.height - (value - low) / (high - low) * self.height

    def add(self, tag: str, *children: str | Markup, **attributes: object) -> None:
        """Append an element."""
        self.marks.append(element(tag, *children, **attributes))

    def x_axis(self, label: str = "", *, ticks: Sequence[float] | None = None, numbers: bool = True) -> None:
        """Draw the lower axis."""
        bottom = self.top + self.height
        for tick in nice_ticks(*self.x_range) if ticks is None else ticks:
            at = self.x(tick)
            self.add("line", x1=at, x2=at, y1=bottom, y2=bottom + TICK, class_="axis")
            if numbers:
                self.add("text", number(tick), x=at, y=bottom + 17, class_="tick", text_anchor="middle")
        self.add("line", x1=self.left, x2=self.left + self.width, y1=bottom, y2=bottom, class_="axis")
        if label:
            self.add(
                "text",
                label,
                x=self.left + self.width / 2,
                y=bottom + 35,
                class_="label",
                text_anchor="middle",
            )

    def y_axis(self, label: str = "", *, ticks: Sequence[float] | None = None) -> None:
        """Draw the left axis with faint lines across."""
        for tick in nice_ticks(*self.y_range, 5) if ticks is None else ticks:
            at = self.y(tick)
            self.add("line", x1=self.left, x2=self.left + self.width, y1=at, y2=at, class_="grid")
            self.add("text", number(tick), x=self.left - 7, y=at + 4, class_="tick", text_anchor="end")
        if label:
            across, down = self.left - 44, self.top + self.height / 2
            turn = f"rotate(-90 {_short(across)} {_short(down)})"
            self.add("text", label, x=across, y=down, class_="label", text_anchor="middle", transform=turn)

    def line(self, xs: Iterable[float], ys: Iterable[float], class_: str) -> None:
        """Join the points, with a gap where a value is not finite."""
        path, down = [], False
        for x, y in zip(xs, ys, strict=True):
            if not (math.isfinite(x) and math.isfinite(y)):
                down = False
                continue
            path.append(f"{'L' if down else 'M'}{_short(self.x(x))} {_short(self.y(y))}")
            down = True
        self.add("path", d="".join(path), class_=class_, fill="none")

    def group(self) -> Markup:
        """Everything drawn."""
        return element("g", *self.marks)


def drawing(
    name: str, title: str, story: str, width: float, height: float, *plots: Markup, role: str = "img"
) -> Markup:
    """An accessible <svg>.

    `name` must be unique on the page; `role` is ``'group'`` where marks are links, which an image may not
    hold.
    """
    heading = element("title", title, id=f"{name}-title")
    description = element("desc", story, id=f"{name}-desc")
    return element(
        "svg",
        heading,
        description,
        *plots,
        viewBox=f"0 0 {_short(width)} {_short(height)}",
        role=role,
        class_="plot",
        aria_labelledby=f"{name}-title {name}-desc",
    )


def number(value: float) -> str:
    """A tick's number, as short as it is exact.

    Examples
    --------
    >>> [number(value) for value in (0.0, 0.25, 1e-4, 120.0, 2e6)]
    ['0', '0.25', '0.0001', '120', '2e+06']
    """
    return f"{value:.6g}"


def _short(value: object) -> object:
    return f"{round(float(value), 2):g}" if isinstance(value, float | np.floating) else value
