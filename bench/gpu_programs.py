"""Ours and Hugging Face's Whisper on the same weights, asked for the same parts of the work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from huggingface import huggingface_model
from numpy.typing import NDArray
from transformers.modeling_outputs import BaseModelOutput

from engine.checkpoint import Checkpoint
from engine.checkpoints.shapes import expected_shapes
from engine.config import ModelDimensions
from engine.decoding import Row
from engine.devices import Compute
from engine.graph import SpecialIds
from engine.networks import Networks
from engine.progress import LoadProgress
from engine.rules import UNRESTRICTED, Filter

N_TIMESTAMPS = 1501
"""The last ids of every Whisper's vocabulary; <|nospeech|> and <|notimestamps|> stand before them."""


class Program(Protocol):
    """One model loaded by one program; each part is over when its call returns."""

    def give(self, mels: NDArray[np.float32], prompt: Sequence[int]) -> None:
        """Take ``mels``, float32 (n_windows, n_mels, n_frames), and the tokens before each text."""

    def encode(self) -> None:
        """Encode the windows."""

    def start(self) -> None:
        """Read the prompt."""

    def decode(self, n_tokens: int) -> list[list[int]]:
        """Go on with ``n_tokens`` of its own picks, one a step, and return them by window."""


class Ours:
    """``Networks`` and ``BatchDecoder``, as ``engine.model`` uses them."""

    def __init__(self, checkpoint: Checkpoint, compute: Compute) -> None:
        first_timestamp = checkpoint.dimensions.n_vocab - N_TIMESTAMPS
        self._compute = compute
        self._networks = Networks(checkpoint, SpecialIds(first_timestamp - 2, first_timestamp), compute, _tell)
        self._filters = np.zeros((len(Filter), checkpoint.dimensions.n_vocab), np.float32)

    def give(self, mels: NDArray[np.float32], prompt: Sequence[int]) -> None:
        # Frame by frame in memory, as ``log_mel_spectrogram`` leaves them.
        self._mels, self._prompt = [np.ascontiguousarray(mel.T).T for mel in mels], list(prompt)

    def encode(self) -> None:
        self._encoded = self._networks.encode(self._mels)
        self._compute.device.synchronize()

    def start(self) -> None:
        self._decoder = self._networks.decoder(self._encoded, self._filters)
        row = Row(self._prompt, [len(self._prompt) - 1], [UNRESTRICTED])
        self._picks = self._decoder.advance([row] * len(self._mels)).ids[:, 0]

    def decode(self, n_tokens: int) -> list[list[int]]:
        found = [self._picks]
        for _ in range(n_tokens - 1):
            rows = [Row([int(id)], [0], [UNRESTRICTED]) for id in found[-1]]
            found.append(self._decoder.advance(rows).ids[:, 0])
        return np.stack(found, axis=1).tolist()


class HuggingFace:
    """transformers' model with scaled_dot_product_attention, step by step, without what ``generate`` adds."""

    def __init__(self, checkpoint: Checkpoint, *, on_gpu: bool) -> None:
        self._device, self._dtype = ("cuda", torch.bfloat16) if on_gpu else ("cpu", torch.float32)
        model = huggingface_model(checkpoint)
        model.set_attn_implementation("sdpa")
        # cuDNN's attention makes a plan for every new number of keys, at each step one: 50 ms.
        torch.backends.cuda.enable_cudnn_sdp(False)
        self._model = model.to(self._device, self._dtype)

    def give(self, mels: NDArray[np.float32], prompt: Sequence[int]) -> None:
        self._mels = torch.from_numpy(mels)
        self._prompt = torch.tensor([list(prompt)] * len(mels), device=self._device)

    @torch.inference_mode()
    def encode(self) -> None:
        heard = self._model.model.encoder(self._mels.to(self._device, self._dtype)).last_hidden_state
        self._heard = BaseModelOutput(last_hidden_state=heard)
        self._wait()

    @torch.inference_mode()
    def start(self) -> None:
        self._past, self._picks = self._advance(self._prompt, None)
        self._wait()

    @torch.inference_mode()
    def decode(self, n_tokens: int) -> list[list[int]]:
        found, past = [self._picks], self._past
        for _ in range(n_tokens - 1):
            past, picks = self._advance(found[-1], past)
            found.append(picks)
        return torch.cat(found, dim=1).tolist()

    def _advance(self, tokens: torch.Tensor, past: object) -> tuple[object, torch.Tensor]:
        out = self._model(encoder_outputs=self._heard, decoder_input_ids=tokens, past_key_values=past, use_cache=True)
        return out.past_key_values, out.logits[:, -1:].argmax(-1)

    def _wait(self) -> None:
        if self._device == "cuda":
            torch.cuda.synchronize()


def random_checkpoint(dims: ModelDimensions) -> Checkpoint:
    """Return a model that nobody trained, in half precision: one block of normal numbers over and over, but norms."""
    block = (np.random.default_rng(0).standard_normal(1 << 20) / 50).astype(np.float16)
    weights = {
        name: np.ones(shape, np.float16) if name.endswith("norm.weight") else np.resize(block, shape)
        for name, shape in expected_shapes(dims).items()
    }
    return Checkpoint(dims, weights, (), (), (), ())


def _tell(progress: LoadProgress) -> None:
    print(progress, flush=True)
