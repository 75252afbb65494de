"""From a checkout, or from nothing, to nnU-Net's raw data set, through the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from ckpt_uq.io.nifti import read_volume
from kits23.cli import app
from kits23.work import Work
from kits_checkout import GRID, write_case, write_checkout


def prepare(work: Path, *options: object) -> Result:
    return CliRunner().invoke(app, ["prepare", str(work), *map(str, options)], env={"COLUMNS": "200"})


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_checkout_becomes_raw_data_by_links(tmp_path: Path) -> None:
    checkout, work = write_checkout(tmp_path / "kits23" / "dataset"), Work(tmp_path / "work")
    done = prepare(work.root, "--from", tmp_path / "kits23", "--partial", "--seed", 1)
    assert done.exit_code == 0, done.output
    said = json.loads(work.preparation.read_text())
    assert (said["n_development"], said["n_test"]) == (6, 2)
    assert said["files"] == {"symlink": 16}
    assert names_in(work.raw / "imagesTs") == [f"{name}_0000.nii.gz" for name in said["test"]]
    assert names_in(work.raw / "labelsTs") == [f"{name}.nii.gz" for name in said["test"]]
    image = work.raw / "imagesTs" / f"{said['test'][0]}_0000.nii.gz"
    assert image.resolve() == (checkout / said["test"][0] / "imaging.nii.gz").resolve()
    folds = json.loads(work.splits.read_text())
    trained = sorted(name.removesuffix("_0000.nii.gz") for name in names_in(work.raw / "imagesTr"))
    assert sorted(folds[0]["train"] + folds[0]["val"]) == trained
    dataset = json.loads((work.raw / "dataset.json").read_text())
    assert dataset["numTraining"] == 6
    assert dataset["labels"] == {"background": 0, "kidney": 1, "tumour": 2, "cyst": 3}
    assert dataset["channel_names"] == {"0": "zscore"}, "any name but CT is normalised case by case"
    assert "kits23" not in names_in(work.root)


def test_ct_normalisation_is_a_choice(tmp_path: Path) -> None:
    write_checkout(tmp_path / "kits23")
    done = prepare(tmp_path / "w", "--from", tmp_path / "kits23", "--partial", "--normalisation", "ct")
    assert done.exit_code == 0, done.output
    dataset = json.loads((Work(tmp_path / "w").raw / "dataset.json").read_text())
    assert dataset["channel_names"] == {"0": "CT"}


def test_links_lead_to_the_files_from_a_relative_path_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkout(tmp_path / "kits23")
    monkeypatch.chdir(tmp_path)
    assert prepare(Path("w"), "--from", "kits23", "--partial").exit_code == 0
    for path in Work(tmp_path / "w").raw.rglob("*.nii.gz"):
        assert path.is_file()


def test_files_are_copied_where_links_are_not_to_be_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*paths: object) -> None:
        raise OSError("no links on this disk")

    monkeypatch.setattr("kits23.preparing.dataset.os.symlink", refuse)
    write_checkout(tmp_path / "kits23")
    work = Work(tmp_path / "w")
    assert prepare(work.root, "--from", tmp_path / "kits23", "--partial").exit_code == 0
    assert json.loads(work.preparation.read_text())["files"] == {"copy": 16}
    copied = next((work.raw / "labelsTr").iterdir())
    assert not copied.is_symlink()
    assert read_volume(copied).data.max() == 2


def test_missing_cases_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    write_checkout(tmp_path / "kits23")
    done = prepare(tmp_path / "w", "--from", tmp_path / "kits23")
    assert done.exit_code == 1
    assert "case_00008" in done.output
    assert "and 471 more are missing" in done.output
    assert "--partial" in done.output
    assert not (tmp_path / "w").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write_checkout(tmp_path / "kits23")
    (tmp_path / "kits23" / "case_00003" / "imaging.nii.gz").unlink()
    done = prepare(tmp_path / "w", "--from", tmp_path / "kits23", "--partial")
    assert done.exit_code == 1
    assert "case_00003/imaging.nii.gz is missing" in done.output


def test_every_odd_case_is_named_with_what_is_wrong(tmp_path: Path) -> None:
    root = write_checkout(tmp_path / "kits23")
    write_case(root / "case_00100", labels=(0, 1, 4))
    write_case(root / "case_00101", labels=(0,))
    write_case(root / "case_00102", grid=replace(GRID, spacing_mm=(5.0, 0.8, 0.9)))
    write_case(root / "case_00103")
    (root / "case_00103" / "segmentation.nii.gz").write_bytes(b"no NIfTI")
    done = prepare(tmp_path / "w", "--from", root, "--partial")
    assert done.exit_code == 1
    for said in (
        "4 that are not",
        "case_00100: labels must be 0 to 3, got [0, 1, 4]",
        "case_00101: labels must have a kidney",
        "case_00102: image and labels must lie in the same place",
        "case_00103: ",
    ):
        assert said in done.output
    assert not (tmp_path / "w").exists()


def test_a_data_set_is_made_again_only_when_asked(tmp_path: Path) -> None:
    write_checkout(tmp_path / "kits23")
    options = tmp_path / "w", "--from", tmp_path / "kits23", "--partial"
    assert prepare(*options).exit_code == 0
    again = prepare(*options)
    assert again.exit_code == 1
    assert "--overwrite" in again.output
    stray = Work(tmp_path / "w").raw / "imagesTr" / "stray.nii.gz"
    stray.write_bytes(b"")
    assert prepare(*options, "--overwrite").exit_code == 0
    assert not stray.exists()


def test_one_source_must_be_given(tmp_path: Path) -> None:
    assert prepare(tmp_path / "w").exit_code == 2
    assert prepare(tmp_path / "w", "--from", tmp_path, "--simulate", 6).exit_code == 2


def test_simulated_cases_are_the_same_for_the_same_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CKPT_UQ_DATA", raising=False)
    for name in "ab":
        done = prepare(tmp_path / name, "--simulate", 6, "--seed", 3)
        assert done.exit_code == 0, done.output
    a, b = ({p.name: p.read_bytes() for p in (tmp_path / name).rglob("*.nii.gz")} for name in "ab")
    assert len(a) == 12
    assert a == b
    said = json.loads(Work(tmp_path / "a").preparation.read_text())
    assert said["source"] == "simulated CT (0 of real KiTS23 labels, 6 of the phantom's)"
    assert said["intensities"] == "summary of KiTS23's cases"


def test_full_size_makes_whole_scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kits23.preparing.simulated.FULL", (6, 40, 44))
    monkeypatch.setattr("kits23.preparing.simulated.FULL_SPACING_MM", (18.0, 9.0, 9.0))
    options = "--simulate", 6, "--full-size", "--label-volumes", "phantom"
    assert prepare(tmp_path / "w", *options).exit_code == 0
    said = json.loads(Work(tmp_path / "w").preparation.read_text())
    assert said["full_size"]
    assert [case["shape_zyx"] for case in said["cases"].values()] == [[6, 40, 44]] * 6
    for path in (Work(tmp_path / "w").raw / "imagesTr").iterdir():
        assert read_volume(path).data.shape == (44, 40, 6)


def test_real_label_volumes_are_taken_where_they_are(tmp_path: Path, real_data: Path | None) -> None:
    done = prepare(tmp_path / "w", "--simulate", 6)
    assert done.exit_code == 0, done.output
    said = json.loads(Work(tmp_path / "w").preparation.read_text())
    n_real = sum(name.startswith("case_") for name in said["cases"])
    assert n_real == (3 if real_data else 0)
    for path in (Work(tmp_path / "w").raw / "labelsTr").iterdir():
        volume = read_volume(path)
        assert volume.data.shape == (96, 96, 24), "axes of KiTS23's files, reversed"
        assert volume.geometry.axial_axis == 2
        assert 1 in np.unique(volume.data)


def test_more_real_volumes_than_there_are_is_an_error(tmp_path: Path) -> None:
    done = prepare(tmp_path / "w", "--simulate", 40, "--label-volumes", "kits23")
    assert done.exit_code == 1
    assert "--label-volumes both" in done.output
