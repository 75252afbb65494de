"""Contours with a guarantee, of predictions on disk."""
