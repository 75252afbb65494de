"""Simulated CT against real CT: means, spreads and noise of tissues; the same voxels for the same seed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.ndimage import binary_erosion, uniform_filter

from ckpt_uq.demo.phantom.anatomy import draw_anatomy
from ckpt_uq.errors import DataError
from ckpt_uq.io.nifti import read_volume, write_volume
from kits23.simulation.fields import SmoothField
from kits23.simulation.grid import ScanGrid
from kits23.simulation.intensities import Intensity, draw_intensities
from kits23.simulation.labels import LabelVolume, phantom_labels, real_labels
from kits23.simulation.noise import scanner_noise
from kits23.simulation.scan import NOISE_HU, Scan, simulate_scan
from kits23.simulation.surroundings import draw_surroundings

Array = npt.NDArray[np.float64]

# Measured as below in kits_slices and abdomen_ct: used where these are not at hand.
KITS_NOISE_HU = (7.0, 16.5)
KITS_NEIGHBOURS = {0.44: 0.63, 0.55: 0.51, 0.68: 0.41, 0.73: 0.30, 0.87: 0.18}
ABDOMEN_FAT = Intensity(-103.6, 12.1)
ABDOMEN_SLICES = 0.21

PUBLISHED_HU = {
    # Portal venous phase: nine of ten livers without steatosis lie above 80 HU, by the specificity of that
    # threshold. Pickhardt et al., Post-contrast CT liver attenuation alone is superior to the liver-spleen
    # difference (2024; ARRS abstract 4710), n = 1676.
    "liver": (80, np.inf),
    # What counts as muscle in body composition: Sci Rep (2025), s41598-025-96238-6, Table 1. A whole psoas,
    # with the fat in it, has 42 +- 8.4 HU in that phase: Rollins et al., Clin Nutr 39 (2020) 2227, abstract.
    "muscle": (-29, 150),
    # L1, from one SD below the oldest's 89 +- 38 HU to one above the youngest's 226 +- 44; contrast matters
    # little. Jang et al., Radiology 291 (2019) 360, n = 20 374, abstract.
    "trabecular bone": (51, 270),
    # From unenhanced blood, at most 65 HU (Buzug, Computed Tomography, Springer 2008, p. 475), to the aorta's
    # arterial peak, 464 +- 58 HU (PLoS ONE 9 (2014) e91774, abstract).
    "vessels": (65, 464),
}


def volumes(real_data: Path | None, n: int) -> list[LabelVolume]:
    """Label volumes of the phantom and, if there are data, as many real ones."""
    made = [phantom_labels(np.random.default_rng([7, index])) for index in range(n)]
    real = [] if real_data is None else sorted((real_data / "kits23_labels").glob("*.nii.gz"))
    return made + [real_labels(path) for path in real[:n]]


@pytest.fixture(scope="module")
def scans(real_data: Path | None) -> list[Scan]:
    table = None if real_data is None else real_data / "kits23_labels" / "hu_stats_by_case.csv"
    return [simulate_scan(one, (1, index), table) for index, one in enumerate(volumes(real_data, 4))]


def test_labels_have_the_mean_and_spread_that_were_drawn(scans: list[Scan]) -> None:
    for scan in scans:
        for label, wanted in scan.intensities.items():
            values = scan.hu[scan.volume.labels == label].astype(float)
            if len(values) < 200:
                continue  # noise alone moves so few by more
            assert values.mean() == pytest.approx(
                wanted.mean, abs=0.6 + 5 * wanted.stdev / len(values) ** 0.5
            )
            assert values.std() == pytest.approx(wanted.stdev, rel=0.12)


def test_intensities_are_those_of_one_real_case(real_data: Path | None, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("case,label,mean,stdev\n1,1,100,50\n1,2,60,40\n2,1,150,80\n2,2,90,45\n2,3,20,30\n")
    drawn = {tuple(draw_intensities(np.random.default_rng(s), [1, 2], table).values()) for s in range(20)}
    assert drawn == {((100, 50), (60, 40)), ((150, 80), (90, 45))}
    assert draw_intensities(np.random.default_rng(0), [1, 3], table)[3] == (20, 30)
    with pytest.raises(DataError, match="labels \\[4\\]"):
        draw_intensities(np.random.default_rng(0), [4], table)
    table.write_text("case,label\n1,1\n")
    with pytest.raises(DataError, match="columns case, label, mean and stdev"):
        draw_intensities(np.random.default_rng(0), [1], table)


def test_summary_draws_what_the_table_has(real_data: Path | None) -> None:
    drawn = [draw_intensities(np.random.default_rng(s), [1, 2, 3], None) for s in range(600)]
    known = {1: (111.4, 32.8, 62.8), 2: (77.2, 35.4, 42.1), 3: (36.7, 26.9, 37.2)}
    if real_data is not None:
        with (real_data / "kits23_labels" / "hu_stats_by_case.csv").open() as file:
            rows = list(csv.DictReader(file))
        for label in known:
            mean = np.array([float(row["mean"]) for row in rows if row["label"] == str(label)])
            spread = np.mean([float(row["stdev"]) for row in rows if row["label"] == str(label)])
            known[label] = (float(mean.mean()), float(mean.std()), float(spread))
    for label, (mean, spread, stdev) in known.items():
        means = np.array([one[label].mean for one in drawn])
        assert means.mean() == pytest.approx(mean, abs=4)
        assert means.std() == pytest.approx(spread, rel=0.2)
        assert np.mean([one[label].stdev for one in drawn]) == pytest.approx(stdev, rel=0.06)
    kidneys, tumours = ([one[label].mean for one in drawn] for label in (1, 2))
    assert np.corrcoef(kidneys, tumours)[0, 1] == pytest.approx(0.52, abs=0.1)


def drawn_tissues() -> dict[str, Array]:
    """HU of the phantom's tissues by name, in 200 patients."""
    found: dict[str, list[float]] = {name: [] for name in (*PUBLISHED_HU, "spleen")}
    for seed in range(200):
        hu = [tissue.hu for tissue in draw_anatomy(np.random.default_rng(seed)).surroundings]
        found["liver"].append(hu[0])
        found["spleen"].append(hu[1])
        found["muscle"] += hu[-8:-4]
        found["trabecular bone"].append(hu[-3])
        found["vessels"] += hu[-2:]
    return {name: np.array(values) for name, values in found.items()}


def test_tissues_have_published_intensities() -> None:
    found = drawn_tissues()
    for name, (low, high) in PUBLISHED_HU.items():
        assert low < found[name].mean() < high, name
        assert np.mean((found[name] > low) & (found[name] < high)) > 0.85, name


def test_the_spleen_is_brighter_than_the_liver_under_contrast() -> None:
    # In 93 of 96 patients (PMID 9294555), by less than 40 HU in nine of ten without steatosis (Pickhardt).
    found = drawn_tissues()
    assert 0 < found["spleen"].mean() - found["liver"].mean() < 40


def fat_of(hu: Array) -> Intensity:
    """Mean and SD of HU where all around is fat."""
    near = (hu > -150) & (hu < -50)
    inside = binary_erosion(uniform_filter(near.astype(float), 3) > 0.95)
    return Intensity(float(hu[inside].mean()), float(hu[inside].std()))


def test_fat_is_that_of_a_real_abdomen(scans: list[Scan], real_data: Path | None) -> None:
    real = ABDOMEN_FAT
    if real_data is not None:
        real = fat_of(read_volume(real_data / "abdomen_ct" / "ct.nii.gz").data.astype(float))
    ours = [fat_of(scan.hu.astype(float)) for scan in scans]
    assert np.mean([one.mean for one in ours]) == pytest.approx(real.mean, abs=6)
    assert np.mean([one.stdev for one in ours]) == pytest.approx(real.stdev, rel=0.4)


def organs_of(scan: Scan, seed: tuple[int, int]) -> list[tuple[float, Array]]:
    """What a place was filled with, and its voxels, 4 mm from every border; as the scan was drawn."""
    rng = np.random.default_rng([*seed, 1])
    draw_intensities(rng, scan.intensities, None)
    rng.uniform(*NOISE_HU)
    around = draw_surroundings(rng, scan.volume.grid)
    depths = [np.minimum(tissue.blob.depth(scan.volume.grid), around.body.depth(scan.volume.grid) - 30)
              for tissue in around.tissues]  # fmt: skip
    which = np.full(scan.hu.shape, -1)
    for index, depth in enumerate(depths):
        which[depth > 0] = index
    clear = np.all([np.abs(depth) > 4 for depth in depths], axis=0)
    clear &= binary_erosion(scan.volume.labels == 0, iterations=6)
    return [
        (tissue.hu, scan.hu[clear & (which == index)].astype(float))
        for index, tissue in enumerate(around.tissues)
    ]


def test_organs_have_their_mean_and_the_noise_of_the_scan() -> None:
    n_seen = 0
    for index in range(3):
        volume = phantom_labels(np.random.default_rng([8, index]))
        scan = simulate_scan(volume, (2, index))
        for hu, values in organs_of(scan, (2, index)):
            if len(values) < 300 or hu < -800:
                continue
            n_seen += 1
            assert values.mean() == pytest.approx(hu, abs=6)
            assert values.std() == pytest.approx(np.hypot(scan.noise_hu, 5), rel=0.25)
    assert n_seen >= 6


def patches(plane: Array, mask: npt.NDArray[np.bool_], size: int = 12) -> list[Array]:
    """Squares inside a mask, less their own quadratic surface: what is left is noise."""
    y, x = np.mgrid[:size, :size] / size
    slow = np.stack([np.ones((size, size)), y, x, x * y, x * x, y * y]).reshape(6, -1).T
    found = []
    for top in range(0, plane.shape[0] - size, size):
        for left in range(0, plane.shape[1] - size, size):
            square = slice(top, top + size), slice(left, left + size)
            if mask[square].all():
                values = plane[square].ravel()
                found.append((values - slow @ np.linalg.lstsq(slow, values)[0]).reshape(size, size))
    return found


def noise_of(found: list[Array]) -> tuple[float, Array]:
    """SD, and correlation with the pixel 1, 2 and 3 steps away."""
    variance = np.mean([np.mean(one**2) for one in found])
    lags = [
        np.mean([(np.mean(r[:, n:] * r[:, :-n]) + np.mean(r[n:] * r[:-n])) / 2 for r in found]) / variance
        for n in (1, 2, 3)
    ]
    return float(np.sqrt(variance)), np.array(lags)


def real_noise(folder: Path) -> dict[float, tuple[float, Array]]:
    """Noise of soft tissue in real slices, by the size of their pixels."""
    found = {}
    for entry in json.loads((folder / "meta.json").read_text()):
        image, labels = (
            np.asarray(Image.open(folder / kind / f"{entry['name']}.png")).astype(float)
            for kind in ("images", "labels")
        )
        smooth = uniform_filter(image, 9)
        even = (smooth > 60) & (smooth < 180) & (np.hypot(*np.gradient(smooth)) < 3) & (labels == 0)
        here = sorted(patches(image, even), key=np.std)
        if len(here) >= 8:
            found[entry["spacing_zyx_mm"][2]] = noise_of(here[: len(here) * 2 // 3])
    return found


def simulated_noise(spacing_mm: float) -> tuple[float, Array]:
    planes = list(scanner_noise([3], (144, 144), (spacing_mm, spacing_mm), 0, 4))
    mask = np.ones((144, 144), bool)
    return noise_of([patch for plane in planes for patch in patches(plane.astype(float), mask)])


def test_noise_is_correlated_as_in_real_slices(real_data: Path | None) -> None:
    wanted = {spacing: (None, np.array([lag])) for spacing, lag in KITS_NEIGHBOURS.items()}
    if real_data is not None:
        wanted = real_noise(real_data / "kits_slices")
    assert len(wanted) >= 5
    ours = {spacing: simulated_noise(spacing)[1] for spacing in wanted}
    for spacing, (_, lags) in wanted.items():
        assert ours[spacing][0] == pytest.approx(lags[0], abs=0.06), spacing
        assert -0.3 < ours[spacing][2] < 0.05, "the ramp filter leaves no slow waves"
    assert np.mean([ours[s][0] - wanted[s][1][0] for s in wanted]) == pytest.approx(0, abs=0.03)


def test_noise_is_as_strong_as_in_real_slices(real_data: Path | None) -> None:
    low, high = KITS_NOISE_HU
    if real_data is not None:
        found = [stdev for stdev, _ in real_noise(real_data / "kits_slices").values()]
        low, high = min(found), max(found)
    assert low - 1 < NOISE_HU[0] < NOISE_HU[1] < high + 1


def test_noise_has_unit_variance_and_joins_slices_a_little(real_data: Path | None) -> None:
    planes = np.stack(list(scanner_noise([0], (200, 200), (0.7, 0.7), 0, 12)))
    assert planes.std() == pytest.approx(1, abs=0.01)
    assert planes.mean() == pytest.approx(0, abs=0.01)
    neighbours = float(np.mean(planes[1:] * planes[:-1]))
    real = ABDOMEN_SLICES
    if real_data is not None:
        ct, organs = (read_volume(real_data / "abdomen_ct" / f"{n}.nii.gz").data for n in ("ct", "seg"))
        liver = binary_erosion(organs == 5, iterations=2)
        away = ct - ct[liver].mean()
        both = liver[1:] & liver[:-1]
        real = float(np.mean(away[1:][both] * away[:-1][both]) / away[liver].var())
    assert neighbours == pytest.approx(real, abs=0.05)


def test_fields_have_unit_variance_and_the_correlation_that_is_said() -> None:
    width, values = 5.0, []
    for seed in range(60):
        field = SmoothField(np.random.default_rng(seed), (0, 0, 0), (10, 60, 60), width)
        values.append(field.at([np.arange(0, n, 2.0) for n in (10, 60, 60)]))
    every = np.stack(values)
    assert every.std() == pytest.approx(1, abs=0.03)
    for steps in (1, 3):
        found = np.mean(every[..., steps:] * every[..., :-steps])
        assert found == pytest.approx(np.exp(-((2.0 * steps) ** 2) / (4 * width**2)), abs=0.05)


@pytest.mark.parametrize("depth", [1, 5, 24])
def test_slabs_do_not_show(depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = phantom_labels(np.random.default_rng(4))
    whole = simulate_scan(volume, (0, 4))
    monkeypatch.setattr("kits23.simulation.scan._SLAB_VALUES", depth * 96 * 96)
    assert np.abs(simulate_scan(volume, (0, 4)).hu.astype(int) - whole.hu).max() <= 1


def test_seed_decides_every_voxel() -> None:
    volume = phantom_labels(np.random.default_rng(5))
    assert np.array_equal(simulate_scan(volume, (0, 5)).hu, simulate_scan(volume, (0, 5)).hu)
    assert (simulate_scan(volume, (0, 5)).hu != simulate_scan(volume, (1, 5)).hu).mean() > 0.9


def test_tiny_scan_of_a_real_case_keeps_kidneys_and_masses(tmp_path: Path) -> None:
    labels = np.zeros((40, 300, 400), np.uint8)
    labels[8:32, 150:210, 60:120] = labels[10:30, 150:210, 280:340] = 1
    labels[16:24, 160:180, 70:90] = 2
    grid = ScanGrid(labels.shape, (3.0, 0.8, 0.8))
    write_volume(tmp_path / "case_00000.nii.gz", grid.volume(labels))
    full = real_labels(tmp_path / "case_00000.nii.gz", full_size=True)
    assert np.array_equal(full.labels, labels)
    assert np.allclose(full.grid.spacing_mm, grid.spacing_mm)
    x = full.grid.axes_mm()[2][np.flatnonzero((labels == 1).any(axis=(0, 1)))]
    assert x.min() == pytest.approx(-x.max(), abs=0.8), "the spine lies between the kidneys"
    tiny = real_labels(tmp_path / "case_00000.nii.gz")
    assert tiny.labels.shape == (24, 96, 96)
    voxel = np.prod(tiny.grid.spacing_mm)
    true_ml = np.array([(labels == k).sum() * np.prod(grid.spacing_mm) for k in (1, 2)])
    ours_ml = np.array([(tiny.labels == k).sum() * voxel for k in (1, 2)])
    assert ours_ml == pytest.approx(true_ml, rel=0.15)


@pytest.mark.parametrize("full_size", [False, True])
def test_the_only_kidney_lies_beside_the_spine(tmp_path: Path, full_size: bool) -> None:
    labels = np.zeros((30, 200, 256), np.uint8)
    labels[6:26, 100:135, 40:70] = 1  # towards the patient's right; the scan's middle is the spine
    path = tmp_path / "case_00000.nii.gz"
    write_volume(path, ScanGrid(labels.shape, (4.0, 1.5, 1.5)).volume(labels))
    volume = real_labels(path, full_size=full_size)
    x = volume.grid.axes_mm()[2][np.flatnonzero((volume.labels == 1).any(axis=(0, 1)))]
    assert -135 < x.min() < x.max() < -84


def test_labels_in_other_axes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "case_00000.nii.gz"
    volume = ScanGrid((4, 6, 8), (5.0, 1.0, 1.0)).volume(np.ones((4, 6, 8), np.uint8))
    write_volume(path, type(volume)(volume.data, np.diag([1.0, 1, 5, 1])))
    with pytest.raises(DataError, match="towards feet, back and left"):
        real_labels(path)
    write_volume(path, ScanGrid((4, 6, 8), (5.0, 1.0, 1.0)).volume(np.zeros((4, 6, 8), np.uint8)))
    with pytest.raises(DataError, match="must have a kidney"):
        real_labels(path)


def test_affine_says_feet_back_and_left() -> None:
    grid = ScanGrid((3, 4, 5), (5.0, 0.7, 0.8), (10.0, 20.0, 30.0))
    assert np.allclose(grid.affine() @ [2, 1, 3, 1], [-(30 + 3 * 0.8), -(20 + 0.7), -(10 + 2 * 5.0), 1])


def test_window_holds_all_that_a_blob_paints() -> None:
    grid = phantom_labels(np.random.default_rng(0)).grid
    for tissue in draw_surroundings(np.random.default_rng(1), grid).tissues:
        near = tissue.blob.depth(grid) > -3
        found = grid.window(tissue.blob)
        if found is None:
            assert not near.any()
            continue
        place, part = found
        assert np.allclose(tissue.blob.depth(part), tissue.blob.depth(grid)[place], atol=1e-3)
        near[place] = False
        assert not near.any()
