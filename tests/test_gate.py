"""SpeechGate on scripted frames, where every boundary is known to the sample."""

from collections.abc import Iterable
from itertools import cycle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from stream.audio import SAMPLE_RATE, AudioChunk
from stream.detector import FRAME_SAMPLES, WebRtcDetector
from stream.gate import (
    GateEvent,
    GateOptions,
    SpeechClosed,
    SpeechGate,
    SpeechOpened,
    SpeechPaused,
    SpeechResumed,
)

LOUD, SOFT = 8_000, 2_000
PRE_ROLL_FRAMES, HANGOVER_FRAMES, PAUSE_FRAMES, TAIL_SAMPLES = 10, 20, 7, 3_200
"""The defaults in frames: 300 ms, 600 ms, 200 ms rounded up to whole frames; the tail in samples."""


class LoudnessDetector:
    """Calls every frame voiced whose loudest sample is at least ``threshold``."""

    def __init__(self, threshold: int = SOFT) -> None:
        self._threshold = threshold

    def is_voiced(self, frame: NDArray[np.int16]) -> bool:
        assert len(frame) == FRAME_SAMPLES
        return int(np.abs(frame).max()) >= self._threshold


def frames(*runs: tuple[int, int]) -> NDArray[np.int16]:
    """Square-wave audio of (n_frames, amplitude) runs."""
    levels = np.concatenate([np.full(n * FRAME_SAMPLES, amplitude, np.int16) for n, amplitude in runs])
    levels[1::2] *= -1
    return levels


DEFAULTS = GateOptions()


def judge(audio: NDArray[np.int16], options: GateOptions = DEFAULTS) -> list[GateEvent]:
    gate = SpeechGate(LoudnessDetector(), options)
    return gate.receive_audio(AudioChunk(audio, 0)) + gate.receive_eof()


def closed(events: Iterable[GateEvent]) -> list[SpeechClosed]:
    return [event for event in events if isinstance(event, SpeechClosed)]


def test_an_utterance_has_pre_roll_and_tail() -> None:
    events = judge(frames((20, 0), (30, LOUD), (40, 0)))
    start = (20 - PRE_ROLL_FRAMES) * FRAME_SAMPLES
    end = 50 * FRAME_SAMPLES + TAIL_SAMPLES
    assert events == [SpeechOpened(start), SpeechPaused(end), SpeechClosed(start, end, "silence")]


def test_events_come_as_soon_as_they_can() -> None:
    gate = SpeechGate(LoudnessDetector(), GateOptions())
    audio = frames((20, 0), (30, LOUD), (40, 0)).reshape(-1, FRAME_SAMPLES)
    judged = [len(gate.receive_audio(AudioChunk(frame, i * FRAME_SAMPLES))) for i, frame in enumerate(audio)]
    assert np.flatnonzero(judged).tolist() == [20 + 4 - 1, 50 + PAUSE_FRAMES - 1, 50 + HANGOVER_FRAMES - 1]


def test_speech_that_goes_on_takes_the_pause_back() -> None:
    events = judge(frames((20, LOUD), (10, 0), (1, LOUD), (30, 0)))
    end = 31 * FRAME_SAMPLES + TAIL_SAMPLES
    first_end = 20 * FRAME_SAMPLES + TAIL_SAMPLES
    assert events == [
        SpeechOpened(0),
        SpeechPaused(first_end),
        SpeechResumed(30 * FRAME_SAMPLES),
        SpeechPaused(end),
        SpeechClosed(0, end, "silence"),
    ]


def test_pre_roll_never_reaches_into_the_utterance_before() -> None:
    options = GateOptions(pre_roll_ms=900)
    first, second = closed(judge(frames((20, LOUD), (22, 0), (20, LOUD), (30, 0)), options))
    assert second.start_sample == first.end_sample


def test_a_single_click_does_not_open_it() -> None:
    click = frames((60, 0))
    click[9_000:9_008] = 30_000
    gate = SpeechGate(WebRtcDetector(), GateOptions())
    assert gate.receive_audio(AudioChunk(click, 0)) + gate.receive_eof() == []


def test_voiced_frames_need_not_be_neighbours() -> None:
    assert closed(judge(frames((20, 0), (2, LOUD), (1, 0), (2, LOUD), (30, 0))))
    assert not closed(judge(frames((20, 0), (2, LOUD), (3, 0), (1, LOUD), (3, 0), (1, LOUD), (30, 0))))


def test_a_frame_without_energy_is_never_voiced() -> None:
    gate = SpeechGate(LoudnessDetector(threshold=0), GateOptions(threshold_dbfs=-60, noise_margin_db=0.0))
    below = round(32_768 * 10 ** (-60 / 20))
    assert gate.receive_audio(AudioChunk(frames((30, below - 1)), 0)) == []
    assert gate.receive_audio(AudioChunk(frames((30, below + 1)), 30 * FRAME_SAMPLES)) != []


def test_long_speech_is_cut_at_its_quietest_place() -> None:
    quiet_frame = 850
    events = judge(frames((quiet_frame - 2, LOUD), (5, SOFT), (600, LOUD), (30, 0)))
    cut = quiet_frame * FRAME_SAMPLES + FRAME_SAMPLES // 2
    end = (quiet_frame + 603) * FRAME_SAMPLES + TAIL_SAMPLES
    assert closed(events) == [SpeechClosed(0, cut, "longest"), SpeechClosed(cut, end, "silence")]
    assert SpeechOpened(cut) in events


def test_the_cut_leaves_speech_on_both_sides() -> None:
    """The silence that has just begun is quieter, but nobody has spoken after it yet."""
    audio = frames((850 - 2, LOUD), (5, SOFT), (933 - 853 - 6, LOUD), (6, 0), (30, LOUD), (30, 0))
    first, second = closed(judge(audio))
    assert first.end_sample == second.start_sample == 850 * FRAME_SAMPLES + FRAME_SAMPLES // 2


def test_at_the_limit_a_pause_is_where_it_ends() -> None:
    n_frames = 933 - PAUSE_FRAMES
    events = judge(frames((n_frames, LOUD), (12, 0), (30, LOUD), (30, 0)))
    first, second = closed(events)
    assert first == SpeechClosed(0, n_frames * FRAME_SAMPLES + TAIL_SAMPLES, "silence")
    assert second.start_sample == first.end_sample


def test_a_long_utterance_ends_at_the_next_pause() -> None:
    """Within the six seconds that are searched for a cut: text from behind a cut may have been read."""
    n_frames = 800
    events = judge(frames((n_frames, LOUD), (PAUSE_FRAMES, 0), (60, LOUD), (30, 0)))
    first, second = closed(events)
    assert first == SpeechClosed(0, n_frames * FRAME_SAMPLES + TAIL_SAMPLES, "silence")
    assert second.start_sample == first.end_sample
    assert not [event for event in events if isinstance(event, SpeechResumed)]


@pytest.mark.parametrize("n_frames", [500, 800], ids=["before they are searched", "where nobody reads along"])
def test_other_pauses_end_nothing(n_frames: int) -> None:
    options = GateOptions(cuts_at_pauses=n_frames < 700)
    events = judge(frames((n_frames, LOUD), (PAUSE_FRAMES, 0), (60, LOUD), (30, 0)), options)
    assert len(closed(events)) == 1
    assert [event for event in events if isinstance(event, SpeechResumed)]


def test_lost_audio_closes_it_and_framing_starts_anew() -> None:
    gate = SpeechGate(LoudnessDetector(), GateOptions())
    speech = frames((20, LOUD))
    opened = gate.receive_audio(AudioChunk(speech[:-100], 0))
    after = gate.receive_audio(AudioChunk(speech, 50_001))
    assert opened + after == [SpeechOpened(0), SpeechClosed(0, len(speech) - 100, "gap"), SpeechOpened(50_001)]
    assert gate.end_sample == 50_001 + len(speech)


def test_voiced_frames_on_both_sides_of_a_gap_do_not_add_up() -> None:
    gate = SpeechGate(LoudnessDetector(), GateOptions())
    gate.receive_audio(AudioChunk(frames((3, LOUD)), 0))
    assert gate.receive_audio(AudioChunk(frames((3, LOUD)), 10_000)) == []


def test_the_last_partial_frame_is_judged() -> None:
    audio = frames((3, LOUD), (1, LOUD))[:-200]
    assert judge(audio) == [SpeechOpened(0), SpeechClosed(0, len(audio), "end")]


def test_eof_in_a_pause_closes_at_the_true_end() -> None:
    audio = frames((20, LOUD), (10, 0))[:-1]
    assert judge(audio)[-1] == SpeechClosed(0, len(audio), "end")


def test_audio_from_the_past_is_refused() -> None:
    gate = SpeechGate(LoudnessDetector(), GateOptions())
    gate.receive_audio(AudioChunk(frames((2, 0))[:-1], 0))
    with pytest.raises(ValueError, match="must start at 959 or later, got 958"):
        gate.receive_audio(AudioChunk(frames((1, 0)), 958))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opening_voiced_frames": 7}, "opening_voiced_frames must be between 1 and opening_frames, got 7"),
        ({"tail_ms": 300}, "tail_ms must be between 0 and pause_ms, got 300"),
        ({"pause_ms": 700}, "pause_ms must be between 1 and hangover_ms, got 700"),
        ({"pre_roll_ms": -1}, "pre_roll_ms must be between 0 and 5000, got -1"),
        ({"cut_within_s": 0.1}, "cut_within_s must be between 0.5 and 28, got 0.1"),
        ({"longest_s": 29.0}, "longest_s must be between 1.02 and 28, got 29.0"),
        ({"pause_ms": 4000, "hangover_ms": 4000}, "pause_ms must be between 1 and 3000, half of where a cut is sought"),
        ({"threshold_dbfs": 3.0}, "threshold_dbfs must be between -120 and 0, got 3.0"),
        ({"longest_s": 1.0, "cut_within_s": 0.5}, "longest_s must be between 1.02 and 28, got 1.0"),
    ],
)
def test_options_name_what_is_wrong(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GateOptions(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("silent_s", [0.0, 1.5, 2.9])
def test_the_longest_pause_that_may_be_is_no_obstacle_to_a_cut(silent_s: float) -> None:
    """A limit that is reached within a pause that is none yet: the cut is before it, where it is quiet."""
    options = GateOptions(pause_ms=3000, hangover_ms=3000, longest_s=12.0, pre_roll_ms=0)
    n = round(silent_s * 16_000) // FRAME_SAMPLES
    audio = frames((280, LOUD), (10, SOFT), (110 - n, LOUD), (n, 0), (200, LOUD))
    closed = [event for event in judge(audio, options) if isinstance(event, SpeechClosed)]

    assert "longest" == closed[0].reason
    assert 280 * FRAME_SAMPLES <= closed[0].end_sample <= 290 * FRAME_SAMPLES


RUNS = st.lists(st.tuples(st.integers(1, 60), st.sampled_from([0, 0, SOFT, LOUD])), min_size=1, max_size=12)
SHORT = GateOptions(longest_s=1.5, cut_within_s=0.5, pre_roll_ms=90, tail_ms=100)


@settings(max_examples=60)
@given(
    runs=RUNS,
    n_cut_off=st.integers(0, FRAME_SAMPLES - 1),
    lengths=st.lists(st.sampled_from([1, 7, 160, 479, 480, 481, 1_600, 5_000]), min_size=1, max_size=8),
)
def test_chunking_changes_nothing(runs: list[tuple[int, int]], n_cut_off: int, lengths: list[int]) -> None:
    audio = frames(*runs)[n_cut_off:]
    gate = SpeechGate(LoudnessDetector(), SHORT)
    events: list[GateEvent] = []
    start = 0
    for length in cycle([*lengths, 2_000]):
        events += gate.receive_audio(AudioChunk(audio[start : start + length], start))
        start += length
        if start >= len(audio):
            break
    assert events + gate.receive_eof() == judge(audio, SHORT)


def test_one_sample_at_a_time_changes_nothing() -> None:
    audio = frames((5, 0), (9, LOUD), (25, 0), (7, LOUD))[:-11]
    gate = SpeechGate(LoudnessDetector(), GateOptions())
    events = [e for i in range(len(audio)) for e in gate.receive_audio(AudioChunk(audio[i : i + 1], i))]
    assert events + gate.receive_eof() == judge(audio)


@settings(max_examples=150)
@given(runs=RUNS)
def test_what_always_holds(runs: list[tuple[int, int]]) -> None:
    """Bounds, order, and that a promise made in a pause is kept."""
    audio = frames(*runs)
    gate = SpeechGate(LoudnessDetector(), SHORT)
    previous_end, promised_end = 0, -1
    for start in range(0, len(audio), FRAME_SAMPLES):
        wanted_sample = gate.wanted_sample
        for event in gate.receive_audio(AudioChunk(audio[start : start + FRAME_SAMPLES], start)):
            match event:
                case SpeechOpened(start_sample):
                    assert max(wanted_sample, previous_end) <= start_sample <= gate.end_sample
                    assert gate.utterance_start is not None
                case SpeechPaused(end_sample):
                    promised_end = end_sample
                    assert end_sample <= gate.end_sample
                case SpeechResumed():
                    promised_end = -1
                case SpeechClosed(start_sample, end_sample, reason):
                    assert end_sample == (promised_end if reason == "silence" else end_sample)
                    assert 0 < end_sample - start_sample <= 1.5 * SAMPLE_RATE
                    previous_end, promised_end = end_sample, -1
