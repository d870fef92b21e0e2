"""Archives by their bytes: any pieces give what the library gives all at once."""

from __future__ import annotations

import pytest
import strategies
from archives import COMPRESS, DECOMPRESS, MAKERS, gzipped, kind_of, skipped, zstandard
from hypothesis import given
from hypothesis import strategies as st

from ctrlog.compression import (
    CONTENT_BYTES,
    MAGICS,
    CompressionFormat,
    Damaged,
    Decompressor,
    format_of,
)

#: Contents of members: none, little, well and badly compressed.
CONTENTS = st.one_of(
    st.sampled_from([b"", b"\n", b"a", b"line\n" * 3_000, b"\0" * 200_000]),
    st.binary(max_size=300),
    strategies.log_bytes(max_events=12),
)
KINDS = sorted(COMPRESS)


def known(archive: bytes) -> CompressionFormat:
    """The format of what is known to be an archive."""
    format_ = format_of(archive)
    assert format_ is not None
    return format_


def content_of(archive: bytes, pieces: list[bytes] | None = None) -> bytes:
    """Decompress an archive piece by piece, all of it at once unless told otherwise."""
    decompressor = Decompressor(known(archive))
    content = [part for piece in pieces or [archive] for part in decompressor.feed(piece)]
    decompressor.finish()
    assert all(content)
    assert all(len(part) <= CONTENT_BYTES for part in content)
    return b"".join(content)


def readable_of(archive: bytes) -> tuple[bytes, str]:
    """Decompress as far as that goes; returns what came, and what was wrong then if anything."""
    content = b""
    decompressor = Decompressor(known(archive))
    try:
        for part in decompressor.feed(archive):
            content += part
        decompressor.finish()
    except Damaged as damage:
        return content, str(damage)
    return content, ""


# Telling archives.


@pytest.mark.parametrize("maker", sorted(MAKERS))
def test_an_archive_is_told_by_its_first_bytes(maker: str) -> None:
    """Whatever is in it, the format is known, and so it is from more than its beginning."""
    for content in b"", b"a log\n":
        archive = MAKERS[maker](content)
        assert known(archive).name == kind_of(maker)
        assert known(archive[:10]).name == kind_of(maker)


@pytest.mark.parametrize("number", range(16))
def test_any_frame_to_be_passed_over_is_of_zstd(number: int) -> None:
    """Parallel compressors begin with such a frame, of one of 16 kinds."""
    archive = skipped(b"\0" * 20, number) + zstandard(b"a log\n")
    assert known(archive).name == "zstd"
    assert content_of(archive) == b"a log\n"


@pytest.mark.parametrize("magic", MAGICS)
def test_less_than_a_magic_number_is_none(magic: bytes) -> None:
    """What only begins like an archive is none; neither is one after something else."""
    for length in range(len(magic)):
        assert format_of(magic[:length]) is None
    assert format_of(b" " + magic) is None
    assert format_of(magic[:-1] + bytes((magic[-1] ^ 1,)) + b"\0") in (
        None,
        format_of(b"\x50\x2a\x4d\x18"),  # the next frame to be passed over
    )


@pytest.mark.parametrize(
    "beginning", [b"", b"{", b'{"type":"Search"}', b"\xef\xbb\xbf{", b"PK\3\4"]
)
def test_other_beginnings_are_of_no_archive(beginning: bytes) -> None:
    """Logs are no archives, and neither is what is not read as one, such as zip."""
    assert format_of(beginning) is None


# Whole archives.


@given(st.data(), st.sampled_from(KINDS), st.lists(CONTENTS, min_size=1, max_size=4))
def test_any_pieces_give_the_content(data: st.DataObject, kind: str, contents: list[bytes]) -> None:
    """Of one or more members, in pieces of any size, comes what the library gives at once."""
    archive = b"".join(map(COMPRESS[kind], contents))
    content = b"".join(contents)
    assert DECOMPRESS[kind](archive) == content
    cuts = data.draw(strategies.split_points(archive[:2_000]))
    assert content_of(archive, strategies.split_at(archive, cuts)) == content


@pytest.mark.parametrize("maker", sorted(MAKERS))
def test_byte_by_byte(maker: str) -> None:
    """Pieces may be as small as they can be."""
    content = bytes(range(256)) * 3 + b"\n"
    archive = MAKERS[maker](content)
    assert content_of(archive, [archive[i : i + 1] for i in range(len(archive))]) == content


@pytest.mark.parametrize("kind", KINDS)
def test_members_of_one_byte(kind: str) -> None:
    """As many members as bytes, with empty ones between, are one content."""
    content = b'{"type":"AppOpen","user":1}\n'
    members = [COMPRESS[kind](content[i : i + 1]) for i in range(len(content))]
    assert content_of(COMPRESS[kind](b"").join(members)) == content


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zeros", [1, 3, 4, 512, 100_000])
def test_zeros_after_a_member_are_passed_over(kind: str, zeros: int) -> None:
    """A tape or xz fills up blocks with zeros; a member may still follow."""
    member = COMPRESS[kind](b"a log\n")
    assert content_of(member + bytes(zeros)) == b"a log\n"
    assert content_of(member + bytes(zeros) + member) == b"a log\na log\n"


@pytest.mark.parametrize("kind", KINDS)
def test_well_compressed_content_comes_in_parts(kind: str) -> None:
    """However much a piece holds, little of it is in memory at a time."""
    size = 20_000_000
    archive = COMPRESS[kind](bytes(size))
    decompressor = Decompressor(known(archive))
    sizes = [len(part) for part in decompressor.feed(archive)]
    assert sum(sizes) == size
    assert max(sizes) <= CONTENT_BYTES
    decompressor.finish()


def test_what_is_compressed_twice_is_decompressed_once() -> None:
    """One layer is taken off, as any decompressor does."""
    archive = gzipped(b"a log\n")
    assert content_of(gzipped(archive)) == archive


# Cut and damaged ones.


@pytest.mark.parametrize("maker", sorted(MAKERS))
def test_cut_anywhere_an_archive_gives_a_prefix(maker: str) -> None:
    """What is left of an archive gives a part of the content, and it is told that it ends."""
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
        elif not maker.endswith("frames"):  # at the end of a member nothing tells of others
            assert DECOMPRESS[kind](archive[:length]) == readable


@given(st.data(), st.sampled_from(KINDS), CONTENTS)
def test_damage_is_told_or_does_none(data: st.DataObject, kind: str, content: bytes) -> None:
    """With some bytes changed, an archive gives its content or is told to be damaged."""
    archive = bytearray(COMPRESS[kind](content))
    start = data.draw(st.integers(6, len(archive) - 1))
    changed = data.draw(st.binary(min_size=1, max_size=8))
    archive[start : start + len(changed)] = changed
    found, wrong = readable_of(bytes(archive))
    assert found == content or wrong.startswith(f"the {kind} archive ")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("garbage", [b"x", b"\n", b"a log\n", b"\x1f", b"\0x", bytes(9) + b"\1"])
def test_garbage_at_the_end_is_told(kind: str, garbage: bytes) -> None:
    """All of the archive is given before that."""
    content, wrong = readable_of(COMPRESS[kind](b"a log\n") + garbage)
    assert content == b"a log\n"
    assert wrong.startswith(f"the {kind} archive ")


def test_a_window_that_takes_too_much_memory_is_refused() -> None:
    """Zstandard with --long=31 would need 2 GB; that is told, not tried."""
    header = zstandard(b"")[:4] + b"\x00" + bytes((21 << 3,)) + b"\1\0\0"
    content, wrong = readable_of(header)
    assert content == b""
    assert "memory" in wrong
