"""Weight files: tensors only, written whole, loaded without unpickling anything else."""

from ckpt_uq.checkpoints.loading import load_entries, load_weights
from ckpt_uq.checkpoints.record import FileRecord, record_of
from ckpt_uq.checkpoints.saving import save_weights
from ckpt_uq.weights import check_fits

__all__ = ["FileRecord", "check_fits", "load_entries", "load_weights", "record_of", "save_weights"]
