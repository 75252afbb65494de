"""What hypothesis draws for several test files."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from ckpt_uq.cycles import Cycles
from ckpt_uq.ensemble import CheckpointEnsemble
from ckpt_uq.prediction import Prediction

DENORMAL = 5e-324


@st.composite
def distributions(draw, min_classes=1, dtypes=("float16", "float32", "float64"), min_side=0):
    """Class probabilities (C, *S): random ones, certain ones, and those at the ends of the number line."""
    n_classes = draw(st.integers(min_classes, 5))
    grid = draw(st.lists(st.integers(min_side, 5), max_size=3))
    dtype = draw(st.sampled_from(dtypes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = [
        rng.dirichlet(np.full(n_classes, 10.0**power)) for power in rng.uniform(-2, 2, int(np.prod(grid)))
    ]
    probs = np.array(rows, np.float64).reshape(len(rows), n_classes).T.copy()
    for column in range(0, len(rows), 2):
        probs[:, column] = _extreme(rng.integers(4), n_classes, dtype)
    return probs.reshape(n_classes, *grid).astype(dtype)


def _extreme(which, n_classes, dtype):
    tiny = (0.0, DENORMAL, float(np.finfo(dtype).smallest_subnormal), float(np.finfo(dtype).epsneg))[which]
    row = np.zeros(n_classes)
    row[-1] = tiny
    row[0] = 1 - tiny if n_classes > 1 else 1
    return row


@st.composite
def masks(draw, min_side=0, max_side=7):
    """3D masks, among them empty and full ones and axes of length 1."""
    shape = draw(st.tuples(*[st.integers(min_side, max_side)] * 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.random(shape) < draw(st.sampled_from([0.0, 0.05, 0.5, 0.95, 1.0]))


@st.composite
def any_cycles(draw, max_length=50, max_n=5, max_end=500):
    """Cycles with and without an end, some cut short."""
    lengths = draw(st.lists(st.integers(1, max_length), min_size=1, max_size=max_n))
    cycles = Cycles(tuple(lengths), draw(st.none() | st.integers(1, 5)))
    if draw(st.booleans()):
        cycles = cycles.until(draw(st.integers(1, max_end if cycles.end is None else cycles.end)))
    return cycles


def times():
    """Training times in epochs, whole and fractional, as ints and floats."""
    return st.integers(0, 2000) | st.floats(0, 2000) | st.fractions(0, 2000, max_denominator=64).map(float)


@st.composite
def predictions(draw, min_ndim=1, max_ndim=3, n_classes=3):
    """Predictions of a few voxels along each axis, from blurred to nearly certain."""
    shape = draw(st.lists(st.integers(1, 6), min_size=min_ndim, max_size=max_ndim))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probs = rng.dirichlet(np.full(n_classes, draw(st.sampled_from([0.2, 1.0, 20.0]))), shape)
    return Prediction.from_probs(np.moveaxis(probs, -1, 0).astype(draw(st.sampled_from(["f4", "f8"]))))


@st.composite
def spacings(draw, ndim):
    """Millimetres along each axis, from isotropic to coarse slices."""
    return tuple(draw(st.sampled_from([0.5, 1.0, 1.5, 3.0, 5.0])) for _ in range(ndim))


@st.composite
def ensemble_predictions(draw, outputs="probs", max_members=5):
    """Predictions of several members that were kept, and the members' probabilities (M, C, *S)."""
    n_members, n_classes = draw(st.integers(2, max_members)), draw(st.integers(2, 4))
    shape = draw(st.lists(st.integers(1, 5), min_size=1, max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    if outputs == "probs":
        alpha = np.full(n_classes, draw(st.sampled_from([0.2, 1.0, 20.0])))
        members = np.moveaxis(rng.dirichlet(alpha, (n_members, *shape)), -1, 1)
        values = members
    else:
        values = rng.normal(draw(st.sampled_from([-4.0, 0.0])), 2, (n_members, n_classes, *shape))
        values.reshape(n_members, -1)[:, 0] = -1.0  # all in [0, 1] would look like probabilities
        members = 1 / (1 + np.exp(-values))
    ensemble = CheckpointEnsemble([lambda x, v=v: v[None] for v in values], outputs=outputs, labels=True)
    return ensemble.predict(np.zeros((1, *shape))), members
