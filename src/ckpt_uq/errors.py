"""Every error the library raises on purpose derives from :class:`CkptUQError`.

A message names the argument, what was expected, what was got, and the remedy.
"""


class CkptUQError(Exception):
    """Base of all errors raised by ``ckpt_uq``."""


class ArgumentError(CkptUQError, ValueError):
    """An argument has the wrong value, shape, dtype or range."""


class CheckpointError(CkptUQError):
    """A checkpoint file cannot be used: truncated, tampered, unsafe, or made for another model."""


class ManifestError(CkptUQError):
    """A run folder's manifest is missing, damaged, or contradicts what is asked of it."""


class MemberError(CkptUQError):
    """A member of an ensemble returned something that is no prediction."""


class DataError(CkptUQError):
    """A data set, volume or image cannot be read or is not what was announced."""
