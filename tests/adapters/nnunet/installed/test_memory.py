"""In 2d nothing is of the image's size but the image and the means; what is given up for that is nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
import torch

from ckpt_uq.adapters.nnunet.framework.network import build_network
from ckpt_uq.adapters.nnunet.framework.plugin import ckpt_uq_trainers
from ckpt_uq.adapters.nnunet.framework.preprocessing import preprocessed
from ckpt_uq.adapters.nnunet.framework.trained_model import TrainedModel
from ckpt_uq.adapters.nnunet.framework.trainer_names import OWN_TRAINERS
from ckpt_uq.adapters.nnunet.model_folder import find_members

pytestmark = [pytest.mark.nnunet, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]

SHAPE = (80, 320, 320)
SPACING = (6.0, 1.6, 1.5)

# Once before on a small image, so that what stays for good, such as compiled loops, is not counted.
PREDICT = """
import sys
from pathlib import Path

from ckpt_uq.adapters.nnunet.cohort import NnunetSettings, predict_cohort
from ckpt_uq.combining import slabs

def most_mb():
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return int(line.split()[1]) / 1e3

slabs.SLAB_VALUES = 1 << 16
model, warm, images, out = map(Path, sys.argv[1:])
settings = NnunetSettings([model], checkpoints="checkpoint_[fp]*.pth", mirroring="none")
predict_cohort(settings, warm, out / "warm", device="cpu")
before = most_mb()
assert not predict_cohort(settings, images, out / "full", device="cpu").failed
print(most_mb() - before)
"""


@pytest.fixture(scope="module")
def model_2d(killed, tmp_path_factory):
    """Two checkpoints of a network that is told to see large slices of its images at once."""
    model = shutil.copytree(killed.model, tmp_path_factory.mktemp("large") / killed.model.name)
    plans = json.loads((model / "plans.json").read_text())
    plans["configurations"]["2d"].update(patch_size=[256, 256], spacing=[1.7, 1.6])
    (model / "plans.json").write_text(json.dumps(plans))
    content = torch.load(model / "fold_0/checkpoint_final.pth", weights_only=False)
    content["trainer_name"] = OWN_TRAINERS[0]
    for name in ("final", "plain"):
        torch.save(content, model / f"fold_0/checkpoint_{name}.pth")
    return model


@pytest.fixture(scope="module")
def opened(model_2d):
    members = find_members(model_2d, checkpoints="final")
    return TrainedModel(model_2d, members, torch.device("cpu"), mirroring="none")


def write_image(folder, shape, spacing=SPACING):
    folder.mkdir()
    image = np.random.default_rng(0).normal(40, 30, shape).astype(np.float32)
    image[: shape[0] // 8] = image[:, -9:] = 0  # for nnU-Net to crop
    path = folder / "case_0000.nii.gz"
    nib.Nifti1Image(image, np.diag([*spacing, 1])).to_filename(path)
    return path


def test_memory_grows_by_the_image_and_the_means(model_2d, tmp_path):
    write_image(tmp_path / "warm", (4, *SHAPE[1:]))
    write_image(tmp_path / "images", SHAPE)
    arguments = [model_2d, tmp_path / "warm", tmp_path / "images", tmp_path]
    command = [sys.executable, "-c", PREDICT, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    n_voxels = np.prod(SHAPE)
    means, image = 4 * (3 + 1) * n_voxels, 4 * n_voxels
    # With nnU-Net's buffers of all slices it is 1.6 times as much, without them 1.17 times.
    assert float(done.stdout) < 1.4 * (means + image) / 1e6


@pytest.mark.parametrize("spacing", [SPACING, (2.0, 1.6, 1.5)], ids=["slices apart", "slices together"])
def test_the_image_is_nnunets_own_to_the_last_bit(opened, spacing, tmp_path):
    path = write_image(tmp_path / "images", (12, 40, 44), spacing)
    plans, configuration = opened._plans, opened._configuration
    expected, _, theirs = configuration.preprocessor_class(verbose=False).run_case(
        [str(path)], None, plans, configuration, opened.dataset
    )
    found, ours = preprocessed([path], plans, configuration, opened.dataset)
    np.testing.assert_array_equal(found, expected)
    assert found.shape[2:] != (40, 35), "it was resampled"
    assert ours == theirs


@pytest.mark.parametrize("depth", [1, 5])
def test_slices_have_the_logits_of_the_whole_to_the_last_bit(opened, depth, tmp_path):
    image = opened.preprocess([write_image(tmp_path / "images", (12, 40, 44))])
    n_slices = image.placement.shape[0]
    ((_, whole),) = ((name, list(parts)) for name, parts in opened.predict(image, opened.axes, n_slices))
    ((_, some),) = ((name, list(parts)) for name, parts in opened.predict(image, opened.axes, depth))
    assert len(whole) == 1 < len(some)
    parts = torch.cat([part.slab(0, part.shape[0]) for part in some], dim=1)
    assert torch.equal(parts, whole[0].slab(0, n_slices))
    assert parts[1:].isinf().any(), "something was cropped"


def test_networks_from_the_plans_are_the_trainers_own(opened):
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    assert sorted(OWN_TRAINERS) == sorted(ckpt_uq_trainers.__all__)
    plans, configuration = opened._plans, opened._configuration
    asked = nnUNetTrainer.build_network_architecture(
        plans, configuration, 1, 3, enable_deep_supervision=False
    )
    for name in OWN_TRAINERS:
        trainer = getattr(ckpt_uq_trainers, name)
        assert trainer.build_network_architecture is nnUNetTrainer.build_network_architecture
        built = build_network(name, plans, configuration, 1, 3)
        assert repr(built) == repr(asked)
