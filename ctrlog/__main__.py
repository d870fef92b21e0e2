"""The program: `ctrlog`, or `python -m ctrlog`."""

import signal


def main() -> None:
    """Run the command line."""
    # Until the command line takes over, Ctrl-C ends the program without a traceback.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ctrlog.cli import app  # noqa: PLC0415  # takes most of the time to start

    app(prog_name="ctrlog")


if __name__ == "__main__":
    main()
