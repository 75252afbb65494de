"""From a KiTS23 checkout, or from simulated scans, to the data set that nnU-Net reads."""
