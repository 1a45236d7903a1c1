"""From the engine's events to what an OpenAI realtime client is told.  Pure.

Deltas are append-only: those of an item concatenate to its transcript.  So only stable text is told early, and where
a final contradicts it after all, the item fails and its text comes as another one.
"""

from __future__ import annotations

from typing import assert_never

from engine.events import (
    AudioDropped,
    DecodeFailed,
    Discarded,
    Event,
    Final,
    Flushed,
    Partial,
    SpeechStarted,
    SpeechStopped,
    Status,
)
from ui.server.protocols.openai_items import Item, ItemLog
from ui.server.protocols.openai_messages import MessageMaker
from ui.server.protocols.openai_session import Session


class Conversation:
    """The items of one session, and what the client knows of them.

    Args:
        messages: makes what is sent.
        is_translated: whether texts are English, whatever is spoken.
    """

    def __init__(self, messages: MessageMaker, *, is_translated: bool) -> None:
        self._messages = messages
        self._items = ItemLog(messages.new_item_id, is_translated=is_translated)
        self._committed_to_s = 0.0

    @property
    def committed_to_s(self) -> float:
        """Up to where the audio belongs to items, or was taken back: seconds of audio."""
        return self._committed_to_s

    def commit(self, at_s: float, session: Session) -> tuple[str, list[str]]:
        """Make an item of all up to ``at_s``; return its id, and what the client is told."""
        item = self._items.commit_by_hand(at_s, is_transcribed=session.transcription is not None)
        self._committed_to_s = at_s
        return item.id, self._messages.committed(item)

    def take_back(self, at_s: float, session: Session) -> list[str]:
        """Forget what was not committed up to ``at_s``; return what the client is told."""
        self._committed_to_s = at_s
        item = self._items.take_back(at_s) if session.is_manual else self._items.forget_open()
        told = [] if item is None else self._withdrawn(item)
        return [self._messages.message("input_audio_buffer.cleared"), *told]

    def configure(self, session: Session) -> None:
        """Go by ``session`` from here on: who ends the item under way may be another now."""
        if self._items.open is not None:
            self._items.open.is_manual = session.is_manual

    def receive_event(self, event: Event, session: Session) -> list[str]:
        """Return what the client is told of ``event``."""
        match event:
            case SpeechStarted():
                told = self._begin(event, session)
            case SpeechStopped():
                told = self._end(event)
            case Partial():
                item = self._items.of(event.utterance_id)
                told = [] if item is None else self._delta(item, item.receive_stable(event.utterance_id, event.stable))
            case Final() | Discarded():
                told = self._finish_utterance(event, session)
            case Flushed():
                item = self._items.flushed(event.tag)
                told = [] if item is None else self._complete(item, session)
            case DecodeFailed():
                told = self._fail(event)
            case AudioDropped():
                lost = f"Audio was lost: {1000 * event.start_s:.0f} to {1000 * event.end_s:.0f} ms of the session."
                told = [self._messages.problem("server_error", "audio_lost", lost)]
            case Status():
                told = []
            case _:
                assert_never(event)
        return told

    def finish(self, session: Session) -> list[str]:
        """Return the text that the client has not committed."""
        item = self._items.open
        if item is None:
            return []
        self._items.commit(item)
        return [*self._messages.committed(item), *self._complete(item, session)]

    def _begin(self, event: SpeechStarted, session: Session) -> list[str]:
        item = self._items.begin(
            event.utterance_id,
            event.start_s,
            is_manual=session.is_manual,
            is_transcribed=session.transcription is not None,
        )
        if item is None or item.is_manual:
            return []
        return [self._messages.speech_started(item, event.start_s)]

    def _end(self, event: SpeechStopped) -> list[str]:
        item = self._items.of(event.utterance_id)
        if item is None or item.is_manual:
            return []
        self._items.commit(item)
        self._committed_to_s = max(self._committed_to_s, event.end_s)
        return [self._messages.speech_stopped(item, event.end_s), *self._messages.committed(item)]

    def _finish_utterance(self, ending: Final | Discarded, session: Session) -> list[str]:
        item, new = self._items.receive_ending(ending)
        if item is None:
            return []
        # What was begun by hand, and ended by turn detection, may hold several utterances.
        is_whole = item.is_committed and not item.is_manual and not item.unheard
        return [*self._delta(item, new), *(self._complete(item, session) if is_whole else ())]

    def _fail(self, event: DecodeFailed) -> list[str]:
        item = self._items.of(event.utterance_id)
        if item is not None and event.is_lost:
            item.failure = event.reason
        return []

    def _delta(self, item: Item, new: str) -> list[str]:
        return [self._messages.delta(item, new)] if new else []

    def _complete(self, item: Item, session: Session) -> list[str]:
        if not item.is_transcribed:
            return []
        told = []
        if item.failure is not None:
            message = f"The model failed over a part of {item.id}: {item.failure}"
            if not item.transcript:
                return [self._messages.failed(item, "transcription_failed", message)]
            told.append(self._messages.problem("server_error", "transcription_incomplete", message))
        if not item.is_told_true:
            told += self._withdrawn(item)
            if not item.transcript:
                return told
            item = self._items.replacement(item)
            told += [*self._messages.committed(item), self._messages.delta(item, item.transcript)]
        return [*told, self._messages.completed(item, has_logprobs=session.has_logprobs)]

    def _withdrawn(self, item: Item) -> list[str]:
        """What was told of the text of ``item`` does not hold."""
        reason = "It was taken back, or does not begin with the text told so far."
        return [self._messages.failed(item, "transcript_withdrawn", reason)] if item.told else []
