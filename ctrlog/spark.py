"""The Spark job under its public name: `python -m ctrlog.spark`, or a file for `spark-submit`."""

from ctrlog.adapters.spark_job import app, render_json, search, session, write

__all__ = ["app", "render_json", "search", "session", "write"]

if __name__ == "__main__":
    app(prog_name="python -m ctrlog.spark")
