"""nnU-Net's part of the example: plans, trainings, the checkpoints that predict."""
