"""What the command line says about the files a run leaves behind, and about stdout."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ui.flag_values import some_of, wav_path, whole
from ui.formats.output import FORMS, USUAL, Output, Shape, form_of


def add_output(command: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Declare where a transcript and events are written; return the group."""
    output = command.add_argument_group("output")
    where = "write the transcript there as it comes, - is stdout: text, or by its ending .srt, .vtt (cut between words)"
    add = output.add_argument
    add("--output", action="append", default=[], metavar="FILE", help=f"{where} or .json; may be given several times")
    forms = "txt, srt, vtt or json, for an --output whose ending says none of them (txt); of `file` alone, on stdout"
    add("--format", dest="forms", type=some_of(FORMS), default=(), metavar="FORMAT", help=forms)
    add("--max-line-width", type=whole(10, 200), metavar="N", help="columns of a line of subtitles, at most (42)")
    add("--max-lines", type=whole(1, 3), metavar="N", help="lines of subtitles shown at once, at most (2)")
    add("--overwrite", action="store_true", help="replace what is in a file named here")
    add("--events", metavar="FILE", help="write each event as a JSON line (- for stdout)")
    add("--plain", action="store_true", help="plain lines even on a terminal")
    return output


def add_folder(output: argparse._ArgumentGroup) -> None:
    """Declare where each of several recordings has its own files."""
    each = "write a file there for each recording and --format, as talk.srt for talk.mp3; --format takes txt,srt then"
    output.add_argument("--output-dir", type=Path, metavar="FOLDER", help=each)


def add_recording(output: argparse._ArgumentGroup) -> None:
    """Declare where sound is written, for commands whose sound is nowhere else."""
    output.add_argument(
        "--record", type=wav_path, metavar="FILE.wav", help="keep the sound there, as the model hears it"
    )


def outputs_of(arguments: argparse.Namespace) -> list[Output]:
    """Return where the transcript of all that is heard goes; nothing for a command that writes none."""
    given = vars(arguments)
    usual = next(iter(given.get("forms", ())), "txt")
    names = given.get("output", ())
    if not names and given.get("forms") and "paths" in given and given.get("output_dir") is None:
        names = ["-"]  # a recording in a form is read from stdout, as by other programs
    paths = [None if name == "-" else Path(name) for name in names]
    return [Output(path, form_of(path) or usual, _shape(given)) for path in paths]


def own_outputs(arguments: argparse.Namespace, recording: Path) -> list[Output]:
    """Return where the transcript of one recording goes that others have no part in."""
    folder: Path | None = vars(arguments).get("output_dir")
    if folder is None:
        return []
    forms, shape = dict.fromkeys(arguments.forms or ("txt",)), _shape(vars(arguments))
    return [Output(folder / f"{recording.stem}.{form}", form, shape) for form in forms]


def all_outputs(arguments: argparse.Namespace) -> list[Output]:
    """Return where anything of a transcript goes."""
    recordings: list[Path] = vars(arguments).get("paths", [])
    own = [output for recording in recordings for output in own_outputs(arguments, recording)]
    return [*outputs_of(arguments), *own]


def takes_stdout(arguments: argparse.Namespace) -> bool:
    """Whether something the arguments name stands alone on stdout."""
    return arguments.events == "-" or any(output.path is None for output in outputs_of(arguments))


def find_clash(arguments: argparse.Namespace) -> str | None:
    """Return what of these arguments cannot be done together, naming the flags; None where all can."""
    outputs, forms = outputs_of(arguments), ",".join(arguments.forms)
    n_on_stdout = sum(output.path is None for output in outputs)
    n_recordings = len(vars(arguments).get("paths", ()))
    whole = next((output for output in outputs if output.is_whole), None)
    is_folder = vars(arguments).get("output_dir") is not None
    is_said = bool(outputs) and all(form_of(output.path) for output in outputs)
    impossible = {
        "--output - is given twice: standard output holds one text": n_on_stdout > 1,
        "--output - and --events - would mix on standard output: give one of them a file": bool(n_on_stdout)
        and arguments.events == "-",
        "--output and --output-dir do not go together: give one of them": is_folder and bool(outputs),
        f"--output {whole} in {whole and whole.form} takes one recording, not {n_recordings}: "
        "--output-dir has a file for each": n_recordings > 1 and whole is not None,
        f"--format {forms} needs an --output: - is standard output": bool(forms) and not (outputs or is_folder),
        f"--format {forms} is one too many for --output: give each form a file": len(arguments.forms) > 1
        and not is_folder,
        f"--format {forms} has nothing to say: the ending of each --output does": bool(forms) and is_said,
    }
    if not any(output.has_cues for output in all_outputs(arguments)):
        needs = "needs subtitles: an --output or --format of srt or vtt"
        impossible[f"--max-line-width {needs}"] = arguments.max_line_width is not None
        impossible[f"--max-lines {needs}"] = arguments.max_lines is not None
    problem = next((problem for problem, is_so in impossible.items() if is_so), None)
    return problem or _find_one_name_for_two(arguments)


def _shape(given: dict[str, Any]) -> Shape:
    return Shape(given.get("max_line_width") or USUAL.columns, given.get("max_lines") or USUAL.n_lines)


def _find_one_name_for_two(arguments: argparse.Namespace) -> str | None:
    named: dict[Path | None, Path] = {}
    for recording in vars(arguments).get("paths", ()):
        for output in own_outputs(arguments, recording):
            other = named.setdefault(output.path, recording)
            if other is not recording:
                return f"{other} and {recording} would both be written to {output}: rename one, or run them apart"
    return None
