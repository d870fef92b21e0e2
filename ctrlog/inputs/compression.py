"""Decompression of input, with the format recognized by its first bytes.

An archive is one or more members (gzip members, zstd frames, bzip2 or xz streams) one after the
other. `Decompressor` takes the archive in pieces of any size and yields content in parts of bounded
size, so memory is constant however well the content was compressed.
"""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple, Protocol

#: The size of the pieces in which archives are read: small enough to locate damage.
PIECE_BYTES = 16 * 1024
#: The most content that is yielded at once. This much may also be missing before damage.
CONTENT_BYTES = 64 * 1024


class Damaged(ValueError):  # noqa: N818  # a state of the input, which becomes an InputError
    """The rest of an archive cannot be decompressed, for the reason in the message."""


class _Member(Protocol):
    """A decompressor of one member, with the interface of those in the standard library."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class CompressionFormat(NamedTuple):
    """A compression format.

    Attributes:
        name: The name of the format.
        open_member: Makes a decompressor for one member.
    """

    name: str
    open_member: Callable[[], _Member]


def format_of(beginning: bytes) -> CompressionFormat | None:
    """Return the format of an archive, or None if the bytes do not begin an archive.

    >>> format_of(b"BZh91AY&SY").name
    'bzip2'

    Args:
        beginning: As many of the first bytes as its format needs, six at most, or all of it.
    """
    for magic, format_ in _FORMATS.items():
        if beginning.startswith(magic):
            return format_
    return None


class Decompressor:
    """Decompresses an archive of one or more members, piece by piece.

    >>> import gzip
    >>> archive = gzip.compress(b"one ") + gzip.compress(b"two")
    >>> decompressor = Decompressor(format_of(archive))
    >>> b"".join(decompressor.feed(archive))
    b'one two'
    >>> decompressor.finish()
    """

    def __init__(self, format_: CompressionFormat) -> None:
        """Prepare to decompress the first member.

        Args:
            format_: Format of the archive.
        """
        self._format = format_
        self._member: _Member | None = format_.open_member()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Decompress the next piece of the archive.

        Args:
            piece: Any number of bytes, which follow those of the last call.

        Yields:
            Content, at most `CONTENT_BYTES` at a time.

        Raises:
            Damaged: If the archive is damaged.
        """
        while piece or (self._member is not None and not self._member.needs_input):
            member = self._member
            if member is None:
                piece = piece.lstrip(b"\0")  # padding to the block size of a tape, or of xz
                if not piece:
                    return
                member = self._member = self._format.open_member()
            try:
                content = member.decompress(piece, CONTENT_BYTES)
            except _ERRORS as error:
                why = str(error).removeprefix("Error -3 while decompressing data: ")
                raise Damaged(
                    f"the {self._format.name} archive is damaged here or earlier: {why}"
                ) from None
            piece = b""
            if content:
                yield content
            if member.eof:
                piece, self._member = member.unused_data, None

    def finish(self) -> None:
        """Check that the archive is complete.

        Raises:
            Damaged: If it ends inside a member.
        """
        if self._member is not None:
            raise Damaged(f"the {self._format.name} archive is incomplete: it ends here")


class _GzipMember:
    """A decompressor of one gzip member, which checks its checksum and its length."""

    _GZIP = 16 + zlib.MAX_WBITS

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(self._GZIP)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        content = self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)
        # If the buffer is full there may be more content, even if all input was consumed.
        self.needs_input = self.eof or len(content) < max_length
        return content


def _zstd() -> Any:
    # Imported when needed, because few logs are compressed with zstd.
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    return import_module(name)


class _ZstdMember:
    """A decompressor of one zstd frame."""

    def __init__(self) -> None:
        zstd = _zstd()
        self._error = zstd.ZstdError
        self._decompressor = zstd.ZstdDecompressor()

    @property
    def eof(self) -> bool:
        return bool(self._decompressor.eof)

    @property
    def needs_input(self) -> bool:
        return bool(self._decompressor.needs_input)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._decompressor.unused_data)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        try:
            return bytes(self._decompressor.decompress(data, max_length))
        except self._error as error:
            raise OSError(str(error)) from None


_ERRORS = (zlib.error, lzma.LZMAError, OSError)
_GZIP = CompressionFormat("gzip", _GzipMember)
_ZSTD = CompressionFormat("zstd", _ZstdMember)
_FORMATS = {
    b"\x1f\x8b": _GZIP,
    b"BZh": CompressionFormat("bzip2", bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": CompressionFormat("xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)),
    b"\x28\xb5\x2f\xfd": _ZSTD,
    # Skippable frames, which parallel compressors write first.
    **{bytes((first,)) + b"\x2a\x4d\x18": _ZSTD for first in range(0x50, 0x60)},
}
#: The magic numbers of all formats.
MAGICS = tuple(_FORMATS)
