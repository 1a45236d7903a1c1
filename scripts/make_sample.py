"""Speak the demo's script and write ui/sample/: the recording, and when each word is said.

Needs an environment of its own:

    pip install hibari-tts==0.2.1 onnx==1.23.2 av==18.1.0 soxr==1.1.0
    python scripts/make_sample.py

The speech is hibari's voice "heart".  The second speaker is the same voice, lower: a lower pitch and, by playing it
slower, a longer vocal tract.  Word times are the voice's own: hibari predicts how many frames each phoneme lasts, and
those frames are what it speaks.  Only the ends are brought forward to where the sound ends, since hibari counts the
silence after a sentence as part of its last word.
The noise is seeded; another processor may still round differently in the last bit.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import onnx
import onnxruntime
import soxr
from hibari import Hibari, dsp
from numpy.typing import NDArray

FOLDER = Path(__file__).parents[1] / "ui" / "sample"
SAMPLE_RATE = 16_000
FRAME_S = 2 * dsp.HOP / dsp.SR
"""hibari counts durations in 25 ms and draws spectra every 12.5 ms."""
LEVEL_DBFS = -20.0
QUIETEST_DBFS = -25.0
SILENCE_DBFS = -48.0
LEAD_IN_S = 0.5
TAIL_S = 1.0
EDGE_S = 0.08
"""Kept of the silence around a line, so that no breath or closing consonant is cut."""
FADE_S = 0.02
SEED = 7
PUNCTUATION = set('.,;:!?—…"“”() ')
DURATIONS = "/Cast_32_output_0"
"""The tensor inside hibari's network that holds the frames of each phoneme."""


@dataclass(frozen=True, kw_only=True)
class Speaker:
    """A voice made from hibari's.

    Attributes:
        pitch: of the voice as it is heard, against hibari's.
        size: of the vocal tract: 1.2 puts every formant a sixth lower.
    """

    pitch: float = 1.0
    size: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Word:
    """When a word is said, in seconds from the start of whatever it is part of."""

    text: str
    start_s: float
    end_s: float

    def later(self, offset_s: float) -> Word:
        """Return the word moved by ``offset_s``."""
        return replace(self, start_s=self.start_s + offset_s, end_s=self.end_s + offset_s)


SPEAKERS = {"A": Speaker(), "B": Speaker(pitch=0.62, size=1.16)}


class Voice:
    """hibari, with the durations it keeps to itself as one more output."""

    def __init__(self) -> None:
        self._hibari = Hibari()
        network = onnx.load(self._hibari.model_path)
        network.graph.output.append(onnx.helper.ValueInfoProto(name=DURATIONS))
        self._inference = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])

    def speak(self, line: str, speaker: Speaker) -> tuple[NDArray[np.float64], list[Word]]:
        """Return ``line`` as 16 kHz samples and its words."""
        phonemes = " ".join(self._hibari.phonemize(line))
        ids = self._hibari.ids(phonemes)
        *outputs, durations = self._inference.run(None, {"ids": [ids], "speed": np.array([speaker.size], np.float32)})
        lh, theta, ln, lr, phi, f0 = (output[0] for output in outputs)
        assert lh.shape[1] == 2 * durations.sum(), "FRAME_S does not fit this version of hibari"
        slow_f0 = f0 * np.float32(speaker.pitch * speaker.size)
        audio = dsp.synth(lh, theta, ln, lr, phi, slow_f0, np.random.default_rng(SEED))
        # Played slower by ``size``: what was 24 kHz is taken for less.
        audio = levelled(soxr.resample(audio.astype(np.float64), dsp.SR / speaker.size, SAMPLE_RATE))
        edges_s = np.concatenate([[0], np.cumsum(durations)]) * FRAME_S * speaker.size
        words = [without_silence(word, audio) for word in words_of(line, phonemes, edges_s)]
        return cut_out(levelled(evened(audio, words)), words)


def words_of(line: str, phonemes: str, edges_s: NDArray[np.float64]) -> list[Word]:
    """Return the words of ``line``; ``edges_s`` bounds its phonemes, after one for hibari's opening pad."""
    runs = [run for run in re.finditer(r"\S+", phonemes) if set(run.group()) - PUNCTUATION]
    texts = line.split()
    if len(runs) != len(texts):
        raise ValueError(f"{len(texts)} words but {len(runs)} runs of phonemes in {line!r}: {phonemes!r}")
    spans = [(run.start() + 1, run.start() + 1 + len(run.group().rstrip("".join(PUNCTUATION)))) for run in runs]
    return [
        Word(text=text, start_s=float(edges_s[start]), end_s=float(edges_s[end]))
        for text, (start, end) in zip(texts, spans, strict=True)
    ]


def levelled(audio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``audio`` with its speech, the frames within 25 dB of the loudest, at ``LEVEL_DBFS`` RMS."""
    power = frame_power(audio)
    speech_power = power[power > power.max() * 10**-2.5].mean()
    return audio * np.sqrt(10 ** (LEVEL_DBFS / 10) / speech_power)


def frame_power(audio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean square of each whole 10 ms."""
    n_frame = SAMPLE_RATE // 100
    return np.square(audio[: len(audio) // n_frame * n_frame]).reshape(-1, n_frame).mean(axis=1)


def without_silence(word: Word, audio: NDArray[np.float64]) -> Word:
    """Return ``word`` ending with its last frame above ``SILENCE_DBFS``."""
    start = round(word.start_s * 100)
    is_loud = frame_power(audio)[start : round(word.end_s * 100)] > 10 ** (SILENCE_DBFS / 10)
    return replace(word, end_s=min(word.end_s, (start + 1 + int(np.flatnonzero(is_loud)[-1])) / 100))


def evened(audio: NDArray[np.float64], words: list[Word]) -> NDArray[np.float64]:
    """Return ``audio`` with its quiet words raised to ``QUIETEST_DBFS``: the voice trails off at a sentence's end."""
    spans = [slice(round(word.start_s * SAMPLE_RATE), round(word.end_s * SAMPLE_RATE)) for word in words]
    gains_db = [max(0.0, QUIETEST_DBFS - 10 * np.log10(np.square(audio[span]).mean())) for span in spans]
    middles = [(span.start + span.stop) / 2 for span in spans]
    return audio * 10 ** (np.interp(np.arange(len(audio)), middles, gains_db) / 20)


def cut_out(audio: NDArray[np.float64], words: list[Word]) -> tuple[NDArray[np.float64], list[Word]]:
    """Return the spoken part of ``audio``, faded in and out, and the words moved with it."""
    start_s = max(0.0, words[0].start_s - EDGE_S)
    speech = audio[round(start_s * SAMPLE_RATE) : round((words[-1].end_s + EDGE_S) * SAMPLE_RATE)].copy()
    fade = np.sin(np.linspace(0, np.pi / 2, round(FADE_S * SAMPLE_RATE))) ** 2
    speech[: len(fade)] *= fade
    speech[-len(fade) :] *= fade[::-1]
    return speech, [word.later(-start_s) for word in words]


def write_flac(path: Path, samples: NDArray[np.int16]) -> None:
    """Write ``samples`` as 16 kHz mono FLAC."""
    with av.open(str(path), "w", format="flac") as container:
        stream = container.add_stream("flac", rate=SAMPLE_RATE, layout="mono", options={"compression_level": "12"})
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, 0, Fraction(1, SAMPLE_RATE)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def main() -> None:
    """Write sample.flac, sample.txt and sample.words.tsv from script.json."""
    voice = Voice()
    parts, words, now_s = [np.zeros(round(LEAD_IN_S * SAMPLE_RATE))], list[Word](), LEAD_IN_S
    script = json.loads((FOLDER / "script.json").read_text(encoding="utf-8"))
    for line in script:
        speech, spoken = voice.speak(line["text"], SPEAKERS[line["speaker"]])
        words += [word.later(now_s) for word in spoken]
        parts += [speech, np.zeros(round(line["pause_s"] * SAMPLE_RATE))]
        now_s = sum(map(len, parts)) / SAMPLE_RATE
    audio = np.concatenate([*parts, np.zeros(round(TAIL_S * SAMPLE_RATE))])
    if np.abs(audio).max() >= 1.0:
        raise ValueError(f"the peak is {np.abs(audio).max():.2f} of full scale: lower LEVEL_DBFS")
    write_flac(FOLDER / "sample.flac", np.round(audio * 32767).astype(np.int16))
    text = " ".join(line["text"] for line in script)
    (FOLDER / "sample.txt").write_text(text + "\n", encoding="utf-8")
    rows = [f"{word.start_s:.3f}\t{word.end_s:.3f}\t{word.text}" for word in words]
    (FOLDER / "sample.words.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
