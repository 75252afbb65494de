"""Scalings against SciPy's general minimiser, on cases that can be read again but never held."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.optimize
import torch
from netcal.scaling import TemperatureScaling

from ckpt_uq.errors import ArgumentError, DataError
from ckpt_uq.evaluation.nll import nll
from ckpt_uq.posthoc import likelihood as module
from ckpt_uq.posthoc.fit import fit_scaling
from ckpt_uq.posthoc.likelihood import likelihood

METHODS = pytest.mark.parametrize("method", ["temperature", "class_wise", "vector"])


def cohort(seed=0, n_cases=3, n_classes=3, temperature=2.5, shift=(0.0, 0.5, -0.5)):
    """Labels drawn from softmax(logits / temperature + shift)."""
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(n_cases):
        logits = rng.normal(0, 4, (n_classes, 20, 20))
        noise = rng.gumbel(size=logits.shape)
        truth = (logits / temperature + np.reshape(shift, (-1, 1, 1)) + noise).argmax(0)
        cases.append((torch.from_numpy(logits), torch.from_numpy(truth)))
    return cases


def pooled_nll(cases, scale, shift):
    total = 0.0
    for logits, labels in cases:
        z = torch.as_tensor(scale)[:, None, None] * logits + torch.as_tensor(shift)[:, None, None]
        total += torch.nn.functional.cross_entropy(z[None], labels[None], reduction="sum").item()
    return total / sum(labels.numel() for _, labels in cases)


@METHODS
def test_scipy_finds_the_same_minimum(method):
    cases = cohort()

    def unpack(x):
        if method == "temperature":
            return np.full(3, x[0]), np.zeros(3)
        return (x, np.zeros(3)) if method == "class_wise" else (x[:3], np.array([0.0, *x[3:]]))

    start = {"temperature": [1.0], "class_wise": [1.0] * 3, "vector": [1.0] * 3 + [0.0] * 2}[method]
    theirs = scipy.optimize.minimize(lambda x: pooled_nll(cases, *unpack(x)), start, tol=1e-10)
    fit = fit_scaling(cases, method)
    scale, shift = unpack(theirs.x)
    ours = [np.broadcast_to(x, 3).copy() for x in (fit.transform.scale, fit.transform.shift)]
    np.testing.assert_allclose(ours[0], scale, atol=1e-5)
    np.testing.assert_allclose(ours[1] - ours[1][0], shift, atol=1e-5)
    assert fit.nll_after == pytest.approx(pooled_nll(cases, *ours), rel=1e-12)
    assert fit.nll_before == pytest.approx(pooled_nll(cases, np.ones(3), np.zeros(3)), rel=1e-12)
    assert fit.nll_after < fit.nll_before
    assert fit.n_voxels == 1200


def test_the_truth_comes_back():
    fit = fit_scaling(cohort(n_cases=60), "vector").transform
    assert fit.scale == pytest.approx([0.4] * 3, rel=0.05)
    assert np.subtract(fit.shift, fit.shift[0]) == pytest.approx([0, 0.5, -0.5], abs=0.1)


def test_by_hand():
    # one margin, m = 3, right in 3 of 4: sigmoid(3 a) = 3/4, so a = ln(3) / 3
    logits, labels = torch.tensor([[3.0] * 4, [0.0] * 4]), torch.tensor([0, 1, 0, 0])
    fit = fit_scaling([(logits, labels)])
    assert fit.transform.temperature == pytest.approx([3 / math.log(3)], rel=1e-5)
    assert fit.nll_after == pytest.approx(math.log(4) - 0.75 * math.log(3), rel=1e-12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what netcal calls
def test_netcal_agrees():
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 3, 4000)
    truth = (rng.random(4000) < 1 / (1 + np.exp(-logit / 2))).astype(np.int64)
    theirs = TemperatureScaling()
    theirs.fit(1 / (1 + np.exp(-logit)), truth)
    ours = fit_scaling([(np.stack([np.zeros(4000), logit]), truth)])
    assert ours.transform.scale[0] == pytest.approx(float(np.ravel(theirs.temperature)[0]), rel=1e-2)


@pytest.mark.parametrize("seed", range(3))
def test_derivatives_are_those_of_the_likelihood(seed):
    cases = cohort(seed, n_cases=1)
    at = torch.cat(
        [torch.rand(3, generator=torch.Generator().manual_seed(seed)) + 0.2, torch.zeros(3)]
    ).double()

    def value(x):
        logits, labels = cases[0]
        z = x[:3, None, None] * logits + x[3:, None, None]
        return torch.nn.functional.cross_entropy(z[None], labels[None], reduction="sum")

    found = likelihood(cases, at[:3], at[3:], "logits")
    assert found.nats == pytest.approx(value(at).item(), rel=1e-12)
    torch.testing.assert_close(found.gradient, torch.autograd.functional.jacobian(value, at))
    torch.testing.assert_close(found.hessian, torch.autograd.functional.hessian(value, at))


@METHODS
def test_order_of_cases_and_size_of_blocks_do_not_matter(method, monkeypatch):
    cases = cohort()
    expected = fit_scaling(cases, method).transform
    monkeypatch.setattr(module, "_BLOCK_VOXELS", 37)
    got = fit_scaling(cases[::-1], method).transform
    assert got.scale == pytest.approx(expected.scale, rel=1e-7)
    assert got.shift == pytest.approx(expected.shift, abs=1e-7)


class OnDisk:
    """Cases that are made when read; counts how often."""

    def __init__(self, cases):
        self.cases, self.passes = cases, 0

    def __iter__(self):
        self.passes += 1
        for logits, labels in self.cases:
            yield logits.clone(), labels.clone()


def test_cases_are_read_again_for_every_step():
    source = OnDisk(cohort())
    fit_scaling(source, "vector")
    assert 3 <= source.passes <= 20


def test_what_can_be_read_only_once_is_refused():
    with pytest.raises(ArgumentError, match=r"readable several times, got a generator; pass a list"):
        fit_scaling(case for case in cohort())


def test_a_mask_keeps_everything_else_out():
    cases, masked = cohort(), []
    for logits, labels in cases:
        inside = torch.zeros(labels.shape, dtype=torch.bool)
        inside[5:15] = True
        spoilt, wrong = logits.clone(), labels.clone()
        spoilt[:, ~inside], wrong[~inside] = math.nan, 255
        masked.append((spoilt, wrong, inside))
    cut = [(logits[:, 5:15], labels[5:15]) for logits, labels in cases]
    assert fit_scaling(masked).transform.scale == pytest.approx(fit_scaling(cut).transform.scale, rel=1e-9)


def test_probabilities_give_the_scaling_of_their_logarithms():
    cases = cohort()
    of_probs = fit_scaling([(z.softmax(0), y) for z, y in cases], inputs="probs")
    assert of_probs.transform.scale == pytest.approx(fit_scaling(cases).transform.scale, rel=1e-6)


def test_kinds_of_arrays_agree():
    cases = cohort()
    numpy_ones = [(logits.numpy(), labels.numpy().astype(np.uint8)) for logits, labels in cases]
    assert fit_scaling(numpy_ones) == fit_scaling(cases)


def test_calibrated_cases_are_better_on_others():
    fit, (logits, labels) = fit_scaling(cohort(0)), cohort(1)[0]
    before, after = (nll(z.softmax(0), labels) for z in (logits, fit.transform(logits)))
    assert after < 0.8 * before


RIGHT = (torch.tensor([[9.0, -9.0], [0.0, 0.0]]), torch.tensor([0, 1]))


@METHODS
@pytest.mark.parametrize(
    ("case", "error", "message"),
    [
        (RIGHT, DataError, "rises without end.*calibrate on more or harder cases"),
        ((RIGHT[0], 1 - RIGHT[1]), DataError, r"best with a scale of 0.*classes come in the same order"),
        (
            (*RIGHT, torch.zeros(2, dtype=torch.bool)),
            DataError,
            "must hold a voxel to calibrate on, got none",
        ),
        ((RIGHT[0] * math.nan, RIGHT[1]), ArgumentError, "logits of case 0 must be finite"),
        ((RIGHT[0], RIGHT[1] + 1), ArgumentError, r"labels of case 0 must lie in \[0, 2\)"),
        (
            (RIGHT[0], RIGHT[1][:1]),
            ArgumentError,
            r"labels of case 0 must be integers on a grid of shape \(2,\)",
        ),
        ((RIGHT[0].long(), RIGHT[1]), ArgumentError, "logits of case 0 must be floating point"),
        ((*RIGHT, torch.ones(2)), ArgumentError, "mask of case 0 must be boolean"),
    ],
)
def test_data_that_do_not_tell_are_an_error(method, case, error, message):
    with pytest.raises(error, match=message):
        fit_scaling([case], method)


@pytest.mark.parametrize("height", [1.0, 1e5])
def test_logits_that_do_not_tell_the_classes_apart_have_no_temperature(height):
    logits = torch.ones(2, 4) * torch.tensor([[1.0], [height]])
    with pytest.raises(DataError, match="does not depend on the scale"):
        fit_scaling([(logits, torch.tensor([0, 1, 0, 1]))])


@pytest.mark.parametrize("method", ["class_wise", "vector"])
def test_a_class_without_voxels_has_no_scale_of_its_own(method):
    cases = [(logits, labels.clamp(max=1)) for logits, labels in cohort()]
    assert fit_scaling(cases).n_voxels == 1200
    with pytest.raises(DataError, match=r"but \[2\] are of none; calibrate on more cases"):
        fit_scaling(cases, method)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "isotonic"}, "method must be one of .*'isotonic'"),
        ({"inputs": "regions"}, "inputs must be"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(ArgumentError, match=message):
        fit_scaling(cohort(), **options)


def test_logits_are_no_probabilities():
    with pytest.raises(ArgumentError, match=r"probs of case 0 must be >= 0.*inputs='logits'"):
        fit_scaling(cohort(), inputs="probs")


def test_cases_must_agree_in_their_classes():
    with pytest.raises(ArgumentError, match="number of classes, got 2 in case 1 after 3"):
        fit_scaling([cohort()[0], RIGHT])
