"""The contour of a mask: dilate, take the mask away, count (Eqs. 7 and 8), by SciPy and by scikit-image."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_dilation
from skimage.morphology import dilation


def contour_sizes_scipy(mask, element) -> np.ndarray:
    """Contour voxels per slice of axis 0; the element is 3D, one slice thick for in-plane contours."""
    ring = binary_dilation(mask, element) & ~mask
    return ring.sum(axis=(1, 2))


def contour_sizes_skimage(mask, element) -> np.ndarray:
    """Contour voxels per slice of axis 0, for elements symmetric about their centre."""
    dilated = dilation(mask.astype(np.uint8), element, mode="min")
    return ((dilated == 1) & ~mask).sum(axis=(1, 2))
