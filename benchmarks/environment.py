"""An environment of its own for what is measured: a folder with all peers, made anew or kept."""

import os
import platform
import shutil
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

from benchmarks.contestants import ROOT, Contestant
from benchmarks.measuring import CommandError, read_output

#: The command that a Debian package is wanted for.
COMMANDS = {"miller": "mlr", "jq": "jq"}


class Environment:
    """A virtual environment and some unpacked Debian packages.

    Attributes:
        variables: The environment variables to run a contestant with.
    """

    def __init__(self, folder: Path) -> None:
        """Take or make an environment.

        Args:
            folder: Where it is to be.
        """
        self._venv = folder / "venv"
        self._packages = folder / "packages"
        self._python = str(self._venv / "bin" / "python")
        self._make()
        unpacked = [self._packages / package / "usr" / "bin" for package in COMMANDS]
        places = [self._venv / "bin", *unpacked, os.environ.get("PATH", os.defpath)]
        self.variables = {**os.environ, "PATH": os.pathsep.join(map(str, places))}
        self.variables.pop("PYTHONPATH", None)

    def _make(self) -> None:
        if not (self._venv / "bin" / "pip").exists():
            print(f"making {self._venv} …", file=sys.stderr)
            venv.create(self._venv, with_pip=True)

    def install(self, contestant: Contestant) -> None:
        """Install what a contestant needs, if it is not there; what is local, always anew.

        Raises:
            CommandError: It is not to be had.
        """
        if contestant.requirement:
            pip = (self._python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
            read_output((*pip, contestant.requirement), self._venv)
        if contestant.debian_package:
            self._unpack(contestant.debian_package)

    def which(self, command: str) -> str:
        """Return the path of a command in the environment.

        Raises:
            CommandError: There is none.
        """
        found = shutil.which(command, path=self.variables["PATH"])
        if found is None:
            raise CommandError(f"there is no {command} here")
        return found

    def call(self, command: Iterable[str]) -> tuple[str, ...]:
        """Return a command line whose program is found in the environment."""
        program, *arguments = command
        return (self.which(program), *arguments)

    def version(self, contestant: Contestant) -> str:
        """Return what a contestant says its version is; without its name before it."""
        said = read_output(self.call(contestant.version), self._venv)
        return said.removeprefix(contestant.version[0]).strip(" -")

    def _unpack(self, package: str) -> None:
        """Unpack a Debian package, but install nothing, so one need not be root."""
        command = COMMANDS[package]
        if shutil.which(command, path=self.variables["PATH"]):
            return
        target = self._packages / package
        target.mkdir(parents=True, exist_ok=True)
        try:
            read_output(("apt-get", "download", "--quiet", package), target)
            for file in target.glob("*.deb"):
                read_output(("dpkg-deb", "--extract", str(file), "."), target)
            read_output(self.call((command, "--version")), target)  # has it all its libraries?
        except CommandError:
            shutil.rmtree(target)
            raise


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def system() -> str:
    """Return the name of the operating system."""
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        name = platform.system()
    return f"{name}, {platform.system()} {platform.release()}"


def memory_bytes() -> int:
    """Return how much memory the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def cores() -> int:
    """Return how many cores may be used."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def revision() -> str:
    """Return the commit of this checkout, with a mark if something has been changed since."""
    try:
        return read_output(("git", "describe", "--always", "--dirty", "--exclude=*"), ROOT)
    except CommandError:
        return "unknown"


def machine() -> dict[str, str]:
    """Return what to know of the machine, and of what was measured on it, by name."""
    return {
        "processor": processor(),
        "cores": str(cores()),
        "memory": f"{memory_bytes() / 2**30:.0f} GiB",
        "system": system(),
        "Python": platform.python_version(),
        "commit of ctrlog": revision(),
    }
