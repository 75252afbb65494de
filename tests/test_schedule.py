"""SGDR, per epoch and per batch, resumed in every way, beside torch's own scheduler."""

from __future__ import annotations

import copy
import io
import math
import re
import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ConstantLR, CosineAnnealingWarmRestarts, LinearLR, SequentialLR

from ckpt_uq.errors import ArgumentError
from ckpt_uq.schedule import PAPER_CYCLES, SGDR, Cycles, geometric_cycles, sgdr_lr
from strategies import any_cycles, times


def sgd(*lrs: float) -> torch.optim.Optimizer:
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": lr} for lr in lrs or (0.1,)]
    return torch.optim.SGD(groups, lr=0.1)


def rates(schedule) -> list[float]:
    lrs = [float(group["lr"]) for group in schedule.optimizer.param_groups]
    assert lrs == [float(lr) for lr in schedule.get_last_lr()]
    return lrs


def test_torch_misses_a_restart_that_sgdr_hits():
    ours, theirs = SGDR(sgd(), T_0=1, T_mult=3), CosineAnnealingWarmRestarts(sgd(), T_0=1, T_mult=3)
    ours.step(121)
    theirs.step(121)
    assert rates(ours) == [0.1]
    assert theirs.get_last_lr()[0] < 1e-6  # still in the cycle before, at its trough


def test_resuming_at_351_is_in_the_third_cycle():
    optimizer = sgd()
    optimizer.param_groups[0]["initial_lr"] = 0.1
    ours = SGDR(optimizer, T_0=100, T_mult=2, last_epoch=350)
    assert (ours.last_epoch, ours.t) == (351, 351)
    assert rates(ours) == [sgdr_lr(351, geometric_cycles(100, 2), 0.1)]
    assert rates(ours)[0] == pytest.approx(0.1 / 2 * (1 + math.cos(math.pi * 51 / 400)), rel=1e-14)

    peer = sgd()
    peer.param_groups[0]["initial_lr"] = 0.1
    assert CosineAnnealingWarmRestarts(peer, T_0=100, T_mult=2, last_epoch=350).T_i == 200  # 400 is right


def stepped(schedule, n):
    for _ in range(n):
        schedule.optimizer.step()
        schedule.step()
    return schedule


@given(any_cycles(), st.integers(0, 120))
def test_every_way_to_an_epoch_gives_the_same_bits(cycles, epoch):
    cycles = Cycles(cycles.lengths, cycles.T_mult)  # whole cycles: no warning about the end
    lrs = (0.1, 0.03)
    expected = [sgdr_lr(epoch, cycles, lr, 1e-3) for lr in lrs]

    one_by_one = stepped(SGDR(sgd(*lrs), cycles=cycles, eta_min=1e-3), epoch)
    assert rates(one_by_one) == expected

    jumped = SGDR(sgd(*lrs), cycles=cycles, eta_min=1e-3)
    jumped.step(epoch)
    assert rates(jumped) == expected
    jumped.step(float(epoch))
    assert rates(jumped) == expected

    loaded = SGDR(sgd(*lrs), cycles=cycles, eta_min=1e-3)
    loaded.load_state_dict(one_by_one.state_dict())
    assert rates(loaded) == expected
    assert loaded.last_epoch == epoch

    resumed = sgd(*lrs)
    resumed.load_state_dict(one_by_one.optimizer.state_dict())
    assert rates(SGDR(resumed, cycles=cycles, eta_min=1e-3, last_epoch=epoch - 1)) == expected

    for other in (jumped, loaded):
        assert rates(stepped(other, 3)) == [sgdr_lr(epoch + 3, cycles, lr, 1e-3) for lr in lrs]


@given(times())
def test_a_fractional_time_survives_saving(t):
    saved = SGDR(sgd(), cycles=PAPER_CYCLES)
    saved.step(t)
    buffer = io.BytesIO()
    torch.save(saved.state_dict(), buffer)
    buffer.seek(0)
    loaded = SGDR(sgd(), cycles=PAPER_CYCLES)
    loaded.load_state_dict(torch.load(buffer, weights_only=True))
    assert rates(loaded) == rates(saved) == [sgdr_lr(t, PAPER_CYCLES, 0.1)]
    assert (loaded.t, loaded.last_epoch) == (t, math.floor(t))


def test_step_after_a_fraction_goes_to_the_next_whole_epoch():
    schedule = SGDR(sgd(), T_0=10)
    schedule.step(3.75)
    schedule.optimizer.step()
    schedule.step()
    assert schedule.t == schedule.last_epoch == 4
    assert rates(schedule) == [sgdr_lr(4, [10], 0.1)]


def test_per_batch_and_per_epoch_meet_at_whole_epochs():
    per_epoch, per_batch = SGDR(sgd(), T_0=3, T_mult=3), SGDR(sgd(), T_0=3, T_mult=3)
    for epoch in range(45):
        for batch in range(7):
            per_batch.step(epoch + batch / 7)
        stepped(per_epoch, 1)
        per_batch.step(epoch + 1)
        assert rates(per_batch) == rates(per_epoch)


def test_without_a_warning_an_epoch_may_be_set_before_training():
    schedule = SGDR(sgd(), T_0=10)
    schedule.step(0)  # trainers that set the rate at the start of each epoch; warnings are errors here
    schedule.step(1)
    assert rates(schedule) == [sgdr_lr(1, [10], 0.1)]


def test_stepping_before_the_optimizer_is_warned_about_as_torch_does():
    schedule = SGDR(sgd(), T_0=10)
    with pytest.warns(UserWarning, match=r"lr_scheduler.step\(\)` before `optimizer.step"):
        schedule.step()
    assert rates(schedule) == [sgdr_lr(1, [10], 0.1)]


def test_eta_max_is_the_initial_lr_even_when_the_state_was_saved_mid_cycle():
    first = stepped(SGDR(sgd(0.1, 0.02), T_0=10), 7)
    optimizer = sgd(0.5, 0.5)
    optimizer.load_state_dict(first.optimizer.state_dict())
    assert SGDR(optimizer, T_0=10, last_epoch=9).base_lrs == [0.1, 0.02]
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.02]


def test_a_tensor_learning_rate_is_filled_in_place():
    lr = torch.tensor(0.1, dtype=torch.float64)
    optimizer = torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=lr)
    schedule = SGDR(optimizer, T_0=10)
    held = optimizer.param_groups[0]["lr"]
    schedule.step(5)
    assert optimizer.param_groups[0]["lr"] is held
    assert rates(schedule) == [sgdr_lr(5, [10], 0.1)]
    schedule.get_last_lr()[0].zero_()
    assert held.item() == sgdr_lr(5, [10], 0.1)
    schedule.optimizer.step()
    schedule.step()
    assert rates(schedule) == [sgdr_lr(6, [10], 0.1)]


def test_it_may_follow_a_warm_up():
    optimizer = sgd()
    cycles = SGDR(optimizer, T_0=4)
    schedule = SequentialLR(optimizer, [LinearLR(optimizer, 0.1, total_iters=3), cycles], milestones=[3])
    seen = []
    for _ in range(9):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "The epoch parameter", UserWarning
            )  # torch's, of its own LinearLR
            schedule.step()
    assert seen[3:] == [sgdr_lr(t, [4, 4], 0.1) for t in range(6)]


def test_a_run_far_from_a_trough_is_warned_about_once():
    with pytest.warns(UserWarning, match="epoch 799 still has 96% of the learning rate") as caught:
        schedule = SGDR(sgd(), T_0=100, T_mult=2, eta_min=1e-4, n_epochs=800)
    assert len(caught) == 1
    assert "cycles=cycles_ending_at([..., 800])" in str(caught[0].message)
    assert caught[0].filename == __file__
    schedule.load_state_dict(schedule.state_dict())
    schedule.step(799)
    assert rates(schedule)[0] == pytest.approx(0.096, abs=5e-4)
    schedule.step(800)
    assert rates(schedule) == [1e-4]


@pytest.mark.parametrize("n_epochs", [100, 300, 700, 290])
def test_a_run_that_ends_near_a_trough_is_not_warned_about(n_epochs):
    assert SGDR(sgd(), T_0=100, T_mult=2, n_epochs=n_epochs).cycles.end == n_epochs


def test_without_an_end_the_restarts_go_on():
    schedule = SGDR(sgd(), T_0=100, T_mult=2)
    schedule.step(100 * (2**20 - 1))
    assert rates(schedule) == [0.1]


def saved_state(**changes):
    state = SGDR(sgd(), T_0=10, eta_min=1e-3).state_dict()
    return {**state, **changes}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        (SGDR(sgd(), T_0=11, eta_min=1e-3).state_dict(), "cycles must be that of the saved run"),
        (SGDR(sgd(), T_0=10, T_mult=2, eta_min=1e-3).state_dict(), "cycles must be that of the saved run"),
        (SGDR(sgd(), T_0=10).state_dict(), "eta_min must be that of the saved run, 0.0, got 0.001"),
        (SGDR(sgd(0.2), T_0=10, eta_min=1e-3).state_dict(), "base_lrs must be that of the saved run, [0.2]"),
        (SGDR(sgd(0.1, 0.1), T_0=10, eta_min=1e-3).state_dict(), "base_lrs must be that of the saved run"),
        (CosineAnnealingWarmRestarts(sgd(), 10).state_dict(), "state_dict must be of SGDR"),
        (saved_state(t=-1), "t must be a finite number >= 0"),
        (saved_state(t=math.nan), "t must be a finite number >= 0"),
        (saved_state(t="7"), "t must be a finite number >= 0"),
    ],
)
def test_a_state_that_contradicts_is_refused_and_changes_nothing(state, message):
    schedule = SGDR(sgd(), T_0=10, eta_min=1e-3)
    schedule.step(4)
    before = (rates(schedule), schedule.state_dict())
    with pytest.raises(ArgumentError, match=re.escape(message)):
        schedule.load_state_dict(state)
    assert (rates(schedule), schedule.state_dict()) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give either cycles or T_0"),
        ({"T_0": 10, "cycles": [10]}, "give either cycles or T_0"),
        ({"cycles": [10], "T_mult": 2}, "give either cycles or T_0"),
        ({"T_0": 10, "T_mult": 1.5}, "T_mult must be an integer >= 1, got 1.5"),
        ({"T_0": 10, "n_epochs": 0}, "n_epochs must be an integer >= 1, got 0"),
        ({"cycles": [10], "n_epochs": 20}, "n_epochs must be <= 10"),
        ({"T_0": 10, "eta_min": 0.2}, "eta_min must lie in 0..eta_max, got eta_min=0.2 with eta_max=0.1"),
        ({"T_0": 10, "last_epoch": 3}, "not every parameter group holds its 'initial_lr'"),
        ({"T_0": 10, "last_epoch": -2}, "last_epoch must be an integer >= -1, got -2"),
    ],
)
def test_bad_arguments_are_named_and_touch_nothing(arguments, message):
    optimizer = sgd()
    with pytest.raises(ArgumentError, match=re.escape(message)):
        SGDR(optimizer, **arguments)
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert "initial_lr" not in optimizer.param_groups[0]


@pytest.mark.parametrize("t", [-1, math.inf, math.nan, "3"])
def test_a_bad_time_is_refused_and_changes_nothing(t):
    schedule = SGDR(sgd(), T_0=10)
    schedule.step(4)
    with pytest.raises(ArgumentError, match="epoch must be a finite number >= 0 of epochs"):
        schedule.step(t)
    assert (schedule.t, rates(schedule)) == (4, [sgdr_lr(4, [10], 0.1)])


def _sequence(kind: str) -> tuple[torch.optim.Optimizer, SequentialLR]:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    if kind == "warm-up before":
        parts = [LinearLR(optimizer, 0.1, total_iters=3), SGDR(optimizer, cycles=[2, 2, 4])]
        return optimizer, SequentialLR(optimizer, parts, milestones=[3])
    parts = [SGDR(optimizer, cycles=[2, 2, 4]), ConstantLR(optimizer, 0.1, total_iters=100)]
    return optimizer, SequentialLR(optimizer, parts, milestones=[4])


@pytest.mark.parametrize("kind", ["warm-up before", "constant after"])
@pytest.mark.parametrize("optimizer_first", [True, False])
@pytest.mark.parametrize("done", range(10))
def test_in_a_sequence_it_resumes_as_if_never_stopped(kind, optimizer_first, done):
    optimizer, schedule = _sequence(kind)
    rates = []
    for epoch in range(11):
        if epoch == done:
            saved = copy.deepcopy((optimizer.state_dict(), schedule.state_dict()))
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    optimizer, schedule = _sequence(kind)
    if optimizer_first:
        optimizer.load_state_dict(saved[0])
    schedule.load_state_dict(saved[1])
    if not optimizer_first:
        optimizer.load_state_dict(saved[0])
    resumed = []
    for _ in range(done, 11):
        resumed.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert resumed == rates[done:]
