"""SGDR, the learning-rate schedule whose troughs the snapshots are taken from, as a torch scheduler."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from ckpt_uq.cycles import (
    PAPER_CYCLES,
    PAPER_ETA_MAX,
    PAPER_ETA_MIN,
    Cycle,
    Cycles,
    as_cycles,
    cycle_at,
    cycles_ending_at,
    far_from_trough,
    geometric_cycles,
    integer,
    sgdr_lr,
    training_time,
)
from ckpt_uq.errors import ArgumentError

__all__ = [
    "PAPER_CYCLES",
    "PAPER_ETA_MAX",
    "PAPER_ETA_MIN",
    "SGDR",
    "Cycle",
    "Cycles",
    "cycle_at",
    "cycles_ending_at",
    "geometric_cycles",
    "sgdr_lr",
]


class SGDR(LRScheduler):
    """Stochastic gradient descent with warm restarts, closed form in time.

    Any way to a time ``t`` gives the same learning rates bit for bit: ``step()`` once an epoch, ``step(t)``
    with a whole or fractional epoch, a loaded state, or ``last_epoch``. Each group's ``initial_lr`` is its
    eta_max.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Its groups' learning rates are set, at construction too.
    T_0, T_mult : int
        First cycle length and growth, see :func:`geometric_cycles`.
    eta_min : float
        Learning rate at the trough.
    n_epochs : int, optional
        Length of the run. From then on the rate is ``eta_min``; a run that ends far from a trough is warned
        about here. None: the cycles as given, without end if they come from ``T_0``.
    cycles : Cycles or sequence of int, optional
        The cycles themselves instead of ``T_0`` and ``T_mult``.
    last_epoch : int
        Last epoch done before a resume; -1 starts anew.

    Examples
    --------
    >>> import torch
    >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    >>> schedule = SGDR(optimizer, cycles=PAPER_CYCLES, eta_min=1e-4)
    >>> schedule.step(200)  # a restart
    >>> schedule.get_last_lr()
    [0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int | None = None,
        T_mult: int = 1,
        eta_min: float = 0.0,
        n_epochs: int | None = None,
        *,
        cycles: Cycles | Sequence[int] | None = None,
        last_epoch: int = -1,
    ) -> None:
        if T_0 is not None and cycles is None:
            self.cycles = geometric_cycles(T_0, T_mult)
        elif T_0 is None and cycles is not None and T_mult == 1:
            self.cycles = as_cycles(cycles)
        else:
            raise ArgumentError(
                "give either cycles or T_0 (with T_mult), "
                f"got cycles={cycles}, T_0={T_0}, T_mult={T_mult}; drop one of them"
            )
        if n_epochs is not None:
            self.cycles = self.cycles.until(n_epochs)
        self.eta_min = float(eta_min)
        last_epoch = integer("last_epoch", last_epoch, at_least=-1)
        if last_epoch >= 0 and any("initial_lr" not in group for group in optimizer.param_groups):
            raise ArgumentError(
                f"last_epoch={last_epoch} resumes, but not every parameter group holds its 'initial_lr'; "
                "load the optimizer's state first, or set group['initial_lr'] to eta_max"
            )
        for group in optimizer.param_groups:  # refuse before any group is touched
            sgdr_lr(0, self.cycles, float(group.get("initial_lr", group["lr"])), self.eta_min)
        self.t: float = last_epoch
        super().__init__(optimizer, last_epoch)
        _warn_if_far_from_trough(self.cycles, stacklevel=3)

    def get_lr(self) -> list[float | Tensor]:
        """Return the learning rate of each group at the current time."""
        return [sgdr_lr(self.t, self.cycles, float(eta_max), self.eta_min) for eta_max in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Go to the next whole epoch, or to ``epoch``, which may be fractional and may lie in the past."""
        if epoch is None:
            self.t = self.last_epoch + 1
            super().step()
        else:
            self._go_to(training_time("epoch", epoch))
            self._step_count += 1

    def state_dict(self) -> dict[str, Any]:
        """Return plain numbers and lists: the time, and the settings a later load is compared with."""
        return {"t": self.t, **self._settings()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go to the time of a saved state.

        The learning rates follow, unless somebody has set others meanwhile: the optimizer's own state, loaded
        before, has the right ones, also where another scheduler's turn it is.

        Raises
        ------
        ArgumentError
            If the state was saved under other cycles, eta_min or initial rates; nothing changes then.
        """
        settings = self._settings()
        if set(state_dict) != {"t", *settings}:
            raise ArgumentError(
                f"state_dict must be of SGDR, with keys {['t', *settings]}, got {sorted(state_dict)}; "
                "to come from another scheduler, call step(epoch) instead"
            )
        for name, ours in settings.items():
            if state_dict[name] != ours:
                raise ArgumentError(
                    f"{name} must be that of the saved run, {state_dict[name]}, got {ours}; "
                    "build the scheduler with it, or call step(epoch) to go on under new settings"
                )
        ours = [float(lr) for lr in self._last_lr]
        self._go_to(training_time("t", state_dict["t"]), set_rates=ours == self._rates())

    def _rates(self) -> list[float]:
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def _settings(self) -> dict[str, Any]:
        base_lrs = [float(lr) for lr in self.base_lrs]
        return {"cycles": self.cycles.to_json(), "eta_min": self.eta_min, "base_lrs": base_lrs}

    def _go_to(self, t: float, *, set_rates: bool = True) -> None:
        self.t, self.last_epoch = t, math.floor(t)
        if not set_rates:
            self._last_lr = self.get_lr()
            return
        for group, lr in zip(self.optimizer.param_groups, self.get_lr(), strict=True):
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(lr)  # in place: captured graphs hold this tensor
            else:
                group["lr"] = lr
        values = (group["lr"] for group in self.optimizer.param_groups)
        self._last_lr = [lr.clone() if isinstance(lr, Tensor) else lr for lr in values]


def _warn_if_far_from_trough(cycles: Cycles, stacklevel: int) -> None:
    warning = far_from_trough(cycles)
    if warning is not None:
        warnings.warn(warning, UserWarning, stacklevel=stacklevel)
