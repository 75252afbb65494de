"""Compile Triton's loops for named processors, which need not be there, and print what they use as JSON."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import tempfile
from pathlib import Path

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from ckpt_uq.kernels.gpu import bins, counts, maps, moments
from ckpt_uq.kernels.gpu.launch import BLOCK

ARCHITECTURES = (80, 90)
MAP = {"p": "*fp32", "out": "*fp32", "seen": "*fp32", "n_voxels": "i64", "upper": "fp32"}
FOLD = {
    **dict.fromkeys(("x", "mean", "mean_bits", "scatter", "faults"), "*fp32"),
    "n_voxels": "i64",
    "labels": "*u8",
    "share": "fp32",
    "gain": "fp32",
}
SORT = {
    **{"p": "*fp32", "labels": "*u8", "mask": "*u8", "edges": "*fp64", "counts": "*i64", "hits": "*i64"},
    **{
        "sums": "*fp64",
        "seen": "*fp32",
        "limits": "*i64",
        "n_voxels": "i64",
        "n_steps": "i32",
        "n_bins": "i32",
    },
}
PAIRS = {
    **{"prediction": "*u8", "labels": "*u8", "pairs": "*i64", "limits": "*i64", "n_voxels": "i64"},
    "n_steps": "i32",
}
CONTOUR = {
    **{"mask": "*u8", "offsets": "*i32", "sizes": "*i32"},
    **dict.fromkeys(("depth", "height", "width", "n_offsets"), "i32"),
}


def variants():
    """Kernels with the types and the constants that they are compiled for."""
    for dtype, n_classes in (("*fp32", 4), ("*bf16", 128)):
        sizes = {"n_classes": n_classes, "block": BLOCK}
        for kernel in (maps._entropy, maps._largest, maps._binary_entropy):
            yield kernel, {**MAP, "p": dtype}, sizes
        for kind, kept in itertools.product(moments.KINDS.values(), (False, True)):
            block = moments._BLOCK_WITH_SCATTER if kept else moments._BLOCK
            constants = {"kind": kind, "has_scatter": kept, "has_labels": kept, "block": block}
            yield moments._fold, {**FOLD, "x": dtype}, {"n_classes": n_classes, **constants}
        for top_label in (True, False):
            constants = {"top_label": top_label, "masked": not top_label, "block": bins._TILE // 16}
            yield bins._sort, {**SORT, "p": dtype}, {"n_classes": n_classes, "width": 16, **constants}
    wide = {"width": bins.BINS_AT_MOST, "block": bins._TILE // bins.BINS_AT_MOST}
    yield bins._sort, SORT, {"n_classes": 4, "top_label": True, "masked": True, **wide}
    for n_classes, width in ((4, 128), (31, 1024)):
        yield counts._pairs, PAIRS, {"n_classes": n_classes, "width": width, "block": BLOCK}
    yield counts._contour, CONTOUR, {"block": BLOCK}


def usage(kernel, signature, constants, architecture):
    """Registers and spilled bytes of a thread, by the assembler."""
    types = {**signature, **dict.fromkeys(constants, "constexpr")}
    source = ASTSource(kernel, types, constants)
    options = {"num_warps": 4, "enable_fp_fusion": True}
    compiled = triton.compile(source, target=GPUTarget("cuda", architecture, 32), options=options)
    with tempfile.TemporaryDirectory() as folder:
        ptx = Path(folder, "kernel.ptx")
        ptx.write_text(compiled.asm["ptx"])
        target = re.search(r"^\.target (\w+)", compiled.asm["ptx"], re.MULTILINE)[1]  # sm_90 is sm_90a
        command = [triton.knobs.nvidia.ptxas.path, "-v", f"--gpu-name={target}", str(ptx)]
        told = subprocess.run(
            [*command, "-o", str(Path(folder, "kernel.cubin"))], check=True, capture_output=True, text=True
        ).stderr
    return {
        "kernel": kernel.fn.__name__,
        "constants": constants,
        "input": next(iter(signature.values())),
        "architecture": architecture,
        "registers": int(re.search(r"Used (\d+) registers", told)[1]),
        "spilled_bytes": sum(int(n) for n in re.findall(r"(\d+) bytes spill", told)),
    }


if __name__ == "__main__":
    print(json.dumps([usage(*variant, arch) for variant in variants() for arch in ARCHITECTURES]))
