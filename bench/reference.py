"""Our networks against the reference in one run: the same weights, sound and text, on the CPU.

    pip install -c constraints.txt -e '.[reference]'
    python bench/reference.py [--json FILE]

OpenAI's implementation and that of Hugging Face get the weights of the packaged tiny.en under their own names, so
what differs is the arithmetic.  Everything but the log-mel spectrogram is compared from OpenAI's spectrogram on.  How
far float32 is from the truth by its nature, Hugging Face's model in float64 tells.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import transformers
import whisper
from huggingface import huggingface_model
from numpy.typing import NDArray
from reference_models import Array, Layers, openai_model, our_layers
from rich.console import Console
from rich.table import Table

from engine.checkpoint import Checkpoint, read_checkpoint
from engine.decoding import Row
from engine.log_mel import log_mel_spectrogram
from engine.model import WhisperModel
from engine.packaged import checkpoint_folder
from engine.rules import UNRESTRICTED
from ui.bench.machine import machine
from ui.bench.ours import read_window
from ui.demo import sample_folder

N_TEXT_TOKENS = 30


@dataclass(frozen=True)
class Models:
    """One checkpoint four times."""

    checkpoint: Checkpoint
    ours: WhisperModel
    openai: whisper.Whisper
    huggingface: transformers.WhisperForConditionalGeneration
    exact: transformers.WhisperForConditionalGeneration


@dataclass(frozen=True)
class Outputs:
    """What each of the models returns at one place; the last in float64."""

    ours: Array
    openai: Array
    huggingface: Array
    exact: Array

    def of_token(self, i: int) -> Outputs:
        """Those at one position."""
        return Outputs(self.ours[i], self.openai[i], self.huggingface[i], self.exact[i])

    @property
    def agree(self) -> bool:
        """Whether all would pick the same token."""
        return len({int(x.argmax()) for x in (self.ours, self.openai, self.huggingface, self.exact)}) == 1


@dataclass(frozen=True, kw_only=True)
class Distance:
    """How far apart two or more implementations are at one place.

    Attributes:
        largest: difference of any number of ours from OpenAI's.
        relative: norm of all differences over the norm of OpenAI's.
        huggingface: as ``relative``, for Hugging Face's from OpenAI's.
        ours_from_exact, openai_from_exact: as ``relative``, from float64.
    """

    what: str
    shape: tuple[int, ...]
    largest: float
    relative: float
    huggingface: float | None = None
    ours_from_exact: float | None = None
    openai_from_exact: float | None = None


def distance(what: str, outputs: Outputs) -> Distance:
    ours, openai = outputs.ours, outputs.openai.reshape(outputs.ours.shape)
    return Distance(
        what=what,
        shape=ours.shape,
        largest=float(np.abs(ours - openai).max()),
        relative=relative(ours, openai),
        huggingface=relative(outputs.huggingface, openai),
        ours_from_exact=relative(ours, outputs.exact),
        openai_from_exact=relative(openai, outputs.exact),
    )


def relative(found: Array, expected: Array) -> float:
    difference = found.astype(np.float64) - expected.reshape(found.shape)
    return float(np.linalg.norm(difference) / np.linalg.norm(expected.astype(np.float64)))


def compare_log_mel(audio: NDArray[np.int16], mel: Array) -> Distance:
    ours = log_mel_spectrogram(audio, n_mels=len(mel))
    largest = float(np.abs(ours - mel).max())
    return Distance(what="log-mel spectrogram", shape=ours.shape, largest=largest, relative=relative(ours, mel))


def compare_sound(models: Models, mel: Array) -> Iterator[Distance]:
    """Compare every encoder layer, the encoder's output and the keys and values made of it."""
    theirs = (models.huggingface.model, models.exact.model)
    kept = [Layers(models.openai.encoder.blocks), *(Layers(model.encoder.layers) for model in theirs)]
    sound = torch.from_numpy(mel[None])
    features = [
        models.openai.encoder(sound),
        *(model.encoder(sound.to(model.dtype)).last_hidden_state for model in theirs),
    ]
    ours = our_layers(models.checkpoint, mel)
    names = ["convolutions and positions", *(f"encoder layer {i + 1}" for i in range(len(ours) - 2))]
    for what, *outputs in zip(names, ours[:-1], *(layers.outputs for layers in kept), strict=True):
        yield distance(what, Outputs(*outputs))
    encoded = models.ours.networks.encode([mel])
    arrays = [x.numpy() for x in features]
    yield distance("encoder, layer by layer", Outputs(ours[-1], *arrays))
    yield distance("encoder, as it runs", Outputs(models.ours.networks.features(mel), *arrays))
    for i, block in enumerate(models.openai.decoder.blocks):
        attentions = [model.decoder.layers[i].encoder_attn for model in theirs]
        projections = {
            "key": [block.cross_attn.key, *(attention.k_proj for attention in attentions)],
            "value": [block.cross_attn.value, *(attention.v_proj for attention in attentions)],
        }
        for j, (what, layers) in enumerate(projections.items()):
            arrays = [project(x).numpy() for project, x in zip(layers, features, strict=True)]
            yield distance(f"cross {what}, layer {i + 1}", Outputs(encoded.cross_kv[2 * i + j].to_numpy(), *arrays))


def our_logits(model: WhisperModel, mel: Array, tokens: list[int], n_at_once: int) -> Array:
    """Return the logits behind each of ``tokens``, given ``n_at_once`` at a time: float32 (n_tokens, n_vocab)."""
    filters = np.zeros((1, model.networks.dims.n_vocab), np.float32)
    decoder = model.networks.decoder(model.networks.encode([mel]), filters)
    logits = []
    for start in range(0, len(tokens), n_at_once):
        new = tokens[start : start + n_at_once]
        row = Row(new, list(range(len(new))), [UNRESTRICTED] * len(new))
        logits.append(decoder.advance([row]).fetch_logits()[0])
    return np.concatenate(logits)


def compare_text(models: Models, mel: Array, tokens: list[int]) -> Iterator[Distance]:
    """Compare the logits behind each of ``tokens``, all given at once and one by one."""
    ids, sound = torch.tensor([tokens]), torch.from_numpy(mel[None])
    theirs = [
        models.openai(sound, ids)[0].numpy(),
        *(
            model(input_features=sound.to(model.dtype), decoder_input_ids=ids).logits[0].numpy()
            for model in (models.huggingface, models.exact)
        ),
    ]
    at_once = Outputs(our_logits(models.ours, mel, tokens, len(tokens)), *theirs)
    one_by_one = Outputs(our_logits(models.ours, mel, tokens, 1), *theirs)
    yield distance("logits, all tokens in one pass", at_once)
    yield distance("logits, token by token", one_by_one)
    for i, token in enumerate(tokens):
        here = one_by_one.of_token(i)
        # The special tokens at the front have no text of their own.
        text = models.ours.tokenizer.token_bytes(token).decode(errors="replace") or "special"
        picks = "" if here.agree and at_once.of_token(i).agree else ", another best token"
        yield distance(f"logits behind {i + 1} {text!r}{picks}", here)


def table_of(distances: list[Distance]) -> Table:
    table = Table(title="From openai-whisper's numbers, and from those in float64", title_justify="left", box=None)
    table.add_column("what")
    for heading in ("shape", "largest", "relative", "relative, HF", "float64: ours", "float64: OpenAI"):
        table.add_column(heading, justify="right")
    for one in distances:
        figures = (one.largest, one.relative, one.huggingface, one.ours_from_exact, one.openai_from_exact)
        shape = " × ".join(map(str, one.shape))
        table.add_row(one.what, shape, *("–" if figure is None else f"{figure:.1e}" for figure in figures))
    return table


def load_models() -> Models:
    checkpoint = read_checkpoint(checkpoint_folder("tiny.en"))
    huggingface = [huggingface_model(checkpoint) for _ in range(2)]
    return Models(
        checkpoint, WhisperModel.load(device="cpu"), openai_model(checkpoint), huggingface[0], huggingface[1].double()
    )


def measure() -> list[Distance]:
    """Compare everything on the sample that ships with the program."""
    models = load_models()
    audio = read_window(str(sample_folder() / "sample.flac"))
    padded = whisper.pad_or_trim(audio.astype(np.float32) / 32768.0)
    mel = whisper.log_mel_spectrogram(padded, n_mels=models.checkpoint.dimensions.n_mels).numpy()
    tokenizer = models.ours.tokenizer
    text = " " + " ".join((sample_folder() / "sample.txt").read_text(encoding="utf-8").split())
    tokens = [*tokenizer.sot_sequence(), *tokenizer.encode(text)[:N_TEXT_TOKENS]]
    with torch.no_grad():
        return [compare_log_mel(audio, mel), *compare_sound(models, mel), *compare_text(models, mel, tokens)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    arguments = parser.parse_args()
    distances = measure()
    console = Console() if sys.stdout.isatty() else Console(width=130)
    console.print(table_of(distances))
    described = machine()
    versions = {
        "torch": torch.__version__,
        "openai-whisper": whisper.__version__,
        "transformers": transformers.__version__,
    }
    names = ", ".join(f"{name} {version}" for name, version in versions.items())
    console.print(f"{described['processor']}, {described['date']}, {names}", style="dim", highlight=False)
    if arguments.json:
        figures = {"machine": described, "versions": versions, "distances": [asdict(one) for one in distances]}
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
