"""The systems that the paper compares, by the names of their folders in WORK/predictions."""

from __future__ import annotations

SYSTEMS = {
    "rel_unet": "Rel-UNet",
    "hmc": "HMC",
    "phiseg": "PHiSeg",
    "deep_ensemble": "Deep Ensemble",
    "five_fold": "5-fold",
    "full_train": "Full-train",
    "monte_carlo": "Monte Carlo",
    "rel_unet_3d": "3D",
    "rel_unet_single": "Rel-UNet’s training, one checkpoint",
    "rel_unet_loshchilov": "Rel-UNet, cycles as Loshchilov’s",
    "rel_unet_dice_ce": "Rel-UNet, Dice and cross entropy",
    "rel_unet_dice_ce_single": "Rel-UNet, Dice and cross entropy, one checkpoint",
    "full_train_dice_ce": "Full-train, Dice and cross entropy",
    "rel_unet_3d_dice_ce": "3D, Dice and cross entropy",
}
"""Folder names, and what the paper calls them. Other folders are shown under their own names."""


def title_of(system: str) -> str:
    """What a table calls a system.

    Examples
    --------
    >>> title_of("five_fold"), title_of("my_way")
    ('5-fold', 'my way')
    """
    return SYSTEMS.get(system, system.replace("_", " "))


def in_order(systems: list[str]) -> list[str]:
    """The paper's systems first, in its order.

    Examples
    --------
    >>> in_order(["a", "full_train", "rel_unet"])
    ['rel_unet', 'full_train', 'a']
    """
    known = list(SYSTEMS)
    return sorted(systems, key=lambda name: (known.index(name) if name in SYSTEMS else len(known), name))
