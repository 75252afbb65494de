"""The commands of ``kits23``, one file each, found by their files' names.

Each takes WORK first, see :mod:`kits23.work`. What is heavy is imported inside the commands, so that
``--help`` is fast and only the commands that need nnU-Net ask for it.
"""
