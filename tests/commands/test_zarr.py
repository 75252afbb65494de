"""Cases in zarr go through every command as those in other formats do."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import zarr

from ckpt_uq.io.volume import Volume, write_volume
from command_line import here
from commands_tiny import AFFINE, image_of, save_nifti
from reference.member_folders import folders, save_members


def maps(case: Path) -> dict[str, np.ndarray]:
    names = ("segmentation", "entropy", "mutual_information")
    return {name: np.asarray(nib.load(case / f"{name}.nii.gz").dataobj) for name in names}


def require_same(one: Path, other: Path) -> None:
    for name, data in maps(one).items():
        np.testing.assert_array_equal(data, maps(other)[name])


def test_members_in_zarr_combine_to_the_same(tmp_path: Path) -> None:
    saved = save_members(tmp_path, ["a"])["a"]
    assert here("combine", *folders(tmp_path), "-o", tmp_path / "npz").exit_code == 0
    for folder, probs in zip(folders(tmp_path), saved, strict=True):
        (folder / "a.npz").unlink()
        zarr.create_array(folder / "a.zarr", data=probs, chunks=(1, 2, *probs.shape[2:]))
    done = here("combine", *folders(tmp_path), "-o", tmp_path / "zarr")
    assert done.exit_code == 0, done.output
    require_same(tmp_path / "npz/cases/a", tmp_path / "zarr/cases/a")


def test_images_and_labels_in_zarr(in_tiny, tmp_path: Path) -> None:
    image, labels = image_of(1), (image_of(1) > 8).astype(np.uint8)
    for folder, data in (("images", image), ("labels", labels)):
        save_nifti(tmp_path / f"nifti_{folder}/b.nii.gz", data)
        (tmp_path / f"zarr_{folder}").mkdir()
        write_volume(tmp_path / f"zarr_{folder}/b.zarr", Volume(data, AFFINE))
    told = {}
    for kind in ("nifti", "zarr"):
        call = ("--model", "my_network:make", "--inferer", "slices", "--save-probs")
        done = here("predict", in_tiny.run, *call, tmp_path / f"{kind}_images", "-o", tmp_path / kind)
        assert done.exit_code == 0, done.output
        scored = here(
            "evaluate", tmp_path / kind, tmp_path / f"{kind}_labels", "-o", tmp_path / kind, "--json"
        )
        assert scored.exit_code == 0, scored.output
        told[kind] = json.loads(scored.stdout)
    require_same(tmp_path / "nifti/cases/b", tmp_path / "zarr/cases/b")
    assert 0 < told["zarr"]["dice_mean"] < 1
    for number in ("dice_mean", "ece_percent", "ece_roi_percent", "predictive_entropy_bits"):
        assert told["zarr"][number] == told["nifti"][number]
