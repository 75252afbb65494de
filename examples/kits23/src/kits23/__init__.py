"""The paper Rel-UNet on KiTS23, end to end, on nnU-Net; an example of what ``ckpt_uq`` is for."""

__version__ = "0.1.0"
