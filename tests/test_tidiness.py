"""The house is tidy: linter, formatter, types and documents."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from logs import LOG

ROOT = Path(__file__).parent.parent
DOCUMENTS = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]

#: What can be made here: there is no Bytewax for each version of Python, and the recorded log
#: that a guide goes through is no part of the repository.
NOT_MADE_HERE = {
    *(["docs/cluster.md"] if find_spec("bytewax") is None else []),
    *([] if LOG.exists() else ["docs/ubi.md"]),
}
MADE_HERE = [name for name in DOCUMENTS if name not in NOT_MADE_HERE]


@pytest.mark.parametrize(
    "command",
    [
        ["ruff", "check"],
        ["ruff", "format", "--check"],
        ["mypy"],
        ["cogapp", "--check", "--diff", *MADE_HERE],
    ],
    ids=" ".join,
)
def test_has_nothing_to_say(command: list[str]) -> None:
    """The tool finds nothing to complain of; documents say what the program prints today."""
    module, *arguments = command
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_document_is_checked() -> None:
    """No document is left out of the check."""
    found = {str(path.relative_to(ROOT)) for path in ROOT.glob("docs/*.md")} | {"README.md"}
    assert set(DOCUMENTS) == found


def test_links_between_documents_lead_somewhere() -> None:
    """A link to a file in the repository leads to one that is there."""
    for document in [*DOCUMENTS, "CHANGELOG.md"]:
        text = (ROOT / document).read_text()
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (ROOT / document).parent.joinpath(target).exists(), f"{document}: {target}"
