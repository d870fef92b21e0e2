"""The Bytewax flow under its public name: `python -m bytewax.run "ctrlog.dataflow:flow(...)"`."""

try:
    from ctrlog.adapters.bytewax_flow import flow
except ModuleNotFoundError as error:
    raise ImportError(
        f"ctrlog on Bytewax needs {error.name}, which is not installed: pip install '.[bytewax]' in"
        " a checkout of ctrlog"
    ) from None

__all__ = ["flow"]
