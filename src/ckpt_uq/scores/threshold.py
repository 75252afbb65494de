"""How unsure the unsure voxels are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ckpt_uq.errors import ArgumentError
from ckpt_uq.scores._uncertainty import UncertaintyMap, mean_within, uncertainty_map

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction


def threshold(
    prediction: Prediction,
    class_index: int,
    *,
    level: float = 0.1,
    uncertainty: UncertaintyMap = "predictive_entropy",
) -> float:
    r"""Mean of an uncertainty map over the voxels that exceed a level; 0 if none does.

    .. math:: \frac{1}{|T|} \sum_{x \in T} u(x), \qquad T = \{x : u(x) > \theta\}

    Neither spacing nor the field of view matters. Choose the level on calibration cases, such as the quantile
    of their maps that leaves as many voxels as their foreground has.

    Parameters
    ----------
    prediction : Prediction
        On any grid.
    class_index : int
        The class, or region; it matters for ``uncertainty='class_entropy'`` only.
    level : float
        The level in bits, >= 0.
    uncertainty : {'predictive_entropy', 'class_entropy', 'expected_entropy', 'mutual_information'}
        The map u.

    Returns
    -------
    float
        0, or bits per voxel above `level`.

    Raises
    ------
    ArgumentError
        If there is no such class or map, or `level` is negative.

    References
    ----------
    .. [1] K.-C. Kahl et al. (2024), ValUES, arXiv:2401.08501.

    Examples
    --------
    >>> import numpy as np
    >>> from ckpt_uq.prediction import Prediction
    >>> threshold(Prediction.from_probs(np.array([[0.5, 1.0, 0.999], [0.5, 0.0, 0.001]])), class_index=1)
    1.0
    """
    if not (math.isfinite(level) and level >= 0):
        raise ArgumentError(f"level must be a number of bits >= 0, got {level}")
    bits = uncertainty_map(prediction, class_index, uncertainty)
    above = bits > level
    return mean_within(bits, above) if above.any() else 0.0
