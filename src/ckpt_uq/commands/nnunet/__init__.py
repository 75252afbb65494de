"""The commands of ``ckpt-uq nnunet``, one file each."""

HELP = "nnU-Net v2: prediction by many checkpoints of trained models, and trainers that keep them."
