"""Weight files: what is written comes back, and nothing but finite weights ever does."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import pickle
import re
import resource
import signal
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.optim.swa_utils import AveragedModel

from ckpt_uq.checkpoints import FileRecord, check_fits, load_entries, load_weights, record_of, save_weights
from ckpt_uq.errors import ArgumentError, CheckpointError
from ckpt_uq.weights import stored_bytes
from reference.disk import WatchedDisk

SUFFIXES = [".pt", ".pth", ".safetensors"]


def network(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 2, 1))


def assert_same(a: dict, b: dict) -> None:
    assert a.keys() == b.keys()
    for name in a:
        assert a[name].dtype == b[name].dtype
        assert torch.equal(a[name], b[name])


@pytest.fixture
def saved(tmp_path) -> Path:
    save_weights(tmp_path / "a.pt", network())
    return tmp_path / "a.pt"


def refuses(path: Path, *words: str, **kwargs) -> str:
    """The file is refused by a CheckpointError that names it and ends in a remedy."""
    with pytest.raises(CheckpointError) as caught:
        load_weights(path, **kwargs)
    message = str(caught.value)
    assert str(path) in message
    assert ";" in message
    for word in words:
        assert word in message
    return message


# --- what is written comes back -------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_weights_come_back(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    model = network()
    record = save_weights(path, model)
    assert record == FileRecord(path.stat().st_size, record_of(path).sha256)
    assert_same(load_weights(path, expected=record), dict(model.state_dict()))
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_mapping_of_tensors_is_as_good_as_a_module(tmp_path, suffix):
    state = {
        "half": torch.randn(3).half(),
        "bfloat": torch.randn(3).bfloat16(),
        "double": torch.randn(2, 0, 3).double(),
        "count": torch.tensor(7),
        "mask": torch.tensor([True, False]),
        "complex": torch.randn(2, dtype=torch.complex64),
        "float8": torch.randn(4).to(torch.float8_e4m3fn),
    }
    save_weights(tmp_path / f"a{suffix}", state)
    loaded = load_weights(tmp_path / f"a{suffix}")
    assert {name: (value.dtype, value.shape) for name, value in loaded.items()} == {
        name: (value.dtype, value.shape) for name, value in state.items()
    }
    assert_same(
        {n: v.float() for n, v in loaded.items() if n != "complex"},
        {n: v.float() for n, v in state.items() if n != "complex"},
    )
    assert torch.equal(loaded["complex"], state["complex"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_tied_weights_survive(tmp_path, suffix):
    model = nn.ModuleDict({"a": nn.Linear(300, 300, bias=False), "b": nn.Linear(300, 300, bias=False)})
    model["b"].weight = model["a"].weight
    save_weights(tmp_path / f"a{suffix}", model)
    loaded = load_weights(tmp_path / f"a{suffix}")
    assert_same(loaded, dict(model.state_dict()))
    if suffix != ".safetensors":
        assert loaded["a.weight"].data_ptr() == loaded["b.weight"].data_ptr()
        assert (tmp_path / f"a{suffix}").stat().st_size < 1.5 * 300 * 300 * 4  # stored once


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_views_are_stored_without_what_they_are_views_of(tmp_path, suffix):
    flat = torch.randn(10_000)
    state = {"a": flat[:4], "b": flat[2:6], "c": flat[:8].view(2, 4).T, "d": flat[0].expand(3, 5)}
    save_weights(tmp_path / f"a{suffix}", state)
    assert (tmp_path / f"a{suffix}").stat().st_size < 4_000
    assert_same(load_weights(tmp_path / f"a{suffix}"), state)


def test_saving_leaves_the_model_as_it_was(tmp_path):
    model = network()
    before = {name: (value, value.clone()) for name, value in model.named_parameters()}
    save_weights(tmp_path / "a.pt", model, dtype=torch.float16)
    for name, value in model.named_parameters():
        assert value is before[name][0]
        assert value.requires_grad
        assert torch.equal(value, before[name][1])


def test_half_precision_takes_half_the_disk(tmp_path):
    model = nn.Linear(500, 500)
    full = save_weights(tmp_path / "a.pt", model).size
    half = save_weights(tmp_path / "b.pt", model, dtype=torch.float16).size
    assert half < 0.51 * full
    loaded = load_weights(tmp_path / "b.pt")
    assert_same(loaded, {name: value.half() for name, value in model.state_dict().items()})


def test_whole_numbers_keep_their_type_in_half_precision(tmp_path):
    save_weights(tmp_path / "a.pt", network(), dtype=torch.float16)
    assert load_weights(tmp_path / "a.pt")["1.num_batches_tracked"].dtype == torch.int64


@pytest.mark.parametrize("dtype", [None, torch.float16])
@pytest.mark.parametrize("model", [network(), nn.LSTM(30, 40, 2), nn.Linear(1000, 100)])
def test_the_disk_asked_for_is_enough_and_not_far_from_it(tmp_path, model, dtype):
    size = save_weights(tmp_path / "a.pt", model, dtype=dtype).size
    names = len(model.state_dict())
    assert size <= stored_bytes(model, dtype) <= size + 4096 + 1100 * names


@pytest.mark.parametrize("names", [1, 300])
def test_the_disk_asked_for_holds_for_long_names(tmp_path, names):
    state = {f"{i}." + "x" * 400: torch.zeros(1) for i in range(names)}
    assert save_weights(tmp_path / "a.pt", state).size <= stored_bytes(state)


# --- wrappers -------------------------------------------------------------------------------------------


def prefixed(prefix: str) -> dict:
    return {prefix + name: value for name, value in network().state_dict().items()}


@pytest.mark.parametrize(
    "prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module."]
)
def test_prefixes_of_wrappers_go(tmp_path, prefix):
    torch.save(prefixed(prefix), tmp_path / "theirs.pt")
    assert_same(load_weights(tmp_path / "theirs.pt"), dict(network().state_dict()))
    save_weights(tmp_path / "ours.pt", prefixed(prefix))
    assert set(torch.load(tmp_path / "ours.pt", weights_only=True)) == set(network().state_dict())


def test_a_compiled_part_goes_and_a_layer_called_module_stays(tmp_path):
    state = {"encoder._orig_mod.weight": torch.zeros(1), "module.weight": torch.ones(1)}
    torch.save(state, tmp_path / "a.pt")
    assert set(load_weights(tmp_path / "a.pt")) == {"encoder.weight", "module.weight"}


class Wrapper(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.module = network()


@pytest.mark.parametrize(
    "module", [network(), nn.DataParallel(network()), torch.compile(network(), backend="eager"), Wrapper()]
)
def test_weights_fit_under_the_modules_own_names(tmp_path, module):
    save_weights(tmp_path / "a.pt", network(1), dtype=torch.float16)
    fitting = check_fits(load_weights(tmp_path / "a.pt"), module)
    assert_same(fitting, {name: fitting[name].to(value.dtype) for name, value in module.state_dict().items()})
    module.load_state_dict(fitting)


class Counting(nn.Linear):
    """A model that keeps more than tensors in its state."""

    def get_extra_state(self):
        return {"seen": 3}

    def set_extra_state(self, state) -> None: ...


def test_extra_state_is_left_out(tmp_path):
    save_weights(tmp_path / "a.pt", Counting(1, 1))
    torch.save({"state_dict": Counting(1, 1).state_dict()}, tmp_path / "b.pt")
    for name in ("a.pt", "b.pt"):
        assert sorted(check_fits(load_weights(tmp_path / name), Counting(1, 1))) == ["bias", "weight"]


@pytest.mark.parametrize("wrap", [nn.DataParallel, AveragedModel])
def test_what_wraps_a_model_is_not_saved(tmp_path, wrap):
    save_weights(tmp_path / "a.pt", wrap(network()))
    assert_same(load_weights(tmp_path / "a.pt"), dict(network().state_dict()))


def test_names_that_differ_only_by_a_wrapper_stay_apart():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.Linear(1, 1)
            self.weight = nn.Parameter(torch.zeros(2))

    model = Twice()
    assert_same(check_fits(model.state_dict(), model), dict(model.state_dict()))
    with pytest.raises(CheckpointError, match=r"missing module\.bias, module\.weight, unexpected none"):
        check_fits({"weight": torch.zeros(2)}, model)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("0.bias"), "missing 0.bias, unexpected none"),
        (lambda s: s.update(head=torch.zeros(1)), "missing none, unexpected head"),
        (lambda s: s.update({"0.bias": torch.zeros(4)}), "0.bias has shape (4,) instead of (3,)"),
        (lambda s: s.update({"0.bias": torch.zeros(())}), "0.bias has shape () instead of (3,)"),
        (
            lambda s: s.update({"0.bias": torch.zeros(3, dtype=torch.complex64)}),
            "0.bias is torch.complex64 instead of torch.float32",
        ),
        (
            lambda s: s.update({"1.num_batches_tracked": torch.tensor(2.7)}),
            "1.num_batches_tracked is torch.float32 instead of torch.int64",
        ),
        (lambda s: [s.pop(name) for name in list(s)], "and 4 more, unexpected none"),
    ],
)
def test_weights_of_another_architecture_are_refused(tmp_path, change, message):
    state, module = dict(network().state_dict()), network(1)
    change(state)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(CheckpointError, match=re.escape(message)) as caught:
        check_fits(state, module, tmp_path / "a.pt")
    assert f"{tmp_path / 'a.pt'} does not fit Sequential" in str(caught.value)
    assert "build the architecture" in str(caught.value)
    assert_same(before, dict(module.state_dict()))


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")  # torch means to move it
@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), "torch.qint8"),
        (lambda: torch.ones(3).to_sparse(), "torch.sparse_coo"),
        (lambda: torch.ones(3, device="meta"), "meta"),
        (lambda: 3.0, "float"),
    ],
)
def test_weights_that_are_no_plain_numbers_are_refused(make, kind):
    state = {**network().state_dict(), "0.bias": make()}
    expected = rf"a\.pt must hold dense tensors with data, but 0\.bias is .*{kind}.*; dequantise"
    with pytest.raises(CheckpointError, match=expected):
        check_fits(state, network(), "a.pt")


# --- other tools' checkpoints ---------------------------------------------------------------------------


def nnunet_checkpoint() -> dict:
    return {
        "network_weights": network().state_dict(),
        "optimizer_state": {
            "state": {0: {"momentum_buffer": torch.zeros(3)}},
            "param_groups": [{"lr": np.float64(0.01)}],
        },
        "grad_scaler_state": None,
        "logging": {
            "mean_fg_dice": [np.float64(0.5), np.float32(0.25)],
            "ema": [np.float16(1), np.bool_(True), np.uint8(3), np.int32(-1), np.longdouble(1)],
        },
        "_best_ema": np.float64(0.5),
        "current_epoch": np.int64(3),
        "init_args": {"configuration": "2d", "fold": 0},
        "trainer_name": "nnUNetTrainer",
        "inference_allowed_mirroring_axes": (0, 1),
    }


@pytest.mark.parametrize(
    "content",
    [
        network().state_dict(),
        {"state_dict": network().state_dict(), "epoch": 3, "hyper_parameters": {"lr": 0.1}, "callbacks": {}},
        {"model_state_dict": network().state_dict(), "optimizer_state_dict": {"state": {}}},
        {"model": network().state_dict(), "epoch": np.int64(3)},
        {"model": OrderedDict(prefixed("module._orig_mod."))},
        nnunet_checkpoint(),
    ],
    ids=["plain", "lightning", "model_state_dict", "model", "compiled", "nnunet"],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_the_weights_of_a_training_checkpoint_are_found(tmp_path, content, zipped):
    torch.save(content, tmp_path / "a.ckpt", _use_new_zipfile_serialization=zipped)
    assert_same(load_weights(tmp_path / "a.ckpt"), dict(network().state_dict()))


def test_torch_alone_refuses_what_numpy_scalars_ask_for_and_its_list_is_as_before(tmp_path):
    torch.save(nnunet_checkpoint(), tmp_path / "a.pth")
    before = set(torch.serialization.get_safe_globals())
    load_weights(tmp_path / "a.pth")
    assert set(torch.serialization.get_safe_globals()) == before
    with pytest.raises(pickle.UnpicklingError, match="numpy"):
        torch.load(tmp_path / "a.pth", weights_only=True)


def test_what_a_training_checkpoint_says_beside_its_weights_is_found(tmp_path):
    torch.save(nnunet_checkpoint(), tmp_path / "a.pth")
    names = ["trainer_name", "inference_allowed_mirroring_axes", "init_args", "logging", "nothing"]
    found = load_entries(tmp_path / "a.pth", names)
    assert found == {name: nnunet_checkpoint()[name] for name in names[:-1]}


@pytest.mark.parametrize(
    ("content", "words"), [([1, 2], "must hold entries by name, got list"), ({"a": Path()}, "was not run")]
)
def test_entries_come_from_safe_mappings_alone(tmp_path, content, words):
    torch.save(content, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=words):
        load_entries(tmp_path / "a.pth", ["a"])


def test_key_names_the_weights(tmp_path):
    content = {
        "model": network(1).state_dict(),
        "state_dict": network(2).state_dict(),
        "ema": network().state_dict(),
    }
    torch.save(content, tmp_path / "a.pt")
    refuses(tmp_path / "a.pt", "got state_dict, model among model, state_dict, ema", "pass key=")
    assert_same(load_weights(tmp_path / "a.pt", key="ema"), dict(network().state_dict()))
    refuses(tmp_path / "a.pt", "key='swa'", "has model, state_dict, ema", key="swa")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({}, ["got none among none"]),
        ([torch.zeros(1)], ["must hold weights by name, got list"]),
        (torch.zeros(1), ["must hold weights by name, got Tensor"]),
        ({"weights": {"a": torch.zeros(1)}}, ["got none among weights"]),
        ({"state_dict": {}}, ["key='state_dict'"]),
        ({"state_dict": {"a": torch.zeros(1), "epoch": 3}}, ["entries of Tensor, int"]),
        ({"state_dict": {0: torch.zeros(1)}}, ["must hold tensors by name"]),
        ({"a": torch.zeros(1), "epoch": 3}, ["got none among a, epoch"]),
        ({"a": torch.zeros(2).to_sparse()}, ["a must be a dense tensor with data"]),
        ({"a": torch.zeros(2, device="meta")}, ["a must be a dense tensor with data", "meta"]),
        ({"a": torch.zeros(1).expand(10**12)}, ["a claims 1000000000000 elements on 4 bytes"]),
    ],
)
def test_what_holds_no_weights_is_refused(tmp_path, content, words):
    torch.save(content, tmp_path / "a.pt")
    refuses(tmp_path / "a.pt", *words)


# --- damage ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_weights_that_are_not_finite_are_neither_saved_nor_loaded(tmp_path, bad, dtype):
    model = network().to(dtype)
    save_weights(tmp_path / "a.pt", network())
    before = (tmp_path / "a.pt").read_bytes()
    with torch.no_grad():
        model[2].bias[1] = bad
    with pytest.raises(CheckpointError, match=r"2\.bias must be finite, got NaN or infinity in torch"):
        save_weights(tmp_path / "a.pt", model)
    assert (tmp_path / "a.pt").read_bytes() == before
    torch.save(model.state_dict(), tmp_path / "b.pt")
    safetensors.torch.save_file(dict(model.state_dict()), tmp_path / "b.safetensors")
    for name in ("b.pt", "b.safetensors"):
        if np.isnan(bad):
            refuses(tmp_path / name, "2.bias must be finite")
        else:
            with pytest.raises(CheckpointError, match=r"infinite weights in 2\.bias"):
                check_fits(load_weights(tmp_path / name), network())


class Masked(nn.Module):
    """A model with an infinite buffer, as attention masks are."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.register_buffer("mask", torch.tensor([0.0, -np.inf]))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_buffer_may_be_infinite(tmp_path, suffix):
    save_weights(tmp_path / f"a{suffix}", Masked(), dtype=torch.float16)
    assert_same(check_fits(load_weights(tmp_path / f"a{suffix}"), Masked()), dict(Masked().state_dict()))


def test_a_buffer_is_neither_nan_nor_made_infinite(tmp_path):
    model = Masked()
    model.mask[:] = torch.tensor([np.nan, np.inf])
    with pytest.raises(CheckpointError, match="mask must be finite"):
        save_weights(tmp_path / "a.pt", model)
    model.mask[:] = 1e5
    with pytest.raises(CheckpointError, match="mask must be finite"):
        save_weights(tmp_path / "a.pt", model, dtype=torch.float16)


def test_overflow_to_infinity_in_half_precision_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"a must be finite, got NaN or infinity in torch\.float16"):
        save_weights(tmp_path / "a.pt", {"a": torch.tensor([1.0, 1e5])}, dtype=torch.float16)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        ({"a": 3}, CheckpointError, "a must be a tensor to be saved, got int"),
        (nn.LazyLinear(1), CheckpointError, "weight must have numbers to be saved, got a lazy parameter"),
        (nn.ReLU(), CheckpointError, "model has no weights"),
        ({"a": torch.zeros(2).to_sparse()}, CheckpointError, "a must be a dense tensor"),
        (nn.Linear(1, 1, device="meta"), CheckpointError, "weight must be a dense tensor with data"),
        ([torch.zeros(1)], ArgumentError, "model must be a module or its state_dict(), got list"),
    ],
)
def test_only_tensors_are_saved(tmp_path, model, error, message):
    with pytest.raises(error, match=re.escape(message)):
        save_weights(tmp_path / "a.pt", model)


def test_bad_arguments_are_named(tmp_path):
    with pytest.raises(
        ArgumentError, match=r"path must end in one of \.pt, \.pth, \.safetensors, got a\.bin"
    ):
        save_weights(tmp_path / "a.bin", network())
    with pytest.raises(ArgumentError, match=r"dtype must be a floating-point type, got torch\.int8"):
        save_weights(tmp_path / "a.pt", network(), dtype=torch.int8)


def test_a_missing_file_is_named(tmp_path):
    refuses(tmp_path / "no.pt", "No such file", "check the path")
    refuses(tmp_path, "Is a directory", "check the path")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_every_truncation_is_refused(tmp_path, suffix):
    whole = tmp_path / f"a{suffix}"
    record = save_weights(whole, network())
    data = whole.read_bytes()
    cut = tmp_path / f"cut{suffix}"
    for n in {*range(0, len(data), 97), *range(20), len(data) - 1}:
        cut.write_bytes(data[:n])
        refuses(cut)
        refuses(cut, f"size {n} instead of {len(data)}", expected=record)
    assert_same(load_weights(whole, expected=record), dict(network().state_dict()))


@given(st.data())
def test_changed_bytes_never_pass_for_the_recorded_file(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("changed")
    path = folder / f"a{data.draw(st.sampled_from(['.pt', '.safetensors']))}"
    record = save_weights(path, network())
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    refuses(path, "sha256", "truncated or changed", expected=record)
    with contextlib.suppress(CheckpointError):  # without a record a change may go unseen, as finite weights
        assert all(torch.isfinite(value).all() for value in load_weights(path).values())


def test_another_file_of_the_same_size_is_refused(tmp_path):
    record = save_weights(tmp_path / "a.pt", network(0))
    assert save_weights(tmp_path / "b.pt", network(1)).size == record.size
    refuses(tmp_path / "b.pt", "sha256", record.sha256, expected=record)


# --- malice ---------------------------------------------------------------------------------------------


class Malice:
    def __init__(self, function, *arguments) -> None:
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


CALLS = {
    "system": lambda flag: Malice(os.system, f"touch {flag}"),
    "mkdir": lambda flag: Malice(os.mkdir, str(flag)),
    "eval": lambda flag: Malice(eval, f"__import__('os').mkdir({str(flag)!r})"),
    "exec": lambda flag: Malice(exec, f"import os; os.mkdir({str(flag)!r})"),
    "open": lambda flag: Malice(open, str(flag), "w"),
}
WRITERS = {
    "zip": torch.save,
    "legacy": lambda content, path: torch.save(content, path, _use_new_zipfile_serialization=False),
    "pickle2": lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2)),
    "pickle4": lambda content, path: path.write_bytes(pickle.dumps(content, protocol=4)),
}


@pytest.mark.parametrize("force", ["0", "1"])
@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("name", ["a.pt", "a.ckpt", "a.safetensors"])
def test_code_in_a_file_is_not_run(tmp_path, monkeypatch, call, write, force, name):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", force)
    flag, path = tmp_path / "flag", tmp_path / name
    WRITERS[write]({"state_dict": {"a": torch.zeros(1)}, "b": CALLS[call](flag)}, path)
    refuses(path, "damaged" if name == "a.safetensors" else "not run")
    assert not flag.exists()


@pytest.mark.parametrize("call", CALLS)
def test_the_same_files_would_run_elsewhere(tmp_path, call):
    WRITERS["zip"]({"a": CALLS[call](tmp_path / "flag")}, tmp_path / "a.pt")
    content = torch.load(tmp_path / "a.pt", weights_only=False)
    getattr(content["a"], "close", bool)()
    assert (tmp_path / "flag").exists()


def test_the_advice_to_switch_protection_off_is_not_passed_on(tmp_path):
    WRITERS["zip"]({"a": CALLS["system"]("x")}, tmp_path / "a.pt")
    message = refuses(tmp_path / "a.pt", "posix.system")
    assert "weights_only" not in message
    torch.save({"a": Malice(Path, "x")}, tmp_path / "b.pt")
    message = refuses(tmp_path / "b.pt", "pathlib.")
    assert "safe_globals" not in message


def test_numpy_objects_are_not_rebuilt(tmp_path):
    torch.save(
        {"state_dict": {"a": torch.zeros(1)}, "x": np.array([Malice(print)], dtype=object)}, tmp_path / "a.pt"
    )
    refuses(tmp_path / "a.pt", "not run")


def test_archives_that_unfold_are_refused(tmp_path):
    save_weights(tmp_path / "a.pt", {"a": torch.zeros(10**6)})
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as whole,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for entry in whole.namelist():
            bomb.writestr(entry, whole.read(entry))
    assert (tmp_path / "b.pt").stat().st_size < 10_000
    refuses(tmp_path / "b.pt", "unfolds from")


def test_an_archive_with_two_tables_of_contents_is_refused(tmp_path):
    """Python's reader would see a harmless one, torch's a bomb."""
    save_weights(tmp_path / "a.pt", {"a": torch.zeros(10**6)})
    bomb = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "a.pt") as whole, zipfile.ZipFile(bomb, "w") as packed:
        for entry in whole.namelist():
            packed.writestr(zipfile.ZipInfo(entry), whole.read(entry), compress_type=zipfile.ZIP_DEFLATED)
    data = bomb.getvalue()
    end = data.rfind(b"PK\5\6")
    size, start = struct.unpack("<II", data[end + 12 : end + 20])
    harmless = bytearray(data[start : start + size])
    at = 0
    while at < len(harmless):
        packed_size = harmless[at + 20 : at + 24]
        harmless[at + 10 : at + 12], harmless[at + 24 : at + 28] = b"\0\0", packed_size
        at += 46 + sum(struct.unpack("<HHH", harmless[at + 28 : at + 34]))
    (tmp_path / "b.pt").write_bytes(data[:end] + harmless + data[end:])
    assert not any(entry.compress_type for entry in zipfile.ZipFile(tmp_path / "b.pt").infolist())
    assert torch.load(tmp_path / "b.pt", weights_only=True)["a"].numel() == 10**6  # torch unfolds it
    refuses(tmp_path / "b.pt", "table of contents")


@pytest.mark.slow
def test_archives_of_more_files_than_a_plain_one_can_hold_are_read(tmp_path):
    state = {f"w{i}": torch.tensor([float(i)]) for i in range(2**16)}
    save_weights(tmp_path / "a.pt", state)
    assert load_weights(tmp_path / "a.pt")["w65535"].item() == 65535


def test_numbers_of_numpy_1_are_rebuilt(tmp_path):
    torch.save({"network_weights": {"a": torch.ones(2)}, "best": np.float64(0.5)}, tmp_path / "new.pt")
    with zipfile.ZipFile(tmp_path / "new.pt") as new, zipfile.ZipFile(tmp_path / "old.pt", "w") as old:
        for entry in new.namelist():
            old.writestr(entry, new.read(entry).replace(b"numpy._core.", b"numpy.core."))
    assert torch.equal(load_weights(tmp_path / "old.pt")["a"], torch.ones(2))
    assert load_entries(tmp_path / "old.pt", ["best"]) == {"best": 0.5}


def numpy_pickle(code: bytes, arguments: bytes) -> bytes:
    dtype = b"cnumpy\ndtype\nX" + struct.pack("<I", len(code)) + code + b"\x89\x88\x87R"
    return b"\x80\x02}X\x01\x00\x00\x00acnumpy._core.multiarray\nscalar\n" + dtype + arguments + b"Rs."


@pytest.mark.parametrize(
    ("code", "arguments", "word"),
    [
        (b"V100000000", b"\x85", "no number"),
        (b"O", b"\x85", "no number"),
        (b"f8", b"K\x01\x86", "its 8 bytes"),
    ],
    ids=["void", "object", "without bytes"],
)
def test_numpy_data_that_is_no_number_is_not_made(tmp_path, code, arguments, word):
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("archive/data.pkl", numpy_pickle(code, arguments))
        archive.writestr("archive/version", "3\n")
    refuses(tmp_path / "a.pt", word)


def test_views_that_repeat_their_storage_many_times_are_refused(tmp_path):
    base = torch.zeros(1000)
    torch.save({f"w{i}": base[: 1000 - i] for i in range(60)}, tmp_path / "a.pt")
    refuses(tmp_path / "a.pt", "claim", "bytes on 4000")
    torch.save({"all": base, "first": base[:500]}, tmp_path / "b.pt")
    assert load_weights(tmp_path / "b.pt")["first"].shape == (500,)


def test_a_declared_size_beyond_the_file_is_refused(tmp_path):
    save_weights(tmp_path / "a.pt", {"a": torch.arange(1000.0)})
    data = bytearray((tmp_path / "a.pt").read_bytes())
    sizes = [match.start() for match in re.finditer(re.escape((4000).to_bytes(4, "little")), data)]
    assert len(sizes) >= 2  # compressed and uncompressed size, in the directory at the end
    for at in sizes:
        data[at : at + 4] = (2**31).to_bytes(4, "little")
    (tmp_path / "b.pt").write_bytes(data)
    refuses(tmp_path / "b.pt", "unfolds from")
    header = (2**60).to_bytes(8, "little")
    (tmp_path / "c.safetensors").write_bytes(header + b"{}")
    refuses(tmp_path / "c.safetensors", "damaged")


def test_a_refused_file_leaves_everything_else_usable(tmp_path, saved):
    WRITERS["zip"]({"a": CALLS["system"]("x")}, tmp_path / "bad.pt")
    refuses(tmp_path / "bad.pt")
    (tmp_path / "bad.safetensors").write_bytes(b"junk")
    refuses(tmp_path / "bad.safetensors")
    assert_same(load_weights(saved), dict(network().state_dict()))


# --- the disk -------------------------------------------------------------------------------------------


def test_the_file_is_synced_before_it_has_its_name(tmp_path, monkeypatch):
    disk = WatchedDisk(tmp_path, monkeypatch)
    save_weights(tmp_path / "a.pt", network())
    temporary = f".tmp-{os.getpid()}-a.pt"
    assert disk.order == [
        ("write", temporary),
        ("sync", temporary),
        ("rename", temporary, "a.pt"),
        ("sync", "."),
    ]


def test_a_full_disk_at_any_operation_is_a_clear_error(tmp_path, monkeypatch):
    old = save_weights(tmp_path / "a.pt", network(0))
    with monkeypatch.context() as patch:
        disk = WatchedDisk(tmp_path, patch)
        new = save_weights(tmp_path / "b.pt", network(1))
        n_operations = disk.n_failing
    assert n_operations > 20
    for fail_at in range(n_operations):
        with monkeypatch.context() as patch:
            WatchedDisk(tmp_path, patch).fail_at = fail_at
            with pytest.raises(
                CheckpointError, match=r"cannot write .*a\.pt: .*No space left.*; free disk space"
            ):
                save_weights(tmp_path / "a.pt", network(1))
        assert {file.name for file in tmp_path.iterdir()} == {"a.pt", "b.pt"}
        load_weights(tmp_path / "a.pt", expected=new if fail_at == n_operations - 1 else old)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("limit", [0, 1, 1000, 20_000])
def test_a_file_the_system_cuts_off_is_a_clear_error(tmp_path, suffix, limit):
    path = tmp_path / f"a{suffix}"
    old = save_weights(path, {"a": torch.zeros(10_000)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        with pytest.raises(CheckpointError, match=re.escape(f"cannot write {path}: ")) as caught:
            save_weights(path, {"a": torch.ones(10_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert os.strerror(errno.EFBIG) in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    load_weights(path, expected=old)
