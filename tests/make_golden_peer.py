"""Make tests/golden/base.json and word_times.json: what CTranslate2 makes of the same audio with the same weights.

Run once, in an environment with faster-whisper 1.2.1 and ctranslate2 4.8.5, float32:

    python tests/make_golden_peer.py AUDIO_FOLDER BASE_FOLDER TINY_EN_FOLDER
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import ctranslate2
import numpy as np
from faster_whisper import decode_audio
from faster_whisper.feature_extractor import FeatureExtractor

GOLDEN = Path(__file__).parent / "golden"
LANGUAGES = ("de", "es", "fr", "it", "ja", "ko", "pt")
ENGLISH = ("en_talk_jfk-inaugural-excerpt", "en_read_moonshine-beckett", "en_accented_speechocean762_005670282")
TIMED = (
    "en_talk_jfk-inaugural-excerpt",
    "en_read_librispeech-dev-clean_1272-141231-0002",
    "en_read_librispeech-train-clean-100_198-209-0000",
    "en_read_timit_dr1-fvmh0_si1466",
    "en_read_timit_dr3-madc0_sx107",
    "en_read_librivox_sense-and-sensibility-0890",
)


class Peer:
    """CTranslate2's Whisper on windows of 30 s."""

    def __init__(self, folder: Path) -> None:
        self._model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="float32", intra_threads=2)
        lines = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
        self._ids = {token: i for i, token in enumerate(lines)}
        self._features = FeatureExtractor()

    def language(self, path: Path) -> tuple[str, float]:
        (best, *_), *_ = self._model.detect_language(self._window(path))
        return best[0][2:-2], best[1]

    def greedy(self, path: Path, *special: str) -> list[int]:
        prompt = [self._ids[f"<|{token}|>"] for token in special]
        found = self._model.generate(self._window(path), [prompt], beam_size=1, max_length=448)
        return list(found[0].sequences_ids[0])

    def token_starts(self, path: Path, ids: list[int]) -> list[float]:
        n_frames = len(decode_audio(str(path), sampling_rate=16000)) // 160
        found = self._model.align(self._window(path), [self._ids["<|startoftranscript|>"]], [ids], n_frames)[0]
        tokens, positions = np.array(found.alignments).T
        return (positions[np.flatnonzero(np.diff(tokens, prepend=-1))] * 0.02).round(3).tolist()

    def _window(self, path: Path) -> ctranslate2.StorageView:
        audio = decode_audio(str(path), sampling_rate=16000)[:480_000]
        mel = self._features(np.pad(audio, (0, 480_000 - len(audio))))[:, :3000]
        return ctranslate2.StorageView.from_array(np.ascontiguousarray(mel[None].astype(np.float32)))


def write(name: str, golden: dict[str, dict[str, object]]) -> None:
    lines = [f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items()]
    (GOLDEN / name).write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def main() -> None:
    audio, base, tiny = map(Path, sys.argv[1:])
    peer, golden = Peer(base), {}
    for path in sorted((audio / "short").iterdir()):
        if path.stem.startswith(LANGUAGES) or path.stem in ENGLISH:
            language, probability = peer.language(path)
            ids = peer.greedy(path, "startoftranscript", language, "transcribe", "notimestamps")
            golden[f"short/{path.name}"] = {"language": language, "probability": round(probability, 5), "ids": ids}
    write("base.json", golden)
    peer, golden = Peer(tiny), {}
    for path in [audio / "short" / f"{stem}.flac" for stem in TIMED]:
        ids = peer.greedy(path, "startoftranscript", "notimestamps")
        golden[f"short/{path.name}"] = {"ids": ids, "starts": peer.token_starts(path, ids)}
    write("word_times.json", golden)


if __name__ == "__main__":
    main()
