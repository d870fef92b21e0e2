"""Sources of lines: whole lines and the same bytes, however they arrive."""

from __future__ import annotations

import os
import threading
import time
from contextlib import closing
from pathlib import Path
from unittest import mock

import pytest
import strategies
from hypothesis import example, given
from hypothesis import strategies as st
from processes import arriving

from ctrlog.errors import InputError
from ctrlog.inputs import content
from ctrlog.inputs import lines as sources
from ctrlog.inputs.content import BLOCK_BYTES, Content
from ctrlog.inputs.lines import STDIN, Source, open_source, total_size
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import Schema

MARK = b"\xef\xbb\xbf"
LONG = 2**20
MAGIC = [b"\x1f\x8b\x08\x00", b"BZh91AY&SY", b"\xfd7zXZ\x00\x00\x04", b"\x28\xb5\x2f\xfd\x24"]


def blocks_of(pieces: list[bytes], most: int = LONG, block_bytes: int = 64) -> list[bytes]:
    """Return the blocks of a source whose bytes arrive in these pieces."""
    with Path(os.devnull).open("rb") as file, arriving(pieces):
        return [*source_of(file.fileno(), most, block_bytes).blocks()]


def source_of(descriptor: int, most: int = LONG, block_bytes: int = BLOCK_BYTES) -> Source:
    """Return a source of an open input."""
    return Source(Content("log", descriptor, block_bytes), most)


#: Contents with short lines, some of unusual bytes.
CONTENTS = st.lists(
    st.sampled_from([b"a", b"bc", b"\n", b"\n", b"\r\n", b"\0", b"\xff", MARK])
).map(b"".join)


@given(st.data(), CONTENTS | strategies.log_bytes(), st.integers(1, 100))
def test_any_pieces_give_whole_lines_and_the_same_bytes(
    data: st.DataObject, content: bytes, block_bytes: int
) -> None:
    """However bytes arrive, blocks are whole lines and add up to the content.

    Zeros at the beginning and a byte order mark are left out.
    """
    pieces = strategies.split_at(content, data.draw(strategies.split_points(content)))
    blocks = blocks_of(pieces, block_bytes=block_bytes)
    assert b"".join(blocks) == content.lstrip(b"\0").removeprefix(MARK)
    assert all(block.endswith(b"\n") for block in blocks[:-1])
    assert all(blocks)


@given(st.data(), CONTENTS, st.integers(1, 12), st.integers(1, 20))
@example(None, b"abcdefghijklmnopqrstuvwxyz\nabc\n", 5, 7)
def test_a_line_that_is_too_long_is_cut(
    data: st.DataObject | None, content: bytes, most: int, block_bytes: int
) -> None:
    """A line over the limit is cut but stays over it, and other lines stay whole."""
    content = b"-" + content  # so that no mark is left out
    cuts = data.draw(strategies.split_points(content)) if data else []
    blocks = blocks_of(strategies.split_at(content, cuts), most, block_bytes)
    assert all(len(block) <= most + 1 + 6 + block_bytes for block in blocks)
    kept = b"".join(blocks).split(b"\n")
    lines = content.split(b"\n")
    assert len(kept) == len(lines)
    for whole, line in zip(lines, kept, strict=True):
        if len(whole) <= most:
            assert line == whole
        else:
            assert most < len(line) <= len(whole)
            assert line[: most + 1] == whole[: most + 1]


def test_a_line_that_begins_with_too_many_blanks_is_bad_in_any_pieces() -> None:
    """Whether a line that is too long is bad does not depend on how it arrives (R12)."""
    content = b" " * 11 + b"x" + b" " * 30 + b"\n"
    decoder = Decoder(Schema(), 10)
    reasons = []
    for block_bytes in (100, 1):
        blocks = blocks_of([content], 10, block_bytes)
        reasons.append([bad.reason for block in blocks for bad in decoder.decode(block).bad])
    assert reasons[0] == reasons[1]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
def test_a_byte_order_mark_is_left_out_however_it_arrives(size: int) -> None:
    """A mark at the beginning is not part of the first line, even if it arrives byte by byte."""
    assert b"".join(blocks_of([MARK + b"a\nb"], block_bytes=size)) == b"a\nb"
    assert blocks_of([MARK], block_bytes=size) == []
    assert b"".join(blocks_of([MARK + MARK + b"a"], block_bytes=size)) == MARK + b"a"
    assert b"".join(blocks_of([b"\xef\xbb"], block_bytes=size)) == b"\xef\xbb"
    assert b"".join(blocks_of([b"a\n" + MARK], block_bytes=size)) == b"a\n" + MARK


@pytest.mark.parametrize("size", [1, 2, 100])
def test_zeros_at_the_beginning_are_skipped(size: int) -> None:
    """A log truncated while its writer kept its position begins with a hole of zeros."""
    hole = b"\0" * 1000
    assert b"".join(blocks_of([hole + b"a\nb\n"], 10, block_bytes=size)) == b"a\nb\n"
    assert b"".join(blocks_of([hole + b"a"], 10, block_bytes=size)) == b"a"
    assert b"".join(blocks_of([b"a" + hole + b"\n"], block_bytes=size)) == b"a" + hole + b"\n"
    assert b"".join(blocks_of([b"a\n\0b\n"], block_bytes=size)) == b"a\n\0b\n"
    assert blocks_of([hole], block_bytes=size) == []


def test_an_empty_input_has_no_blocks() -> None:
    """An empty input gives nothing."""
    assert blocks_of([]) == []


@pytest.mark.parametrize("beginning", [b"BZ", b"\x1f", b"\xfd7zXZ", b"\x28\xb5\x2f", b" BZh9"])
def test_what_only_looks_compressed_is_read(beginning: bytes) -> None:
    """A part of a magic number does not make an archive."""
    assert b"".join(blocks_of([beginning + b"\n"])) == beginning + b"\n"


def test_lines_are_returned_as_they_arrive() -> None:
    """Lines from a pipe are returned before a block is full."""
    reader, writer = os.pipe()
    try:
        blocks = source_of(reader).blocks()
        os.write(writer, b"first line\nsecond ")
        assert next(blocks) == b"first line\n"
        os.write(writer, b"line\n")
        assert next(blocks) == b"second line\n"
        os.write(writer, b"the end")
        os.close(writer)
        assert [*blocks] == [b"the end"]
    finally:
        os.close(reader)


def test_a_pipe_that_does_not_block_is_waited_for() -> None:
    """A pipe that another process made non-blocking is read to its end."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)

    def write() -> None:
        for piece in (b"first ", b"line\nsecond", b" line\n"):
            time.sleep(0.02)
            os.write(writer, piece)
        os.close(writer)

    thread = threading.Thread(target=write)
    thread.start()
    source = source_of(reader)
    assert b"".join(source.blocks()) == b"first line\nsecond line\n"
    assert source.content.read_bytes == 23
    thread.join()
    os.close(reader)


def test_a_read_that_fails_says_where(tmp_path: Path) -> None:
    """A read error names the file and the byte, after the lines before it."""
    path = tmp_path / "log"
    path.write_bytes(b"first line\nsecond line\n")
    read = os.read

    def failing(descriptor: int, size: int) -> bytes:
        if os.lseek(descriptor, 0, os.SEEK_CUR) >= 15:
            raise OSError(5, "Input/output error")
        return read(descriptor, size)

    with (
        closing(open_source(str(path), block_bytes=15)) as source,
        mock.patch.object(os, "read", failing),
    ):
        blocks = source.blocks()
        assert next(blocks) == b"first line\n"
        with pytest.raises(InputError) as caught:
            next(blocks)
    assert str(caught.value) == f"{path}: byte 16: cannot read on: Input/output error"


# Opening.


def test_a_file_is_opened_and_closed(tmp_path: Path) -> None:
    """A source has the name of its file, and closes it."""
    path = tmp_path / "log"
    path.write_bytes(b"a\nb\n")
    with closing(open_source(str(path))) as source:
        descriptor = source.content._descriptor
        assert source.name == str(path)
        assert [*source.blocks()] == [b"a\nb\n"]
        assert source.content.read_bytes == 4
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_standard_input_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name - means standard input, which belongs to the caller."""
    reader, writer = os.pipe()
    monkeypatch.setattr(sources, "STDIN_DESCRIPTOR", reader)
    monkeypatch.setattr(content, "STDIN_DESCRIPTOR", reader)
    os.write(writer, b"a log\nb\n")
    os.close(writer)
    with closing(open_source(STDIN)) as source:
        assert b"".join(source.blocks()) == b"a log\nb\n"
    os.close(reader)  # raises if it was closed already


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A missing file is an input error with the reason of the system."""
    name = str(tmp_path / "none.jsonl")
    with pytest.raises(InputError) as caught:
        open_source(name)
    assert str(caught.value) == f"{name}: No such file or directory"


def test_a_file_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file without permission is an input error with the reason of the system."""

    def refuse(name: str, *_: object) -> int:
        raise PermissionError(13, "Permission denied", name)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError) as caught:
        open_source(str(tmp_path / "log"))
    assert str(caught.value) == f"{tmp_path / 'log'}: Permission denied"


def test_a_directory_is_refused_with_a_way_out(tmp_path: Path) -> None:
    """A directory is refused with an example of what to name, and closed."""
    before = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(InputError) as caught:
        open_source(str(tmp_path))
    example_ = tmp_path / "*.jsonl"
    assert str(caught.value) == (
        f"{tmp_path}: is a directory; name the files in it, such as {example_}"
    )
    assert len([*Path("/proc/self/fd").iterdir()]) == before


# Size.


def test_sizes_of_files_are_summed(tmp_path: Path) -> None:
    """Sizes of regular files are added; missing files are left out."""
    names = [str(tmp_path / name) for name in ("a", "b", "none")]
    Path(names[0]).write_bytes(b"123")
    Path(names[1]).write_bytes(b"4567")
    assert total_size(names) == 7
    assert total_size([]) == 0


def test_the_size_of_a_pipe_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a pipe among the inputs the size is unknown; a redirected file has one."""
    path = tmp_path / "a"
    path.write_bytes(b"123")
    reader, writer = os.pipe()
    try:
        monkeypatch.setattr(sources, "STDIN_DESCRIPTOR", reader)
        assert total_size([str(path), STDIN]) is None
    finally:
        os.close(reader)
        os.close(writer)
    with path.open("rb") as file:
        monkeypatch.setattr(sources, "STDIN_DESCRIPTOR", file.fileno())
        assert total_size([str(path), STDIN]) == 6
    assert total_size([str(tmp_path)]) is None
