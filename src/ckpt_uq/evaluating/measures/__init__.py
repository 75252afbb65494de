"""What can be measured of predicted cases beyond Dice and ECE, one file each."""
