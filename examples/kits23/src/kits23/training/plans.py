"""nnU-Net's plans, with what the paper changes: a batch of 40 in 2d, and a folder of their own for data."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

PLANNER = "nnUNetPlannerResEncL"
PLANNED = "nnUNetResEncUNetLPlans"
"""What the planner writes."""

PLANS = "RelUNetPlans"
"""What is trained with."""

CONFIGURATIONS = ("2d", "3d_fullres")
BATCH_SIZE_2D = 40

_SMALL_PATCH = {"2d": [64, 64], "3d_fullres": [16, 48, 48]}
_SMALL_BATCH = {"2d": 6, "3d_fullres": 2}
_SMALL_FEATURES = {"2d": [8, 16, 32, 32], "3d_fullres": [4, 8, 16, 16]}


def rel_unet_plans(planned: Mapping[str, Any], *, small: bool = False) -> dict[str, Any]:
    """Return plans under their own name, from those of the ResEnc-L planner.

    The planner gives every data set of its 2d configuration the same folder, whatever its normalisation, and
    chooses the batch to fill a GPU.

    Parameters
    ----------
    planned : mapping
        The planner's.
    small : bool
        Shrink the network, patch and batch to what a processor trains in minutes.

    Returns
    -------
    dict
        Plans for nnU-Net, with the configurations of :data:`CONFIGURATIONS` alone.
    """
    plans = deepcopy(dict(planned))
    plans["plans_name"] = PLANS
    plans["configurations"] = {name: planned["configurations"][name] for name in CONFIGURATIONS}
    plans = deepcopy(plans)
    for name, configuration in plans["configurations"].items():
        schemes = "_".join(configuration["normalization_schemes"])
        configuration["data_identifier"] = f"{PLANS}_{name}_{schemes}"
        if small:
            _shrink(configuration, name)
    if not small:
        plans["configurations"]["2d"]["batch_size"] = BATCH_SIZE_2D
    return plans


def _shrink(configuration: dict[str, Any], name: str) -> None:
    patch = _SMALL_PATCH[name]
    n_stages = len(_SMALL_FEATURES[name])
    # Slices lie far apart: they are halved once, late, and the plane at every stage.
    first, flat, deep = [1] * len(patch), [1, 2, 2][-len(patch) :], [2] * len(patch)
    configuration.update(patch_size=patch, batch_size=_SMALL_BATCH[name])
    configuration["architecture"]["arch_kwargs"].update(
        n_stages=n_stages,
        features_per_stage=_SMALL_FEATURES[name],
        kernel_sizes=[[3] * len(patch)] * n_stages,
        strides=[first, flat, flat, deep],
        n_blocks_per_stage=[1] * n_stages,
        n_conv_per_stage_decoder=[1] * (n_stages - 1),
    )
