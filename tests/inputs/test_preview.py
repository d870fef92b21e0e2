"""Inputs that are sampled and then read from the beginning."""

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
    """Return the sample of an input, its whole content, and its failures."""
    failures: list[str] = []

    def fail(error: InputError) -> None:
        failures.append(str(error))

    with previewed([str(name)], 2**20, fail) as (only,):
        return only.sample, b"".join(only.blocks()), failures


def test_a_file_is_read_whole_and_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample has whole lines from the beginning, the middle and the end."""
    path = tmp_path / "log"
    path.write_bytes(LOG)
    monkeypatch.setattr(preview, "SAMPLE_BYTES", 1_000)
    sample, content, failures = read(path)
    assert content == LOG
    assert failures == []
    assert set(sample) <= {*LINES, b""}
    assert {LINES[0], LINES[2_550], LINES[-2]} <= set(sample)


def test_a_small_file_is_its_own_sample(tmp_path: Path) -> None:
    """No line of a small file is sampled twice."""
    path = tmp_path / "log"
    path.write_bytes(b"\n".join(LINES[:10]))
    assert read(path)[0] == LINES[:10]


def test_a_pipe_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sample of a pipe is part of its content, though a pipe can be read only once."""
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


def test_an_unreadable_input_is_reported_once(tmp_path: Path) -> None:
    """The error is reported when the input is read, not when it is sampled."""
    assert read(tmp_path / "none") == ([], b"", [f"{tmp_path / 'none'}: No such file or directory"])
    (_, _, (failure,)) = read(tmp_path)
    assert "is a directory" in failure
