"""How the program imports what a command needs."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from ui.interrupts import held_interrupts


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Import in the block, undisturbed by Ctrl-C and by Python's search for garbage.

    Modules are no garbage, but many small objects: to look through them time and again takes 25 of 330 ms.  They are
    left out of later searches too, which would make a live text wait.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with held_interrupts():
            yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.enable()
