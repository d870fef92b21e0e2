"""Compressed input: told by its first bytes, decompressed as it arrives."""

from __future__ import annotations

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, NamedTuple, Protocol

#: So much of an archive is best decompressed at a time, so that it is known well enough
#: where damage is.
PIECE_BYTES = 16 * 1024
#: At most so much comes of it at a time, however well it was compressed. So much may be
#: missing before damage, too.
CONTENT_BYTES = 64 * 1024


class Damaged(ValueError):  # noqa: N818  # a state of the input, told on as an InputError
    """An archive cannot be decompressed from some place on; says why."""


class _Member(Protocol):
    """What decompresses one member of an archive; the standard library's have this form."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Format(NamedTuple):
    """A way to compress.

    Attributes:
        name: What people call it.
        open_member: Makes what decompresses one member, that is one compressed stream of
            those that stand one after the other in an archive.
    """

    name: str
    open_member: Callable[[], _Member]


def format_of(beginning: bytes) -> Format | None:
    """Return the format of an archive by its first bytes, None if it is none.

    Args:
        beginning: As many of the first bytes as its format needs, six at most, or all of it.
    """
    for magic, format_ in _FORMATS.items():
        if beginning.startswith(magic):
            return format_
    return None


class Decompressor:
    """Decompresses an archive of one or more members, piece by piece."""

    def __init__(self, format_: Format) -> None:
        """Stand before the first member.

        Args:
            format_: How it is compressed.
        """
        self._format = format_
        self._member: _Member | None = format_.open_member()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Decompress a piece.

        Args:
            piece: Any number of bytes of the archive, following those of the last call.

        Yields:
            Content, at most `CONTENT_BYTES` at a time.

        Raises:
            Damaged: If it cannot be decompressed.
        """
        while piece or (self._member is not None and not self._member.needs_input):
            member = self._member
            if member is None:
                piece = piece.lstrip(b"\0")  # what fills up a block of a tape, or of xz
                if not piece:
                    return
                member = self._member = self._format.open_member()
            try:
                content = member.decompress(piece, CONTENT_BYTES)
            except _ERRORS as error:
                why = str(error).removeprefix("Error -3 while decompressing data: ")
                raise Damaged(
                    f"the {self._format.name} archive is damaged there or before: {why}"
                ) from None
            piece = b""
            if content:
                yield content
            if member.eof:
                piece, self._member = member.unused_data, None

    def finish(self) -> None:
        """See whether the archive may end here.

        Raises:
            Damaged: If it is in the middle of a member.
        """
        if self._member is not None:
            raise Damaged(f"the {self._format.name} archive ends there, in the middle")


class _GzipMember:
    """One member of a gzip file; checks its sum and its length."""

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
        # With a full buffer there may be more to come, even if all input was taken.
        self.needs_input = self.eof or len(content) < max_length
        return content


def _zstd() -> Any:
    # Loaded when needed: few logs are compressed with it.
    name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    return import_module(name)


class _ZstdMember:
    """One frame of a zstd file."""

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
_GZIP = Format("gzip", _GzipMember)
_ZSTD = Format("zstd", _ZstdMember)
_FORMATS = {
    b"\x1f\x8b": _GZIP,
    b"BZh": Format("bzip2", bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": Format("xz", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)),
    b"\x28\xb5\x2f\xfd": _ZSTD,
    # A frame to be passed over, as parallel compressors write first.
    **{bytes((first,)) + b"\x2a\x4d\x18": _ZSTD for first in range(0x50, 0x60)},
}
#: Magic numbers, by which formats are told.
MAGICS = tuple(_FORMATS)
