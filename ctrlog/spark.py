"""The Spark job under its public name: `python -m ctrlog.spark`, or a file for `spark-submit`."""

import sys

try:
    from ctrlog.adapters.spark_job import render_json, search, session, write
    from ctrlog.cli.spark import app
except ModuleNotFoundError as error:
    _MISSING = (
        f"ctrlog on Spark needs {error.name}, which is not installed: pip install '.[spark]' in a"
        " checkout of ctrlog"
    )
    if __name__ == "__main__":
        print(f"ctrlog: {_MISSING}", file=sys.stderr)
        sys.exit(2)
    raise ImportError(_MISSING) from None

__all__ = ["app", "render_json", "search", "session", "write"]

if __name__ == "__main__":
    app(prog_name="python -m ctrlog.spark")
