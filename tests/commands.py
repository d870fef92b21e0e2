"""Running ctrlog as a command, and what golden cases expect of it."""

from __future__ import annotations

import os
import subprocess
import sys
from fcntl import ioctl
from pathlib import Path
from termios import FIONREAD

ROOT = Path(__file__).resolve().parent.parent


GOLDEN = ROOT / "tests" / "golden"


SAMPLE_LOGS = ROOT / "sample_logs"


CTRLOG = (sys.executable, "-m", "ctrlog")


#: How long to wait for what should be there at once, even on a slow and busy machine.
PATIENCE_S = 60


def environment(**more: str) -> dict[str, str]:
    """An environment in which nothing but what is named changes the output."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS", "TERMINAL_WIDTH")
    }
    return inherited | {"COLUMNS": "80", "TERM": "dumb"} | more


def run_ctrlog(
    *arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """Run ctrlog with something piped in."""
    return subprocess.run(
        [*CTRLOG, *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        cwd=cwd,
        env=environment(),
        timeout=PATIENCE_S,
    )


def files_in(folder: Path) -> dict[str, bytes]:
    """The files of a folder, without what it has only linked."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.is_symlink()}


SEARCH = b'{"type":"Search","user":1,"query":"dogs"}\n'


CLICK = b'{"type":"ClickResult","user":1,"item":"rover"}\n'


CLICKED = "1.0\t1\tdogs\t–\t1\t–\t–\t–\t–\tend\tfalse\n".encode()


#: Runs a command and says at the end of standard error how much memory it took at most. A
#: process of its own, since the figure includes what the parent had when it started the child.
MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def unread_bytes(descriptor: int) -> int:
    """How many bytes wait in a pipe, asked at either end."""
    return int.from_bytes(ioctl(descriptor, FIONREAD, bytes(4)), sys.byteorder)


SHOP = SAMPLE_LOGS / "shop.jsonl"
