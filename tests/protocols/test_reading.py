"""What clients write."""

import pytest

from ui.server.protocols.reading import language_code, read_object, shown


@pytest.mark.parametrize(
    ("tag", "expected"), [("en", "en"), ("en-US", "en"), ("EN_gb", "en"), ("nb-NO", "no"), ("zh-Hans-CN", "zh")]
)
def test_a_tag_becomes_whisper_s_code(tag: str, expected: str) -> None:
    assert expected == language_code(tag, ("en", "no", "zh"))


@pytest.mark.parametrize("tag", ["", "-", "english", "e" * 10_000, "日本"])
def test_a_language_that_the_model_does_not_know_is_named(tag: str) -> None:
    with pytest.raises(ValueError, match=r"is not known to this model; it knows en, no$") as refused:
        language_code(tag, ("en", "no"))

    assert shown(tag) in str(refused.value)
    assert str(refused.value).isascii()


def test_an_object_is_read() -> None:
    assert {"a": [1, "ä"]} == read_object('{"a": [1, "\\u00e4"]}')


@pytest.mark.parametrize("text", ['{"a": Infinity}', '{"a": "\\udc00"}', b"\xff", "1", '{"a":' + 5000 * "1" + "}"])
def test_what_is_no_object_of_valid_unicode_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"^(this is not JSON|the text is not|a JSON object)"):
        read_object(text)
