"""The peers whose streams are measured: what each needs and how it is used.

whisper_streaming comes from its repository: its authors have not put it into the package registry, where the package of
that name is another's rewrite.  WhisperLiveKit's LocalAgreement descends from it.
"""

from __future__ import annotations

from pathlib import Path

from ui.bench.programs import Program, SourceFile

COPY_FLAG = "--whisper-streaming"
"""Of the command line: names a folder that has a copy of whisper_streaming."""

_WORKERS = Path(__file__).parents[1] / "peers"
_FASTER_WHISPER = ("faster-whisper==1.2.1", "ctranslate2==4.8.5")
_SERVED = ("ctranslate2==4.8.5", "psutil==7.2.2", "torch==2.13.0", "uvicorn==0.54.0", "websockets==17.4")
_WHISPER_LIVE = (
    *_SERVED, "fastapi==0.165.0", "faster-whisper==1.2.0", "python-multipart==0.0.34", "scipy==1.17.1",
    "tokenizers==0.20.3", "websocket-client==1.9.2",
)  # fmt: skip
_WHISPER_LIVE_KIT = (
    *_SERVED, "fastapi==0.165.0", "faster-whisper==1.2.1", "librosa==0.11.0", "python-multipart==0.0.34",
    "soundfile==0.14.0", "tiktoken==0.14.0",
)  # fmt: skip
_WHISPER_STREAMING = SourceFile(
    repository="ufal/whisper_streaming",
    commit="1f25a1a48bd9807159989e6596178c69e797ac75",
    name="whisper_online.py",
    sha256="f0a7bd26bff879cf1e2ee4589bd88c38275c678d8773a47563ceb0e7d970b850",
    flag=COPY_FLAG,
)


def _faster_whisper(compute_type: str) -> Program:
    return Program(
        name=f"faster-whisper {compute_type}, in a loop",
        requirements=_FASTER_WHISPER,
        worker=_WORKERS / "faster_whisper_loop.py",
        settings={"compute_type": compute_type},
        note="decodes again every second, or when it is free, what was said since the last pause: a second without "
        "voice by its own Silero filter, which closes the text; behind 15 s all segments but the last are closed and "
        "cut off; beam 1, its own second tries, no filter inside, no earlier text as a prompt, nothing stable",
    )


def _whisper_streaming(compute_type: str) -> Program:
    return Program(
        name=f"whisper_streaming {compute_type}",
        source=_WHISPER_STREAMING,
        requirements=(*_FASTER_WHISPER, "librosa==0.11.0", "soundfile==0.14.0"),
        worker=_WORKERS / "whisper_streaming_worker.py",
        settings={"compute_type": compute_type},
        note="its online processor by its own defaults (a second at least, 5 beams, segments trimmed behind 15 s) with "
        "--vad but without --vac, which needs PyTorch; each line that it prints is shown, stable and final at once, "
        "what is not confirmed is not shown, and is printed at the end as by its whisper_online.py",
    )


def _whisper_live_kit(name: str, policy: str) -> Program:
    return Program(
        name=f"WhisperLiveKit {name}",
        weights="both",
        alone=("whisperlivekit==0.2.26",),
        requirements=_WHISPER_LIVE_KIT,
        worker=_WORKERS / "whisper_livekit_worker.py",
        settings={"policy": policy},
        note="its server as it comes but for raw sound, English and the alignment heads of the model; validated text "
        "is stable, a line is final when another one or a silence follows; memory is the server's, processor "
        "seconds are those of the server and its client",
    )


PEERS: dict[str, Program] = {
    "faster-whisper": _faster_whisper("float32"),
    "faster-whisper-int8": _faster_whisper("int8"),
    "whisper-streaming": _whisper_streaming("float32"),
    "whisper-streaming-int8": _whisper_streaming("int8"),
    "whisper-live": Program(
        name="WhisperLive",
        alone=("whisper-live==0.10.0",),
        requirements=_WHISPER_LIVE,
        worker=_WORKERS / "whisper_live_worker.py",
        settings={"max_clients": 4, "is_batched": False},
        note="its server and its own client as they come (its Silero filter, beam 5, int8), no batching, but a "
        "thread for each processor where its run_server.py takes one; the client "
        "waits as after a file, until nothing new came for 15 s, and keeps what is open then; memory is the server's, "
        "processor seconds are those of its server and its clients until the sound ends: then the server decodes the "
        "last of it over and over",
    ),
    "whisperlivekit-localagreement": _whisper_live_kit("LocalAgreement", "localagreement"),
    "whisperlivekit-alignatt": _whisper_live_kit("AlignAtt", "simulstreaming"),
}
"""By the name that --peers takes; they run by the wall clock alone."""
