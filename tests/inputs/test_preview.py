"""Inputs that are looked into, and then read from the beginning."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ctrlog.errors import InputError
from ctrlog.inputs import preview
from ctrlog.inputs.preview import previewed

LINES = [b"line %04d" % number for number in range(5_000)]
LOG = b"\n".join([*LINES, b""])


def read(name: Path) -> tuple[list[bytes], bytes, list[str]]:
    """Return the sample of an input, all of it, and what failed."""
    failures: list[str] = []

    def fail(error: InputError) -> None:
        failures.append(str(error))

    with previewed([str(name)], 2**20, fail) as (only,):
        return only.sample, b"".join(only.blocks()), failures


def test_a_file_is_read_whole_and_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some lines of the beginning, of the middle and of the end, all whole."""
    path = tmp_path / "log"
    path.write_bytes(LOG)
    monkeypatch.setattr(preview, "SAMPLE_BYTES", 1_000)
    sample, content, failures = read(path)
    assert content == LOG
    assert failures == []
    assert set(sample) <= {*LINES, b""}
    assert {LINES[0], LINES[2_550], LINES[-2]} <= set(sample)


def test_a_small_file_is_its_own_sample(tmp_path: Path) -> None:
    """No line of it is taken twice."""
    path = tmp_path / "log"
    path.write_bytes(b"\n".join(LINES[:10]))
    assert read(path)[0] == LINES[:10]


def test_a_pipe_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was looked into is read again, though a pipe gives it only once."""
    monkeypatch.setattr(preview, "SAMPLE_BYTES", 1_000)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(LOG,))
    writer.start()
    sample, content, failures = read(path)
    writer.join()
    assert content == LOG
    assert failures == []
    assert sample[:10] == LINES[:10]


def test_what_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    """Not when it is looked into, but when it is read."""
    assert read(tmp_path / "none") == ([], b"", [f"{tmp_path / 'none'}: No such file or directory"])
    (_, _, (failure,)) = read(tmp_path)
    assert "is a directory" in failure
