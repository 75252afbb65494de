"""The plainest score: uncertainty of the average voxel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_uq.scores._uncertainty import UncertaintyMap, mean_within, uncertainty_map

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction


def mean(
    prediction: Prediction, class_index: int, *, uncertainty: UncertaintyMap = "predictive_entropy"
) -> float:
    r"""Mean of an uncertainty map over the whole grid.

    .. math:: \frac{1}{|S|} \sum_{x \in S} u(x)

    Spacing does not matter, anisotropic or not: every voxel has the same volume. The field of view does:
    twice as much sure background halves the score, and a large organ has more boundary than a small one.

    Parameters
    ----------
    prediction : Prediction
        On any grid.
    class_index : int
        The class, or region; it matters for ``uncertainty='class_entropy'`` only.
    uncertainty : {'predictive_entropy', 'class_entropy', 'expected_entropy', 'mutual_information'}
        The map u.

    Returns
    -------
    float
        Bits per voxel; NaN for a grid without voxels.

    Raises
    ------
    ArgumentError
        If there is no such class or map.

    References
    ----------
    .. [1] A. Jungo and M. Reyes (2019), arXiv:1907.03338.

    Examples
    --------
    >>> import numpy as np
    >>> from ckpt_uq.prediction import Prediction
    >>> mean(Prediction.from_probs(np.array([[0.5, 1.0, 1.0, 1.0], [0.5, 0.0, 0.0, 0.0]])), class_index=1)
    0.25
    """
    return mean_within(uncertainty_map(prediction, class_index, uncertainty))
