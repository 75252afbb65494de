from __future__ import annotations

import pickle
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from monai.inferers import SlidingWindowInferer
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from ckpt_uq.ensemble import CheckpointEnsemble
from ckpt_uq.errors import ArgumentError, MemberError
from ckpt_uq.members.source import Member
from reference.moments import ensemble as reference


def conv(seed: int, n_in: int = 1, n_out: int = 3) -> nn.Conv2d:
    torch.manual_seed(seed)
    return nn.Conv2d(n_in, n_out, 3, padding=1)


@pytest.fixture
def models():
    return [conv(seed) for seed in range(4)]


@pytest.fixture
def image():
    return torch.randn(1, 6, 5, generator=torch.Generator().manual_seed(7))


def stacked(models, image):
    return np.stack([model(image[None])[0].detach().numpy() for model in models])


def test_prediction_equals_the_stack_of_all_members(models, image):
    prediction = CheckpointEnsemble(models, variance=True).predict(image)
    truth = reference(stacked(models, image), "logits")
    for name, value in truth.items():
        np.testing.assert_allclose(getattr(prediction, name), value, rtol=0, atol=2e-6)
    assert prediction.segmentation.tolist() == truth["mean_prob"].argmax(0).tolist()
    assert prediction.segmentation.dtype == torch.uint8
    assert (prediction.n_members, prediction.n_classes, prediction.grid) == (4, 3, (6, 5))


def test_weights_weigh(models, image):
    prediction = CheckpointEnsemble(models, weights=[1, 2, 3, 4]).predict(image)
    truth = reference(stacked(models, image), "logits", weights=[1, 2, 3, 4])
    np.testing.assert_allclose(prediction.mean_prob, truth["mean_prob"], atol=1e-6)
    np.testing.assert_allclose(prediction.mutual_information, truth["mutual_information"], atol=2e-6)


def test_member_labels_are_kept_on_request(models, image):
    prediction = CheckpointEnsemble(models, labels=True).predict(image.numpy())
    assert type(prediction.member_labels) is np.ndarray
    assert prediction.member_labels.dtype == np.uint8
    np.testing.assert_array_equal(prediction.member_labels, stacked(models, image).argmax(1))
    with pytest.raises(ArgumentError, match="made with labels=True"):
        _ = CheckpointEnsemble(models).predict(image).member_labels


def test_arrays_come_back_as_the_kind_they_were(models, image):
    numpy_one = CheckpointEnsemble(models).predict(image.numpy())
    torch_one = CheckpointEnsemble(models).predict(image)
    for name in ("mean_prob", "segmentation", "predictive_entropy", "class_entropy", "mutual_information"):
        assert type(getattr(numpy_one, name)) is np.ndarray
        assert type(getattr(torch_one, name)) is torch.Tensor
        np.testing.assert_array_equal(getattr(numpy_one, name), getattr(torch_one, name).numpy())


def test_a_numpy_function_gets_numpy_and_a_module_beside_it_gets_a_tensor(image):
    seen = []

    def function(x):
        seen.append(type(x))
        return np.concatenate([x, -x], axis=1)

    class Module(nn.Module):
        def forward(self, x):
            seen.append(type(x))
            return torch.cat([x, -x], dim=1)

    prediction = CheckpointEnsemble([function, Module()]).predict(image.numpy())
    assert seen == [np.ndarray, torch.Tensor]
    np.testing.assert_allclose(prediction.mutual_information, 0, atol=1e-6)


def test_onnx_runtime_session_is_a_member(image):
    weights = np.random.default_rng(0).normal(size=(3, 1, 3, 3)).astype(np.float32)
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        [node],
        "conv",
        [value("x", onnx.TensorProto.FLOAT, ["B", 1, "H", "W"])],
        [value("y", onnx.TensorProto.FLOAT, ["B", 3, "H", "W"])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    opset = onnx.helper.make_opsetid("", 17)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    twin = conv(0)
    twin.bias.data.zero_()
    twin.weight.data = torch.from_numpy(weights)

    members = [lambda x: session.run(None, {"x": x})[0], twin]
    prediction = CheckpointEnsemble(members).predict(image.numpy())
    np.testing.assert_allclose(prediction.mean_prob, twin(image[None])[0].softmax(0).detach(), atol=1e-6)
    np.testing.assert_allclose(prediction.mutual_information, 0, atol=1e-6)


class Foreign:
    """An array of another library: DLPack and the array API's namespace, nothing else."""

    def __init__(self, data):
        self.data = data

    def __getitem__(self, key):
        return Foreign(self.data[key])

    def __len__(self):
        return len(self.data)

    def __dlpack__(self, **options):
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.data.__dlpack_device__()

    def __array_namespace__(self):
        return Foreign

    @classmethod
    def from_dlpack(cls, array):
        return cls(np.from_dlpack(array))


def test_an_array_of_another_library_comes_back_as_such(models, image):
    prediction = CheckpointEnsemble(models).predict(Foreign(image.numpy()))
    expected = CheckpointEnsemble(models).predict(image)
    assert type(prediction.mean_prob) is Foreign
    np.testing.assert_array_equal(prediction.mean_prob.data, expected.mean_prob)


class Moody(nn.Module):
    """Dropout, batch statistics and a frozen part: everything a careless ensemble disturbs."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 3, 1), nn.BatchNorm2d(3), nn.Dropout(0.5))
        self.frozen = nn.BatchNorm2d(3).eval()

    def forward(self, x):
        return self.frozen(self.body(x))


def test_the_module_its_modes_and_all_random_states_come_back(image):
    module = Moody()
    modes = [part.training for part in module.modules()]
    state = {k: v.clone() for k, v in module.state_dict().items()}

    def noisy(x):
        return torch.cat(
            [x, torch.rand_like(x), torch.full_like(x, random.random() + np.random.rand())], dim=1
        )

    torch_state, numpy_state, python_state = torch.get_rng_state(), np.random.get_state(), random.getstate()
    CheckpointEnsemble([module, noisy]).predict(image)
    assert [part.training for part in module.modules()] == modes
    assert all(torch.equal(state[k], v) for k, v in module.state_dict().items())
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(np.random.get_state()[1], numpy_state[1])
    assert np.random.get_state()[2] == numpy_state[2]
    assert random.getstate() == python_state


def test_an_error_leaves_everything_as_it_was_and_names_the_member(image):
    class Failing(Moody):
        def forward(self, x):
            torch.rand(1)
            raise RuntimeError("boom")

    module = Failing()
    modes = [part.training for part in module.modules()]
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="boom") as caught:
        CheckpointEnsemble([module]).predict(image)
    assert caught.value.__notes__ == ["while member 0 (Failing) predicted"]
    assert [part.training for part in module.modules()] == modes
    assert torch.equal(torch.get_rng_state(), before)


def test_members_run_in_eval_mode_without_gradients(image):
    seen = []

    class Spy(nn.Conv2d):
        def forward(self, x):
            seen.append((self.training, torch.is_grad_enabled()))
            return super().forward(x)

    CheckpointEnsemble([Spy(1, 2, 1)]).predict(image)
    assert seen == [(False, False)]


def test_images_are_brought_to_the_precision_of_the_module(models, image):
    double = CheckpointEnsemble(models).predict(image.double().numpy())
    np.testing.assert_array_equal(double.mean_prob, CheckpointEnsemble(models).predict(image).mean_prob)


def test_output_picks_the_logits(models, image):
    deep = [lambda x, m=m: {"out": [m(x), m(x)[..., ::2]]} for m in models]
    picked = CheckpointEnsemble(deep, output=lambda returned: returned["out"][0]).predict(image)
    assert torch.equal(picked.mean_prob, CheckpointEnsemble(models).predict(image).mean_prob)
    with pytest.raises(MemberError, match=r"member 0 \(function\) returned a dict.*pass output="):
        CheckpointEnsemble(deep).predict(image)


def test_monai_sliding_windows(models):
    image = torch.randn(1, 24, 20, generator=torch.Generator().manual_seed(3))
    inferer = SlidingWindowInferer(roi_size=(8, 8), overlap=0.5, mode="gaussian")
    prediction = CheckpointEnsemble(models, inferer=inferer).predict(image)
    windows = np.stack([inferer(image[None], model)[0].detach().numpy() for model in models])
    truth = reference(windows, "logits")
    np.testing.assert_allclose(prediction.mean_prob, truth["mean_prob"], atol=1e-6)
    whole = CheckpointEnsemble(models).predict(image)
    assert not torch.equal(prediction.mean_prob, whole.mean_prob)  # the windows did run


def test_a_batch_equals_its_images_one_by_one(models):
    images = torch.randn(3, 1, 6, 5, generator=torch.Generator().manual_seed(5))
    ensemble = CheckpointEnsemble(models)
    together = ensemble.predict_batch(images)
    assert len(together) == 3
    for image, prediction in zip(images, together, strict=True):
        torch.testing.assert_close(prediction.mean_prob, ensemble.predict(image).mean_prob)


def test_images_of_different_sizes_share_one_pass_over_the_members(models):
    loads = []

    class Source:
        def __len__(self):
            return len(models)

        def members(self):
            from ckpt_uq.members.models import ModelMembers

            for member in ModelMembers(models).members():
                loads.append(member.name)
                yield member

    images = [torch.randn(1, 6, 5), torch.randn(1, 4, 8)]
    predictions = CheckpointEnsemble(Source()).predict_batch(images)
    assert [p.grid for p in predictions] == [(6, 5), (4, 8)]
    assert len(loads) == len(models)
    torch.testing.assert_close(
        predictions[1].mean_prob, CheckpointEnsemble(models).predict(images[1]).mean_prob
    )


def test_volumes_and_plain_vectors_work_too():
    volume = CheckpointEnsemble([nn.Conv3d(1, 2, 1)]).predict(torch.randn(1, 2, 3, 4))
    assert volume.predictive_entropy.shape == (2, 3, 4)
    vector = CheckpointEnsemble([nn.Linear(4, 3)]).predict(torch.randn(4))
    assert vector.mean_prob.shape == (3,)
    assert vector.predictive_entropy.shape == ()


def test_regions_overlap_and_are_painted_in_order():
    logits = torch.tensor([[9.0, 9.0, -9.0, 9.0], [-9.0, 9.0, -9.0, 0.0]])
    members = [lambda x: logits[None], lambda x: logits[None]]
    image = torch.zeros(1, 4)
    prediction = CheckpointEnsemble(members, outputs="regions").predict(image)
    assert prediction.segmentation.tolist() == [1, 2, 0, 1]
    assert prediction.class_entropy[1, 3] == 1.0
    assert prediction.predictive_entropy[3] == pytest.approx(1.0, abs=0.01)
    assert prediction.mutual_information.abs().max() < 1e-6
    other = CheckpointEnsemble(members, outputs="regions", region_order=(3, 7)).predict(image)
    assert other.segmentation.tolist() == [3, 7, 0, 3]


def test_one_logit_is_a_binary_model():
    prediction = CheckpointEnsemble([lambda x: x], outputs="regions").predict(
        torch.tensor([[0.0, 4.0, -4.0]])
    )
    assert prediction.segmentation.tolist() == [0, 1, 0]
    assert prediction.predictive_entropy[0] == 1.0


def test_a_sigmoid_is_not_taken_twice():
    logits = torch.linspace(-9, 9, 12).reshape(1, 3, 4)
    once = CheckpointEnsemble([lambda x: x] * 2, outputs="regions").predict(logits)
    twice = CheckpointEnsemble([torch.sigmoid] * 2, outputs="regions")
    with pytest.raises(MemberError, match=r"between 0 and 1 where outputs='regions'.*output=torch\.logit"):
        twice.predict(logits)
    mended = CheckpointEnsemble([torch.sigmoid] * 2, outputs="regions", output=torch.logit).predict(logits)
    torch.testing.assert_close(mended.mean_prob, once.mean_prob, rtol=0, atol=1e-4)


@pytest.mark.parametrize("grid", [(3, 4), (70, 65), (5, 20, 17), (5000,)])
@pytest.mark.parametrize("images", [1, 2])
def test_a_member_among_others_that_takes_the_softmax_itself_is_named(grid, images):
    logits = [torch.randn(3, *grid, generator=torch.Generator().manual_seed(seed)) for seed in range(images)]
    mixed = CheckpointEnsemble([lambda x: x, lambda x: -x, lambda x: x.softmax(1)])
    with pytest.raises(MemberError, match=r"member 2 \(function\) returned prob.*let it return logits"):
        mixed.predict_batch(logits)
    mended = CheckpointEnsemble([lambda x: x, lambda x: -x, lambda x: x.softmax(1).log()])
    for got, expected in zip(
        mended.predict_batch(logits),
        CheckpointEnsemble([lambda x: x, lambda x: -x, lambda x: x]).predict_batch(logits),
        strict=True,
    ):
        torch.testing.assert_close(got.mean_prob, expected.mean_prob)


@pytest.mark.parametrize("changed", [(0, 2, 1), (1, 0, 3)])
def test_a_member_with_one_voxel_that_is_no_distribution_returned_logits(changed):
    logits = torch.randn(3, 3, 4, generator=torch.Generator().manual_seed(0))

    def nearly(x):
        probs = x.softmax(1)
        probs[(0, *changed)] += 1
        return probs

    assert CheckpointEnsemble([lambda x: x, nearly]).predict(logits).n_members == 2


def test_an_image_without_voxels_is_no_reason_to_suspect_a_member():
    empty = torch.zeros(2, 0, 4)
    assert CheckpointEnsemble([lambda x: x] * 2).predict(empty).grid == (0, 4)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (lambda z: None, "transform must return a tensor of logits, got NoneType"),
        (lambda z: z.numpy(), "transform must return a tensor of logits, got ndarray"),
        (lambda z: z.argmax(0), r"logits of the shape it got, \(3, 6, 5\), got \(6, 5\)"),
        (1.5, r"transform must be a function of logits, got 1\.5; for a temperature"),
    ],
)
def test_a_transform_that_returns_no_logits_is_refused(models, image, transform, message):
    ensemble = CheckpointEnsemble(models)
    with pytest.raises(ArgumentError, match=message):
        ensemble.predict(image, transform=transform)
    with pytest.raises(ArgumentError, match=message):
        ensemble.predict(image).recalibrated(transform)


@pytest.mark.parametrize("logits", [torch.zeros(1, 2, 2), torch.linspace(0, 0.8, 4).reshape(1, 2, 2)])
def test_small_logits_of_regions_are_logits(logits):
    assert CheckpointEnsemble([lambda x: x], outputs="regions").predict(logits).segmentation.shape == (2, 2)


@pytest.mark.parametrize(
    ("order", "outputs", "message"),
    [
        ((1, 2), "logits", "needs outputs='regions'"),
        ((0, 1), "regions", "every label of region_order must be an integer >= 1, got 0"),
        ((1.5, 2), "regions", "every label of region_order must be an integer >= 1, got 1.5"),
        (None, "softmax", r"outputs must be one of \('logits', 'probs', 'regions'\), got 'softmax'"),
    ],
)
def test_outputs_that_make_no_sense_are_refused_before_anything_runs(order, outputs, message):
    with pytest.raises(ArgumentError, match=message):
        CheckpointEnsemble([lambda x: x], outputs=outputs, region_order=order)


def test_a_region_order_has_a_label_for_each_region():
    ensemble = CheckpointEnsemble([lambda x: x], outputs="regions", region_order=(1,))
    with pytest.raises(ArgumentError, match="a label for each of 2 regions"):
        ensemble.predict(torch.tensor([[0.0], [3.0]]))


class Miscounting:
    """A source that hands out other than it says."""

    def __init__(self, said: int, given: list) -> None:
        self.said, self.given = said, given

    def __len__(self) -> int:
        return self.said

    def members(self):
        yield from self.given


@pytest.mark.parametrize(
    ("said", "given", "message"),
    [
        (3, [Member("a", lambda x: x)] * 2, "must hand out 3 members, its length, got 2"),
        (1, [Member("a", lambda x: x)] * 2, "must hand out 1 members, its length, got Member as number 2"),
        (1, [lambda x: x], "must hand out 1 members, its length, got function as number 1"),
        (1, [], "must hand out 1 members, its length, got 0"),
    ],
)
def test_a_source_that_breaks_its_word_is_named(said, given, message):
    with pytest.raises(MemberError, match=message):
        CheckpointEnsemble(Miscounting(said, given)).predict(torch.zeros(2, 3))


@pytest.mark.parametrize("images", [[], torch.zeros(0, 2, 3)])
def test_no_image_is_refused(images):
    with pytest.raises(ArgumentError, match="images must hold at least one image"):
        CheckpointEnsemble([lambda x: x]).predict_batch(images)


def test_a_prediction_goes_through_a_pickle(models, image):
    for given in (image, image.numpy()):
        prediction = CheckpointEnsemble(models).predict(given)
        back = pickle.loads(pickle.dumps(prediction))
        assert type(back.predictive_entropy) is type(given)
        np.testing.assert_array_equal(back.predictive_entropy, prediction.predictive_entropy)
        assert back != prediction  # no two arrays are compared
        assert len({back, prediction}) == 2


@pytest.mark.parametrize("dtype", [np.int16, np.uint8])
def test_whole_numbers_are_images_too(models, dtype):
    image = np.arange(30, dtype=dtype).reshape(1, 6, 5)
    ours, theirs = (CheckpointEnsemble(models).predict(x).mean_prob for x in (image, image.astype("f4")))
    np.testing.assert_array_equal(ours, theirs)


def test_a_module_that_embeds_gets_its_indices_as_they_are():
    model = nn.Sequential(nn.Embedding(5, 2), nn.Flatten(1, 2), nn.Unflatten(1, (2, -1)))
    assert CheckpointEnsemble([model]).predict(torch.tensor([0, 3, 4])).grid == (3,)


def test_two_threads_may_share_a_module_in_training():
    """The first to finish must not wake the dropout of the other."""
    inside, leave = threading.Barrier(2), threading.Event()

    class Slow(nn.Module):
        def forward(self, x):
            if x.shape[-1] == 2:
                inside.wait(timeout=60)
                leave.wait(timeout=60)
            return x

    model = nn.Sequential(Slow(), nn.Dropout(0.5)).train()
    ensemble = CheckpointEnsemble([model])
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ensemble.predict, torch.full((2, 2), 3.0))
        inside.wait(timeout=60)
        ensemble.predict(torch.full((2, 3), 3.0))
        leave.set()
        assert slow.result().mean_prob.tolist() == [[0.5, 0.5], [0.5, 0.5]]
    assert all(part.training for part in model.modules())


def test_modes_that_a_forward_changes_come_back():
    class Waking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dropout = nn.Dropout(0.5)

        def forward(self, x):
            self.dropout.train()
            return x

    model = Waking().eval()
    CheckpointEnsemble([model]).predict(torch.zeros(2, 3))
    assert not model.dropout.training


def test_members_must_agree_on_the_grid(image):
    with pytest.raises(MemberError, match=r"member 1 \(Conv2d\) returned shape \(1, 3, 4, 3\)"):
        CheckpointEnsemble([conv(0), nn.Conv2d(1, 3, 3)]).predict(image)


def test_a_member_that_returns_nan_is_named(models, image):
    models[2].bias.data[:] = torch.nan
    with pytest.raises(MemberError, match=r"member 2 \(Conv2d\) returned values that are no prediction"):
        CheckpointEnsemble(models).predict(image)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda x: x.argmax(1), "expected floating point"),
        (lambda x: x[0], "with B = 1"),
        (lambda x: "mask", "must be a NumPy array"),
    ],
)
def test_what_is_no_output_is_refused(returned, message):
    with pytest.raises((MemberError, ArgumentError), match=message):
        CheckpointEnsemble([returned]).predict(torch.zeros(3, 4, 4))


@pytest.mark.parametrize("weights", [[1.0], [1, 1, 1, -1], [1, 1, 1, np.nan], 0.5])
def test_bad_weights_are_refused(models, weights):
    with pytest.raises(ArgumentError, match="weights must be 4 positive numbers"):
        CheckpointEnsemble(models, weights=weights)


def test_an_image_must_be_an_array(models):
    with pytest.raises(ArgumentError, match=r"image must be a NumPy array, a torch tensor.*got str"):
        CheckpointEnsemble(models).predict("image.nii.gz")


@pytest.mark.parametrize("alone", [nn.Sequential(nn.Identity()), nn.Identity(), None, 3])
def test_one_model_is_no_list(alone):
    with pytest.raises(ArgumentError, match=r"models must be a list of models, got one .*; pass \[model\]"):
        CheckpointEnsemble(alone)


def test_no_members_are_refused():
    with pytest.raises(ArgumentError, match="at least one model"):
        CheckpointEnsemble([])
    with pytest.raises(ArgumentError, match="str at position 0"):
        CheckpointEnsemble(["checkpoint.pt"])


def test_progress_is_shown_on_request(models, image, capsys):
    CheckpointEnsemble(models).predict(image)
    assert capsys.readouterr().out == ""
    CheckpointEnsemble(models).predict(image, progress=True)
    assert "100%" in capsys.readouterr().out


class StaysOnDevice(TorchDispatchMode):
    """Forbids reading a value back, and every operation that brings data from an accelerator to the host."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func is not torch.ops.aten._local_scalar_dense.default, "a value was read back from the device"
        result = func(*args, **(kwargs or {}))
        sources = [a for a in args if isinstance(a, torch.Tensor)]
        if isinstance(result, torch.Tensor) and result.device.type == "cpu":
            assert all(a.device.type == "cpu" for a in sources), f"{func} brought data to the host"
        return result


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("outputs", ["logits", "regions"])
def test_nothing_leaves_the_device_before_the_last_member(models, device, outputs):
    models = [model.to(device) for model in models]
    images = torch.zeros(2, 1, 6, 5, device=device)
    ensemble = CheckpointEnsemble(models, outputs=outputs, variance=True, labels=True)
    with StaysOnDevice():
        _, [several], _ = ensemble._accumulate([images], progress=False)
    assert [m.n_members for m in several] == [4, 4]
    assert {m.mean_prob.device.type for m in several} == {device}


def test_the_guard_itself_notices_a_read_back():
    with pytest.raises(AssertionError, match="read back"), StaysOnDevice():
        torch.ones(1).item()
    with pytest.raises((AssertionError, NotImplementedError)), StaysOnDevice():
        torch.ones(1, device="meta").to("cpu")
