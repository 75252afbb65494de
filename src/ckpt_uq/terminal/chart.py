"""A curve drawn in plain characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def chart(values: Sequence[float], *, ticks: Sequence[int] = (), width: int = 64, height: int = 10) -> str:
    """Draw values against their index.

    A column shows the range of the values that fall into it.

    Parameters
    ----------
    values : sequence of float
        Finite, at least one.
    ticks : sequence of int
        Indices to write below the axis, those that fit.
    width, height : int
        Of the drawing, in characters, without the labels.

    Examples
    --------
    >>> print(chart([0.4, 0.3, 0.2, 0.1, 0.4, 0.3, 0.2, 0.1], ticks=[0, 4], width=8, height=4))
    0.4 |*   *
        | *   *
        |  *   *
    0.1 |   *   *
        +--------
         0   4
    """
    width = min(width, len(values))
    low, high = min(values), max(values)
    labels = (f"{high:.4g}", f"{low:.4g}")
    margin = max(map(len, labels))
    rows = [[" "] * width for _ in range(height)]
    for column in range(width):
        part = values[column * len(values) // width : (column + 1) * len(values) // width]
        top, bottom = (_row(value, low, high, height) for value in (max(part), min(part)))
        for row in range(top, bottom + 1):
            rows[row][column] = "*"
    beside = {0: labels[0], height - 1: labels[1]}
    lines = [f"{beside.get(i, ''):>{margin}} |{''.join(row)}".rstrip() for i, row in enumerate(rows)]
    below = _tick_line({tick * width // len(values): tick for tick in ticks})
    axis = [" " * margin + " +" + "-" * width, *([" " * margin + f"  {below}"] if below else [])]
    return "\n".join([*lines, *axis])


def _row(value: float, low: float, high: float, height: int) -> int:
    return 0 if high == low else round((high - value) / (high - low) * (height - 1))


def _tick_line(ticks: Mapping[int, int]) -> str:
    line = ""
    for column, tick in sorted(ticks.items()):
        if column >= len(line) + bool(line):
            line = f"{line:<{column}}{tick}"
    return line
