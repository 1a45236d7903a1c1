"""What the command line says about live streams: when an utterance ends, when words are shown.

A flag that is not given leaves no trace among the arguments, so that each use keeps its own default.  The flags'
``dest`` are the fields of the options, behind a word that says of which.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ui.flag_values import number, seconds

if TYPE_CHECKING:
    from engine.options import StreamingOptions
    from stream.gate import GateOptions

_ABSENT = argparse.SUPPRESS
_FLAGS = {
    "step_s": "--step",
    "longest_s": "--longest",
    "final_lead_in_s": "--lead-in",
    "stable_after_s": "--stable-after",
    "shown_after_s": "--shown-after",
}
"""Fields whose flags are called otherwise than they."""
_after = number(0, 5, "a number of seconds")


def add_streaming(command: argparse.ArgumentParser) -> None:
    """Declare what can be asked of a live stream, for every command that hears one."""
    add = partial(command.add_argument_group("live").add_argument, default=_ABSENT)
    profiles = "how long a pause ends an utterance: 0.4, 0.6 or 1.2 s (balanced)"
    add("--endpointing", choices=("fast", "balanced", "patient"), help=profiles)
    _add_gate(add)
    step = "seconds of new audio from one partial to the next, at least (0.2)"
    add("--step", dest="step_s", type=seconds, metavar="S", help=step)
    lead_in = "hear up to S seconds once more with what comes next, 0 for none (28)"
    add("--lead-in", dest="final_lead_in_s", type=number(0, 28), metavar="S", help=lead_in)
    keep = "finals keep the bright words, at the price of more errors"
    add("--keep-stable", dest="keeps_stable", action="store_true", help=keep)
    _add_stability(add)


def _add_gate(add: Callable[..., argparse.Action]) -> None:
    whole = {"type": int, "metavar": "MS"}
    add("--hangover-ms", dest="gate_hangover_ms", help="that pause itself", **whole)
    add("--pause-ms", dest="gate_pause_ms", help="the pause after which a final is tried (200)", **whole)
    add("--pre-roll-ms", dest="gate_pre_roll_ms", help="audio kept from before a voice (300)", **whole)
    add("--tail-ms", dest="gate_tail_ms", help="audio kept after it (200)", **whole)
    longest = "a longer utterance ends at a short pause, or is cut where it is quietest (28)"
    add("--longest", dest="gate_longest_s", type=number(1, 28, "a number of seconds"), metavar="S", help=longest)
    threshold = "what is quieter is never a voice (-65)"
    add("--threshold-dbfs", dest="gate_threshold_dbfs", type=float, metavar="=DB", help=threshold)
    margin = "nor what is not so much louder than the noise of the last ten seconds, at most; 0 for any (8)"
    add("--noise-margin-db", dest="gate_noise_margin_db", type=float, metavar="DB", help=margin)


def _add_stability(add: Callable[..., argparse.Action]) -> None:
    policy = "a word stays when successive hypotheses agree on it, or when the model heard it long enough ago"
    add("--stability", dest="stability_policy", choices=("agreement", "attention"), help=f"{policy} (attention)")
    agreeing = "with agreement: so many hypotheses must (2)"
    add("--n-agreeing", dest="stability_n_agreeing", type=int, metavar="N", help=agreeing)
    stable = "seconds from where a word was heard to the end of the audio before it stays (0.6)"
    add("--stable-after", dest="stability_stable_after_s", type=_after, metavar="S", help=stable)
    shown = "the same before it is shown (0.2)"
    add("--shown-after", dest="stability_shown_after_s", type=_after, metavar="S", help=shown)
    sure = "how sure the model must be of a word that stays, 0 to 1; others stay after twice as long (0.3)"
    add("--stable-probability", dest="stability_stable_probability", type=number(0, 1), metavar="P", help=sure)
    sure = "how sure it must be of a word that is shown before it stays (0.7)"
    add("--shown-probability", dest="stability_shown_probability", type=number(0, 1), metavar="P", help=sure)


def with_streaming(given: Mapping[str, Any], usual: StreamingOptions) -> StreamingOptions:
    """Return ``usual`` with what the arguments ask of a live stream.

    Raises:
        ValueError: a value is out of bounds, or does not go with another.
    """
    from stream.gate import PROFILES  # brings NumPy, for which --help should not wait

    gate = PROFILES[given["endpointing"]] if "endpointing" in given else usual.gate
    own = {name: given[name] for name in ("step_s", "final_lead_in_s", "keeps_stable") if name in given}
    if "final_lead_in_s" in own:
        for name in ("partial_lead_in_s", "busy_lead_in_s"):
            own[name] = min(getattr(usual, name), own["final_lead_in_s"])
    return replace(
        usual,
        gate=replace(gate, **_fitting(_of("gate_", given), gate)),
        stability=replace(usual.stability, **_of("stability_", given)),
        **own,
    )


def _fitting(asked: dict[str, Any], usual: GateOptions) -> dict[str, Any]:
    """What was ``asked`` of the gate, and the rest made to fit it: a pause is no longer than a hangover."""
    pause_ms = asked.get("pause_ms", min(usual.pause_ms, asked.get("hangover_ms", usual.hangover_ms)))
    return {"pause_ms": pause_ms, "tail_ms": min(usual.tail_ms, pause_ms)} | asked


def by_flags(message: str) -> str:
    """Return ``message``, of an error about the options, with the flags' names for those of their fields."""
    return re.sub(
        r"\b[a-z]+(_[a-z]+)+\b", lambda found: _FLAGS.get(found[0], f"--{found[0].replace('_', '-')}"), message
    )


def live_flags(given: Mapping[str, Any]) -> list[str]:
    """Return which of the arguments are about a live stream alone, as their fields are called."""
    own = {"endpointing", "step_s", "final_lead_in_s", "keeps_stable"}
    return [name for name in given if name in own or name.startswith(("gate_", "stability_"))]


def _of(prefix: str, given: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in given.items() if name.startswith(prefix)}
