"""Signs of life while a store works, and none after."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from framepress import beating
from framepress.beating import BeatingStore
from framepress.errors import StoreUnavailable
from framepress.store import FolderStore


class SlowStore(FolderStore):
    """Takes a while, and then does not answer."""

    def publish_bytes(self, data: bytes, name: str) -> Path:
        time.sleep(0.2)
        raise StoreUnavailable("It does not answer.")


def test_a_store_beats_while_it_works_and_no_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beating, "BEAT_S", 0.02)
    beats: list[str] = []
    store = BeatingStore(SlowStore(tmp_path), lambda: beats.append(threading.current_thread().name))
    assert store.find("none.mp4", "k", way_out="") is None
    assert beats == []
    with pytest.raises(StoreUnavailable):
        store.publish_bytes(b"", "a.jpg")
    count = len(beats)
    assert count >= 2
    assert threading.current_thread().name not in beats
    time.sleep(0.1)
    assert len(beats) == count


def test_beats_end_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beating, "BEAT_S", 0.01)
    monkeypatch.setattr(beating, "BEATS_S_MAX", 0.03)
    beats: list[None] = []
    with pytest.raises(StoreUnavailable):
        BeatingStore(SlowStore(tmp_path), lambda: beats.append(None)).publish_bytes(b"", "a.jpg")
    assert len(beats) == 3
