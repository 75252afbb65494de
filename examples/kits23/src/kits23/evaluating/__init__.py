"""Predictions of a system against labels: KiTS's measures, slices, and labels that may be wrong."""
