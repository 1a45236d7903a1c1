"""Tokenizer: on a vocabulary small enough to see through, and against Hugging Face's on tiny.en's own."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.checkpoint import read_checkpoint
from engine.errors import CheckpointError
from engine.packaged import checkpoint_folder
from engine.tokenizer import Tokenizer, byte_alphabet

GOLDEN = json.loads((Path(__file__).parent / "golden" / "tokens.json").read_text(encoding="utf-8"))

BYTES = list(byte_alphabet())
MERGES = ["he", "ll", "hell", "hello", "Ġhe", "Ġhello"]
SPECIAL = [
    "<|endoftext|>",
    "<|startoftranscript|>",
    "<|en|>",
    "<|de|>",
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    "<|0.00|>",
    "<|0.02|>",
]
SMALL = [*BYTES, *MERGES, *SPECIAL]


def multilingual_vocabulary() -> list[str]:
    """As many text tokens as OpenAI's multilingual vocabulary: the count is what tells it apart."""
    filler = [chr(first) + chr(second) for first in range(0x100, 0x140) for second in range(0x21, 0x7F)]
    more = [chr(first) + chr(0x100) + chr(second) for first in range(0x21, 0x7F) for second in range(0x21, 0x7F)]
    more += [chr(0xC0 + i % 60) + chr(0xC0 + i // 60 % 60) + chr(0xC0 + i // 3600) for i in range(50_000)]
    tokens = [*BYTES, *MERGES, *filler, *more][:50_256]
    return [*tokens, "", *SPECIAL]


def test_knows_the_special_tokens_by_name():
    tokenizer = Tokenizer(SMALL)
    names = ("eot", "sot", "translate", "transcribe", "sot_prev", "no_speech", "no_timestamps", "first_timestamp")
    assert [getattr(tokenizer, name) for name in names] == [
        SMALL.index(name)
        for name in (
            "<|endoftext|>",
            "<|startoftranscript|>",
            "<|translate|>",
            "<|transcribe|>",
            "<|startofprev|>",
            "<|nospeech|>",
            "<|notimestamps|>",
            "<|0.00|>",
        )
    ]
    assert tokenizer.languages == {"en": SMALL.index("<|en|>"), "de": SMALL.index("<|de|>")}


def test_knows_the_older_name_of_no_speech():
    older = [token.replace("nospeech", "nocaptions") for token in SMALL]
    assert Tokenizer(older).no_speech == SMALL.index("<|nospeech|>")


def test_merges_in_the_order_of_the_vocabulary():
    assert [SMALL[id] for id in Tokenizer(SMALL).encode("hello hello hell")] == ["hello", "Ġhello", "Ġ", "hell"]


@pytest.mark.parametrize("special", SPECIAL)
def test_special_tokens_in_text_are_text(special: str):
    tokenizer = Tokenizer(SMALL)
    ids = tokenizer.encode(special)
    assert max(ids) < tokenizer.eot
    assert tokenizer.decode(ids) == special


@given(st.text())
def test_decoding_undoes_encoding(text: str):
    assert SMALL_TOKENIZER.decode(SMALL_TOKENIZER.encode(text)) == text


SMALL_TOKENIZER = Tokenizer(SMALL)


def test_special_tokens_have_no_bytes():
    tokenizer = Tokenizer(SMALL)
    assert [tokenizer.token_bytes(i) for i in range(tokenizer.eot, len(SMALL))] == [b""] * len(SPECIAL)
    assert tokenizer.decode([tokenizer.sot, *tokenizer.encode("hell"), tokenizer.eot]) == "hell"


def test_a_broken_character_becomes_the_replacement_character():
    tokenizer = Tokenizer(SMALL)
    ids = tokenizer.encode("é")
    assert [tokenizer.token_bytes(id) for id in ids] == [b"\xc3", b"\xa9"]
    assert tokenizer.decode(ids[:1]) == "\ufffd"


def test_every_byte_has_its_own_printable_character():
    alphabet = byte_alphabet()
    assert sorted(alphabet.values()) == list(range(256))
    assert all(character.isprintable() and not character.isspace() for character in alphabet)
    assert (alphabet["A"], alphabet["Ġ"], alphabet["Ċ"], alphabet["ł"]) == (65, 32, 10, 0xA0)


def test_an_english_checkpoint_needs_no_language():
    tokenizer = Tokenizer(SMALL)
    assert tokenizer.sot_sequence() == (tokenizer.sot, tokenizer.no_timestamps)


def test_a_multilingual_checkpoint_needs_a_language():
    tokenizer = Tokenizer(multilingual_vocabulary())
    german = (tokenizer.sot, tokenizer.languages["de"], tokenizer.transcribe, tokenizer.no_timestamps)
    assert tokenizer.sot_sequence("de") == german
    with pytest.raises(ValueError, match="language must be one of en, de, got 'tlh'"):
        tokenizer.sot_sequence("tlh")


@pytest.mark.parametrize(
    ("vocabulary", "message"),
    [
        ([], r"no <\|endoftext\|>"),
        ([token for token in SMALL if token != "<|notimestamps|>"], r"no <\|notimestamps\|>"),
        ([token for token in SMALL if token != "<|nospeech|>"], r"no <\|nospeech\|> or <\|nocaptions\|>"),
        (["word spaced", *SMALL], "stands for no byte"),
        (["hello", *SMALL], "repeats a token"),
        (SMALL[1:], "lacks a byte"),
    ],
)
def test_refuses_a_vocabulary_that_is_not_whispers(vocabulary: list[str], message: str):
    with pytest.raises(CheckpointError, match=message):
        Tokenizer(vocabulary)


@pytest.fixture(scope="module")
def tiny_en() -> Tokenizer:
    return Tokenizer(read_checkpoint(checkpoint_folder("tiny.en")).vocabulary)


@pytest.mark.weights
@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: ascii(golden["text"])[:20])
def test_encodes_as_hugging_face_does(golden: dict, tiny_en: Tokenizer):
    assert tiny_en.encode(golden["text"]) == golden["ids"]
    assert tiny_en.decode(golden["ids"]) == golden["text"]


@pytest.mark.weights
def test_the_special_tokens_of_tiny_en(tiny_en: Tokenizer):
    assert (tiny_en.eot, tiny_en.sot, tiny_en.no_speech, tiny_en.no_timestamps) == (50256, 50257, 50361, 50362)
    assert (tiny_en.first_timestamp, tiny_en.is_multilingual, len(tiny_en.languages)) == (50363, False, 99)
