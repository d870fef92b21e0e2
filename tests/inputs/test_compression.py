"""Decompression: archives in pieces of any size give what the library gives at once."""

from __future__ import annotations

import pytest
import strategies
from archives import COMPRESS, DECOMPRESS, MAKERS, gzipped, kind_of, skipped, zstandard
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.inputs.compression import (
    CONTENT_BYTES,
    MAGICS,
    CompressionFormat,
    Damaged,
    Decompressor,
    format_of,
)

#: Contents of members: empty, short, highly and barely compressible.
CONTENTS = st.one_of(
    st.sampled_from([b"", b"\n", b"a", b"line\n" * 3_000, b"\0" * 200_000]),
    st.binary(max_size=300),
    strategies.log_bytes(max_events=12),
)
KINDS = sorted(COMPRESS)


def known(archive: bytes) -> CompressionFormat:
    """Return the format of bytes that are an archive."""
    format_ = format_of(archive)
    assert format_ is not None
    return format_


def content_of(archive: bytes, pieces: list[bytes] | None = None) -> bytes:
    """Decompress an archive piece by piece, or all at once."""
    decompressor = Decompressor(known(archive))
    content = [part for piece in pieces or [archive] for part in decompressor.feed(piece)]
    decompressor.finish()
    assert all(content)
    assert all(len(part) <= CONTENT_BYTES for part in content)
    return b"".join(content)


def readable_of(archive: bytes) -> tuple[bytes, str]:
    """Decompress as far as possible; return the content, and the error if there is one."""
    content = b""
    decompressor = Decompressor(known(archive))
    try:
        for part in decompressor.feed(archive):
            content += part
        decompressor.finish()
    except Damaged as damage:
        return content, str(damage)
    return content, ""


# Recognizing archives.


@pytest.mark.parametrize("maker", sorted(MAKERS))
def test_an_archive_is_recognized_by_its_first_bytes(maker: str) -> None:
    """The format is recognized from the beginning of an archive, whatever its content."""
    for content in b"", b"a log\n":
        archive = MAKERS[maker](content)
        assert known(archive).name == kind_of(maker)
        assert known(archive[:10]).name == kind_of(maker)


@pytest.mark.parametrize("number", range(16))
def test_any_skippable_frame_is_recognized_as_zstd(number: int) -> None:
    """Parallel compressors write a skippable frame first, of one of 16 kinds."""
    archive = skipped(b"\0" * 20, number) + zstandard(b"a log\n")
    assert known(archive).name == "zstd"
    assert content_of(archive) == b"a log\n"


@pytest.mark.parametrize("magic", MAGICS)
def test_part_of_a_magic_number_is_not_an_archive(magic: bytes) -> None:
    """Part of a magic number, or one after other bytes, does not begin an archive."""
    for length in range(len(magic)):
        assert format_of(magic[:length]) is None
    assert format_of(b" " + magic) is None
    assert format_of(magic[:-1] + bytes((magic[-1] ^ 1,)) + b"\0") in (
        None,
        format_of(b"\x50\x2a\x4d\x18"),  # the next skippable frame
    )


@pytest.mark.parametrize(
    "beginning", [b"", b"{", b'{"type":"Search"}', b"\xef\xbb\xbf{", b"PK\3\4"]
)
def test_other_beginnings_have_no_format(beginning: bytes) -> None:
    """Logs and unsupported archives such as zip have no format."""
    assert format_of(beginning) is None


# Whole archives.


@given(st.data(), st.sampled_from(KINDS), st.lists(CONTENTS, min_size=1, max_size=4))
def test_any_pieces_give_the_content(data: st.DataObject, kind: str, contents: list[bytes]) -> None:
    """One or more members in pieces of any size give what the library gives at once."""
    archive = b"".join(map(COMPRESS[kind], contents))
    content = b"".join(contents)
    assert DECOMPRESS[kind](archive) == content
    cuts = data.draw(strategies.split_points(archive[:2_000]))
    assert content_of(archive, strategies.split_at(archive, cuts)) == content


@pytest.mark.parametrize("maker", sorted(MAKERS))
def test_byte_by_byte(maker: str) -> None:
    """An archive can arrive byte by byte."""
    content = bytes(range(256)) * 3 + b"\n"
    archive = MAKERS[maker](content)
    assert content_of(archive, [archive[i : i + 1] for i in range(len(archive))]) == content


@pytest.mark.parametrize("kind", KINDS)
def test_members_of_one_byte(kind: str) -> None:
    """Many members of one byte, with empty ones between, give their joined content."""
    content = b'{"type":"AppOpen","user":1}\n'
    members = [COMPRESS[kind](content[i : i + 1]) for i in range(len(content))]
    assert content_of(COMPRESS[kind](b"").join(members)) == content


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zeros", [1, 3, 4, 512, 100_000])
def test_zeros_after_a_member_are_passed_over(kind: str, zeros: int) -> None:
    """Zeros that pad a member on a tape or in xz are skipped; another member may follow."""
    member = COMPRESS[kind](b"a log\n")
    assert content_of(member + bytes(zeros)) == b"a log\n"
    assert content_of(member + bytes(zeros) + member) == b"a log\na log\n"


@pytest.mark.parametrize("kind", KINDS)
def test_well_compressed_content_comes_in_parts(kind: str) -> None:
    """Little of the content is in memory at a time, however much a piece holds."""
    size = 20_000_000
    archive = COMPRESS[kind](bytes(size))
    decompressor = Decompressor(known(archive))
    sizes = [len(part) for part in decompressor.feed(archive)]
    assert sum(sizes) == size
    assert max(sizes) <= CONTENT_BYTES
    decompressor.finish()


def test_what_is_compressed_twice_is_decompressed_once() -> None:
    """Only one layer of compression is removed."""
    archive = gzipped(b"a log\n")
    assert content_of(gzipped(archive)) == archive


# Incomplete and damaged archives.


@pytest.mark.parametrize("maker", sorted(MAKERS))
def test_cut_anywhere_an_archive_gives_a_prefix(maker: str) -> None:
    """A cut archive gives a prefix of its content, and is reported as incomplete."""
    content = b"".join(b'{"type":"AppOpen","user":%d}\n' % (n * n) for n in range(100))
    archive = MAKERS[maker](content)
    kind = kind_of(maker)
    before = b""
    for length in range(max(map(len, MAGICS)), len(archive)):
        readable, wrong = readable_of(archive[:length])
        assert readable.startswith(before)
        assert content.startswith(readable)
        before = readable
        if wrong or maker == kind:
            assert wrong == f"the {kind} archive is incomplete: it ends here"
        elif not maker.endswith("frames"):  # cut between members, the archive looks complete
            assert DECOMPRESS[kind](archive[:length]) == readable


@given(st.data(), st.sampled_from(KINDS), CONTENTS)
def test_damage_is_reported_or_harmless(data: st.DataObject, kind: str, content: bytes) -> None:
    """An archive with changed bytes gives its content or is reported as damaged."""
    archive = bytearray(COMPRESS[kind](content))
    start = data.draw(st.integers(6, len(archive) - 1))
    changed = data.draw(st.binary(min_size=1, max_size=8))
    archive[start : start + len(changed)] = changed
    found, wrong = readable_of(bytes(archive))
    assert found == content or wrong.startswith(f"the {kind} archive ")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("garbage", [b"x", b"\n", b"a log\n", b"\x1f", b"\0x", bytes(9) + b"\1"])
def test_garbage_at_the_end_is_reported(kind: str, garbage: bytes) -> None:
    """Garbage after an archive is reported after its whole content."""
    content, wrong = readable_of(COMPRESS[kind](b"a log\n") + garbage)
    assert content == b"a log\n"
    assert wrong.startswith(f"the {kind} archive ")


def test_a_window_that_takes_too_much_memory_is_refused() -> None:
    """A zstd archive made with --long=31, which needs 2 GB, is refused."""
    header = zstandard(b"")[:4] + b"\x00" + bytes((21 << 3,)) + b"\1\0\0"
    content, wrong = readable_of(header)
    assert content == b""
    assert "memory" in wrong
