"""Plain lines for pipes and files."""

import io

import pytest

from engine.events import AudioDropped, Discarded, Event, Final, Partial, SpeechStarted, Status, TimedEvent
from ui.terminal.plain import PlainView

EVENTS: list[Event] = [
    SpeechStarted(1, 0.0),
    Partial(1, "so", " far", 0.0, 1.0),
    Status(1.0, -20.0, True, 0.1, 0.2),
    Final(1, "So far,\nso \x1b[31mgood.", 0.0, 2.0),
    Discarded(2, "no words were heard", 3.0, 4.0),
    AudioDropped(4.0, 5.24),
    Final(3, "Ça va 日本.", 6.0, 7.0),
]


class FlushedText(io.StringIO):
    """What a reader at the other end of a pipe has seen: text written and flushed."""

    seen = ""

    def flush(self) -> None:
        self.seen = self.getvalue()


def test_finals_go_out_as_lines_and_losses_as_warnings() -> None:
    out, warnings = FlushedText(), FlushedText()
    view = PlainView(out, warnings)
    for event in EVENTS:
        view.show(TimedEvent(0.0, event))
    assert out.seen == "So far, so  [31mgood.\nÇa va 日本.\n"
    assert warnings.seen == "max-whisper: 1.2 s of audio lost at 4.0 s\n"


def test_each_final_goes_out_at_once() -> None:
    out = FlushedText()
    view = PlainView(out, FlushedText())
    view.show(TimedEvent(0.0, Final(1, "One.", 0.0, 1.0)))
    assert out.seen == "One.\n"


def test_a_reader_that_left_is_told_to_the_caller() -> None:
    class ClosedPipe(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        PlainView(ClosedPipe(), FlushedText()).show(TimedEvent(0.0, Final(1, "One.", 0.0, 1.0)))
