"""The network that a training was of."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

from ckpt_uq.adapters.nnunet.framework.trainer_names import OWN_TRAINERS


def build_network(
    trainer: str, plans: Any, configuration: Any, n_channels_in: int, n_channels_out: int
) -> torch.nn.Module:
    """Build the network of a trainer, with the logits of the full resolution alone.

    nnU-Net's default trainer and ours take it from the plans. They are not asked, because importing a trainer
    imports what training and plotting need, 80 MB.

    Parameters
    ----------
    trainer : str
        Name of its class.
    plans, configuration
        nnU-Net's managers.
    n_channels_in, n_channels_out : int
        Of the image; classes or regions.

    Raises
    ------
    ArgumentError
        nnU-Net finds no such trainer.
    """
    described = (
        configuration.network_arch_class_name,
        configuration.network_arch_init_kwargs,
        configuration.network_arch_init_kwargs_req_import,
        n_channels_in,
        n_channels_out,
    )
    if trainer in ("nnUNetTrainer", *OWN_TRAINERS):
        network = get_network_from_plans(*described, deep_supervision=False)
    else:
        network = _asked(trainer, plans, configuration, described)
    assert isinstance(network, torch.nn.Module)
    return network


def _asked(trainer: str, plans: Any, configuration: Any, described: tuple[Any, ...]) -> Any:
    from ckpt_uq.adapters.nnunet.framework.trainer_class import trainer_class

    build = trainer_class(trainer).build_network_architecture
    if "plans_manager" in inspect.signature(build).parameters:
        return build(plans, configuration, *described[-2:], enable_deep_supervision=False)
    # as trainers of other packages have it, and nnU-Net still takes
    return build(*described, enable_deep_supervision=False)
