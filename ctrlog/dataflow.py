"""The Bytewax flow under its public name: `python -m bytewax.run "ctrlog.dataflow:flow(...)"`."""

from ctrlog.adapters.bytewax_flow import flow

__all__ = ["flow"]
