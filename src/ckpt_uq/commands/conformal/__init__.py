"""The commands of ``ckpt-uq conformal``, one file each."""

HELP = "Contours with a guarantee: fit on cases whose labels are known, then draw them on new cases."
