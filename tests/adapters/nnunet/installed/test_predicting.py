"""Prediction, against what nnU-Net itself saves for the same checkpoints."""

from __future__ import annotations

import shutil

import nibabel as nib
import numpy as np
import pytest
import torch

import command_line
from ckpt_uq.adapters.nnunet.cohort import NnunetSettings, predict_cohort
from ckpt_uq.checkpoints import load_weights
from ckpt_uq.combining.cohort import combine_cohort
from ckpt_uq.io.nifti import read_volume
from ckpt_uq.io.scores_csv import read_scores
from ckpt_uq.manifest import read_run
from ckpt_uq.maps import predictive_entropy
from nnunet_tiny import NAME

pytestmark = [pytest.mark.nnunet, pytest.mark.timeout(600), pytest.mark.filterwarnings("ignore")]
CASES = ("case_6", "case_7")
HALF = 2.0**-11  # of probabilities near 1 in half precision


def nnunets_own(model, images, out, checkpoint, *, mirroring=True):
    """Predict as ``nnUNetv2_predict --save_probabilities`` does, without its processes."""
    from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor

    out.mkdir(parents=True)
    predictor = nnUNetPredictor(device=torch.device("cpu"), use_mirroring=mirroring, allow_tqdm=False)
    predictor.initialize_from_trained_model_folder(str(model), (0,), checkpoint)
    predictor.predict_from_files_sequential(str(images), str(out), save_probabilities=True)
    return out


def probabilities(path):
    with np.load(path) as arrays:
        return arrays["probabilities"]


@pytest.fixture(scope="module")
def images(session):
    return session.root / "raw" / NAME / "imagesTs"


@pytest.fixture(scope="module", autouse=True)
def environment(session):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in session.environment.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def model_2d(killed):
    """The model, with one of its snapshots as a checkpoint that nnU-Net can load too."""
    fold = killed.model / "fold_0"
    run = read_run(fold / "snapshots")
    checkpoint = torch.load(fold / "checkpoint_final.pth", weights_only=False)
    checkpoint["network_weights"] = load_weights(run.path_of(run.members[0]))
    torch.save(checkpoint, fold / "checkpoint_peak.pth")
    return killed.model


@pytest.fixture(scope="module")
def saved(model_2d, images, tmp_path_factory):
    """What nnU-Net saves for two checkpoints, one folder each."""
    root = tmp_path_factory.mktemp("saved")
    names = ("checkpoint_final.pth", "checkpoint_peak.pth")
    return [nnunets_own(model_2d, images, root / name, name) for name in names]


@pytest.fixture(scope="module")
def streamed(model_2d, images, tmp_path_factory):
    """The same two checkpoints, streamed."""
    out = tmp_path_factory.mktemp("streamed")
    settings = NnunetSettings([model_2d], checkpoints="checkpoint_[fp]*.pth")
    outcome = predict_cohort(settings, images, out, save_probs=True, class_entropy=True)
    assert (outcome.made, outcome.failed) == (CASES, {})
    return out


@pytest.mark.parametrize("case", CASES)
def test_one_member_in_2d_has_nnunets_own_probabilities(model_2d, images, saved, case, tmp_path):
    predict_cohort(NnunetSettings([model_2d], checkpoints="final"), images, tmp_path, save_probs=True)
    theirs = probabilities(saved[0] / f"{case}.npz")
    ours = probabilities(tmp_path / f"cases/{case}/mean_probs.npz")
    assert np.ptp(theirs[1]) > 0.1, "it predicts something"
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=HALF)
    labels = read_volume(tmp_path / f"cases/{case}/segmentation.nii.gz").data
    np.testing.assert_array_equal(labels, read_volume(saved[0] / f"{case}.nii.gz").data)


@pytest.mark.parametrize("case", CASES)
def test_one_member_in_3d_has_nnunets_own_probabilities(model_3d, images, case, tmp_path):
    saved = nnunets_own(model_3d, images, tmp_path / "saved", "checkpoint_final.pth", mirroring=False)
    settings = NnunetSettings([model_3d], checkpoints="final", mirroring="none")
    predict_cohort(settings, images, tmp_path / "out", save_probs=True)
    ours = probabilities(tmp_path / f"out/cases/{case}/mean_probs.npz")
    np.testing.assert_allclose(ours, probabilities(saved / f"{case}.npz"), rtol=0, atol=HALF)


@pytest.mark.parametrize("case", CASES)
def test_combining_what_nnunet_saved_is_the_streamed_result(saved, streamed, case, tmp_path):
    combine_cohort(saved, tmp_path, save_probs=True)
    for name in ("entropy", "mutual_information", "segmentation"):
        ours = read_volume(streamed / f"cases/{case}/{name}.nii.gz")
        theirs = read_volume(tmp_path / f"cases/{case}/{name}.nii.gz")
        np.testing.assert_allclose(ours.data, theirs.data, rtol=0, atol=1e-5, err_msg=name)
        np.testing.assert_array_equal(ours.affine, theirs.affine)
    assert ours.data.any()
    streamed_scores, combined_scores = (
        read_scores(streamed / "scores.csv")[case],
        read_scores(tmp_path / "scores.csv")[case],
    )
    assert streamed_scores.keys() == combined_scores.keys()
    for name, value in streamed_scores.items():
        assert value == pytest.approx(combined_scores[name], rel=1e-4, nan_ok=True)


@pytest.mark.parametrize("case", CASES)
def test_maps_lie_on_the_images_grid_to_the_last_bit_of_the_affine(streamed, images, case):
    image = nib.load(images / f"{case}_0000.nii.gz")
    folder = streamed / "cases" / case
    found = sorted(file.name for file in folder.glob("*.nii.gz"))
    assert found == [
        "entropy.nii.gz",
        "entropy_class_1.nii.gz",
        "entropy_class_2.nii.gz",
        "mutual_information.nii.gz",
        "segmentation.nii.gz",
    ]
    for name in found:
        volume = nib.load(folder / name)
        assert volume.shape == image.shape
        np.testing.assert_array_equal(volume.affine, image.affine)


@pytest.mark.parametrize("case", CASES)
def test_entropy_is_that_of_the_mean_of_what_nnunet_saved(saved, streamed, case):
    mean = np.mean([probabilities(folder / f"{case}.npz") for folder in saved], axis=0)
    found = read_volume(streamed / f"cases/{case}/entropy.nii.gz").data
    np.testing.assert_allclose(found, predictive_entropy(mean), rtol=0, atol=1e-5)


def test_flips_as_members_are_the_flips_that_nnunet_averages(model_2d, images):
    from ckpt_uq.adapters.nnunet.framework.trained_model import TrainedModel
    from ckpt_uq.adapters.nnunet.model_folder import find_members

    members = find_members(model_2d, checkpoints="final")
    cpu = torch.device("cpu")
    apart = TrainedModel(model_2d, members, cpu, mirroring="members")
    together = TrainedModel(model_2d, members, cpu, mirroring="average")
    image = apart.preprocess([images / "case_6_0000.nii.gz"])
    depth = image.placement.shape[0]
    names, parts = zip(*((n, list(p)) for n, p in apart.predict(image, apart.axes, depth)), strict=True)
    flips = [flip for (flip,) in parts]
    ((_, (mean,)),) = ((n, list(p)) for n, p in together.predict(image, apart.axes, depth))
    logits = torch.stack([flip.slab(0, depth) for flip in flips])
    seen = logits.isfinite().all(0)
    whole = mean.slab(0, depth)
    assert apart.n_predictions == len(names) == len(set(names)) == 4
    # nnU-Net blends tiles in half precision, so the two differ by rounding, and the flips by much more.
    rounding = (logits.mean(0) - whole)[seen].abs().mean()
    for one in logits:
        assert rounding < (one - whole)[seen].abs().mean() / 20


def test_2d_and_3d_are_one_ensemble(model_2d, model_3d, images, tmp_path):
    settings = NnunetSettings([model_2d, model_3d], folds=["0"], checkpoints="final", mirroring="none")
    predict_cohort(settings, images, tmp_path / "both", save_probs=True)
    alone = []
    for model in (model_2d, model_3d):
        one = NnunetSettings([model], checkpoints="final", mirroring="none")
        predict_cohort(one, images, tmp_path / model.name, save_probs=True)
        alone.append(probabilities(tmp_path / model.name / "cases/case_7/mean_probs.npz").astype(float))
    together = probabilities(tmp_path / "both/cases/case_7/mean_probs.npz")
    np.testing.assert_allclose(together, np.mean(alone, axis=0), rtol=0, atol=2 * HALF)


@pytest.mark.parametrize("case", CASES)
def test_a_member_that_nnunet_has_saved_is_as_good_as_live(model_2d, images, saved, streamed, case, tmp_path):
    settings = NnunetSettings([model_2d], checkpoints="final", saved=[saved[1]])
    assert not predict_cohort(settings, images, tmp_path, save_probs=True).failed
    ours, live = (probabilities(root / f"cases/{case}/mean_probs.npz") for root in (tmp_path, streamed))
    np.testing.assert_allclose(ours, live, rtol=0, atol=HALF)
    for name in ("entropy", "mutual_information"):
        ours, live = (read_volume(root / f"cases/{case}/{name}.nii.gz").data for root in (tmp_path, streamed))
        np.testing.assert_allclose(ours, live, rtol=0, atol=1e-2, err_msg=name)
        assert live.max() > 0.05


def test_a_saved_member_without_the_case_fails_that_case_alone(model_3d, images, saved, tmp_path):
    folder = shutil.copytree(saved[1], tmp_path / "saved")
    (folder / "case_7.npz").unlink()
    settings = NnunetSettings([model_3d], checkpoints="final", mirroring="none", saved=[folder])
    outcome = predict_cohort(settings, images, tmp_path / "out")
    assert outcome.made == ("case_6",)
    assert "must have case_7, it is missing in" in str(outcome.failed["case_7"])


def predict(*arguments):
    return command_line.here("nnunet", "predict", "--device", "cpu", "--mirror", "none", *arguments)


def test_the_command_resumes_names_bad_cases_and_divides_the_work(model_3d, images, tmp_path):
    folder = shutil.copytree(images, tmp_path / "images")
    (folder / "case_8_0000.nii.gz").write_bytes(b"no image")
    command = ["-m", model_3d, "-i", folder, "-o", tmp_path / "out", "--epochs", "8,9"]
    first = predict(*command, "-num_parts", 2, "-part_id", 0)
    assert first.exit_code == 3, "cases 6 and 8 are this part"
    assert "1 predicted, 1 failed" in first.stdout
    assert "case_8 failed:" in first.stderr
    assert list(read_scores(tmp_path / "out/scores.csv")) == ["case_6"]
    second = predict(*command, "-num_parts", 2, "-part_id", 1)
    assert second.exit_code == 0, second.stderr
    assert list(read_scores(tmp_path / "out/scores.csv")) == ["case_6", "case_7"]
    again = predict(*command, "--json")
    assert '"kept": [\n    "case_6",\n    "case_7"\n  ]' in again.stdout
    assert "Please cite" not in again.stdout
    other = predict(*command[:-1], "7,8,9")
    assert other.exit_code == 1
    assert "made with other settings: members" in other.stderr


def test_evaluate_and_report_read_what_was_written(streamed, session, tmp_path):
    labels = session.root / "raw" / NAME / "labelsTs"
    scored = tmp_path / "scored"
    evaluated = command_line.here("evaluate", streamed, labels, "-o", scored, "--classes", "organ,lesion")
    assert evaluated.exit_code == 0, evaluated.stderr
    assert "2 cases" in evaluated.stdout
    assert "ECE" in evaluated.stdout
    reported = command_line.here("report", streamed, "-o", tmp_path / "report.html")
    assert reported.exit_code == 0, reported.stderr
    assert "case_6" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"checkpoints": "latest"}, "must have checkpoints checkpoint_latest.pth"),
        ({"folds": ["3"]}, "must have the folds asked for"),
        ({"step_size": 0.0}, r"step_size must lie in \(0, 1\]"),
    ],
)
def test_models_that_cannot_be_used_stop_the_command(model_2d, images, tmp_path, change, words):
    from ckpt_uq.errors import CkptUQError

    with pytest.raises(CkptUQError, match=words):
        predict_cohort(NnunetSettings([model_2d], **change), images, tmp_path)


def test_models_of_other_labels_are_refused(model_2d, model_3d, images, tmp_path):
    other = shutil.copytree(model_3d, tmp_path / model_3d.name)
    text = (other / "dataset.json").read_text()
    (other / "dataset.json").write_text(text.replace("lesion", "cyst"))
    from ckpt_uq.errors import ArgumentError

    with pytest.raises(ArgumentError, match="trained for the same labels"):
        predict_cohort(NnunetSettings([model_2d, other]), images, tmp_path / "out")
