"""Text to token ids and back, with tiktoken, from the checkpoint's own vocabulary.

A checkpoint's vocabulary is GPT-2's byte-level BPE: token strings in an alphabet that gives every byte a printable
character, ids in the order of the merges, special tokens at the end (whisper/tokenizer.py@c0d2f62).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
import tiktoken

from engine.errors import CheckpointError

_SPLIT = r"""'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
"""How GPT-2 cuts text before merging."""
_EOT = "<|endoftext|>"


def byte_alphabet() -> dict[str, int]:
    """Return GPT-2's printable character of every byte: itself where that prints, U+0100 and on elsewhere."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    alphabet = {chr(byte): byte for byte in printable}
    others = (byte for byte in range(256) if byte not in printable)
    return alphabet | {chr(256 + i): byte for i, byte in enumerate(others)}


class Tokenizer:
    """The tokens of one checkpoint.

    Attributes:
        sot, eot, sot_prev, transcribe, translate, no_timestamps, no_speech: ids of the special tokens.
        first_timestamp: id of <|0.00|>; every later id is a timestamp, 20 ms apart.
        languages: language code → id; of an English-only checkpoint these ids mean nothing.
        n_vocab: how many tokens there are.
        is_multilingual: whether the checkpoint knows languages and tasks.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        """Build from ``vocabulary``: token strings by id, special ones from <|endoftext|> on.

        Raises:
            CheckpointError: this is not the vocabulary of a Whisper.
        """
        first_special = vocabulary.index(_EOT) if _EOT in vocabulary else 0
        ids = {token: i for i, token in enumerate(vocabulary[first_special:], first_special)}
        self.eot = _special(ids, _EOT)
        self.sot = _special(ids, "<|startoftranscript|>")
        self.sot_prev = _special(ids, "<|startofprev|>")
        self.transcribe = _special(ids, "<|transcribe|>")
        self.translate = _special(ids, "<|translate|>")
        self.no_timestamps = _special(ids, "<|notimestamps|>")
        self.no_speech = _special(ids, "<|nospeech|>", "<|nocaptions|>")
        self.first_timestamp = _special(ids, "<|0.00|>")
        self.languages = {vocabulary[i][2:-2]: i for i in range(self.sot + 1, min(self.translate, self.transcribe))}
        self.is_multilingual = self.eot == 50257  # one more token than GPT-2's own: whisper/tokenizer.py
        self.n_vocab = len(vocabulary)
        self._bytes = _text_tokens(vocabulary[: self.eot])

    @cached_property
    def _encoding(self) -> tiktoken.Encoding:
        """Made when text is first encoded: a model that only listens need not wait for it."""
        ranks = {token: i for i, token in enumerate(self._bytes)}
        # Special tokens are ids here, never text, so tiktoken need not look for them.
        return tiktoken.Encoding("whisper", pat_str=_SPLIT, mergeable_ranks=ranks, special_tokens={})

    def sot_sequence(
        self, language: str = "en", *, translate: bool = False, timestamps: bool = False
    ) -> tuple[int, ...]:
        """Return the tokens that ask for a text.

        Args:
            language: what is spoken, one of ``languages``.
            translate: ask for English, whatever is spoken.
            timestamps: ask for the times of segments among the text.

        Raises:
            ValueError: the checkpoint does not know the language, or knows English alone and is to translate.
        """
        times = () if timestamps else (self.no_timestamps,)
        if not self.is_multilingual:
            if language != "en" or translate:
                what = "translate" if translate else f"hear language {language!r}"
                raise ValueError(f"an English-only model cannot {what}: choose a multilingual one, as base")
            return (self.sot, *times)
        if language not in self.languages:
            raise ValueError(f"language must be one of {', '.join(self.languages)}, got {language!r}")
        return (self.sot, self.languages[language], self.translate if translate else self.transcribe, *times)

    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``; what looks like a special token in it is text like any other."""
        return self._encoding.encode_ordinary(text)

    def token_bytes(self, id: int) -> bytes:
        """Return the bytes token ``id`` stands for; nothing for special ones."""
        return self._bytes[id] if id < self.eot else b""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ``ids``, special tokens left out, broken characters as U+FFFD."""
        return b"".join(map(self.token_bytes, ids)).decode("utf-8", errors="replace")


def _special(ids: dict[str, int], *names: str) -> int:
    """The id of the one of ``names`` that the vocabulary has: some changed between Whisper's releases."""
    for name in names:
        if name in ids:
            return ids[name]
    raise CheckpointError(f"The vocabulary has no {' or '.join(names)}, so it is not Whisper's. Get the model again.")


def _text_tokens(tokens: Sequence[str]) -> list[bytes]:
    content = _in_bytes(tokens)
    different = set(content)
    if len(different) != len(content) or not {bytes([byte]) for byte in range(256)} <= different:
        raise CheckpointError("The vocabulary repeats a token or lacks a byte. Get the model again.")
    return content


def _in_bytes(tokens: Sequence[str]) -> list[bytes]:
    """Return the bytes each token stands for; all are looked up at once, as there are fifty thousand."""
    alphabet = byte_alphabet()
    bytes_of = np.full(max(map(ord, alphabet)) + 2, -1)
    bytes_of[[ord(character) for character in alphabet]] = list(alphabet.values())
    codes = np.frombuffer("".join(tokens).encode("utf-32-le", "surrogatepass"), np.uint32)
    found = bytes_of[np.minimum(codes, len(bytes_of) - 1)]
    if (found < 0).any():
        character = chr(codes[found < 0][0])
        raise CheckpointError(f"A token holds {character!r}, which stands for no byte. Get the model again.")
    together = found.astype(np.uint8).tobytes()
    return [together[begin:end] for begin, end in pairwise(accumulate(map(len, tokens), initial=0))]
