"""``ckpt-uq schedule``: what it says is what the scheduler and the selector do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from ckpt_uq.peaks import PeakSelector
from ckpt_uq.schedule import PAPER_CYCLES, SGDR, cycles_ending_at, geometric_cycles
from ckpt_uq.terminal.chart import chart
from command_line import here, process

GOLDEN = Path(__file__).parent / "golden"


def test_the_papers_schedule_is_shown_as_a_table_and_a_curve():
    done = process("schedule", "--model-mb", "560")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (GOLDEN / "schedule.txt").read_text()


def told(*options: object) -> dict:
    done = here("schedule", "--json", *options)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def schedulers_rates(cycles, n_epochs: int) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    scheduler = SGDR(optimizer, cycles=cycles, eta_min=0.01)
    rates = []
    for _ in range(n_epochs):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize(
    ("options", "cycles"),
    [
        (["--ends", "4,10"], cycles_ending_at([4, 10])),
        (["--t0", "3", "--t-mult", "2", "--epochs", "9"], geometric_cycles(3, 2, 2)),
        (["--t0", "5", "--epochs", "10"], geometric_cycles(5, 1, 2)),
    ],
)
def test_rates_and_windows_are_those_of_scheduler_and_selector(options, cycles):
    plan = told(*options, "--lr", "0.3", "--eta-min", "0.01", "--k", "2")
    rates = schedulers_rates(cycles, plan["n_epochs"])
    selector = PeakSelector(cycles, k=10**6, min_gain=None)
    kept = [e for e in range(plan["n_epochs"]) if selector.update(e, 0.5).save]
    assert plan["n_epochs"] == cycles.end
    for cycle in plan["cycles"]:
        assert cycle["lr_first"] == rates[cycle["first_epoch"]] == 0.3
        assert cycle["lr_last"] == rates[cycle["last_epoch"]]
        window = [e for e in kept if cycle["first_epoch"] <= e <= cycle["last_epoch"]]
        assert cycle["window_first_epoch"] == window[0]
        assert cycle["snapshots"] == min(2, len(window))


def test_disk_is_all_snapshots_and_the_one_being_written():
    plan = told("--ends", "1,2,12", "--k", "3", "--model-mb", "2.5")
    assert [cycle["snapshots"] for cycle in plan["cycles"]] == [1, 1, 3]
    assert (plan["snapshots_on_disk"], plan["disk_mb"]) == (6, 15.0)
    assert told("--ends", "1,2,12")["disk_mb"] is None


def test_a_run_that_ends_far_from_a_trough_is_warned_about():
    options = ("--t0", 100, "--t-mult", 2, "--epochs", 800)
    done = here("schedule", *options)
    assert done.exit_code == 0
    assert "epoch 799 still has 96% of the learning rate, far from a trough" in done.stderr
    assert told(*options)["warning"] in done.stderr
    assert told()["warning"] is None
    with pytest.warns(UserWarning, match="far from a trough") as caught:
        schedulers_rates(geometric_cycles(100, 2).until(800), 1)
    assert str(caught[0].message) == told(*options)["warning"]


def test_epochs_cut_the_papers_schedule_and_the_given_ends_short():
    assert told("--epochs", 150)["cycles"][-1]["last_epoch"] == 149
    assert told("--ends", "100,200", "--epochs", 150)["cycles"][-1]["last_epoch"] == 149
    assert told()["n_epochs"] == PAPER_CYCLES.end


def test_the_curve_is_drawn_into_a_file(tmp_path):
    done = here("schedule", "--ends", "4,10", "--plot", tmp_path / "lr.png")
    assert done.exit_code == 0
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir()] == ["lr.png"]


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--t0", "5"], 2, "--t0 needs --epochs"),
        (["--t0", "5", "--ends", "10"], 2, "not both"),
        (["--ends", "ten"], 2, "with commas between them, got 'ten'"),
        (["--ends", "20,10"], 1, "cycle ends must increase, got [20, 10]"),
        (["--ends", "10", "--epochs", "20"], 1, "n_epochs must be <= 10"),
        (["--lr", "0.1", "--eta-min", "0.2"], 1, "eta_min must lie in 0..eta_max"),
        (["--plot", "lr.txt"], 2, "must end in .png or .svg or .pdf"),
        (["--plot", "nowhere/lr.png"], 2, "must lie in a folder that exists"),
    ],
)
def test_an_error_is_one_message(options, code, message):
    done = here("schedule", *options)
    assert done.exit_code == code
    assert message in " ".join(done.stderr.replace("│", " ").split())
    assert done.stdout == ""


def test_a_chart_of_one_value_or_of_equal_ones_is_flat():
    assert chart([1.0], height=2) == "1 |*\n1 |\n  +-"
    assert "*****" in chart([2.0] * 5)


@pytest.mark.parametrize("n_values", [1, 2, 63, 64, 65, 1000])
def test_a_chart_has_a_mark_in_every_column_and_no_label_over_another(n_values):
    lines = chart([float(i % 7) for i in range(n_values)], ticks=range(0, n_values, 3), width=64).split("\n")
    body = [line.split("|", 1)[1] for line in lines if "|" in line]
    columns = min(64, n_values)
    assert all(any(len(row) > c and row[c] == "*" for row in body) for c in range(columns))
    shown = [int(text) for text in lines[-1].split()]
    assert shown == sorted(set(shown))
    assert set(shown) <= set(range(0, n_values, 3))
