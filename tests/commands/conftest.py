"""What the tests of the commands share: a model that needs no MAX."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes_ui import CountingModel, Load

from ui import commands


@pytest.fixture(autouse=True)
def load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Load:
    """Let the commands load a model without MAX, and keep what they save in ``tmp_path``."""

    def load_instead(model: CountingModel) -> None:
        monkeypatch.setattr(commands, "load_model", lambda arguments: model)

    monkeypatch.setattr(commands, "new_transcript_path", lambda: tmp_path / "saved" / "now.txt")
    monkeypatch.setattr("ui.errors.crash_log_path", lambda: tmp_path / "log" / "crash.log")
    load_instead(CountingModel())
    return load_instead
