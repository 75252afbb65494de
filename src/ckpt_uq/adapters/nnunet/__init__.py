"""nnU-Net v2: trainers that keep the peaks of every cycle, and prediction by many checkpoints.

Nothing in nnU-Net is changed or copied. Its trainers are extended through its hooks and found through the
variable ``nnUNet_extTrainer``; its predictor is used as it is, one member after the other.
"""
