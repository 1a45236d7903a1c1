"""What a checkpoint may leave out, because every Whisper of its size has it: tokens, suppressed tokens, heads."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from pathlib import Path

from engine.config import ModelDimensions
from engine.tokenizer import Tokenizer, byte_alphabet

_FOLDER = Path(__file__).parent.parent / "vocabularies"
_N_TIMESTAMPS = 1501
_LANGUAGES = (  # noqa: SIM905  # far shorter than a list
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg lt la mi ml "
    "cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so af oc ka be tg sd gu am "
    "yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su yue"
).split()
_KINDS = {51864: ("gpt2", 99), 51865: ("multilingual", 99), 51866: ("multilingual", 100)}
"""By how many tokens there are: which text tokens, and how many languages."""

_HEADS: dict[tuple[int, int, int], dict[int, tuple[int, ...]]] = {
    (4, 6, 51864): {1: (0,), 2: (0, 5), 3: (0, 1, 2, 3, 4)},
    (4, 6, 51865): {2: (2,), 3: (0, 2, 3, 4, 5)},
    (6, 8, 51864): {3: (3,), 4: (7,), 5: (1, 5, 7)},
    (6, 8, 51865): {3: (1,), 4: (2, 3, 7), 5: (1, 2, 4, 6)},
    (12, 12, 51864): {
        6: (6,), 7: (0, 3, 8), 8: (2, 5, 7), 9: (0, 4, 8, 10), 10: (0, 1, 2, 3, 6, 11), 11: (2, 4),
    },
    (12, 12, 51865): {5: (3, 9), 8: (0, 4, 7, 8), 9: (0, 7, 9), 10: (5,)},
    (24, 16, 51864): {
        11: (4,), 14: (1, 12, 14), 15: (4,), 16: (0, 4, 9), 17: (12, 14), 18: (7, 10, 15), 20: (0, 3, 9, 14), 21: (12,),
    },
    (24, 16, 51865): {13: (15,), 15: (4, 15), 16: (1,), 20: (0,), 23: (4,)},
    (32, 20, 51866): {
        7: (0,), 10: (17,), 12: (18,), 13: (12,), 16: (1,), 17: (14,), 19: (11,), 21: (4,), 24: (1,), 25: (6,),
    },
    (4, 20, 51866): {2: (4, 11), 3: (3, 6, 11, 14)},
}  # fmt: skip
"""By decoder layers, heads a layer, and tokens: whisper/__init__.py@c0d2f62.

That large-v1 and large-v2 are missing is meant: they are of one size, and have other heads.
"""


def usual_alignment_heads(dims: ModelDimensions) -> tuple[tuple[int, int], ...]:
    """Return the heads that follow the audio in OpenAI's model of this size; none where it is not known."""
    by_layer = _HEADS.get((dims.n_text_layer, dims.n_text_head, dims.n_vocab), {})
    return tuple((layer, head) for layer, heads in by_layer.items() for head in heads)


def usual_vocabulary(n_vocab: int) -> tuple[str, ...] | None:
    """Return the vocabulary of OpenAI's models with ``n_vocab`` tokens, or None where there are none such."""
    if n_vocab not in _KINDS:
        return None
    kind, n_languages = _KINDS[n_vocab]
    specials = (
        "endoftext", "startoftranscript", *_LANGUAGES[:n_languages], "translate", "transcribe", "startoflm",
        "startofprev", "nospeech", "notimestamps",
    )  # fmt: skip
    return (*_text_tokens(kind), *(f"<|{name}|>" for name in specials), *timestamps())


def timestamps() -> list[str]:
    """Return the tokens that tell times, 20 ms apart."""
    return [f"<|{i * 0.02:.2f}|>" for i in range(_N_TIMESTAMPS)]


def _text_tokens(kind: str) -> list[str]:
    """Lines of base64 and rank; the ranks are the line numbers."""
    printable = {byte: character for character, byte in byte_alphabet().items()}
    lines = gzip.decompress((_FOLDER / f"{kind}.tiktoken.gz").read_bytes()).splitlines()
    contents = (base64.b64decode(line.split()[0]) for line in lines)
    return ["".join(map(printable.__getitem__, content)) for content in contents]


def usual_suppress_ids(vocabulary: Sequence[str]) -> tuple[int, ...]:
    """Return what is never picked where a checkpoint says nothing: sounds that are no speech, and tasks.

    Raises:
        CheckpointError: this is not the vocabulary of a Whisper.
    """
    tokenizer = Tokenizer(vocabulary)
    first_task = min(tokenizer.translate, tokenizer.transcribe)
    return tuple(sorted({*_non_speech_ids(tokenizer), tokenizer.sot, *range(first_task, tokenizer.no_timestamps)}))


def usual_begin_suppress_ids(vocabulary: Sequence[str]) -> tuple[int, ...]:
    """Return what is not picked first where a checkpoint says nothing: a blank, and the end.

    Raises:
        CheckpointError: this is not the vocabulary of a Whisper.
    """
    tokenizer = Tokenizer(vocabulary)
    return (*tokenizer.encode(" "), tokenizer.eot)


def _non_speech_ids(tokenizer: Tokenizer) -> set[int]:
    """Whisper's rule, whisper/tokenizer.py@c0d2f62 non_speech_tokens.

    Symbols that are one token, and the first token of notes and their like, which share their first bytes.
    """
    notes = list("♩♪♫♬♭♮♯")
    symbols = list('"#()*+/:;<=>@[\\]^_`{|}~「」『』')
    symbols += "<< >> <<< >>> -- --- -( -[ (' (\" (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪".split()  # noqa: SIM905
    # A hyphen and an apostrophe are part of words, but begin none.
    found = {tokenizer.encode(" -")[0], tokenizer.encode(" '")[0]}
    for symbol in symbols + notes:
        for ids in (tokenizer.encode(symbol), tokenizer.encode(" " + symbol)):
            if len(ids) == 1 or symbol in notes:
                found.add(ids[0])
    return found
