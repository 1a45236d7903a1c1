"""Draw docs/pictures/live.svg: the live view as it stood at one moment of a real run over the sample.

python docs/make_pictures.py
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from engine.events import Partial, TimedEvent
from engine.model import WhisperModel
from engine.pipeline import transcribe
from stream.file import FileSource
from ui.demo import sample_folder
from ui.terminal.render import render, transcript_line
from ui.terminal.state import TranscriptState, apply

PICTURE = Path(__file__).parent / "pictures" / "live.svg"
COMMAND = "max-whisper file --paced sample.flac"
WIDTH, HEIGHT = 88, 16
MARGIN = 4
"""Cells left free at the right: not every reader's font is as narrow as Rich believes."""
MOMENT_S = 23.6
"""Seconds of audio after which the first partial with unstable words is the picture's."""
THEME = TerminalTheme(
    (24, 26, 31),
    (214, 218, 224),
    [(60, 64, 72), (224, 108, 117), (126, 190, 112), (222, 180, 98), (97, 160, 230), (198, 120, 221), (86, 182, 194),
     (214, 218, 224)],
)  # fmt: skip
FONTS = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"


async def draw(console: Console) -> None:
    """Play the sample at the speed of a microphone into ``console`` until the moment comes."""
    model = WhisperModel.load()
    state = TranscriptState(model.device_name, model.name)
    console.print(Text.assemble(("$ ", "green"), COMMAND))
    events = transcribe(FileSource(sample_folder() / "sample.flac", paced=True), model)
    async for timed in events:
        state, line = apply(state, timed.event)
        if line is not None:
            console.print(transcript_line(line, WIDTH - MARGIN), soft_wrap=True)
        if state.status is not None and is_telling(timed):
            break
    await events.aclose()
    console.print(render(state, WIDTH - MARGIN, HEIGHT), soft_wrap=True)


def is_telling(timed: TimedEvent) -> bool:
    """Whether stable and unstable words stand side by side, late enough in the talk."""
    event = timed.event
    return isinstance(event, Partial) and event.end_s >= MOMENT_S and bool(event.stable and event.unstable)


def with_local_fonts(svg: str) -> str:
    """Let the reader's own fonts draw ``svg``: Rich would have it fetch one."""
    svg = re.sub(r"@font-face\s*\{.*?\}\s*", "", svg, flags=re.DOTALL)
    return re.sub(r"Fira Code(, monospace)?", FONTS, svg)


def main() -> None:
    console = Console(record=True, width=WIDTH, height=HEIGHT, force_terminal=True, color_system="truecolor")
    asyncio.run(draw(console))
    svg = console.export_svg(title="max-whisper", theme=THEME, unique_id="live")
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(with_local_fonts(svg) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
