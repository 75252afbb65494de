"""Where nnU-Net finds the trainers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

VARIABLE = "nnUNet_extTrainer"


def plugin_folder() -> Path:
    """Folder to name in ``nnUNet_extTrainer``, so that ``nnUNetv2_train ... -tr`` finds the trainers.

    Examples
    --------
    >>> [file.name for file in plugin_folder().glob("*.py")]
    ['ckpt_uq_trainers.py']
    """
    return Path(__file__).parent / "framework" / "plugin"


def with_plugin(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment in which nnU-Net finds the trainers, beside those that it found before.

    Examples
    --------
    >>> with_plugin({"nnUNet_extTrainer": "/mine"})["nnUNet_extTrainer"].split(os.pathsep)[0]
    '/mine'
    """
    folders = [folder for folder in environ.get(VARIABLE, "").split(os.pathsep) if folder]
    if str(plugin_folder()) not in folders:
        folders.append(str(plugin_folder()))
    return {**environ, VARIABLE: os.pathsep.join(folders)}
