"""nnU-Net is asked for when it is needed, and named when it is not there."""

from __future__ import annotations

from importlib.util import find_spec

from ckpt_uq.errors import ArgumentError


def require_nnunet() -> None:
    """Raise unless nnU-Net v2 can be imported.

    Raises
    ------
    ArgumentError
        Naming what to install.
    """
    if find_spec("nnunetv2") is None:
        raise ArgumentError(
            "nnU-Net v2 must be installed for this, found no nnunetv2; pip install 'ckpt-uq[nnunet]', best "
            "in an environment of its own"
        )
