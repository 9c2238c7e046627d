"""What copying a delivered file promises to every source."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.clients.content import BadContent
from ingestion.clients.places import place


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_of_ours_is_not_taken_for_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("timestamp,node_id\n")
    inbox = place(str(tmp_path), "FAKE_FOLDER", [".csv"])
    with pytest.raises(BadContent, match="cannot write /dev/full: No space left") as refused:
        inbox.copy(next(iter(inbox.uris())), Path("/dev/full"))
    assert refused.value.code == "DISK_WRITE"
