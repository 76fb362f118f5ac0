"""Files compressed with zstd. The one place that knows where Python has it.

A file is one frame with a checksum of its content and nothing after it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

from storysync.store.archive import BackupDamaged

_CHUNK_BYTES = 1 << 20
Step = Callable[[int, int], None]


def compress(source: Path, target: Path, level: int, step: Step) -> None:
    """Write the content of `source` into `target`, a file that is there, and flush it. Raises OSError.

    `step` is told bytes of `source`.
    """
    options: dict[int, int] = {
        zstd.CompressionParameter.compression_level: level,
        zstd.CompressionParameter.checksum_flag: 1,
    }
    compressor = zstd.ZstdCompressor(options=options)
    with source.open("rb", buffering=0) as reading, target.open("r+b", buffering=0) as writing:
        total = os.fstat(reading.fileno()).st_size
        compressor.set_pledged_input_size(total)
        done = 0
        while chunk := reading.read(_CHUNK_BYTES):
            _write(writing.fileno(), compressor.compress(chunk))
            done += len(chunk)
            step(done, total)
        _write(writing.fileno(), compressor.flush())
        os.fsync(writing.fileno())


def decompress(source: Path, descriptor: int, step: Step) -> None:
    """Write the content of a compressed file to a descriptor. Raises BackupDamaged, OSError.

    `step` is told bytes of `source`.
    """
    decompressor = zstd.ZstdDecompressor()
    with source.open("rb", buffering=0) as reading:
        total = os.fstat(reading.fileno()).st_size
        try:
            while not decompressor.eof:
                chunk = reading.read(_CHUNK_BYTES) if decompressor.needs_input else b""
                if not chunk and decompressor.needs_input:
                    raise BackupDamaged(f"{source.name} is cut off after {total} bytes")
                _write(descriptor, decompressor.decompress(chunk, _CHUNK_BYTES))
                step(reading.tell(), total)
        except zstd.ZstdError as error:
            raise BackupDamaged(f"{source.name} cannot be unpacked: {error}") from error
        if decompressor.unused_data or reading.read(1):
            raise BackupDamaged(f"{source.name} has more in it than was written")


def _write(descriptor: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(descriptor, left) :]
