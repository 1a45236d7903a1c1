"""Texts that fill the room they were given and would go on, and what becomes of them.

Languages whose letters are no tokens of Whisper's take up to thirty tokens a second: what is said in half a minute may
be longer than the decoder's context.  whisper/transcribe.py goes on at the last timestamp; texts without timestamps are
heard once more, each half of the audio by itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.config import ModelDimensions
from engine.decoding import DecodedText
from engine.guards import is_loop
from engine.recognition import Recognized
from stream.audio import SAMPLE_RATE, seconds

SHORTEST_SAMPLES = 2 * SAMPLE_RATE
"""What is shorter is not heard by halves: nobody says so much in it."""
_FEWEST_TOKENS, _MOST_TOKENS_PER_S = 20, 40.0
_BLOCK_SAMPLES = SAMPLE_RATE // 10


def room_for_text(dims: ModelDimensions, audio_s: float, n_given: int) -> int:
    """Return how many tokens a text of so much audio may have, those given included; what stands before goes off."""
    return min(dims.n_text_ctx, n_given + _FEWEST_TOKENS + int(_MOST_TOKENS_PER_S * audio_s))


def goes_on(found: Recognized) -> bool:
    """Return whether the text filled its room, and neither by repeating itself nor by being drawn."""
    return found.decoded.is_cut and found.temperature == 0 and not is_loop(found.decoded.ids)


def quietest_sample(audio: NDArray[np.int16]) -> int:
    """Return where it is quietest in the middle third of int16 (n_samples,), by tenths of a second."""
    first = len(audio) // 3 // _BLOCK_SAMPLES * _BLOCK_SAMPLES
    blocks = audio[first : 2 * first].astype(np.float64).reshape(-1, _BLOCK_SAMPLES)
    return first + int((blocks**2).mean(axis=1).argmin()) * _BLOCK_SAMPLES + _BLOCK_SAMPLES // 2


def joined(one: Recognized, other: Recognized, n_samples: int) -> Recognized:
    """Return both texts as one; what ``other`` was heard in begins ``n_samples`` later."""
    by_s, first, second = seconds(n_samples), one.decoded, other.decoded
    logprobs = (*first.logprobs[: len(first.ids)], *second.logprobs)
    decoded = DecodedText((*first.ids, *second.ids), logprobs, first.no_speech_prob, is_cut=second.is_cut)
    knows_attention = bool(one.attended_s and other.attended_s)
    return replace(
        one,
        decoded=decoded,
        temperature=max(one.temperature, other.temperature),
        compression_ratio=max(one.compression_ratio, other.compression_ratio),
        words=(*one.words, *(word.delayed(by_s) for word in other.words)),
        attended_s=(*one.attended_s, *(at_s + by_s for at_s in other.attended_s)) if knows_attention else (),
    )
