"""What other libraries say of small inputs, for the tests to compare ours with.

Writes tests/golden/peers/*.json, inputs included. Run with ``make golden``, where the peers are.
"""

from __future__ import annotations

import json
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ckpt_uq.io.atomic import atomic_path

GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "peers"
N_BINS = 15

Array = np.ndarray[Any, Any]
Json = dict[str, Any]


def samples(n: int = 150, n_classes: int = 3) -> tuple[Array, Array]:
    """Overconfident probabilities (N, C), float32, all different, and labels (N,)."""
    rng = np.random.default_rng(20)
    truth = rng.dirichlet(np.full(n_classes, 0.7), n)
    labels = np.array([rng.choice(n_classes, p=row) for row in truth])
    sharp = truth**1.5 + 1e-3
    return (sharp / sharp.sum(1, keepdims=True)).astype(np.float32), labels


def cases(n: int = 60) -> tuple[Array, Array]:
    """Risk 1 - Dice and an uncertainty that knows a little of it."""
    rng = np.random.default_rng(21)
    risk = rng.beta(1.2, 4, n)
    return risk.round(4), (0.5 * risk + 0.4 * rng.random(n)).round(6)


def masks() -> tuple[Array, Array]:
    """Label maps (Z, Y, X) of three classes that overlap but for shifts and noise; the border stays free."""
    rng = np.random.default_rng(22)
    z, y, x = np.ogrid[:9, :16, :18]
    maps = []
    for shift in (0.0, 1.3):
        radius = np.sqrt(((z - 4) / 3.2) ** 2 + ((y - 7.5 - shift) / 5.5) ** 2 + ((x - 8.5) / 6) ** 2)
        radius = radius + 0.06 * rng.standard_normal(radius.shape)
        labels = (radius < 1).astype(np.uint8) + (radius < 0.55)
        labels[[0, -1]] = labels[:, [0, -1]] = labels[:, :, [0, -1]] = 0
        maps.append(labels)
    return maps[0], maps[1]


def calibration() -> Json:
    """Calibration errors, Brier score and log-likelihood."""
    import netcal.metrics
    import torch
    import torch_uncertainty.metrics.classification as tu
    import torchmetrics.functional.classification as tm
    from monai.metrics.calibration import calibration_binning
    from sklearn.metrics import brier_score_loss, log_loss

    probs, labels = samples()
    p, y = torch.from_numpy(probs), torch.from_numpy(labels)
    n_classes, wide = probs.shape[1], probs.astype(np.float64)

    def of(metric: Any) -> Any:
        metric.update(p, y)
        return metric.compute()

    one_hot = torch.nn.functional.one_hot(y, n_classes).T
    confidence, accuracy, counts = calibration_binning(p.T[None], one_hot[None], num_bins=N_BINS, right=True)
    gaps = (confidence - accuracy).abs().nan_to_num()
    options = {"num_classes": n_classes, "num_bins": N_BINS}
    return {
        "inputs": {"probs": floats(probs), "labels": labels.tolist(), "n_bins": N_BINS},
        "netcal": {
            "ece": float(netcal.metrics.ECE(bins=N_BINS).measure(wide, labels)),
            "mce": float(netcal.metrics.MCE(bins=N_BINS).measure(wide, labels)),
            "ace": float(netcal.metrics.ACE(bins=N_BINS, equal_intervals=False).measure(wide, labels)),
            "class_ece": [
                float(netcal.metrics.ECE(bins=N_BINS, detection=True).measure(wide[:, k], labels == k))
                for k in range(n_classes)
            ],
        },
        "torchmetrics": {
            "ece": float(tm.multiclass_calibration_error(p, y, n_classes, N_BINS)),
            "mce": float(tm.multiclass_calibration_error(p, y, n_classes, N_BINS, norm="max")),
            "class_ece": [
                float(tm.binary_calibration_error(p[:, k], (y == k).int(), N_BINS)) for k in range(n_classes)
            ],
        },
        "monai": {
            "class_ece": floats((gaps * counts).sum(-1)[0] / len(labels)),
            "class_counts": counts[0].long().tolist(),
        },
        "torch-uncertainty": {
            "ece": float(of(tu.CalibrationError("multiclass", **options))),
            "class_wise_ece": float(of(tu.ClasswiseCalibrationError(**options))),
            "brier": float(of(tu.BrierScore(n_classes))),
            "nll": float(of(tu.CategoricalNLL())),
            "smooth_ece": float(of(tu.SmoothCalibrationError("reflected", refine_steps=30, eps=1e-6))),
        },
        "scikit-learn": {
            "nll": float(log_loss(labels, wide)),
            "class_brier": [float(brier_score_loss(labels == k, wide[:, k])) for k in range(n_classes)],
        },
    }


def failure() -> Json:
    """Ranking of cases: risk-coverage areas, and detection of those that failed."""
    import torch
    import torch_uncertainty.metrics.classification as tu
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    risk, uncertainty = cases()
    threshold = 0.3
    failed = risk > threshold
    share, found, _ = roc_curve(failed, uncertainty, drop_intermediate=False)
    fpr95 = tu.FPR95(pos_label=1)
    fpr95.update(torch.from_numpy(uncertainty), torch.from_numpy(failed).int())
    sure = torch.from_numpy(1 - uncertainty / 2)  # confidence in class 0, which is wrong where a case failed
    area = tu.AURC()
    area.update(torch.stack([sure, 1 - sure], 1), torch.from_numpy(failed).int())
    return {
        "inputs": {"risk": risk.tolist(), "uncertainty": uncertainty.tolist(), "threshold": threshold},
        "scikit-learn": {
            "auroc": float(roc_auc_score(failed, uncertainty)),
            "aupr": float(average_precision_score(failed, uncertainty)),
            "fpr95": float(share[found >= 0.95].min()),
        },
        "torch-uncertainty": {"aurc": float(area.compute()), "fpr95": float(fpr95.compute())},
    }


def surfaces() -> Json:
    """Overlap and surfaces of two label maps, region by region."""
    import surface_distance
    import torch
    from monai.metrics import compute_dice, compute_hausdorff_distance, compute_surface_dice
    from torchmetrics.functional.segmentation import dice_score

    guess, truth = masks()
    spacing, tolerances = (2.5, 0.8, 0.9), (0.5, 1.0, 1.5, 3.0)
    regions = {"1 or 2": (guess > 0, truth > 0), "2": (guess == 2, truth == 2)}
    google: Json = {}
    monai: Json = {}
    for name, (a, b) in regions.items():
        distances = surface_distance.compute_surface_distances(b, a, spacing)
        to, back = surface_distance.compute_average_surface_distance(distances)
        google[name] = {
            "surface_dice": [
                float(surface_distance.compute_surface_dice_at_tolerance(distances, tolerance))
                for tolerance in tolerances
            ],
            "hd95": float(surface_distance.compute_robust_hausdorff(distances, 95)),
            "hd100": float(surface_distance.compute_robust_hausdorff(distances, 100)),
            "average_from_labels": float(to),
            "average_from_prediction": float(back),
            "dice": float(surface_distance.compute_dice_coefficient(b, a)),
        }
        pair = [torch.from_numpy(mask)[None, None] for mask in (a, b)]
        monai[name] = {
            "surface_dice": [
                float(
                    compute_surface_dice(
                        *pair, [tolerance], include_background=True, spacing=spacing, use_subvoxels=True
                    )
                )
                for tolerance in tolerances
            ],
            "hd95_of_voxels": float(
                compute_hausdorff_distance(*pair, include_background=True, percentile=95, spacing=spacing)
            ),
        }
    hot = [
        torch.nn.functional.one_hot(torch.from_numpy(m).long(), 3).movedim(-1, 0)[None]
        for m in (guess, truth)
    ]
    indices = [torch.from_numpy(m).long()[None] for m in (guess, truth)]
    monai["dice"] = floats(compute_dice(*hot)[0])
    dice = dice_score(*indices, num_classes=3, average=None, input_format="index", include_background=True)
    return {
        "inputs": {
            "prediction": rows(guess),
            "labels": rows(truth),
            "spacing": list(spacing),
            "tolerances": list(tolerances),
        },
        "surface-distance": google,
        "monai": monai,
        "torchmetrics": {"dice": floats(dice[0])},
    }


def members() -> Json:
    """Entropy of a mean and disagreement between members."""
    import torch
    import torch_uncertainty.metrics.classification as tu
    from scipy.stats import entropy

    rng = np.random.default_rng(23)
    probs = rng.dirichlet(np.full(4, 0.5), (5, 30)).astype(np.float32)  # members, voxels, classes
    disagreement = tu.MutualInformation(reduction="none")
    disagreement.update(torch.from_numpy(probs).transpose(0, 1))  # voxels, members, classes
    of_mean = tu.Entropy(reduction="none")
    of_mean.update(torch.from_numpy(probs.mean(0)))
    return {
        "inputs": {"probs": [floats(member) for member in probs]},
        "torch-uncertainty": {
            "entropy_nats": floats(of_mean.compute()),
            "mutual_information_nats": floats(disagreement.compute()),
        },
        "scipy": {"entropy_bits": floats(entropy(probs.astype(np.float64).mean(0), base=2, axis=1))},
    }


def floats(values: Any) -> Any:
    """Nested lists of numbers that read back as they are."""
    return np.asarray(values, np.float64).tolist()


def rows(labels: Array) -> list[list[str]]:
    """Every row of a label map as a string of digits."""
    return [["".join(map(str, row)) for row in plane] for plane in labels]


def text_of(found: Json) -> str:
    """JSON with a line for each library, and for the inputs."""
    lines = (f"{json.dumps(name)}: {json.dumps(value)}" for name, value in found.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> None:
    """Ask all peers and write what they say."""
    warnings.simplefilter("ignore")
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for make in (calibration, failure, surfaces, members):
        found = make()
        found["versions"] = {name: version(name) for name in sorted(found) if name != "inputs"}
        with atomic_path(GOLDEN / f"{make.__name__}.json") as path:
            path.write_text(text_of(found))
        print(make.__name__, {name: value for name, value in found.items() if name != "inputs"})


if __name__ == "__main__":
    main()
