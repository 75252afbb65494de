"""Fixtures of a tiny run, for all commands that take one."""

from commands_tiny import images, in_tiny, tiny

__all__ = ["images", "in_tiny", "tiny"]
