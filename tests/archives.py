"""Archives of every kind that ctrlog reads, made by the libraries' one-shot functions."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

zstd: Any = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def gzipped(content: bytes) -> bytes:
    """Compress as gzip does, but without the time."""
    return gzip.compress(content, mtime=0)


def _gzipped_with_name(content: bytes) -> bytes:
    """Compress as `gzip FILE` does, which keeps the name."""
    plain = gzipped(content)
    return plain[:3] + b"\x08" + plain[4:10] + b"log.jsonl\0" + plain[10:]


def zstandard(content: bytes) -> bytes:
    """Compress as `zstd` does, with a sum of the content."""
    return bytes(zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1}))


def skipped(content: bytes, number: int = 0) -> bytes:
    """Make a zstd frame that is to be passed over.

    Args:
        content: What is in it.
        number: Which of the 16 kinds it is of.
    """
    return bytes((0x50 + number,)) + b"\x2a\x4d\x18" + len(content).to_bytes(4, "little") + content


def in_members(compress: Callable[[bytes], bytes], content: bytes, count: int) -> bytes:
    """Compress in several members, as appending and parallel compressors do."""
    size = len(content) // count + 1
    return b"".join(compress(content[n * size : (n + 1) * size]) for n in range(count))


#: How to compress by the name of the kind of archive; each stands for a member.
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzipped,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstandard,
}
#: How the library decompresses all at once.
DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "bzip2": bz2.decompress,
    "xz": lzma.decompress,
    "zstd": zstd.decompress,
}
#: Whole archives, as people have them.
MAKERS: dict[str, Callable[[bytes], bytes]] = {
    **COMPRESS,
    "gzip with a name": _gzipped_with_name,
    "gzip in members": lambda content: in_members(gzipped, content, 5),
    "bzip2 in members": lambda content: in_members(bz2.compress, content, 3),
    "xz in members": lambda content: in_members(lzma.compress, content, 3),
    "xz without a sum": lambda content: lzma.compress(content, check=lzma.CHECK_NONE),
    "zstd without a sum": lambda content: bytes(zstd.compress(content)),
    "zstd in frames": lambda content: (
        skipped(b"before", 15) + in_members(zstandard, content, 4) + skipped(b"after")
    ),
}


def kind_of(maker: str) -> str:
    """The kind of archive that a maker makes."""
    return maker.split(" ", 1)[0]
