"""A small 2D U-Net with instance norm."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BACKGROUND_BIAS = 2.0


class SmallUNet(nn.Module):
    """Two convolutions a level, max pooling down, transposed convolutions up.

    Parameters
    ----------
    n_classes : int
        Output channels, background included.
    channels : sequence of int
        Width of each level, finest first. Rows and columns must be multiples of ``2 ** (len(channels) - 1)``.

    Examples
    --------
    >>> SmallUNet(4)(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 4, 32, 32])
    """

    def __init__(self, n_classes: int, channels: Sequence[int] = (16, 32, 64, 96)) -> None:
        super().__init__()
        widths = list(channels)
        self.down = nn.ModuleList(_block(a, b) for a, b in zip([1, *widths[:-1]], widths, strict=True))
        finer = list(reversed(widths[:-1]))
        coarser = list(reversed(widths[1:]))
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(a, b, kernel_size=2, stride=2) for a, b in zip(coarser, finer, strict=True)
        )
        self.merge = nn.ModuleList(_block(2 * b, b) for b in finer)
        self.head = nn.Conv2d(widths[0], n_classes, kernel_size=1, bias=False)
        # Most pixels are background: without this the Dice loss spends the first cycle on finding out.
        self.bias = nn.Parameter(torch.tensor([BACKGROUND_BIAS, *[0.0] * (n_classes - 1)])[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """Logits (B, n_classes, y, x) of images (B, 1, y, x)."""
        skipped: list[Tensor] = []
        for block in self.down:
            x = block(F.max_pool2d(x, 2) if skipped else x)
            skipped.append(x)
        for up, merge, skip in zip(self.up, self.merge, reversed(skipped[:-1]), strict=True):
            x = merge(torch.cat([up(x), skip], dim=1))
        logits: Tensor = self.head(x) + self.bias
        return logits


def seeded_unet(n_classes: int, seed: int) -> SmallUNet:
    """A U-Net whose first weights depend on `seed` alone; the caller's random state stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return SmallUNet(n_classes)


def _block(n_in: int, n_out: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in ((n_in, n_out), (n_out, n_out)):
        layers += [
            nn.Conv2d(a, b, 3, padding=1, bias=False),
            nn.InstanceNorm2d(b, affine=True),
            nn.LeakyReLU(0.01),
        ]
    return nn.Sequential(*layers)
