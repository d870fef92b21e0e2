"""A file that others still write to."""

from __future__ import annotations

import gzip
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.errors import InputError
from ctrlog.growing import GrowingFile

MAX_LINE_BYTES = 5

LINES = st.lists(st.sampled_from([b"", b"a", b"bcd", b"abcde", b"abcdef", b"x" * 40]), max_size=12)


def kept(line: bytes) -> bytes:
    """Return as much of a line as is kept: one byte more than the longest may have."""
    return line[: MAX_LINE_BYTES + 1]


@given(LINES, st.sampled_from([b"", b"un", b"unfinished"]), st.integers(1, 60), st.booleans())
def test_lines_come_out_once_in_any_blocks(
    lines: list[bytes],
    rest: bytes,
    block_bytes: int,
    stops: bool,  # noqa: FBT001
) -> None:
    """Read in any blocks, and opened anew at the offset after each, every line comes once."""
    content = b"".join(line + b"\n" for line in lines)
    with TemporaryDirectory() as folder:
        path = Path(folder, "log")
        path.write_bytes(content + rest)
        file = GrowingFile(path, 0, MAX_LINE_BYTES, block_bytes)
        found: list[bytes] = []
        while block := file.read():
            assert block.endswith(b"\n")
            found += block.split(b"\n")[:-1]
            assert file.offset == len(b"".join(line + b"\n" for line in lines[: len(found)]))
            if stops:
                file.close()
                file = GrowingFile(path, file.offset, MAX_LINE_BYTES, block_bytes)
        # Of a line that fits into a block, more may be kept: the decoder measures it anyway.
        assert [kept(line) for line in found] == [kept(line) for line in lines]
        assert all(len(line) <= MAX_LINE_BYTES + 1 + block_bytes for line in found)
        assert file.offset == len(content)
        assert kept(file.read_unfinished()) == kept(rest)
        assert file.offset == len(content + rest)
        assert file.read_unfinished() == b""
        file.close()


def test_what_is_appended_is_read_on(tmp_path: Path) -> None:
    """At the end of the file nothing comes, until there is a whole line more."""
    path = tmp_path / "log"
    path.write_bytes(b"one\ntw")
    file = GrowingFile(path, 0, 100, 100)
    assert (file.read(), file.read(), file.offset) == (b"one\n", b"", 4)
    for more, expected, offset in ((b"o", b"", 4), (b"\nthree\n", b"two\nthree\n", 14)):
        with path.open("ab") as appended:
            appended.write(more)
        assert (file.read(), file.offset) == (expected, offset)
    file.close()


@pytest.mark.parametrize("block_bytes", [4, 100])
def test_a_byte_order_mark_is_no_text(block_bytes: int, tmp_path: Path) -> None:
    """It is passed over at the beginning, and counts for the offset."""
    path = tmp_path / "log"
    path.write_bytes(b"\xef\xbb\xbfone\n\xef\xbb\xbf")
    file = GrowingFile(path, 0, 100, block_bytes)
    assert (file.read(), file.offset) == (b"one\n", 7)
    assert file.read() == b""
    assert file.read_unfinished() == b"\xef\xbb\xbf"
    file.close()


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    """With the path and what to do."""
    path = tmp_path / "log"
    with pytest.raises(InputError, match="log: No such file"):
        GrowingFile(path, 0, 100, 100)
    path.write_bytes(gzip.compress(b"{}\n"))
    file = GrowingFile(path, 0, 100, 100)
    with pytest.raises(InputError, match=r"log: is compressed \(gzip\); decompress it first"):
        file.read()
    file.close()
    with pytest.raises(InputError, match="was read up to byte 1000 before"):
        GrowingFile(path, 1000, 100, 100)
    folder = GrowingFile(tmp_path, 0, 100, 100)
    with pytest.raises(InputError, match="byte 1: cannot read on: Is a directory"):
        folder.read()
    folder.close()
