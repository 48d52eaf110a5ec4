"""What kind of disk a journal is on: SQLite's log and locks hold on a local one only."""

from __future__ import annotations

import os
import re
from pathlib import Path

from atlas_core.errors import JournalError

ALLOW = "ATLAS_ALLOW_NETWORK_DISK"
"""Set to 1, this lets journals be written on a network file system, at the owner's risk."""

_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")
_NETWORK = frozenset(
    (
        "9p", "acfs", "afs", "beegfs", "ceph", "cifs", "coda", "drvfs", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs",
        "nfs", "nfs4", "ocfs2", "smb3", "smbfs", "vboxsf", "vmhgfs",
    )
)  # fmt: skip


def expect_local_disk(directory: Path) -> None:
    """Raise JournalError when `directory` is on a network file system and the owner did not allow that."""
    kind = file_system_of(directory)
    if is_network(kind) and os.environ.get(ALLOW) != "1":
        raise JournalError(
            f"expected a local disk for a journal, {directory} is on {kind}, where its log and its lock are not safe; "
            f"set ATLAS_HOME or --home to a local directory (or {ALLOW}=1 at your own risk)"
        )


def is_network(kind: str) -> bool:
    """Tell whether this kind of file system is reached over a network or through a program (FUSE)."""
    return kind in _NETWORK or kind == "fuse" or kind.startswith("fuse.")


def file_system_of(directory: Path, mounts: str | None = None) -> str:
    """Return the kind of file system that `directory` is on, such as `ext4`; empty where the machine does not tell.

    `mounts` is the text of Linux's mountinfo, read from the machine when it is left out.
    """
    if mounts is None:
        try:
            mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return ""
    place, nearest, kind = directory.resolve(), "", ""
    for line in mounts.splitlines():
        facts, _, source = line.partition(" - ")
        point = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), facts.split(" ")[4]) if source else ""
        if point and place.is_relative_to(point) and len(point) >= len(nearest):  # of two on one place the later one
            nearest, kind = point, source.split(" ")[0]
    return kind
