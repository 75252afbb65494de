"""Predictions that members have left on disk, combined slab by slab, in little memory."""
