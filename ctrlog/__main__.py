"""`python -m ctrlog`."""

from ctrlog.cli import app

app(prog_name="ctrlog")
