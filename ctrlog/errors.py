"""The exceptions that ctrlog raises.

Bad data is not an error: a line that cannot be used is a value
(`ctrlog.schemas.native.BadLine`) that the run counts, shows and goes on after.

    CtrlogError
    ├── UsageError      what was asked for makes no sense
    ├── InputError      an input cannot be opened or read
    ├── OutputError     an output cannot be opened or written
    ├── CheckpointError a checkpoint cannot be read, written or gone on with
    ├── WorkerError     a process that did a part of the work was ended or failed
    └── DataError       the data broke a limit that the user set
"""

from __future__ import annotations


class CtrlogError(Exception):
    """Base of all errors that ctrlog raises on purpose.

    The message is complete: it says what is wrong, where, and what to do, and
    is fit to be shown to a user as it is.
    """


class UsageError(CtrlogError):
    """An option, a value or a combination of them makes no sense."""


class InputError(CtrlogError):
    """An input cannot be opened or read."""


class MissingInputError(InputError):
    """There is nothing under the name of an input, at least not at the moment."""


class OutputError(CtrlogError):
    """An output cannot be opened or written."""


class CheckpointError(CtrlogError):
    """A checkpoint cannot be read, written or gone on with."""


class WorkerError(CtrlogError):
    """A process that did a part of the work was ended or failed."""


class DataError(CtrlogError):
    """The data broke a limit that the user set, such as `--strict`."""
