"""Turn the checkpoints of one training run into uncertainty that can be trusted.

Names are imported when first used (SPEC 1), so ``import ckpt_uq`` costs next to nothing.
"""

import lazy_loader

from ckpt_uq._version import __version__ as __version__

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
