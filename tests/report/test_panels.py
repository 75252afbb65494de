from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ckpt_uq.errors import DataError
from ckpt_uq.io.volume import Volume, write_volume
from ckpt_uq.report.colours import class_colour, rgb_of
from ckpt_uq.report.panels import Panel, grey_window, load_volumes, picture_case
from ckpt_uq.report.results import CaseResult
from results_folders import AFFINE, SHAPE, volumes_of

TITLES = ["Image", "Truth", "Prediction", "Predictive entropy", "Mutual information"]


def pixels(panel: Panel) -> np.ndarray[Any, Any]:
    data = base64.b64decode(panel.uri.removeprefix("data:image/webp;base64,"), validate=True)
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    assert picture.shape == (panel.height, panel.width, 3)
    return picture


def case_volumes(index: int = 2) -> dict[str, Volume]:
    named = volumes_of(index) | {"predictive_entropy": volumes_of(index)["entropy"]}
    return {name: Volume(data, AFFINE) for name, data in named.items() if name != "entropy"}


def test_panels_come_in_the_papers_order_with_texts() -> None:
    pictures = picture_case("alpha", case_volumes())
    assert [panel.title for panel in pictures.panels] == TITLES
    assert [panel.alt for panel in pictures.panels] == [
        f"alpha, axial slice {pictures.number} of 5: {title.lower()}" for title in TITLES
    ]
    assert pictures.where == f"axial slice {pictures.number} of 5"


def test_slice_is_the_one_with_most_entropy() -> None:
    volumes = case_volumes()
    entropy = np.zeros(SHAPE, np.float32)
    entropy[1] = 0.5  # the fourth from the head: slices of this grid are stored from the feet
    assert picture_case("alpha", volumes | {"predictive_entropy": Volume(entropy, AFFINE)}).number == 4


def test_without_maps_the_slice_is_the_one_with_most_foreground() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[0, 3:9, 3:9] = 2
    labels[4, 3:5, 3:5] = 1
    pictures = picture_case("alpha", {"segmentation": Volume(labels, AFFINE)})
    assert (pictures.number, [panel.title for panel in pictures.panels]) == (5, ["Prediction"])


def test_colours_say_how_uncertain_and_which_class() -> None:
    volumes = case_volumes()
    entropy = np.zeros(SHAPE, np.float32)
    entropy[2, :12] = 0.5
    entropy[2, 12:] = 2.0  # above the scale's end
    volumes |= {"predictive_entropy": Volume(entropy, AFFINE)}
    labels = np.zeros(SHAPE, np.uint8)
    labels[:, :, :16] = 2
    volumes |= {"segmentation": Volume(labels, AFFINE), "image": Volume(np.zeros(SHAPE), AFFINE)}
    panels = {panel.title: pixels(panel) for panel in picture_case("alpha", volumes).panels}
    height, width = panels["Image"].shape[:2]
    heat = panels["Predictive entropy"]
    # Rows are stored from posterior to anterior and shown the other way round, so the last ones are on top.
    np.testing.assert_allclose(heat[height // 4, width // 4], (252, 255, 164), atol=14)
    np.testing.assert_allclose(heat[3 * height // 4, width // 4], (188, 55, 84), atol=14)
    prediction = panels["Prediction"]
    tint = prediction[height // 2, 3 * width // 4] - prediction[height // 2, width // 4]
    np.testing.assert_allclose(tint, 0.4 * np.array(rgb_of(class_colour(2))), atol=14)


def test_pixels_are_square_in_millimetres() -> None:
    affine = np.diag([1.0, 3.0, 9.0, 1.0])
    panel = picture_case("alpha", {"segmentation": Volume(np.zeros((2, 10, 60), np.uint8), affine)}).panels[0]
    assert (panel.width, panel.height) == (300, 150)


def test_greys_are_those_around_the_foreground() -> None:
    image, labels = np.full((10, 40, 40), -1000.0), np.zeros((10, 40, 40), np.uint8)
    labels[4:6, 16:24, 16:24] = 1
    image[3:7, 14:26, 14:26] = np.linspace(-100, 200, 4 * 12 * 12).reshape(4, 12, 12)
    low, high = grey_window(image, labels)
    assert -100 <= low < -90
    assert 190 < high <= 200
    assert grey_window(image, np.zeros_like(labels))[0] == -1000


@pytest.mark.parametrize("value", [0.0, math.nan, math.inf])
def test_image_of_one_value_makes_a_picture(value: float) -> None:
    volumes = case_volumes() | {"image": Volume(np.full(SHAPE, value, np.float32), AFFINE)}
    assert len(picture_case("alpha", volumes).panels) == 5


def test_thumbnail_is_bright_where_it_is_uncertain() -> None:
    thumbnail = pixels(picture_case("alpha", case_volumes()).thumbnail)
    red = thumbnail[..., 0] - thumbnail[..., 2]
    assert red.max() > 100
    assert abs(red[0, 0]) < 20


def test_volume_on_another_grid_is_named(tmp_path: Path) -> None:
    paths = {name: tmp_path / f"{name}.nii.gz" for name in ("segmentation", "image")}
    write_volume(paths["segmentation"], Volume(np.zeros(SHAPE, np.uint8), AFFINE))
    write_volume(paths["image"], Volume(np.zeros(SHAPE, np.uint8), 2 * AFFINE))
    with pytest.raises(
        DataError, match=r"image\.nii\.gz must lie on the grid of the segmentation, got affine"
    ):
        load_volumes(CaseResult("alpha", paths))
