from __future__ import annotations

import base64
import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from ckpt_uq.io.volume import Volume
from ckpt_uq.report import viewer
from ckpt_uq.report.panels import grey_window
from results_folders import AFFINE, SHAPE, volumes_of


def opened(data: str) -> nib.Nifti1Image:
    return nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(data, validate=True)))


def case_volumes() -> dict[str, Volume]:
    arrays = volumes_of(1)
    named = {"image": "image", "segmentation": "segmentation", "predictive_entropy": "entropy"}
    return {role: Volume(arrays[name], AFFINE) for role, name in named.items()}


def test_maps_are_carried_to_the_nearest_of_255_steps() -> None:
    volumes = case_volumes()
    image = opened(viewer.embedded(volumes)["predictive_entropy"])
    truth = volumes["predictive_entropy"].data
    assert image.get_data_dtype() == np.uint8
    np.testing.assert_array_equal(image.affine, AFFINE)
    np.testing.assert_allclose(image.get_fdata().T, truth, atol=truth.max() / 255 / 2 * 1.001)


def test_labels_are_carried_exactly() -> None:
    volumes = case_volumes()
    shown = np.asarray(opened(viewer.embedded(volumes)["segmentation"]).dataobj).T
    np.testing.assert_array_equal(shown, volumes["segmentation"].data)


def test_image_is_carried_within_twice_its_window() -> None:
    volumes = case_volumes()
    data = volumes["image"].data
    low, high = grey_window(data, volumes["segmentation"].data)
    half = (high - low) / 2
    shown = opened(viewer.embedded(volumes)["image"]).get_fdata().T
    np.testing.assert_allclose(shown, np.clip(data, low - half, high + half), atol=4 * half / 255 / 2 * 1.001)


def test_nan_is_shown_as_nothing() -> None:
    volumes = case_volumes()
    volumes["predictive_entropy"].data[0] = np.nan
    assert (opened(viewer.embedded(volumes)["predictive_entropy"]).get_fdata().T[0] == 0).all()


def test_scene_counts_slices_along_the_panels_axis() -> None:
    scene = viewer.scene(case_volumes())
    assert (scene["axis"], scene["plane"], scene["slices"]) == (2, "axial", SHAPE[0])
    assert "window" in scene
    assert viewer.scene({"segmentation": case_volumes()["segmentation"]})["window"] is None


def test_links_lead_from_the_page_to_the_files(tmp_path: Path) -> None:
    linked = viewer.beside(
        {"image": tmp_path / "cases" / "a" / "image.nii.gz"}, tmp_path / "pages" / "report.html"
    )
    assert linked == {"image": "../cases/a/image.nii.gz"}


def test_bundle_is_packed_or_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer.resources, "files", lambda package: tmp_path)
    assert viewer.niivue_bundle() is None
    (tmp_path / "static" / "niivue").mkdir(parents=True)
    (tmp_path / "static" / "niivue" / "niivue-1.2.3.umd.js").write_bytes(b"var niivue;")
    packed = viewer.niivue_bundle()
    assert packed is not None
    assert gzip.decompress(base64.b64decode(packed)) == b"var niivue;"
