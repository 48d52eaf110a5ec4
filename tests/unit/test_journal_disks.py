"""Which disks a journal may be on."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas_core.errors import JournalError
from atlas_core.journal import Journal, disks

MOUNTS = r"""
22 28 0:21 / /proc rw,nosuid - proc proc rw
28 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw
40 28 0:40 / /data/me/shared rw,relatime shared:1 - nfs4 server:/export rw
41 28 0:41 / /data/me/a\040b rw,relatime - fuse.sshfs me@host: rw
42 28 0:42 / /mnt/win rw - fuseblk /dev/sdb1 rw
43 28 0:43 / /mnt/win rw - cifs //server/share rw
""".strip()


@pytest.mark.parametrize(
    ("place", "kind", "is_network"),
    [
        ("/data/me", "ext4", False),
        ("/data/me/shared/atlas/runs", "nfs4", True),
        ("/data/me/shared-not", "ext4", False),
        ("/data/me/a b/atlas", "fuse.sshfs", True),
        ("/mnt/win/x", "cifs", True),
        ("/proc", "proc", False),
    ],
)
def test_the_nearest_mount_tells_the_kind_of_disk(place: str, kind: str, is_network: bool) -> None:
    assert disks.file_system_of(Path(place), MOUNTS) == kind
    assert disks.is_network(kind) is is_network


def test_a_disk_of_a_local_driver_is_no_network() -> None:
    assert not disks.is_network("fuseblk")
    assert not disks.is_network("")


def test_a_journal_on_a_network_disk_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.db"
    Journal.create(path).close()
    monkeypatch.setattr(disks, "file_system_of", lambda _: "nfs4")
    for attempt in (lambda: Journal.open(path), lambda: Journal.create(tmp_path / "new.db")):
        with pytest.raises(JournalError, match=r"expected a local disk .* is on nfs4.*set ATLAS_HOME"):
            attempt()
    assert not (tmp_path / "new.db").exists()
    monkeypatch.setenv(disks.ALLOW, "1")
    Journal.open(path).close()
