"""Bytes of a file, or of a deflated part of one, read forward, from marks that cost next to nothing."""

from __future__ import annotations

import os
import zlib
from typing import Any

_PIECE = 1 << 16


class ForwardStream:
    """A place in a file from which to read on.

    Deflate cannot seek, but its decoder can be copied: a copy made on the way is a mark from which to read
    again, at the cost of some hundred kilobytes. Reading is by position, so that streams of one file can be
    read side by side.

    Parameters
    ----------
    descriptor : int
        Of the open file; not closed here.
    start, stop : int
        Where the bytes lie in the file.
    deflated : bool
        Whether they are deflated, without zlib's header, as in a zip.
    """

    def __init__(self, descriptor: int, start: int, stop: int, *, deflated: bool) -> None:
        self._descriptor = descriptor
        self._position = start
        self._stop = stop
        self._decoder: Any = zlib.decompressobj(-zlib.MAX_WBITS) if deflated else None

    def mark(self) -> ForwardStream:
        """A second stream that reads on from here."""
        other = ForwardStream(self._descriptor, self._position, self._stop, deflated=False)
        other._decoder = self._decoder and self._decoder.copy()
        return other

    def readinto(self, buffer: memoryview) -> int:
        """Fill a buffer of bytes; return how many there were."""
        n_read = 0
        while n_read < len(buffer) and (piece := self.read(len(buffer) - n_read)):
            buffer[n_read : n_read + len(piece)] = piece
            n_read += len(piece)
        return n_read

    def read(self, most: int) -> bytes:
        """Read on for at most `most` bytes, and a limited number at a time; none means the end."""
        if self._decoder is None:
            return self._raw(most)
        while not self._decoder.eof:
            raw = self._decoder.unconsumed_tail or self._raw(_PIECE)
            piece: bytes = self._decoder.decompress(raw, min(most, 4 * _PIECE))
            if piece or not raw:
                return piece
        return b""

    def _raw(self, most: int) -> bytes:
        data = os.pread(self._descriptor, min(most, _PIECE, self._stop - self._position), self._position)
        self._position += len(data)
        return data
