from __future__ import annotations

from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest

from ckpt_uq.report.planes import display_of

# Stored towards left, posterior and inferior: the page shows slices across the third axis, transposed.
VOXELS = np.arange(3 * 4 * 2).reshape(3, 4, 2)
LPI = np.diag([-1.0, -2.0, -5.0, 1.0])

AXES = ["".join(letters) for order in permutations(("LR", "PA", "IS")) for letters in product(*order)]


@pytest.mark.parametrize("axes", AXES)
def test_picture_does_not_depend_on_how_the_file_is_stored(axes: str) -> None:
    stored = nib.Nifti1Image(VOXELS.astype(np.int16), LPI)
    turn = nib.orientations.ornt_transform(
        nib.orientations.io_orientation(LPI), nib.orientations.axcodes2ornt(tuple(axes))
    )
    turned = stored.as_reoriented(turn)
    assert "".join(nib.aff2axcodes(turned.affine)) == axes
    display = display_of(turned.affine, turned.shape[::-1])
    np.testing.assert_array_equal(display.slices(np.asarray(turned.dataobj).T), VOXELS.transpose(2, 1, 0))
    assert (display.plane, display.sides, display.pixel_mm) == ("axial", ("R", "A"), (2.0, 1.0))


@pytest.mark.parametrize(
    ("spacing", "plane", "sides", "pixel_mm"),
    [
        ((5.0, 1.0, 2.0), "sagittal", ("A", "S"), (2.0, 1.0)),
        ((1.0, 5.0, 2.0), "coronal", ("R", "S"), (2.0, 1.0)),
        ((1.0, 1.0, 1.0), "axial", ("R", "A"), (1.0, 1.0)),
    ],
)
def test_slices_lie_across_the_widest_spacing(
    spacing: tuple[float, float, float], plane: str, sides: tuple[str, str], pixel_mm: tuple[float, float]
) -> None:
    display = display_of(np.diag([*spacing, 1.0]), (40, 40, 40))
    assert (display.plane, display.sides, display.pixel_mm) == (plane, sides, pixel_mm)


def test_no_slice_is_a_strip_where_another_plane_is_a_picture() -> None:
    thin = display_of(
        np.diag([12.0, 10.0, 8.0, 1.0]), (2, 32, 30)
    )  # two slices, less thick than a pixel is wide
    assert (thin.plane, thin.pixel_mm) == ("axial", (10.0, 12.0))
    assert thin.slices(np.zeros((2, 32, 30))).shape == (2, 32, 30)
    assert display_of(np.diag([12.0, 10.0, 8.0, 1.0]), (9, 32, 30)).plane == "sagittal"


def test_top_of_a_coronal_slice_is_the_head_and_its_left_the_patients_right() -> None:
    data = np.zeros((3, 2, 3))
    data[2, 1, 2] = 1  # most superior, anterior and right: the last of every axis
    shown = display_of(np.diag([1.0, 4.0, 1.0, 1.0]), (3, 2, 3)).slices(data)
    assert np.argwhere(shown).tolist() == [[0, 0, 0]]
