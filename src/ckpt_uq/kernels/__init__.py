"""The loops: arrays in, arrays out. No validation, no files; the public functions to their right do that."""
