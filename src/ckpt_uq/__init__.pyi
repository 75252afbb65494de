from . import (
    calibration,
    checkpoints,
    conformal,
    decomposition,
    evaluation,
    maps,
    moments,
    posthoc,
    schedule,
    scores,
    selection,
)
from ._version import __version__ as __version__
from .analysis import Analysis, analyze
from .calibration.bins import CalibrationBins
from .cycles import Cycle, Cycles, cycle_at, cycles_ending_at, geometric_cycles, sgdr_lr
from .ensemble import CheckpointEnsemble
from .errors import (
    ArgumentError,
    CheckpointError,
    CkptUQError,
    DataError,
    ManifestError,
    MemberError,
)
from .maps import class_entropy, max_softmax, predictive_entropy
from .members.source import Member, MemberSource
from .prediction import Prediction
from .schedule import SGDR
from .selection import PeakCheckpointSelector, select_peaks

__all__ = [
    "SGDR",
    "Analysis",
    "ArgumentError",
    "CalibrationBins",
    "CheckpointEnsemble",
    "CheckpointError",
    "CkptUQError",
    "Cycle",
    "Cycles",
    "DataError",
    "ManifestError",
    "Member",
    "MemberError",
    "MemberSource",
    "PeakCheckpointSelector",
    "Prediction",
    "__version__",
    "analyze",
    "calibration",
    "checkpoints",
    "class_entropy",
    "conformal",
    "cycle_at",
    "cycles_ending_at",
    "decomposition",
    "evaluation",
    "geometric_cycles",
    "maps",
    "max_softmax",
    "moments",
    "posthoc",
    "predictive_entropy",
    "schedule",
    "scores",
    "select_peaks",
    "selection",
    "sgdr_lr",
]
