"""A run folder, its network and a few images, so small that every number can be checked by hand."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from ckpt_uq.selection import PeakCheckpointSelector

NETWORK = '''
"""One 1 x 1 convolution from 1 channel to 3 classes, and steps around it."""

import time
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F


def make():
    return torch.nn.Conv2d(1, 3, 1)


def make_3d():
    return torch.nn.Conv3d(1, 3, 1)


def tenth(volume):
    return volume.data.astype(np.float32)[None] / 10


def every_second(volume):
    return tenth(volume)[..., ::2, ::2]


def nearest(output, volume):
    return F.interpolate(output[None], size=volume.data.shape)[0]


def on_a_wrong_grid(output, volume):
    return output[:, :, :2]


def wait_at_third(volume):
    """Stop where a test wants to kill: at the third case, while the file that says so is there."""
    if volume.data.flat[0] == 2:
        while Path("hold").exists():
            Path("held").touch()
            time.sleep(0.01)
    return tenth(volume)


def only_ones(volume):
    if volume.data.flat[0] != 1:
        raise KeyError("no such intensity")
    return tenth(volume)


def integers(volume):
    return volume.data[None]


def failing():
    raise RuntimeError("out of parts")


NOT_A_FUNCTION = 3
'''

AFFINE = np.array([[-0.8, 0.0, 0.1, 12.0], [0.0, 0.7, 0.0, -30.0], [0.05, 0.0, 3.0, 101.5], [0, 0, 0, 1]])
SHAPE = (3, 6, 8)


@dataclass(frozen=True)
class Tiny:
    """A folder with a run and the module of its network.

    Attributes
    ----------
    folder : Path
        Holds my_network.py; where commands are called.
    run : Path
        The run folder, of two members.
    weights : list
        Weight (3,) and bias (3,) of each member.
    """

    folder: Path
    run: Path
    weights: list[tuple[np.ndarray, np.ndarray]]

    def logits(self, image: np.ndarray) -> list[np.ndarray]:
        """What each member makes of an image (z, y, x): (3, z, y, x)."""
        return [np.einsum("c,zyx->czyx", w, image) + b[:, None, None, None] for w, b in self.weights]


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "my_network.py").write_text(NETWORK)
    selector = PeakCheckpointSelector(folder / "run", cycles=[2, 2], k=1, smoothing=1)
    weights = []
    for epoch, score in enumerate([0.2, 0.5, 0.3, 0.75]):
        slope = 3 * np.array([0.0, 1.0 + epoch / 2, 4.0])
        offset = 3 * np.array([1.0, 0.0, -3.0 + epoch / 2])
        state = {
            "weight": torch.tensor(slope).float()[:, None, None, None],
            "bias": torch.tensor(offset).float(),
        }
        selector.step(epoch, score, state, lr=0.1)
        weights.append((slope, offset))
    return Tiny(folder, folder / "run", [weights[1], weights[3]])


def image_of(index: int) -> np.ndarray:
    """A ramp with its own first value, int16, shape `SHAPE`."""
    ramp = np.arange(np.prod(SHAPE)).reshape(SHAPE) * (index + 1) % 17
    ramp[0, 0, 0] = index
    return ramp.astype(np.int16)


def save_nifti(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    """Write (z, y, x) data as NIfTI with nibabel alone, oblique and with its own description."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data.T, affine)
    image.header["descrip"] = b"as it came"
    image.to_filename(path)
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of three images: a, b, c."""
    for index, name in enumerate("abc"):
        save_nifti(tmp_path / "images" / f"{name}.nii.gz", image_of(index))
    return tmp_path / "images"


@pytest.fixture
def in_tiny(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> Tiny:
    """The tiny run, with its folder as the current one."""
    monkeypatch.chdir(tiny.folder)
    monkeypatch.syspath_prepend(tiny.folder)
    return tiny
