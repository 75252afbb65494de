"""Predictions on disk against labels on disk."""
