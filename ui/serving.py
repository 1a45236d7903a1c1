"""``max-whisper serve``: puts the model, the server and its port together, from the first connection to the last."""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from engine.options import FOR_LIVE, StreamingOptions
from engine.service import ModelService, SpeechModel
from engine.timings import Timings
from ui import commands
from ui.captions import stop_on_signals
from ui.decoding_arguments import streaming_options
from ui.errors import EXIT_FAILED, EXIT_OK, complain
from ui.serve_arguments import limits, read_tokens
from ui.server.access import Access
from ui.server.app import make_app
from ui.server.limits import Limits
from ui.server.logs import logging_to_stderr
from ui.server.server import ModelInfo, SpeechServer
from ui.server.transport import Transport, listening_socket, served
from ui.server.waiting import WaitingRoom
from ui.server.wyoming_port import wyoming_served

Result = TypeVar("Result")

_log = logging.getLogger("ui.server")


class ServedModel(SpeechModel, Protocol):
    """A model that can be told of."""

    @property
    def name(self) -> str:
        """As people call it."""

    @property
    def device_name(self) -> str:
        """Where it runs."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of those it knows."""


@dataclass(frozen=True, slots=True)
class _Setup:
    """What the arguments ask for, read and checked before anything heavy begins."""

    limits: Limits
    defaults: StreamingOptions
    access: Access
    transport: Transport
    timings: Timings
    batch_size: int


@dataclass(frozen=True, slots=True)
class _Ports:
    """Where it listens already."""

    web: socket.socket
    wyoming: socket.socket | None = None


def serve(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; those who are connected then are finished first.

    Raises:
        RuntimeError: the model's service has failed: nothing would be heard any more.
    """
    with logging_to_stderr(as_json=arguments.log_format == "json"):
        return _checked_and_served(arguments)


def _checked_and_served(arguments: argparse.Namespace) -> int:
    try:
        setup = _setup(arguments)
    except ValueError as error:
        complain(error)
        return EXIT_FAILED
    try:
        ports = _Ports(*_bound(arguments))
    except OSError as error:
        complain(f"{error.filename} cannot be listened on: {error.strerror}. Choose another address, or port")
        return EXIT_FAILED
    load = commands.model_loader(argparse.Namespace(**{**vars(arguments), "words": True, "timings": setup.timings}))
    try:
        asyncio.run(_serve(setup, ports, load))
    except asyncio.CancelledError as error:
        raise KeyboardInterrupt from error
    return EXIT_OK


def _setup(arguments: argparse.Namespace) -> _Setup:
    asked = limits(arguments)
    transport = Transport(
        message_bytes=asked.message_bytes,
        tls_cert=arguments.tls_cert,
        tls_key=arguments.tls_key,
        trusted_proxies=arguments.trusted_proxies,
    )
    timings = arguments.timings if isinstance(arguments.timings, Timings) else Timings(time.perf_counter)
    defaults = streaming_options(arguments, FOR_LIVE)
    access = Access(read_tokens(arguments.token_file), arguments.allow_origin, time.monotonic)
    return _Setup(asked, defaults, access, transport, timings, arguments.batch_size)


def _bound(arguments: argparse.Namespace) -> Iterator[socket.socket]:
    yield _listening(arguments.host, arguments.port)
    if arguments.wyoming_port is not None:
        # Wyoming knows no tokens: beyond this machine it is only for those who want none.
        yield _listening(arguments.host if arguments.no_token else "127.0.0.1", arguments.wyoming_port)


def _listening(host: str, port: int) -> socket.socket:
    try:
        return listening_socket(host, port)
    except OSError as error:
        raise OSError(error.errno, error.strerror, f"port {port} of {host}") from error


async def _serve(setup: _Setup, ports: _Ports, load: Callable[[], ServedModel]) -> None:
    stop, room = asyncio.Event(), WaitingRoom()
    with stop_on_signals(stop):
        async with served(room, ports.web, setup.transport):
            model = await _unless(stop, _in_thread(load))
            if model is None:
                return
            async with ModelService(model, batch_size=setup.batch_size) as service:
                server = SpeechServer(service, ModelInfo(model.name, model.languages), setup.limits, setup.defaults)
                room.app = make_app(server, setup.access, setup.timings)
                async with _wyoming(server, ports):
                    _announce(model, ports.web, setup)
                    failure = await _unless(stop, service.failure())
                    if failure is None:
                        _log.info("ending: %d streams are finished first", server.n_streams)
                    await server.drain()
                    await server.aclose()
                    if failure is not None:
                        raise RuntimeError(f"the model's service has failed: {failure!r}") from failure


@asynccontextmanager
async def _wyoming(server: SpeechServer, ports: _Ports) -> AsyncIterator[None]:
    if ports.wyoming is None:
        yield
        return
    async with wyoming_served(server, ports.wyoming):
        _log.info("serving Wyoming at tcp://%s:%d", *ports.wyoming.getsockname()[:2])
        yield


def _announce(model: ServedModel, bound: socket.socket, setup: _Setup) -> None:
    host, port = bound.getsockname()[:2]
    scheme = "https" if setup.transport.tls_cert else "http"
    name = f"[{host}]" if ":" in host else host
    _log.info("serving %s on %s at %s://%s:%d", model.name, model.device_name, scheme, name, port)


async def _unless(stop: asyncio.Event, work: Awaitable[Result]) -> Result | None:
    """Return what ``work`` returns, or None as soon as ``stop`` is set."""
    working, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if working.done():
        return working.result()
    working.cancel()
    return None


async def _in_thread(work: Callable[[], Result]) -> Result:
    """Run ``work`` on a daemon thread: unlike those of ``asyncio.to_thread``, it keeps no program from ending."""
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Result] = loop.create_future()

    def tell(result: Result | None, error: BaseException | None) -> None:
        if not outcome.done():
            outcome.set_exception(error) if error is not None else outcome.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        try:
            result = work()
        except Exception as error:  # noqa: BLE001  # a thread's top: raised again where it is awaited
            loop.call_soon_threadsafe(tell, None, error)
        else:
            loop.call_soon_threadsafe(tell, result, None)

    threading.Thread(target=run, name="loading", daemon=True).start()
    return await outcome
