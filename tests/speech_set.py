"""A folder of recordings laid out as the set of real speech is, of tones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ui.bench.streaming.sounds import write_wav

TONE = np.full(16_000, 500, np.int16)


def write_speech(tmp_path: Path) -> Path:
    """Write two talks, a stream, two clips with word times and one without, and silence; return the folder."""
    rows = [("file", "seconds", "language", "set", "transcript")]
    for file, set_name in (
        ("long/long.wav", "wer"), ("long/brief.wav", "wer"), ("stream/mixed.wav", "stream"), ("short/a.wav", "wer"),
        ("short/b.wav", "wer"), ("short/c.wav", "wer"), ("nonspeech/quiet.wav", "nonspeech"),
    ):  # fmt: skip
        n_seconds = 3 if "long.wav" in file else 1
        write_wav(tmp_path / "dev" / file, np.tile(TONE, n_seconds))
        stem = Path(file).stem
        rows.append((f"dev/{file}", str(n_seconds), "en", set_name, f"dev/transcripts/{stem}.txt"))
        (tmp_path / "dev" / "transcripts").mkdir(exist_ok=True)
        (tmp_path / "dev" / "transcripts" / f"{stem}.txt").write_text(f"word {stem}", encoding="utf-8")
    rows.append(("dev/short/gone.wav", "1", "en", "wer", "dev/transcripts/gone.txt"))
    (tmp_path / "dev" / "manifest.csv").write_text("\n".join(map(",".join, rows)), encoding="utf-8")
    (tmp_path / "dev" / "timings").mkdir()
    for stem in "ab":
        times = f"start\tend\tword\n0.250\t0.500\tword\n0.500\t0.750\t{stem}\n"
        (tmp_path / "dev" / "timings" / f"{stem}.words.tsv").write_text(times, encoding="utf-8")
    return tmp_path / "dev"
