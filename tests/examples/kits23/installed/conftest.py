"""Collected only where nnU-Net is installed."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("nnunetv2") else ["*"]
