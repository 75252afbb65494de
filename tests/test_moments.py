from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ckpt_uq import decomposition, moments
from ckpt_uq.errors import ArgumentError, MemberError
from ckpt_uq.kernels import blocks
from ckpt_uq.moments import by_torch as torch_path
from ckpt_uq.moments import folding
from reference.moments import ensemble, member_labels, member_probs

OUTPUTS = st.sampled_from(["logits", "probs", "regions"])


@st.composite
def member_outputs(draw, kinds=OUTPUTS):
    """What members return, of any kind, and their weights."""
    outputs = draw(kinds)
    n_classes = draw(st.integers(1 if outputs == "regions" else 2, 5))
    shape = (n_classes, *draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    n_members = draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.normal(0, draw(st.sampled_from([0.1, 3.0, 60.0])), (n_members, *shape))
    if outputs == "probs":
        values = np.stack([member_probs(v, "logits") for v in values])
    weights = draw(st.lists(st.floats(0.1, 10), min_size=n_members, max_size=n_members))
    return outputs, values, weights


def folded(outputs, values, weights, **options):
    m = moments.init(values.shape[1], values.shape[2:], outputs=outputs, variance=True, **options)
    for value, weight in zip(values, weights, strict=True):
        moments.update(m, torch.from_numpy(value), weight=weight)
    return m


def close(got, expected, atol=2e-6):
    np.testing.assert_allclose(got.numpy(), expected, rtol=0, atol=atol)


@given(member_outputs())
def test_moments_equal_the_stack_of_all_members(case):
    m, truth = folded(*case), ensemble(case[1], case[0], case[2])
    close(m.mean_prob, truth["mean_prob"])
    close(decomposition.expected_entropy(m), truth["expected_entropy"])
    close(decomposition.total_entropy(m), truth["predictive_entropy"], atol=5e-6)
    close(decomposition.mutual_information(m), truth["mutual_information"], atol=1e-5)
    close(decomposition.variance(m), truth["variance"])


@given(member_outputs(), st.data())
def test_merge_equals_updating_in_turn(case, data):
    outputs, values, weights = case
    cut = data.draw(st.integers(0, len(values)))
    whole = folded(outputs, values, weights, dtype=torch.float64)
    a = folded(outputs, values[:cut], weights[:cut], dtype=torch.float64)
    b = folded(outputs, values[cut:], weights[cut:], dtype=torch.float64)
    merged = moments.merge(a, b)
    assert merged.n_members == whole.n_members
    assert merged.total_weight == pytest.approx(whole.total_weight)
    assert len(merged.faults) == len(values)
    for name in ("mean_prob", "mean_entropy", "scatter"):
        close(getattr(merged, name), getattr(whole, name).numpy(), atol=1e-12)
    assert a.n_members == cut


@given(member_outputs(), st.data())
def test_labels_are_what_each_member_says_in_order(case, data):
    outputs, values, weights = case
    cut = data.draw(st.integers(0, len(values)))
    a = folded(outputs, values[:cut], weights[:cut], labels=True, dtype=torch.float64)
    b = folded(outputs, values[cut:], weights[cut:], labels=True, dtype=torch.float64)
    kept = moments.merge(a, b).labels
    assert len(kept) == len(values)
    for label, value in zip(kept, values, strict=True):
        assert label.dtype == torch.uint8
        np.testing.assert_array_equal(label.numpy(), member_labels(value, outputs))


@given(member_outputs(), st.randoms())
def test_the_order_of_members_does_not_matter(case, random):
    outputs, values, weights = case
    order = list(range(len(values)))
    random.shuffle(order)
    one = folded(outputs, values, weights)
    other = folded(outputs, values[order], [weights[i] for i in order])
    close(one.mean_prob, other.mean_prob.numpy())
    close(one.mean_entropy, other.mean_entropy.numpy())


@given(member_outputs(st.just("logits")))
def test_information_is_between_zero_and_the_log_of_the_classes(case):
    m = folded(*case)
    total, information = decomposition.total_entropy(m), decomposition.mutual_information(m)
    assert (information >= 0).all()
    assert (information <= total + 1e-6).all()
    assert (total <= math.log2(m.mean_prob.shape[0])).all()


def test_members_that_are_sure_and_disagree_have_one_bit_of_information():
    m = moments.init(2, (1,), outputs="probs")
    moments.update(m, torch.tensor([[1.0], [0.0]]))
    moments.update(m, torch.tensor([[0.0], [1.0]]))
    assert decomposition.total_entropy(m).item() == 1.0
    assert decomposition.expected_entropy(m).item() == 0.0
    assert decomposition.mutual_information(m).item() == 1.0


def by_torch(monkeypatch):
    monkeypatch.setattr(folding, "_fits_kernel", lambda m, outputs: False)


def outputs_of(outputs, shape, seed, scale=4.0):
    values = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale
    return values.softmax(0) if outputs == "probs" else values


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("layout", ["plain", "strided", "classes last"])
@pytest.mark.parametrize("outputs", ["logits", "probs", "regions"])
def test_compiled_loops_agree_with_torch(outputs, layout, dtype, monkeypatch):
    kernel, reference = (
        moments.init(5, (3, 30, 40), outputs=outputs, variance=True, labels=True) for _ in "ab"
    )
    members = [outputs_of(outputs, (5, 3, 30, 40), seed).to(dtype) for seed in range(3)]
    if layout == "strided":
        members = [torch.stack([v, v], dim=-1)[..., 0] for v in members]
    elif layout == "classes last":
        members = [v.movedim(0, -1).contiguous().movedim(-1, 0) for v in members]
    for i, member in enumerate(members):
        moments.update(kernel, member, weight=i + 0.5)
    by_torch(monkeypatch)
    for i, member in enumerate(members):
        moments.update(reference, member, weight=i + 0.5)
    close(kernel.mean_prob, reference.mean_prob.numpy(), atol=5e-7)
    close(kernel.mean_entropy, reference.mean_entropy.numpy(), atol=2e-6)
    close(kernel.scatter, reference.scatter.numpy(), atol=2e-6)
    assert all(torch.equal(a, b) for a, b in zip(kernel.labels, reference.labels, strict=True))
    close(torch.stack(kernel.faults), torch.stack(reference.faults).numpy(), atol=1e-6)
    assert (kernel.total_weight, kernel.n_members) == (reference.total_weight, reference.n_members)
    assert torch.equal(kernel.softmaxed, reference.softmaxed)


SPECIAL = [0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, 88.0, -200.0, 3e38, -3e38, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize("outputs", ["logits", "probs", "regions"])
@pytest.mark.parametrize("value", SPECIAL)
def test_special_numbers_as_torch_sees_them(outputs, value, monkeypatch):
    member = torch.tensor([[0.25, 0.5], [0.75, 0.5]])
    member[0, 1] = value
    kernel, reference = (moments.init(2, (2,), outputs=outputs) for _ in "ab")
    moments.update(kernel, member)
    by_torch(monkeypatch)
    moments.update(reference, member)
    torch.testing.assert_close(torch.stack(kernel.faults), torch.stack(reference.faults), equal_nan=True)
    if not reference.faults[0].isnan():
        torch.testing.assert_close(kernel.mean_prob, reference.mean_prob)
        torch.testing.assert_close(kernel.mean_entropy, reference.mean_entropy, atol=1e-6, rtol=1e-6)
    assert torch.equal(kernel.softmaxed, reference.softmaxed)


@pytest.mark.parametrize("outputs", ["logits", "probs"])
@pytest.mark.parametrize("n_classes", [2, 3, 4, 7, 128])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_compiled_loops_are_near_the_truth(outputs, n_classes, scale):
    member = outputs_of(outputs, (n_classes, 2000), n_classes, scale)
    m = moments.init(n_classes, (2000,), outputs=outputs)
    moments.update(m, member)
    exact = member.double() if outputs == "probs" else member.double().softmax(0)
    close(m.mean_prob, exact.numpy(), atol=3e-7)
    bits = torch.special.entr(exact).sum(0).numpy() / math.log(2)
    close(m.mean_entropy, bits, atol=2e-6 if n_classes < 10 else 5e-6)


@pytest.mark.parametrize("outputs", ["logits", "probs", "regions"])
def test_many_at_once_are_as_one_after_the_other(outputs, monkeypatch):
    members = [outputs_of(outputs, (3, 40_000), seed) for seed in range(4)]
    weights = [1.0, 2.0, 0.5, 4.0]
    in_turn = moments.init(3, (40_000,), outputs=outputs, variance=True, labels=True)
    for member, weight in zip(members, weights, strict=True):
        moments.update(in_turn, member, weight=weight)
    for fits in (True, False):
        if not fits:
            by_torch(monkeypatch)
        at_once = moments.init(3, (40_000,), outputs=outputs, variance=True, labels=True)
        moments.update_many(at_once, members[:1], weights=weights[:1])
        moments.update_many(at_once, members[1:], weights=weights[1:])
        for name in ("mean_prob", "mean_entropy", "scatter"):
            close(getattr(at_once, name), getattr(in_turn, name).numpy(), atol=0 if fits else 2e-6)
        assert len(at_once.labels) == len(at_once.faults) == at_once.n_members == 4
        assert at_once.total_weight == in_turn.total_weight


@pytest.mark.parametrize("outputs", ["logits", "probs"])
@pytest.mark.parametrize("n_classes", [2, 4, 8])
def test_means_of_many_at_once_whatever_they_are_kept_in(outputs, n_classes):
    shape = n_classes, 3, 90, 100
    plain = [outputs_of(outputs, shape, seed) for seed in range(6)]
    members = [
        plain[0],
        plain[1].half(),
        plain[2].bfloat16(),
        plain[3].double(),
        plain[4].transpose(1, 3).contiguous().transpose(1, 3),
        plain[5],
    ]
    for kept in (members, [plain[0], plain[5]]):  # read where they lie only if all can be
        at_once, in_turn = (moments.init(n_classes, shape[1:], outputs=outputs) for _ in range(2))
        moments.update_many(at_once, kept)
        for member in kept:
            moments.update(in_turn, member)
        probs = torch.stack([m.double().softmax(0) if outputs == "logits" else m.double() for m in kept])
        entropy = -(probs * probs.clamp(min=1e-300).log2()).sum(1).mean(0)
        close(at_once.mean_prob, probs.mean(0).numpy(), atol=1e-6)
        close(at_once.mean_entropy, entropy.numpy(), atol=3e-6)
        for name in ("mean_prob", "mean_entropy"):
            close(getattr(at_once, name), getattr(in_turn, name).numpy(), atol=0)
        assert at_once.faults == in_turn.faults


def test_many_at_once_need_as_many_weights():
    m = moments.init(2, (4,))
    with pytest.raises(ArgumentError, match="weights must be one for each of 2 outputs, got 1"):
        moments.update_many(m, [torch.zeros(2, 4)] * 2, weights=[1.0])
    moments.update_many(m, [])
    assert m.n_members == 0


def test_threads_do_not_show(monkeypatch):
    members = [outputs_of("logits", (4, 7, 200, 110), seed) for seed in range(2)]
    results = set()
    for count in (1, 2, 5):
        monkeypatch.setattr(blocks, "_pool", None)
        monkeypatch.setattr(blocks, "thread_count", lambda count=count: count)
        m = moments.init(4, (7, 200, 110))
        moments.update_many(m, members)
        results.add(m.mean_prob.numpy().tobytes() + m.mean_entropy.numpy().tobytes())
    assert len(results) == 1


@pytest.mark.parametrize("labels", [False, True])
def test_cleared_moments_are_as_new(labels):
    rng = np.random.default_rng(0)
    first, second = (torch.from_numpy(rng.standard_normal((2, 3, 5, 6)).astype(np.float32)) for _ in range(2))
    first[0, 0] = math.nan
    used, new = (moments.init(2, (3, 5, 6), variance=True, labels=labels) for _ in range(2))
    moments.update_many(used, [first, second.softmax(0)])
    moments.clear(used)
    for m in (used, new):
        moments.update(m, second)
        moments.verify(m, ["second"])
    for name in ("mean_prob", "mean_entropy", "scatter"):
        assert torch.equal(getattr(used, name), getattr(new, name))
    assert (used.n_members, used.total_weight, len(used.faults)) == (1, 1.0, 1)
    assert (used.labels is None) == (not labels)
    assert not labels or torch.equal(used.labels[0], new.labels[0])


def test_a_single_member_has_no_disagreement():
    m = moments.init(3, (50,))
    moments.update(m, torch.randn(3, 50, generator=torch.Generator().manual_seed(0)))
    assert decomposition.mutual_information(m).eq(0).all()


def test_probabilities_are_averaged_not_logits():
    m = moments.init(2, (1,))
    moments.update(m, torch.tensor([[10.0], [0.0]]))
    moments.update(m, torch.tensor([[-2.0], [0.0]]))
    assert m.mean_prob[0].item() == pytest.approx((torch.sigmoid(torch.tensor([10.0, -2.0])).mean()).item())


def test_slabs_do_not_show(monkeypatch):
    values = torch.randn(3, 4, 10, 10, generator=torch.Generator().manual_seed(1))
    whole, slabbed = (moments.init(3, (4, 10, 10), variance=True, labels=True) for _ in range(2))
    torch_path.update_by_torch(whole, values, 1.0, None)
    monkeypatch.setattr(torch_path, "_SLAB_VOXELS", 7)
    torch_path.update_by_torch(slabbed, values, 1.0, None)
    for name in ("mean_prob", "mean_entropy", "scatter"):
        close(getattr(whole, name), getattr(slabbed, name).numpy(), atol=5e-7)
    assert torch.equal(whole.labels[0], slabbed.labels[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_members_are_averaged_in_single(dtype):
    m = moments.init(2, (1000,))
    for _ in range(50):
        moments.update(m, torch.full((2, 1000), 0.1, dtype=dtype))
    assert m.mean_prob.dtype == torch.float32
    assert (m.mean_prob - 0.5).abs().max() < 1e-6


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("outputs", ["logits", "probs", "regions"])
def test_a_member_with_nan_is_named(bad, outputs):
    good = torch.full((2, 4), 0.5) if outputs == "probs" else torch.tensor([[3.0], [-1.0]]).expand(2, 4)
    m = moments.init(2, (4,), outputs=outputs)
    moments.update(m, good)
    broken = good.clone()
    broken[0, 2] = bad
    moments.update(m, broken)
    if outputs == "regions" and bad == math.inf:
        moments.verify(m, ["epoch 1", "epoch 2"])  # sigmoid(inf) = 1 is a probability
    else:
        with pytest.raises(MemberError, match="member epoch 2 returned values that are no prediction"):
            moments.verify(m, ["epoch 1", "epoch 2"])


def test_minus_infinity_excludes_a_class():
    m = moments.init(3, (1,))
    moments.update(m, torch.tensor([[0.0], [0.0], [-math.inf]]))
    moments.verify(m, ["masked"])
    assert m.mean_prob.flatten().tolist() == [0.5, 0.5, 0.0]


def test_softmax_is_not_taken_twice():
    m = moments.init(3, (5,))
    moments.update(m, torch.randn(3, 5).softmax(0))
    with pytest.raises(MemberError, match=r"member a returned probabilities.*pass outputs='probs'"):
        moments.verify(m, ["a"])


def test_logits_are_not_taken_for_probabilities():
    m = moments.init(3, (5,), outputs="probs")
    moments.update(m, torch.full((3, 5), 0.4))
    with pytest.raises(MemberError, match=r"sum over the classes is 0\.2 away from 1"):
        moments.verify(m, ["a"])


@pytest.mark.parametrize(
    ("output", "weight", "message"),
    [
        (torch.zeros(1, 2, 4), 1.0, r"output must have the shape \(2, 4\).*no batch axis"),
        (torch.zeros(2, 4, dtype=torch.int64), 1.0, "output must be floating point"),
        (torch.zeros(2, 4), 0.0, "weight must be positive and finite, got 0"),
        (torch.zeros(2, 4), math.nan, "weight must be positive and finite, got nan"),
    ],
)
def test_a_bad_update_changes_nothing(output, weight, message):
    m = moments.init(2, (4,))
    with pytest.raises(ArgumentError, match=message):
        moments.update(m, output, weight=weight)
    assert (m.n_members, m.total_weight, m.faults) == (0, 0.0, [])


def test_init_refuses_what_cannot_be():
    with pytest.raises(ArgumentError, match="outputs must be one of"):
        moments.init(2, (4,), outputs="softmax")
    with pytest.raises(ArgumentError, match="pass outputs='regions' for a model with one logit"):
        moments.init(1, (4,))


def test_labels_must_fit_into_a_byte():
    with pytest.raises(ArgumentError, match=r"room for 256 channels with outputs='logits', got 257"):
        moments.init(257, (4,), labels=True)
    with pytest.raises(ArgumentError, match=r"room for 8 channels with outputs='regions', got 9"):
        moments.init(9, (4,), outputs="regions", labels=True)


def test_merge_refuses_moments_of_another_kind():
    with pytest.raises(ArgumentError, match="must agree in"):
        moments.merge(moments.init(2, (4,)), moments.init(2, (4,), labels=True))
    with pytest.raises(ArgumentError, match="must agree in"):
        moments.merge(moments.init(2, (4,)), moments.init(2, (4,), outputs="probs"))
    with pytest.raises(ArgumentError, match="must agree in"):
        moments.merge(moments.init(2, (4,)), moments.init(2, (5,)))


def test_maps_that_the_means_do_not_tell_say_so():
    m = moments.init(2, (4,))
    with pytest.raises(ArgumentError, match="no member"):
        decomposition.mutual_information(m)
    moments.update(m, torch.zeros(2, 4))
    with pytest.raises(ArgumentError, match="variance=True"):
        decomposition.variance(m)
