"""Text to token ids and back, with tiktoken, from the checkpoint's own vocabulary.

A checkpoint's vocabulary is GPT-2's byte-level BPE: token strings in an alphabet that gives every byte a printable
character, ids in the order of the merges, special tokens at the end (whisper/tokenizer.py@c0d2f62).
"""

from __future__ import annotations

from collections.abc import Sequence

import tiktoken

_SPLIT = r"""'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
"""How GPT-2 cuts text before merging."""

_NO_SPEECH_NAMES = ("<|nospeech|>", "<|nocaptions|>")


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
        is_multilingual: whether the checkpoint knows languages and tasks.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        """Build from ``vocabulary``: token strings by id, special ones from <|endoftext|> on."""
        ids = {token: i for i, token in enumerate(vocabulary)}
        self.eot = ids["<|endoftext|>"]
        self.sot = ids["<|startoftranscript|>"]
        self.sot_prev = ids["<|startofprev|>"]
        self.transcribe = ids["<|transcribe|>"]
        self.translate = ids["<|translate|>"]
        self.no_timestamps = ids["<|notimestamps|>"]
        self.no_speech = next(ids[name] for name in _NO_SPEECH_NAMES if name in ids)
        self.first_timestamp = ids["<|0.00|>"]
        self.languages = {vocabulary[i][2:-2]: i for i in range(self.sot + 1, min(self.translate, self.transcribe))}
        self.is_multilingual = self.eot == 50257  # one more token than GPT-2's own: whisper/tokenizer.py
        alphabet = byte_alphabet()
        self._bytes = [bytes(alphabet[c] for c in token) for token in vocabulary[: self.eot]]
        self._encoding = tiktoken.Encoding(
            name="whisper",
            pat_str=_SPLIT,
            mergeable_ranks={token: i for i, token in enumerate(self._bytes)},
            special_tokens={token: i for i, token in enumerate(vocabulary) if i >= self.eot},
        )

    def sot_sequence(self, language: str | None = None) -> tuple[int, ...]:
        """Return the tokens that ask for a transcript without times; ``language`` for multilingual checkpoints."""
        if not self.is_multilingual:
            return (self.sot, self.no_timestamps)
        if language not in self.languages:
            raise ValueError(f"language must be one of {', '.join(self.languages)}, got {language!r}")
        return (self.sot, self.languages[language], self.transcribe, self.no_timestamps)

    def encode(self, text: str) -> list[int]:
        """Return the ids of ``text``; what looks like a special token in it is text like any other."""
        return self._encoding.encode_ordinary(text)

    def token_bytes(self, id: int) -> bytes:
        """Return the bytes token ``id`` stands for; nothing for special ones."""
        return self._bytes[id] if id < self.eot else b""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of ``ids``, special tokens left out, broken characters as U+FFFD."""
        return b"".join(map(self.token_bytes, ids)).decode("utf-8", errors="replace")
