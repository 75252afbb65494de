"""The loops for graphics processors, in Triton: tensors in, tensors out, nothing leaves the device but sums.

They compute in single precision what :mod:`ckpt_uq.kernels.on_device` computes with torch, in one pass over
the data. Sums over voxels are made in a fixed order, so the same call gives the same bits every time.
"""
