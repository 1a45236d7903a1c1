"""``max-whisper bench streaming``: how soon, how steadily and how rightly a program shows what is said.

Where a peer plugs in
---------------------
A peer is a ``ui.bench.programs.Program`` in ``ui.bench.streaming.programs.PEERS``.  Its worker, a file in
``ui/bench/peers/`` that runs in the peer's own environment, serves one action by ``ui.bench.peers.answering.serve``:

    stream(path: str) -> {"views": [...], "cpu_s": float, "peak_mib": float, "notes": [str, …]}

``path`` is a WAV file, 16 kHz mono 16-bit.  The worker feeds it in real time, in blocks of 100 ms, each handed over
when its last sample would have been recorded, and returns the trace (``ui.scoring.traces``, as JSON), the processor
seconds of all its processes while the stream ran, and the most memory they held.  One that works on behind the seconds
that it tells adds ``"all_cpu_s"``, those until it answers, or its own late work would pass for other programs'.

``t_s`` of a view is the moment at which a client would show the text, counted from the moment at which sample 0 was
recorded: 0.1 s before the first block is handed over.  The stream's end is told in the program's own way; what it says
after that is part of the trace.  Servers are started before the first stream and end with the worker.
``ui.scoring.traces`` and ``ui.bench.peers.answering`` use the standard library alone and may be imported, nothing else
of ours.
"""
