"""What an ensemble remembers of its members: running means, whose size does not depend on how many there are.

State is data. :func:`init` makes it, :func:`update` folds one member in, :func:`merge` joins two, so that
the same code serves members one by one, in blocks, or spread over processes.
"""

from ckpt_uq.moments.folding import update, update_many
from ckpt_uq.moments.state import EnsembleMoments, Outputs, Transform, clear, init, merge
from ckpt_uq.moments.verifying import verify

__all__ = [
    "EnsembleMoments",
    "Outputs",
    "Transform",
    "clear",
    "init",
    "merge",
    "update",
    "update_many",
    "verify",
]
