"""How unsure the model is where it sees the class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ckpt_uq.scores._mask import MaskBy, class_mask
from ckpt_uq.scores._uncertainty import UncertaintyMap, mean_within, uncertainty_map

if TYPE_CHECKING:
    from ckpt_uq.prediction import Prediction


def foreground(
    prediction: Prediction,
    class_index: int,
    *,
    uncertainty: UncertaintyMap = "predictive_entropy",
    mask: MaskBy = "threshold",
) -> float:
    r"""Mean of an uncertainty map over the voxels of a class.

    .. math:: \frac{1}{|M_k|} \sum_{x \in M_k} u(x), \qquad M_k = [\bar p_k > \tfrac12]

    Neither spacing nor the field of view matters. What the model missed is not looked at.

    Parameters
    ----------
    prediction : Prediction
        On any grid.
    class_index : int
        The class k, or region.
    uncertainty : {'predictive_entropy', 'class_entropy', 'expected_entropy', 'mutual_information'}
        The map u.
    mask : {'threshold', 'argmax'}
        The voxels of the class: where its mean probability exceeds 1/2, or where it is segmented.

    Returns
    -------
    float
        Bits per voxel; NaN if the class has no voxel.

    Raises
    ------
    ArgumentError
        If there is no such class, map or mask.

    References
    ----------
    .. [1] M. Zenk et al. (2025), Medical Image Analysis 101, arXiv:2406.03323.

    Examples
    --------
    >>> import numpy as np
    >>> from ckpt_uq.prediction import Prediction
    >>> foreground(Prediction.from_probs(np.array([[1.0, 0.5, 0.0], [0.0, 0.5, 1.0]])), class_index=1)
    0.0
    """
    return mean_within(
        uncertainty_map(prediction, class_index, uncertainty), class_mask(prediction, class_index, mask)
    )
