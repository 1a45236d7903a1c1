"""``max-whisper devices``, apart from the commands that need the engine: it answers at once."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from stream.microphone import InputDevice, list_devices
from ui.formats.text import printable
from ui.stdout import StdoutConsole


def print_microphones() -> None:
    """Print what can be recorded from, and the line that does it.

    Raises:
        SourceError: PortAudio is not installed.
    """
    devices = list_devices()
    console = StdoutConsole()
    if not devices:
        console.print(
            "No microphone was found: plug one in, and check that the system's sound settings show it.", soft_wrap=True
        )
        return
    console.print(microphone_table(devices))
    chosen = next((device for device in devices if device.is_default), devices[0])
    console.print(f"\nmax-whisper mic --device {chosen.index}", highlight=False)


def microphone_table(devices: list[InputDevice]) -> Table:
    """Lay the devices out, the system's default marked."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("N", "NAME", "CHANNELS", "RATE", ""):
        table.add_column(heading, overflow="fold", justify="left" if heading == "NAME" else "right")
    for device in devices:
        name = Text(printable(device.name))
        mark = Text("default" if device.is_default else "", style="green")
        table.add_row(str(device.index), name, str(device.n_channels), f"{device.rate} Hz", mark)
    return table
