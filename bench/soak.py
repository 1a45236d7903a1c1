"""A server under mixed traffic and faults for an hour: is every word told, to the right client, and does nothing grow?

    python bench/soak.py FOLDER_OF_REAL_SPEECH [--minutes 60] [--seed 1] [--json FILE] [--url http://HOST:PORT]

First each recording is sent alone in every protocol; then clients of all of them come at once, as the seed decides, and
each must be told that same text.  Between them others misbehave, and the server is stopped for seconds.
Exits with 1 where a text was lost unannounced, or another's, the server failed, or something of its clients was left.
Ctrl-C lets nobody come any more, and tells what was until then.
Needs the ``dev`` extra: clients are OpenAI's and Wyoming's own.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import random
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from socket import create_server
from urllib.parse import urlsplit

from soak_clients import BLOCK_BYTES, Pace, Place, hear_socket, hear_upload, hear_with_cuts, hear_wyoming
from soak_dialects import DIALECTS, ToldError
from soak_faults import FREQUENT, IDLE_S, MESSAGE_BYTES, RARE, UPLOAD_BYTES, Fault
from soak_report import Visit, print_so_far, verdicts, written
from soak_server import ServerProcess, Watch

from ui.bench.streaming.sounds import read_samples
from ui.scoring.words import word_errors

_SAMPLE_S = 30.0
_TELL_S = 600.0
_LONGEST_S = 12.0
_VISIT_LIMIT_S = 300.0
_RESUME_S = 30.0
_STILL_EVERY_S = 90.0
_STILL_S = 5.0
_REST_S = 2.0
_OTHER_WER = 0.5
"""Where the text may differ: a silence amid a word costs words, as the sound on both sides of it is heard apart; and
OpenAI's realtime protocol takes no word back, so the words told early depend on when the model was free."""
_FLAGS = {
    "--compute": "cpu",
    "--max-message-bytes": MESSAGE_BYTES,
    "--max-upload-bytes": UPLOAD_BYTES,
    "--idle-s": IDLE_S,
    "--resume-s": _RESUME_S,
    "--max-streams": 24,
}
Client = Callable[[Place, bytes, Pace], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Clip:
    """A recording: its name, its sound, and what a person wrote down."""

    name: str
    pcm: bytes
    transcript: str


def clips(folder: Path, n_clips: int) -> list[Clip]:
    """Return the longest of the short English recordings of a set."""
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["set"] == "wer" and row["language"] == "en"]
    rows = sorted((row for row in rows if float(row["seconds"]) < _LONGEST_S), key=lambda row: -float(row["seconds"]))
    return [_read_clip(folder.parent, row) for row in rows[:n_clips]]


def _read_clip(folder: Path, row: Mapping[str, str]) -> Clip:
    transcript = (folder / row["transcript"]).read_text(encoding="utf-8")
    return Clip(Path(row["file"]).stem, read_samples(folder / row["file"]).astype("<i2").tobytes(), transcript)


def clients(place: Place) -> dict[str, Client]:
    """Return those that send a recording and are told its text."""

    def of(name: str) -> Client:
        return lambda place, pcm, pace: hear_socket(place, DIALECTS[name](), pcm, pace)

    found: dict[str, Client] = {name: of(name) for name in DIALECTS}
    found["upload"] = lambda place, pcm, _: hear_upload(place, pcm, is_streamed=False)
    found["upload, streamed"] = lambda place, pcm, _: hear_upload(place, pcm, is_streamed=True)
    if place.wyoming_port is not None:
        found["wyoming"] = hear_wyoming
    return found


@dataclass(slots=True)
class Soak:
    """The traffic: who comes, and what became of them."""

    place: Place
    sounds: Sequence[Clip]
    watch: Watch
    process: ServerProcess | None
    until_s: float = 0.0
    alone: dict[tuple[str, str], str] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    busy: set[str] = field(default_factory=set)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def stop(self) -> None:
        """Let nobody come any more."""
        self.until_s = 0.0
        self.stopped.set()

    async def hear_alone(self) -> None:
        """Send each recording in each protocol while nobody else is there."""
        for clip in self.sounds:
            for kind, client in clients(self.place).items():
                self.alone[kind, clip.name] = await client(self.place, clip.pcm, Pace())

    async def run(self, minutes: float, seed: int) -> None:
        """Let people speak, others send files, and others misbehave; returns when the last is done."""
        self.until_s = self.watch.now_s + 60 * minutes
        often, rarely = partial(self._misbehave, FREQUENT), partial(self._misbehave, RARE)
        roles = [self._speak_live, self._speak_live, self._send_files, often, rarely, self._stand_still]
        work = [role(_dice(seed, index)) for index, role in enumerate(roles)]
        await asyncio.gather(*work)

    async def _speak_live(self, dice: random.Random) -> None:
        kinds = [kind for kind in clients(self.place) if "upload" not in kind]
        while self.watch.now_s < self.until_s:
            kind, way = dice.choice(kinds), dice.choices(("", " falling silent", " cut and resumed"), (5, 2, 2))[0]
            await self._visit("own" if "cut" in way else kind, way, Pace(is_live=True), dice)

    async def _send_files(self, dice: random.Random) -> None:
        while self.watch.now_s < self.until_s:
            await self._visit(dice.choice(list(clients(self.place))), "", Pace(), dice)
            await asyncio.sleep(dice.uniform(0.0, 4 * _REST_S))

    async def _visit(self, kind: str, way: str, pace: Pace, dice: random.Random) -> None:
        """Let one client send a recording that nobody else sends now."""
        clip = dice.choice([clip for clip in self.sounds if clip.name not in self.busy])
        self.busy.add(clip.name)
        client = clients(self.place)[kind]
        if "cut" in way:
            work = hear_with_cuts(self.place, clip.pcm, pace, dice)
        elif "silent" in way:
            at = dice.randrange(len(clip.pcm) // BLOCK_BYTES)
            work = client(self.place, clip.pcm, Pace(pace.is_live, {at: dice.uniform(2.5, 8.0)}))
        else:
            work = client(self.place, clip.pcm, pace)
        await self._keep(kind + way, clip.name, self._heard(kind, clip, work, is_split="silent" in way))
        self.busy.remove(clip.name)

    async def _heard(self, kind: str, clip: Clip, work: Awaitable[str], *, is_split: bool) -> str:
        """Return how the text is the one it should be, or raise what is wrong."""
        text, alone = await work, self.alone[kind, clip.name]
        if text == alone:
            return "the same text"
        errors = {other.name: word_errors(other.transcript, text).wer for other in self.sounds}
        nearest = min(errors, key=lambda name: errors[name])
        if nearest != clip.name:
            raise AssertionError(f"nearer to {nearest}: {text!r} for {alone!r}")
        keeps_words = "realtime" in kind
        if not (is_split or keeps_words) or word_errors(alone, text).wer > _OTHER_WER:
            raise AssertionError(f"{text!r} for {alone!r}")
        return "cut in two by its silence" if is_split else "with other early words kept"

    async def _misbehave(self, faults: Mapping[str, Fault], dice: random.Random) -> None:
        while self.watch.now_s < self.until_s:
            name = dice.choice(list(faults))
            pcm = dice.choice(self.sounds).pcm
            await self._keep(name, "", faults[name](self.place, pcm, dice))
            await asyncio.sleep(dice.uniform(0.0, 4 * _REST_S))

    async def _stand_still(self, dice: random.Random) -> None:
        while self.process is not None and self.watch.now_s + _STILL_EVERY_S < self.until_s:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.stopped.wait(), dice.uniform(0.3, 1.0) * _STILL_EVERY_S)
            began_s, duration_s = self.watch.now_s, dice.uniform(0.5, _STILL_S)
            with self.watch.excused():
                await self.process.stand_still(duration_s)
            self.visits.append(Visit("server stopped", "", "went on", began_s, duration_s))

    async def _keep(self, kind: str, clip: str, work: Awaitable[str]) -> None:
        """Note what became of one client."""
        began_s = self.watch.now_s
        try:
            outcome, is_failure = await asyncio.wait_for(work, _VISIT_LIMIT_S), False
        except ToldError as told:
            outcome, is_failure = f"told: {told}", False
            await asyncio.sleep(_REST_S)
        except Exception as error:  # noqa: BLE001  # what happened to a client is the result
            outcome, is_failure = f"{type(error).__name__}: {error}", True
        visit = Visit(kind, clip, outcome, began_s, self.watch.now_s - began_s, is_failure)
        self.visits.append(visit)
        if is_failure:
            print(f"{began_s:6.0f} s  {kind}, {clip}: {outcome}", file=sys.stderr, flush=True)


def _dice(seed: int, index: int) -> random.Random:
    return random.Random(f"{seed} {index}")  # noqa: S311  # chance that can be had again


async def soak(arguments: argparse.Namespace, place: Place, process: ServerProcess | None) -> int:
    """Run it all; return the exit code."""
    watch = Watch(place, min(_SAMPLE_S, 3 * arguments.minutes))
    await watch.wait_ready()
    run = Soak(place, await asyncio.to_thread(clips, arguments.folder, arguments.clips), watch, process)
    at_start = await watch.sample()
    await run.hear_alone()
    print(f"{len(run.alone)} texts alone in {watch.now_s:.0f} s", file=sys.stderr, flush=True)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, run.stop)
    aside = [asyncio.create_task(work) for work in (watch.run(), _tell_now_and_then(run))]
    traffic = asyncio.create_task(run.run(arguments.minutes, arguments.seed))
    end = None if process is None else asyncio.create_task(process.wait_ended())
    await asyncio.wait({traffic, *([] if end is None else [end])}, return_when=asyncio.FIRST_COMPLETED)
    for task in aside:
        task.cancel()
    if end is not None and end.done():
        traffic.cancel()
        found = [f"the server ended by itself with {end.result()}"]
    else:
        traffic.result()
        at_end = await watch.wait_idle(_RESUME_S + 3 * IDLE_S)
        found = list(verdicts(run.visits, watch, at_start, at_end, [] if process is None else process.faults))
    return written(run.visits, watch, found, arguments.json)


async def _tell_now_and_then(run: Soak) -> None:
    while True:
        await asyncio.sleep(_TELL_S)
        print_so_far(run.visits, run.watch)


def _started(log: Path) -> Iterator[tuple[Place, ServerProcess]]:
    """Start a server on two free ports; end it, and say so where it does not end in order."""
    with create_server(("127.0.0.1", 0)) as web, create_server(("127.0.0.1", 0)) as wyoming:
        ports = web.getsockname()[1], wyoming.getsockname()[1]
    flags = {"--port": ports[0], "--wyoming-port": ports[1], **_FLAGS}
    process = ServerProcess([str(part) for flag in flags.items() for part in flag], log)
    try:
        yield Place(f"127.0.0.1:{ports[0]}", ports[1]), process
    finally:
        print(f"the server ended with {process.end()}; its log is {log}", file=sys.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description="A server under mixed traffic and faults: what is lost, what grows?")
    parser.add_argument("folder", type=Path, help="of real speech, with manifest.csv")
    parser.add_argument("--minutes", type=float, default=60.0, metavar="N", help="of traffic (60)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of all that is chance (1)")
    parser.add_argument("--clips", type=int, default=10, metavar="N", help="recordings (10)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument(
        "--url", metavar="URL", help="a server that runs, with the flags in this file; without it, one is started"
    )
    arguments = parser.parse_args()
    if arguments.url is not None:
        return asyncio.run(soak(arguments, Place(urlsplit(arguments.url).netloc), None))
    log = Path(tempfile.mkdtemp()) / "server.log"
    for place, process in _started(log):
        return asyncio.run(soak(arguments, place, process))
    return 1


if __name__ == "__main__":
    sys.exit(main())
