"""The page's plots, as SVG that anyone can open."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ckpt_uq.demo.figures.style import ENSEMBLE, QUIET, SINGLE
from ckpt_uq.report.svg import Plot, drawing

COLOURS = (ENSEMBLE, SINGLE, "#009e73")
STYLE = (
    "<style>text{font:12px system-ui,sans-serif;fill:#4a4f57}.name{font-weight:bold}"
    ".grid{stroke:#e4e6ea}.axis{stroke:#4a4f57}"
    f".ours{{fill:{ENSEMBLE}}}.peer{{fill:{SINGLE}}}.floor{{fill:{QUIET}}}</style>"
)
ROW = 19.0


def every(found: dict[str, Any]) -> dict[str, str]:
    """All plots, by name."""
    scaling = found["scaling"]
    return {
        "tasks": bars(found["tasks"]["tasks"]),
        "voxels": lines(scaling, "voxels", "ns a voxel"),
        "classes": lines(scaling, "classes", "ns a probability"),
    }


def bars(tasks: dict[str, Any]) -> str:
    """Milliseconds of every way, on a logarithmic scale."""
    ways = {name: list(task["threads"].values())[-1]["ways"] for name, task in tasks.items()}
    times = [way["median_ms"] for group in ways.values() for way in group.values()]
    n_rows = sum(len(group) + 1 for group in ways.values())
    low, high = decades(times)
    plot = Plot(310, 10, 420, n_rows * ROW, (low, high), (0, 1))
    log_x_axis(plot, "ms, largest number of threads")
    at = plot.top
    for name, group in ways.items():
        at += ROW
        plot.add("text", name.replace("_", " "), x=8, y=at - 5, class_="name")
        for way, value in group.items():
            kind = "floor" if way == "floor" else "ours" if way.startswith("ckpt_uq") else "peer"
            end = plot.x(math.log10(value["median_ms"]))
            plot.add("text", way, x=plot.left - 8, y=at + 13, text_anchor="end")
            plot.add("rect", x=plot.left, y=at + 3, width=end - plot.left, height=ROW - 6, class_=kind)
            plot.add("text", short(value["median_ms"]), x=end + 5, y=at + 13)
            at += ROW
    return finished("tasks", "Time of every way of every task", plot, 800, plot.top + plot.height + 50)


def lines(scaling: dict[str, Any], axis: str, unit: str) -> str:
    """Time for each element against the size, both logarithmic; dashed is the floor."""
    tasks = scaling[axis]

    def each(point: dict[str, Any], what: str) -> float:
        elements = point["voxels"] if axis == "voxels" else scaling["class_numbers"]
        return float(point[what]) * 1e6 / elements

    xs = [point[axis] for task in tasks.values() for point in task["points"]]
    ys = [each(p, what) for t in tasks.values() for p in t["points"] for what in ("median_ms", "floor_ms")]
    low, high = decades(ys)
    plot = Plot(80, 40, 480, 260, (math.log2(min(xs)), math.log2(max(xs))), (low, high))
    bottom = plot.top + plot.height
    for power in range(math.floor(low), math.ceil(high) + 1):
        if low <= power <= high:
            y = plot.y(power)
            plot.add("line", x1=plot.left, x2=plot.left + plot.width, y1=y, y2=y, class_="grid")
            plot.add("text", f"{10.0**power:g}", x=plot.left - 8, y=y + 4, text_anchor="end")
    for value in sorted(set(xs)):
        shown = f"2^{round(math.log2(value))}" if axis == "voxels" else str(value)
        plot.add(
            "text", shown, x=plot.x(math.log2(value)), y=plot.top + plot.height + 18, text_anchor="middle"
        )
    bottom = plot.top + plot.height
    plot.add("line", x1=plot.left, x2=plot.left + plot.width, y1=bottom, y2=bottom, class_="axis")
    plot.add("text", axis, x=plot.left + plot.width / 2, y=bottom + 36, text_anchor="middle")
    plot.add("text", unit, x=plot.left - 60, y=plot.top - 18)
    for index, (name, task) in enumerate(tasks.items()):
        colour = COLOURS[index % len(COLOURS)]
        at = [math.log2(point[axis]) for point in task["points"]]
        curve(plot, at, [each(p, "median_ms") for p in task["points"]], colour)
        curve(plot, at, [each(p, "floor_ms") for p in task["points"]], colour, dashes="4 4")
        y = plot.y(math.log10(each(task["points"][-1], "median_ms")))
        plot.add("text", name, x=plot.left + plot.width + 8, y=y + 4)
    return finished(axis, f"Time against {axis}", plot, 700, bottom + 50)


def curve(plot: Plot, xs: Sequence[float], ys: Sequence[float], colour: str, dashes: str = "none") -> None:
    """Join points whose heights are logarithmic."""
    path = "".join(
        f"{'L' if i else 'M'}{plot.x(x):.1f} {plot.y(math.log10(y)):.1f}"
        for i, (x, y) in enumerate(zip(xs, ys, strict=True))
    )
    plot.add("path", d=path, fill="none", stroke=colour, stroke_width=2, stroke_dasharray=dashes)


def log_x_axis(plot: Plot, label: str) -> None:
    """Powers of ten with lines up."""
    bottom = plot.top + plot.height
    low, high = plot.x_range
    for power in range(math.ceil(low), math.floor(high) + 1):
        x = plot.x(power)
        plot.add("line", x1=x, x2=x, y1=plot.top, y2=bottom, class_="grid")
        plot.add("text", f"{10.0**power:g}", x=x, y=bottom + 16, text_anchor="middle")
    plot.add("text", label, x=plot.left + plot.width / 2, y=bottom + 34, text_anchor="middle")


def short(value: float) -> str:
    """Milliseconds in three digits, or whole."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def decades(values: Sequence[float]) -> tuple[float, float]:
    """Whole powers of ten around positive numbers, as exponents."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return float(low), float(max(high, low + 1))


def finished(name: str, title: str, plot: Plot, width: float, height: float) -> str:
    """A file of its own: with a namespace, its style and a white ground."""
    svg = str(drawing(f"benchmarks-{name}", title, title, width, height, plot.group()))
    ground = '<rect width="100%" height="100%" fill="white"/>'
    opened = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    head, _, rest = opened.partition(">")
    return f"{head}>{STYLE}{ground}{rest}\n"
