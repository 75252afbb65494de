"""Write docs/benchmarks.md and its plots from benchmarks/results/kernels_*.json.

Run with ``python benchmarks/kernels/page.py`` after new results; a test holds page and results together.
"""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import fill
from typing import Any

import limits
import plots
import targets

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
DOCS = ROOT / "docs"
WIDTH = 110

TITLES = {
    "entropy": "Predictive entropy",
    "contour": "3D contour, counted for every foreground class",
    "calibration": "Calibration error of the likeliest class, 15 bins",
    "class_calibration": "Calibration error, class by class, 15 bins",
    "dice": "Dice, class by class",
    "analysis": "Entropy, segmentation, contours, calibration and Dice together",
    "moments": "Mean probability and mean entropy of nine members, from logits",
}

HEAD = """<!-- Written by benchmarks/kernels/page.py from benchmarks/results/. Do not edit. -->

# Benchmarks

Time, memory and accuracy of what comes after the network, beside other libraries, on one machine and in
one run. `make bench-kernels` measures and writes this page. Every way works on the same arrays; the ways of
a task take turns, so that whatever else the machine does falls on all of them. A time is the median of the
calls, after one that does not count.

- *Floor* is the time in which this machine, in the same turns, only reads the bytes that have to be read and
  writes those that have to be written.
- *Extra memory* is the peak of one call in a fresh process beyond its inputs, its result included.
- *Difference* is to the result in float64 or whole numbers.
"""


def read(folder: Path = RESULTS) -> dict[str, Any]:
    """The committed results, by part."""
    parts = ("tasks", "scaling", "first_call", "billion")
    optional = [part for part in ("instructions", "cuda") if (folder / f"kernels_{part}.json").exists()]
    return {part: json.loads((folder / f"kernels_{part}.json").read_text()) for part in (*parts, *optional)}


def page(found: dict[str, Any]) -> str:
    """The whole page."""
    tasks = found["tasks"]
    sections = [
        HEAD,
        setting(tasks),
        "## Targets\n\n"
        "What we want to reach, with two threads; ratios of medians of this run. Memory is beyond the "
        "accumulators.\n\n" + table(targets.rows(tasks)),
        limits_section(tasks["tasks"]),
        *([instructions_section(found["instructions"], tasks["tasks"])] if "instructions" in found else []),
        "## Tasks\n\n" + image("tasks", "Time of every way of every task, in logarithmic bars"),
        *(task_section(name, tasks) for name in in_order(tasks["tasks"])),
        scaling_section(found["scaling"]),
        first_call_section(found["first_call"]),
        billion_section(found["billion"]),
        cuda_section(found.get("cuda")),
    ]
    return "\n".join(section.rstrip() + "\n" for section in sections)


def limits_section(tasks: dict[str, Any]) -> str:
    """What bounds every task: the memory, or the processor."""
    counts = list(next(iter(tasks.values()))["threads"])
    head = [f"computing, {n} thread{'s' * (n != '1')}, ms" for n in counts]
    lines = [["", "memory, ms", *head, "the longer", "measured, ms", "times it"]]
    gains = []
    for name, task in in_order(tasks).items():
        ways, computing = task["threads"][counts[-1]]["ways"], task["computing_ms"]
        memory, alone = ways["floor"]["median_ms"], computing[counts[-1]]
        taken, longer = ways[first_of_ours(ways)]["median_ms"], max(memory, alone)
        what = "memory" if memory > alone else "computing"
        times = (milliseconds(value) for value in (memory, *(computing[n] for n in counts)))
        lines.append([TITLES[name], *times, what, milliseconds(taken), f"{taken / longer:.2f}"])
        gains.append(f"{computing[counts[0]] / alone:.2f}")
    text = fill(
        "No way can be faster than the memory (the floor) or than its own computing: the same calls on "
        "pieces that stay in the processor's caches, each thread on its own. Where computing is the longer, "
        "only fewer or quicker instructions would bring it nearer to the floor. Here "
        f"{counts[-1]} threads compute {span(gains)} times as much as {counts[0]}: where that is less than "
        "their number, they share what computes, as two threads of one core do.",
        WIDTH,
    )
    return f"## What bounds them\n\n{text}\n\n{table(lines)}"


def instructions_section(found: dict[str, Any], tasks: dict[str, Any]) -> str:
    """What computing consists of, and the least time that it can take."""
    most, counted = found["at_most"], in_order(found["tasks"])
    head = [
        "",
        "instructions",
        "on vectors",
        "bytes loaded",
        "bytes stored",
        "computing, 1 thread, ms",
        "a cycle",
    ]
    if most is not None:
        head += ["at least, ms", "busy with"]
    lines = [head]
    for name, task in counted.items():
        each, computing = task["per_voxel"], tasks[name]["computing_ms"]["1"]
        cells = [TITLES[name], f"{each['instructions']:.3g}"]
        cells.append(f"{each['vector'] / each['instructions']:.0%}")
        cells += [f"{each[what]:.3g}" for what in ("bytes_loaded", "bytes_stored")]
        cells += [milliseconds(computing), f"{limits.per_cycle(task, computing):.2f}"]
        if most is not None:
            least, busy = limits.least_ms(task, most)
            cells += [milliseconds(least), busy]
        lines.append(cells)
    return f"{how_counted(found, counted)}\n\n{table(lines)}"


def how_counted(found: dict[str, Any], counted: dict[str, Any]) -> str:
    """How instructions were counted, and what the least time means."""
    ghz = span([f"{task['clock_ghz']:.2f}" for task in counted.values()])
    elsewhere = span([f"{task['elsewhere'] / 1e6:.1f}" for task in counted.values()])
    text = fill(
        f"What computing consists of, counted on {found['date']} by stopping after every instruction, on "
        "pieces from all over the case: instructions of the compiled loops for a voxel, without what a call "
        "costs whatever its size; how many of them work on vectors; the bytes that they load and store, "
        "mostly from and to caches; and how many are executed in a cycle while computing as above, at a "
        f"measured clock of {ghz} GHz. The interpreter and libraries execute {elsewhere} million more "
        "for a call.",
        WIDTH,
    )
    most = found["at_most"]
    if most is None:
        return text
    bits = 8 * most["register_bytes"]
    model = fill(
        f"In one cycle a core of this kind ({most['name']}, as its maker documents it) starts at most "
        f"{most['started']} instructions, where a comparison and its jump are one, computes "
        f"{most['computed']} vector registers of {bits} bits, loads {most['loaded']} and stores "
        f"{most['stored']}; a register of {2 * bits} bits counts as two. Whichever of these takes the most "
        "cycles gives the least time in which one core can execute these instructions, in whatever order.",
        WIDTH,
    )
    return f"{text}\n\n{model}"


def span(numbers: list[str]) -> str:
    """From the least to the most, or the one that there is."""
    return " to ".join(sorted({min(numbers, key=float), max(numbers, key=float)}, key=float))


def in_order(tasks: dict[str, Any]) -> dict[str, Any]:
    """Tasks in the order of the page, whichever was measured last."""
    return {name: tasks[name] for name in TITLES if name in tasks}


def setting(tasks: dict[str, Any]) -> str:
    """What it was measured on."""
    on, rates = tasks["machine"], tasks["rates_gb_s"]
    load = ", ".join(f"{value:.1f}" for value in loads(tasks))
    names = ", ".join(f"{name} {number}" for name, number in tasks["versions"].items())
    head = ["", *(f"{n} thread{'s' * (n != '1')}" for n in rates)]
    lines = [
        [f"{what}, GB/s", *(f"{rates[n][what]:.1f}" for n in rates)] for what in ("read", "copy", "fill")
    ]
    grid = " x ".join(map(str, tasks["grid"]))
    return (
        f"Measured {tasks['date']} on {on['processor']}, {on['cores']} cores, {on['memory_gb']:.0f} GB, "
        f"{on['system']}:\n{tasks['n_classes']} classes on {grid} voxels, float32, labels uint8. "
        f"Load average while each task was measured: {load};\nabove {on['cores']} the machine was shared, "
        f"times are longer than on an idle one, and two threads gain little.\n\n{names}.\n\n"
        f"The machine's memory:\n\n{table([head, *lines])}"
    )


def loads(tasks: dict[str, Any]) -> list[float]:
    """Load averages of the tasks' measurements with most threads."""
    return [list(task["threads"].values())[-1]["load_average"] for task in in_order(tasks["tasks"]).values()]


def task_section(name: str, tasks: dict[str, Any]) -> str:
    """One task's table."""
    task = tasks["tasks"][name]
    counts = list(task["threads"])
    most = task["threads"][counts[-1]]["ways"]
    ours, floor = first_of_ours(most), most["floor"]["median_ms"]
    head = [
        "",
        *(f"{n} thread{'s' * (n != '1')}, ms" for n in counts),
        "times the floor",
        "slower than ours by",
        "extra MB",
        "difference",
    ]
    lines = []
    for way, at_most in most.items():
        times = [milliseconds(task["threads"][n]["ways"][way]["median_ms"]) for n in counts]
        ratio = f"{at_most['median_ms'] / floor:.1f}"
        if way == "floor":
            lines.append(["*floor*", *times, ratio, "", "", ""])
            continue
        shown = f"**{way}**" if is_ours(way) else way
        beside = f"{at_most['median_ms'] / most[ours]['median_ms']:.1f}"
        lines.append(
            [shown, *times, ratio, beside, f"{task['extra_mb'][way]:.0f}", scientific(at_most["difference"])]
        )
    grid = f"On {' x '.join(map(str, task['grid']))} voxels.\n\n" if "grid" in task else ""
    return f"### {TITLES[name]}\n\n{grid}{table([head, *lines])}\n{best_peer(most)}"


def best_peer(ways: dict[str, Any]) -> str:
    """How the fastest of the others compares."""
    others = {way: value["median_ms"] for way, value in ways.items() if way != "floor" and not is_ours(way)}
    best = min(others, key=lambda way: others[way])
    ratio = others[best] / ways[first_of_ours(ways)]["median_ms"]
    return f"The fastest of the others, {best}, takes {ratio:.1f} times as long as ours."


def is_ours(way: str) -> bool:
    """Whether a way is of this library."""
    return way.startswith("ckpt_uq")


def first_of_ours(ways: dict[str, Any]) -> str:
    """The way that targets are about."""
    return next(way for way in ways if is_ours(way))


def scaling_section(found: dict[str, Any]) -> str:
    """Plots of how time grows."""
    first = found["members"][0]
    lines = [["members", *first["median_ms"], *(f"{way}, MB" for way in first["extra_mb"])]]
    for point in found["members"]:
        per_member = (value / point["n_members"] for value in point["median_ms"].values())
        memory = (f"{value:.0f}" for value in point["extra_mb"].values())
        lines.append([str(point["n_members"]), *map(milliseconds, per_member), *memory])
    grid = " x ".join(map(str, first["grid"]))
    return (
        f"## Scaling\n\nWith {found['threads']} threads; dashed is the floor.\n\n"
        + image("voxels", "Nanoseconds a voxel against the number of voxels")
        + "\n\n"
        + image("classes", "Nanoseconds a probability against the number of classes")
        + f"\n\nMembers, on {grid} voxels: milliseconds a member, and extra memory of the whole ensemble.\n\n"
        + table(lines)
    )


def first_call_section(found: dict[str, Any]) -> str:
    """What compiling costs."""
    lines = [["", "imports, s", "first call ever, s", "first call of a later process, s"]]
    for name, task in in_order(found["tasks"]).items():
        cold, warm = task["cold"], task["warm"]
        lines.append(
            [TITLES[name], *(f"{x:.2f}" for x in (warm["prepare_s"], cold["first_s"], warm["first_s"]))]
        )
    return (
        "## First call\n\nMachine code is made at the first call and kept on disk. The first column is what "
        f"Python takes\nto import what is needed.\n\n{table(lines)}"
    )


def billion_section(found: dict[str, Any]) -> str:
    """Memory that does not grow."""
    return (
        f"## A billion voxels\n\n`CalibrationBins` counted {found['n_voxels']:,} voxels in "
        f"{found['seconds']:.1f} s, with {found['extra_mb']:.1f} MB beyond the block that\nit was given each "
        f"time. It found an error of {found['ece']:.9f}; the truth is {found['truth']:.9f}.\n"
        f"Single precision stops counting at {found['float32_stops_at']:,}."
    )


def cuda_section(found: dict[str, Any] | None) -> str:
    """What a graphics processor does, if it was measured."""
    head = "## Graphics processors\n\n"
    if found is None:
        return (
            f"{head}Not measured yet: `make bench-gpu` does it on a machine that has one. The loops are "
            "tested in\nTriton's interpreter, and compiled for compute capability 8.0 and 9.0 without a "
            "spilled register."
        )
    device = found["device"]
    lines = [["", "floor, ms", "Triton, ms", "torch, ms", "difference"]]
    for name, task in found["tasks"].items():
        times = (milliseconds(task[what]) for what in ("floor_ms", "triton", "torch"))
        lines.append([TITLES[name], *times, scientific(task["difference"])])
    return (
        f"{head}{found['date']}, {device['name']}, {device['memory_gb']:.0f} GB, CUDA {device['cuda']}, "
        f"which copies {device['copy_gb_s']:.0f} GB/s.\nThe difference is to the same call on the host.\n\n"
        f"{table(lines)}"
    )


def table(rows: list[list[str]]) -> str:
    """Markdown; the first row is the head, the first column is text."""
    rule = ["---", *["---:"] * (len(rows[0]) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (rows[0], rule, *rows[1:])) + "\n"


def image(name: str, what: str) -> str:
    """A plot's place on the page."""
    return f"![{what}](images/benchmarks_{name}.svg)\n"


def milliseconds(value: float) -> str:
    """Three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def scientific(value: float) -> str:
    """As 1.2e-7; 0 where there is none."""
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}" if value else "0"


def files(found: dict[str, Any]) -> dict[Path, str]:
    """Everything that is generated, by its path below docs/."""
    tasks = {**found["tasks"], "tasks": in_order(found["tasks"]["tasks"])}
    found = {**found, "tasks": tasks}
    drawn = {Path("images") / f"benchmarks_{name}.svg": text for name, text in plots.every(found).items()}
    return {Path("benchmarks.md"): page(found), **drawn}


def main() -> None:
    """Write the page and its plots."""
    for path, text in files(read()).items():
        (DOCS / path).write_text(text)
        print(DOCS / path)


if __name__ == "__main__":
    main()
