"""What the paper prints, to stand beside what was measured. None of it is an aim.

References
----------
.. [1] S. S. Ziaee, F. Maleki, K. Ovens (2025), Rel-UNet, arXiv:2503.09633.
"""

from __future__ import annotations

from typing import NamedTuple

TITLE = "Rel-UNet: Reliable Tumor Segmentation via Uncertainty Quantification in nnU-Net"

ECE_PERCENT = {
    "five_fold": 2.89,
    "phiseg": 2.52,
    "monte_carlo": 3.44,
    "deep_ensemble": 2.70,
    "hmc": 1.36,
    "rel_unet": 1.11,
}
"""Table I."""


class TableTwo(NamedTuple):
    """A row of Table II; the Dice of Rel-UNet, 80.0, is the kidneys' of Table III."""

    ece_percent: float
    dice_percent: float
    entropy: float


TABLE_TWO = {
    "five_fold": TableTwo(3.02, 81.1, 0.52),
    "rel_unet_3d": TableTwo(5.20, 73.3, 0.98),
    "full_train": TableTwo(3.37, 80.5, 0.71),
    "rel_unet": TableTwo(1.11, 80.0, 0.67),
}


class TableThree(NamedTuple):
    """A row of Table III: Dice of KiTS's regions."""

    kidney_and_mass: float
    mass: float
    tumour: float


CHALLENGE = {
    "Myronenko et al.": TableThree(0.835, 0.723, 0.758),
    "Uhm et al.": TableThree(0.820, 0.712, 0.738),
    "George et al.": TableThree(0.819, 0.707, 0.713),
    "Liu et al.": TableThree(0.805, 0.706, 0.697),
    "Stoica et al.": TableThree(0.807, 0.691, 0.713),
    "Qian et al.": TableThree(0.801, 0.680, 0.687),
}
"""Table III: the first six of the KiTS23 challenge, on its hidden test cases."""

TABLE_THREE = {"rel_unet": TableThree(0.800, 0.702, 0.641)}
"""Table III: the paper's own row; it prints 70.2 among fractions, and 0.702 is meant."""

PEAKS = (75, 86, 94, 355, 381, 398, 758, 768, 792, 795)
"""Fig. 2b: the epochs that are marked as peaks."""

RESTARTS = (100, 200, 400, 800)

MAP_CASES = ("case_00420", "case_00178", "case_00588", "case_00401", "case_00403")
"""Fig. 5: whose maps are compared."""

SCORE_BELOW = 0.5
DICE_ABOVE = 0.8
"""Fig. 7: where the score is below the one, Dice is said to be above the other."""
