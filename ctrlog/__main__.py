"""The program: `ctrlog`, or `python -m ctrlog`."""

import os
import signal


def main() -> None:
    """Run the command line."""
    _occupy_closed_streams()
    # Until the command line takes over, Ctrl-C ends the program without a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ctrlog.cli.app import app  # noqa: PLC0415  # takes most of the time to start
    from ctrlog.cli.exit_codes import run_command_line  # noqa: PLC0415

    run_command_line(app)


def _occupy_closed_streams() -> None:
    """Let nothing be taken for a standard stream that is closed, as by `>&-`.

    The next file to be opened would get its descriptor, and then the messages, say. What
    is opened here instead fails to be read or written just as if it was closed.
    """
    for descriptor, unusable in enumerate((os.O_WRONLY, os.O_RDONLY, os.O_RDONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, unusable)  # gets the lowest number that is free


if __name__ == "__main__":
    main()
