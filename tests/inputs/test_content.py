"""The content of inputs: archives that are whole, incomplete, damaged or grown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import children
import pytest
import strategies
from archives import COMPRESS, MAKERS, gzipped, kind_of
from commands import CTRLOG, MEASURE, PATIENCE_S, SHOP, environment, run_ctrlog
from hypothesis import given
from hypothesis import strategies as st
from processes import arriving

from ctrlog.errors import InputError
from ctrlog.inputs.compression import CONTENT_BYTES, MAGICS, PIECE_BYTES
from ctrlog.inputs.content import BLOCK_BYTES, Content
from ctrlog.inputs.lines import Source, open_source
from ctrlog.inputs.position import MARK_BYTES, Match, Position

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LOG = SHOP.read_bytes()
KINDS = sorted(COMPRESS)
#: Numbers that hardly compress, one per line.
NOISE = b"".join(b"%d\n" % pow(3, n, 2**521 - 1) for n in range(3_000))


@contextmanager
def opened(archive: bytes) -> Iterator[Source]:
    """Open an input with these bytes."""
    with TemporaryDirectory() as folder:
        path = Path(folder, "log")
        path.write_bytes(archive)
        with closing(open_source(str(path), "log")) as source:
            yield source


def read(source: Source) -> tuple[bytes, str]:
    """Read as far as possible; return the lines, and the error if there is one."""
    blocks = []
    try:
        for block in source.blocks():
            blocks.append(block)  # noqa: PERF402  # those before an error count
    except InputError as error:
        return b"".join(blocks), str(error)
    return b"".join(blocks), ""


def lines_of(archive: bytes) -> tuple[bytes, str]:
    """Read a file with these bytes."""
    with opened(archive) as source:
        return read(source)


# Whole archives.


@pytest.mark.parametrize("maker", sorted(MAKERS))
def test_an_archive_is_read_as_what_is_in_it(maker: str, tmp_path: Path) -> None:
    """An archive gives the same output as its log, whatever its name, also from a pipe (R12)."""
    plain = children.run("run", SHOP)
    archive = MAKERS[maker](LOG)
    path = tmp_path / ("log.bz2" if kind_of(maker) == "gzip" else "log.jsonl")
    path.write_bytes(archive)
    named, piped = children.run("run", path), run_ctrlog("run", stdin=archive)
    assert plain.out
    assert named.out == piped.stdout == plain.out
    assert named.err.replace(bytes(path), bytes(SHOP)) == plain.err
    assert piped.stderr.replace(b"<stdin>", bytes(SHOP)) == plain.err


@pytest.mark.parametrize("maker", sorted(MAKERS))
def test_empty_archives_are_empty_logs(maker: str) -> None:
    """An archive of nothing has no lines and no error."""
    assert lines_of(MAKERS[maker](b"")) == (b"", "")


@given(st.data(), st.sampled_from(sorted(MAKERS)), strategies.log_bytes(max_events=12))
def test_any_pieces_give_whole_lines(data: st.DataObject, maker: str, log: bytes) -> None:
    """However an archive arrives, its blocks are whole lines and add up to the content.

    Zeros at the beginning and a byte order mark are left out.
    """
    archive = MAKERS[maker](log)
    cuts = data.draw(strategies.split_points(archive))
    with Path(os.devnull).open("rb") as file, arriving(strategies.split_at(archive, cuts)):
        blocks = [*Source(Content("log", file.fileno(), 64)).blocks()]
    assert b"".join(blocks) == log.lstrip(b"\0").removeprefix(BYTE_ORDER_MARK)
    assert all(block.endswith(b"\n") for block in blocks[:-1])


@pytest.mark.parametrize("maker", sorted(MAKERS))
def test_a_byte_order_mark_inside_is_left_out(maker: str) -> None:
    """A mark at the beginning of the content is left out; a later one stays."""
    archive = MAKERS[maker](BYTE_ORDER_MARK + b"a\n" + BYTE_ORDER_MARK + b"b\n")
    assert lines_of(archive) == (b"a\n" + BYTE_ORDER_MARK + b"b\n", "")


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_may_go_over_members(kind: str) -> None:
    """A line can continue from one member to the next."""
    archive = b"".join(map(COMPRESS[kind], [b"a li", b"", b"ne\nanot", b"her\nthe last"]))
    assert lines_of(archive) == (b"a line\nanother\nthe last", "")


@pytest.mark.parametrize("magic", MAGICS, ids=repr)
def test_a_small_file_that_begins_like_an_archive_is_a_log(magic: bytes) -> None:
    """A file that ends inside a magic number is a log, and none of it is lost."""
    for length in range(1, len(magic)):
        beginning = magic[:length]
        assert lines_of(beginning) == (beginning, "")
        assert lines_of(beginning + b"\n" + magic) == (beginning + b"\n" + magic, "")
        with Path(os.devnull).open("rb") as file, arriving([bytes((b,)) for b in beginning]):
            assert read(Source(Content("log", file.fileno()))) == (beginning, "")


@pytest.mark.parametrize("kind", KINDS)
def test_highly_compressed_content_takes_little_memory(kind: str, tmp_path: Path) -> None:
    """An archive of 200 MB in less than 1 MB is read in bounded memory."""
    path = tmp_path / "log"
    member = COMPRESS[kind](b"x" * 49_999_999 + b"\n" + b"\n" * 100_000)
    path.write_bytes(member * 4)
    assert path.stat().st_size < 1_000_000
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, *CTRLOG, "run", path],
        capture_output=True,
        check=False,
        env=environment(),
        timeout=PATIENCE_S,
    )
    *messages, peak_kb = measured.stderr.decode().splitlines()
    assert (measured.returncode, measured.stdout) == (0, b"")
    assert [message.split(": ")[0] for message in messages[:4]] == [
        f"{path}:{1 + 100_001 * n}" for n in range(4)
    ]
    assert int(peak_kb) < 130_000


# Incomplete and damaged archives.


@pytest.mark.parametrize("maker", sorted(MAKERS))
@pytest.mark.parametrize("tenth", range(1, 10))
def test_cut_at_every_tenth(maker: str, tenth: int) -> None:
    """A cut archive gives whole lines from the beginning of the log, and the offset of the cut."""
    archive = MAKERS[maker](LOG)
    length = len(archive) * tenth // 10
    lines, wrong = lines_of(archive[:length])
    assert LOG.startswith(lines)
    assert lines == b"" or lines.endswith(b"\n")
    assert (
        wrong == f"log: byte {length + 1}: the {kind_of(maker)} archive is incomplete: it ends here"
    )
    if kind_of(maker) in {"gzip", "xz"}:  # the others give whole blocks only
        assert len(lines) > len(LOG) * (tenth - 2) // 10


@pytest.mark.parametrize("kind", KINDS)
def test_cut_around_the_ends(kind: str) -> None:
    """Archives cut near their beginning or end are reported too."""
    archive = COMPRESS[kind](LOG)
    longest_magic = max(map(len, MAGICS))
    for length in (*range(longest_magic, 40), *range(len(archive) - 40, len(archive))):
        lines, wrong = lines_of(archive[:length])
        assert LOG.startswith(lines)
        assert wrong == f"log: byte {length + 1}: the {kind} archive is incomplete: it ends here"
    assert lines_of(archive) == (LOG, "")


def test_a_cut_archive_ends_the_run_with_2_and_costs_no_other(tmp_path: Path) -> None:
    """Only whole lines of it are read, and the inputs after it are read too."""
    path = tmp_path / "log"
    archive = gzipped(b'{"type":"Search","user":1,"query":"dogs"}\n{"type":"Click')
    path.write_bytes(archive[:-8])
    other = tmp_path / "other"
    other.write_bytes(b'{"type":"AppClose","user":1}\n')
    run = children.run("run", path, other)
    assert run.out.endswith(b"\tclose\tfalse\n")
    assert run.code == 2
    assert run.err.decode() == (
        f"ctrlog: {path}: byte {len(archive) - 7}: the gzip archive is incomplete: it ends here\n"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tenth", range(10))
def test_damaged_anywhere(kind: str, tenth: int) -> None:
    """At most 64 KB before the damage are missing, and its position is reported."""
    archive = COMPRESS[kind](NOISE)
    damaged_at = max(len(archive) * tenth // 10, 100)
    damaged = archive[:damaged_at] + bytes(64) + archive[damaged_at + 64 :]
    lines, wrong = lines_of(damaged)
    before, _ = lines_of(archive[:damaged_at])
    certain = before[: max(0, len(before) - CONTENT_BYTES)]
    assert lines.startswith(certain[: certain.rfind(b"\n") + 1])
    assert lines == b"" or lines.endswith(b"\n")
    reported = re.fullmatch(
        rf"log: bytes (\d+) to (\d+): the {kind} archive is damaged here or earlier: .*", wrong
    )
    assert reported is not None
    start, end = int(reported[1]) - 1, int(reported[2])
    assert 0 < end - start <= PIECE_BYTES
    assert damaged_at < end <= len(archive)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_reported_on_the_command_line(kind: str, tmp_path: Path) -> None:
    """A damaged archive gives code 2 and one message, after the results of its readable part."""
    path = tmp_path / "log"
    archive = COMPRESS[kind](LOG + NOISE) + b"\xff" * 100
    path.write_bytes(archive)
    run = children.run("run", "-q", path)
    assert run.code == 2
    path.write_bytes(LOG + NOISE)
    assert run.out == children.run("run", "-q", path).out
    assert run.err.startswith(f"ctrlog: {path}: bytes ".encode())
    assert run.err.count(b"\n") == 1


@given(st.data(), st.sampled_from(KINDS))
def test_any_damage_is_an_input_error(data: st.DataObject, kind: str) -> None:
    """An archive with changed bytes gives whole lines and at most one message."""
    archive = bytearray(COMPRESS[kind](LOG[:20_000]))
    for _ in range(data.draw(st.integers(1, 5))):
        archive[data.draw(st.integers(0, len(archive) - 1))] ^= data.draw(st.integers(1, 255))
    lines, wrong = lines_of(bytes(archive))
    assert not wrong or lines == b"" or lines.endswith(b"\n")
    assert wrong.count("\n") == 0


# Continuing from a mark.


@given(st.data(), st.sampled_from(["", *sorted(MAKERS)]), strategies.log_bytes(max_events=20))
def test_reading_continues_from_any_mark(data: st.DataObject, maker: str, log: bytes) -> None:
    """From each mark, a plain or compressed log gives exactly the lines after it."""
    stored = MAKERS[maker](log) if maker else log
    blocks: list[bytes] = []
    marks: list[Position] = []
    with TemporaryDirectory() as folder:
        path = Path(folder, "log")
        path.write_bytes(stored)
        with closing(open_source(str(path), block_bytes=data.draw(st.integers(1, 200)))) as source:
            for block in source.blocks():
                blocks.append(block)
                marks.append(source.mark())
        for number, mark in enumerate(marks, 1):
            assert len(mark.head) <= MARK_BYTES
            with closing(
                open_source(str(path), block_bytes=data.draw(st.integers(1, 99)))
            ) as again:
                assert again.go_to(mark) is Match.SAME
                assert b"".join(again.blocks()) == b"".join(blocks[number:])
                assert again.mark().offset == len(log)


@given(st.data(), st.binary(max_size=200), st.integers(0, 250), st.integers(1, 50))
def test_peeking_consumes_nothing(
    data: st.DataObject, content: bytes, size: int, block_bytes: int
) -> None:
    """Peeked bytes are the beginning of the content, and are read again."""
    stored = data.draw(st.sampled_from([content, gzipped(content)]))
    if stored.startswith(MAGICS) and stored is content:
        return  # begins like an archive by chance
    with Path(os.devnull).open("rb") as file, arriving([stored]):
        looked = Content("log", file.fileno(), block_bytes)
        assert looked.peek(size) == content[:size]
        found = looked.read()
        while not looked.is_at_end:
            found += looked.read()
        assert found + looked.take_beginning() == content


@given(st.binary(max_size=200), st.integers(0, 250), st.integers(1, 50), st.booleans())
def test_skipping_consumes_all_before_the_offset(
    content: bytes,
    offset: int,
    tail_bytes: int,
    is_archive: bool,  # noqa: FBT001
) -> None:
    """Skipping returns the bytes before the offset, and reading continues after it."""
    content = b"{" + content  # not an archive
    with opened(gzipped(content) if is_archive else content) as source:
        source.content.peek(1)
        place = min(offset, len(content))
        tail = content[max(0, place - tail_bytes) : place]
        assert source.content.skip_to(offset, tail_bytes) == (place, tail)
        found = b""
        while not source.content.is_at_end:
            found += source.content.read()
        assert found == content[place:]


def test_the_first_read_is_of_a_block(tmp_path: Path) -> None:
    """The number of bytes read, and whether the end was reached, are known after each read."""
    path = tmp_path / "log"
    path.write_bytes(b"x" * (BLOCK_BYTES + 1))
    with closing(open_source(str(path))) as source:
        content = source.content
        assert (content.size, content.read_bytes, content.is_at_end) == (BLOCK_BYTES + 1, 0, False)
        assert len(content.read()) == BLOCK_BYTES
        assert (content.read_bytes, content.is_at_end) == (BLOCK_BYTES, False)
        assert content.read() == b"x"
        assert content.read() == b""
        assert (content.read_bytes, content.is_at_end) == (BLOCK_BYTES + 1, True)
        assert content.is_regular
        assert not content.is_compressed


# With a checkpoint.


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_on(*names: str) -> tuple[bytes, bytes, int]:
    """Continue from the checkpoint; return the whole output so far, the messages and the code."""
    run = children.run("run", "--checkpoint", "saved", "-o", "out", "-q", *names)
    assert b"Traceback" not in run.err
    return Path("out").read_bytes(), run.err, run.code


def in_one_pass(log: bytes) -> bytes:
    """Return the output of a run that reads the whole log at once."""
    Path("whole").write_bytes(log)
    children.run("run", "--checkpoint", "of whole", "-o", "out of whole", "-q", "whole")
    return Path("out of whole").read_bytes()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("maker", [*KINDS, "zstd in frames"])
def test_an_archive_is_read_once(maker: str) -> None:
    """Reading an archive again with the checkpoint adds nothing."""
    Path("log").write_bytes(MAKERS[maker](LOG))
    assert run_on("log") == run_on("log") == (in_one_pass(LOG), b"", 0)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_may_get_more_members(kind: str) -> None:
    """Only the members that were added to an archive are read."""
    half = LOG.index(b"\n", len(LOG) // 2) + 1
    Path("log").write_bytes(COMPRESS[kind](LOG[:half]))
    assert run_on("log") == (in_one_pass(LOG[:half]), b"", 0)
    with Path("log").open("ab") as archive:
        archive.write(COMPRESS[kind](LOG[half:]))
    Path("of whole").unlink()
    assert run_on("log") == (in_one_pass(LOG), b"", 0)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tenth", [1, 5, 9])
def test_an_incomplete_archive_is_continued_when_it_is_complete(kind: str, tenth: int) -> None:
    """An incomplete archive is reported each time, and its rest is read when it has arrived."""
    archive = COMPRESS[kind](LOG)
    Path("log").write_bytes(archive[: len(archive) * tenth // 10])
    first = run_on("log")
    assert first[2] == 2
    assert b"is incomplete: it ends here" in first[1]
    assert run_on("log") == first
    with Path("log").open("ab") as file:
        file.write(archive[len(archive) * tenth // 10 :])
    assert run_on("log") == (in_one_pass(LOG), b"", 0)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_archive_doubles_nothing(kind: str) -> None:
    """Readable lines count once; damage is reported each time; a repaired archive is continued."""
    archive = COMPRESS[kind](LOG + NOISE)
    third = len(archive) // 3
    Path("log").write_bytes(archive[:third] + bytes(64) + archive[third + 64 :])
    first = run_on("log")
    assert first[2] == 2
    assert run_on("log") == first
    Path("log").write_bytes(archive)
    if kind != "gzip":  # gzip yields garbage before it detects the damage
        assert run_on("log") == (in_one_pass(LOG + NOISE), b"", 0)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("kind", KINDS)
def test_a_log_that_was_compressed_since_is_continued(kind: str) -> None:
    """A log that logrotate renamed and compressed is continued, with the lines added since."""
    half = len(LOG) // 2
    Path("log").write_bytes(LOG[:half])
    run_on("log")
    Path("log.1.gz").write_bytes(COMPRESS[kind](LOG))
    Path("log").unlink()
    assert run_on("log.1.gz") == (in_one_pass(LOG), b"", 0)
