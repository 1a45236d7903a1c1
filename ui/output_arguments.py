"""What the command line says about the files a run leaves behind."""

from __future__ import annotations

import argparse
from pathlib import Path

from ui.flag_values import wav_path


def add_output(command: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Declare where a transcript and events are written; return the group."""
    output = command.add_argument_group("output")
    form = "write the transcript there as it comes: text, or by its suffix .srt, .vtt (cut between words) or .json"
    output.add_argument("--output", type=Path, metavar="FILE", help=form)
    output.add_argument("--overwrite", action="store_true", help="replace what is in a file named here")
    output.add_argument("--events", metavar="FILE", help="write each event as a JSON line (- for stdout)")
    output.add_argument("--plain", action="store_true", help="plain lines even on a terminal")
    return output


def add_recording(output: argparse._ArgumentGroup) -> None:
    """Declare where sound is written, for commands whose sound is nowhere else."""
    output.add_argument(
        "--record", type=wav_path, metavar="FILE.wav", help="keep the sound there, as the model hears it"
    )
