"""Draw docs/pictures/live.svg: what `max-whisper demo` shows at one moment of a real run.

    python docs/make_pictures.py

The sample is played at the speed of a microphone to the real model, so text and figures are those of the machine
that draws: let it do nothing else meanwhile.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import Iterable
from contextlib import aclosing
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from engine.events import Status
from engine.model import WhisperModel
from engine.pipeline import transcribe
from stream.file import FileSource
from ui.demo import sample_folder
from ui.scoring.scripts import read_script
from ui.terminal.render import render, transcript_line
from ui.terminal.state import Line, TranscriptState, apply

_PICTURE = Path(__file__).parent / "pictures" / "live.svg"
_WIDTH, _HEIGHT = 90, 16
_UTTERANCE = 4
"""The moment lies in this one: three finals stand above it."""
_THEME = TerminalTheme(
    background=(24, 26, 31),
    foreground=(214, 218, 224),
    normal=[
        (60, 64, 72),
        (224, 108, 117),
        (126, 190, 112),
        (222, 180, 98),
        (97, 160, 230),
        (198, 120, 221),
        (86, 182, 194),
        (214, 218, 224),
    ],
)
_MONOSPACE = "ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace"


async def telling_moment() -> tuple[TranscriptState, list[Line]]:
    """Play the sample until stable and unstable words stand side by side; return the state and the lines above it.

    Raises:
        RuntimeError: the sample ended before that.
    """
    model = WhisperModel.load()
    folder = sample_folder()
    state = TranscriptState(model.device_name, model.name, read_script(folder).duration_s)
    lines: list[Line] = []
    async with aclosing(transcribe(FileSource(folder / "sample.flac", paced=True), model)) as events:
        async for timed in events:
            state, line = apply(state, timed.event)
            if line is not None:
                lines.append(line)
            if isinstance(timed.event, Status) and is_telling(state):
                return state, lines
    raise RuntimeError(f"no moment of utterance {_UTTERANCE} was a telling one: draw again")


def is_telling(state: TranscriptState) -> bool:
    """Whether the utterance has enough words of both kinds, and the status is that of somebody speaking."""
    partial, status = state.partial, state.status
    if partial is None or status is None or partial.utterance_id != _UTTERANCE:
        return False
    n_stable, n_unstable = len(partial.stable.split()), len(partial.unstable.split())
    return n_stable >= 15 and n_unstable >= 2 and status.level_dbfs > -30


def picture(state: TranscriptState, lines: Iterable[Line]) -> str:
    """Return an SVG of ``lines`` and, below them, the live region."""
    console = Console(
        record=True, file=io.StringIO(), width=_WIDTH, height=_HEIGHT, force_terminal=True, color_system="truecolor"
    )
    console.print(Text.assemble(("$ ", "green"), "max-whisper demo"))
    for line in lines:
        console.print(transcript_line(line, _WIDTH))
    console.print(render(state, _WIDTH, _HEIGHT))
    return _with_local_fonts(console.export_svg(title="max-whisper", theme=_THEME, unique_id="live"))


def _with_local_fonts(svg: str) -> str:
    """Let the reader's own fonts draw ``svg``: Rich's export fetches one from a server."""
    svg = re.sub(r"@font-face\s*\{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"Fira Code(, monospace)?", _MONOSPACE, svg)
    return svg.replace("font-family: arial", "font-family: system-ui, sans-serif")


def main() -> None:
    """Draw the picture."""
    svg = picture(*asyncio.run(telling_moment()))
    _PICTURE.parent.mkdir(exist_ok=True)
    _PICTURE.write_text(re.sub(r"[ \t]+\n", "\n", svg).strip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
