"""The sample that ships with the program fits its script."""

from engine.events import Final, TimedEvent
from ui.demo import Recorder, sample_folder
from ui.scoring.scripts import read_script


def test_the_words_are_those_of_the_script_and_in_order() -> None:
    script = read_script(sample_folder())
    assert " ".join(word.text for word in script.words) == script.text
    times = [at_s for word in script.words for at_s in (word.start_s, word.end_s)]
    assert times == sorted(times)


def test_a_recorder_keeps_everything_in_order() -> None:
    recorder = Recorder()
    events = [TimedEvent(float(i), Final(i, "words", 0.0, 1.0)) for i in range(3)]
    for timed in events:
        recorder.show(timed)
    assert recorder.events == events
