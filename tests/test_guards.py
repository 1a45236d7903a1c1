"""Signs of invented text, on texts Whisper has invented and on such as people say."""

from __future__ import annotations

import pytest

from engine.guards import compression_ratio, is_loop, is_not_speech, says_twice


@pytest.mark.parametrize(
    "ids",
    [[7] * 12, [1, 2, 3, 4] * 3, [9, 8, *[1, 2, 3, 4, 5, 6] * 3], [*range(16)] * 3, [5, *[1, 2] * 6]],
    ids=["one token", "a phrase", "a beginning, then a phrase", "a long phrase", "two tokens"],
)
def test_a_loop(ids: list[int]) -> None:
    assert is_loop(ids)


def test_rounds_that_are_not_quite_the_same_are_a_loop() -> None:
    """As of a partial: "May God bless the grieving families. May God continue to bless. May God continue", and on."""
    bless, go_on = [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 9, 10, 3, 8]
    rounds = [*bless, *go_on, *bless, *go_on, *go_on, *bless, *go_on, *go_on, *go_on, *bless]

    assert is_loop(rounds[:-3])
    assert not is_loop([*range(100), *range(20, 60)]), "whoever says a long sentence twice repeats himself"


@pytest.mark.parametrize(
    "ids",
    [[], [1], [7] * 11, [1, 2, 3, 4] * 2, [*range(40)], [*[1, 2, 3, 4] * 3, 9], [*range(17)] * 3],
    ids=["nothing", "a word", "an insistence", "said twice", "a sentence", "a loop that was left", "too long a cycle"],
)
def test_no_loop(ids: list[int]) -> None:
    assert not is_loop(ids)


@pytest.mark.parametrize(
    "ids",
    [[*range(6)] * 2, [7, 8, *[*range(9)] * 2], [*[*range(6)] * 2, 9, 10], [*range(40), *range(33, 40)]],
    ids=["a sentence", "at the end", "at the beginning", "the last of a long text"],
)
def test_a_sentence_is_said_twice(ids: list[int]) -> None:
    assert says_twice(ids)


@pytest.mark.parametrize(
    "ids",
    [[], [*range(5)] * 2, [*range(40)], [*range(6), 9, *range(6)], [*range(20), *range(19)], [7] * 11],
    ids=["nothing", "a few words", "a text", "something between", "not to its end", "no, no, no"],
)
def test_no_sentence_is_said_twice(ids: list[int]) -> None:
    assert not says_twice(ids)


@pytest.mark.parametrize(("no_speech_prob", "avg_logprob"), [(0.59, -0.44), (0.39, -1.1), (0.9, -0.1), (0.31, -1.4)])
def test_a_short_text_is_not_speech_where_the_model_doubts_it(no_speech_prob: float, avg_logprob: float) -> None:
    assert is_not_speech(no_speech_prob, avg_logprob, [50], "you")


@pytest.mark.parametrize(("no_speech_prob", "avg_logprob"), [(0.4, -0.6), (0.52, -0.56), (0.2, -2.5), (0.65, -0.1)])
def test_a_short_text_is_speech_where_the_model_is_sure_enough(no_speech_prob: float, avg_logprob: float) -> None:
    assert not is_not_speech(no_speech_prob, avg_logprob, [50, 51, 52], "like as if")


LONG = "He hopes there would be two for dinner, turnips and carrots and potatoes."


def test_a_long_text_is_speech() -> None:
    """Talk in loud noise has figures like these; twenty seconds of it were taken for noise."""
    for figures in ((0.41, -0.65), (0.7, -0.79), (0.52, -0.97)):
        assert not is_not_speech(*figures, [*range(20)], LONG)


def test_few_words_again_and_again_are_no_long_text() -> None:
    """Drawn at a temperature of 1 from the Dance of the Sugar Plum Fairy; a person who is heard has less doubt."""
    ids, text = [1, 2, 3, 2, 3, 4, 5, 2, 3, 2, 3, 2, 3, 2, 3, 4], "No, no, no. No, no, no, no, no."

    assert is_not_speech(0.5, -0.84, ids, text)
    assert not is_not_speech(0.2, -0.84, ids, text)


def test_a_text_that_is_improbable_whatever_was_tried_needs_less_doubt() -> None:
    assert is_not_speech(0.26, -4.2, [50, 51], "Hwang Joon")
    assert not is_not_speech(0.14, -4.2, [50, 51], "Hwang Joon")


def test_a_long_text_that_is_improbable_or_repeats_itself_is_not() -> None:
    assert is_not_speech(0.4, -1.01, [*range(20)], LONG)
    assert is_not_speech(0.4, -0.6, [*range(20)], "sixty " * 20)


def test_a_loop_is_not_speech_where_no_speech_is_probable() -> None:
    assert is_not_speech(0.4, -0.1, [7] * 20, "no " * 20)
    assert not is_not_speech(0.2, -0.1, [7] * 20, "no " * 20)


HUMAN_RIGHTS = {
    "Hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है। उन्हें बुद्धि और अन्तरात्मा की देन "
    "प्राप्त है और परस्पर उन्हें भाईचारे के भाव से बर्ताव करना चाहिए।",
    "Tamil": "மனிதப் பிறவியினர் சகலரும் சுதந்திரமாகவே பிறக்கின்றனர்; அவர்கள் மதிப்பிலும், உரிமைகளிலும் சமமானவர்கள், அவர்கள் "
    "நியாயத்தையும் மனச்சாட்சியையும் இயற்பண்பாகப் பெற்றவர்கள். அவர்கள் ஒருவருடனொருவர் சகோதர உணர்வுப் பாங்கில் நடந்துகொள்ளல் வேண்டும்.",
    "Japanese": "すべての人間は、生まれながらにして自由であり、かつ、尊厳と権利とについて平等である。人間は、理性と"
    "良心とを授けられており、互いに同胞の精神をもって行動しなければならない。",
    "English": "All human beings are born free and equal in dignity and rights. They are endowed with reason and "
    "conscience and should act towards one another in a spirit of brotherhood.",
}


@pytest.mark.parametrize("language", HUMAN_RIGHTS)
def test_in_any_script_a_sentence_repeats_itself_when_it_is_said_again_and_again(language: str) -> None:
    text = HUMAN_RIGHTS[language]

    assert compression_ratio(text) < 1.6
    assert compression_ratio(3 * text) > 2.4
