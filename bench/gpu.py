"""Whisper on a GPU: is it right, how fast is it, and how far is that from what the hardware could do.

    python bench/gpu.py right --compute cpu --write expected.json   (anywhere: what a CPU makes of the recordings)
    python bench/gpu.py right --expected expected.json              (on a GPU: the same?)
    python bench/gpu.py fast --json fast.json                       (on a GPU)
    python bench/gpu.py fast --compute cpu --quick                  (does this program work?)
    python bench/gpu.py profile                                     (on a GPU: which kernels take the time)

Needs torch and transformers.  ``bench/gpu.sh`` carries all of it to a machine without network.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gpu_fast import be_fast
from gpu_profile import profile
from gpu_right import be_right


def main() -> int:
    parser = argparse.ArgumentParser(description="Whisper on a GPU: is it right, and how fast.")
    commands = parser.add_subparsers(required=True, metavar="right|fast|profile")
    right = commands.add_parser("right", help="texts and ids against those of a CPU")
    right.add_argument("--model", default="tiny.en")
    right.add_argument("--audio", type=Path, default=Path(), metavar="FOLDER", help="has manifest.csv; else the sample")
    right.add_argument("--only", default="", metavar="TEXT", help="the recordings with TEXT in their name")
    right.add_argument("--expected", type=Path, metavar="FILE", help="what --write wrote elsewhere")
    right.add_argument("--write", type=Path, metavar="FILE")
    right.set_defaults(run=be_right)
    fast = commands.add_parser("fast", help="encoder and decoder against transformers and the hardware")
    fast.add_argument("--models", default="tiny.en,base,random-large-v3-turbo", help="(%(default)s)")
    fast.add_argument("--batches", default="1,8,32,128", help="windows at a time (%(default)s)")
    fast.add_argument("--n-tokens", type=int, default=64, help="of each window's text (%(default)s)")
    fast.add_argument("--n-runs", type=int, default=7, help="of each part (%(default)s)")
    right.add_argument("--bfloat16", action="store_true", help="in bfloat16, not in float16")
    fast.add_argument("--bfloat16", action="store_true", help="ours in bfloat16 too")
    fast.add_argument("--alone", action="store_true", help="ours only")
    fast.add_argument("--quick", action="store_true", help="little of everything: does the program work?")
    fast.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    fast.set_defaults(run=be_fast)
    kernels = commands.add_parser("profile", help="the kernels that take the time")
    kernels.add_argument("--models", default="tiny.en,random-large-v3-turbo", help="(%(default)s)")
    kernels.add_argument("--batches", default="1,32", help="windows at a time (%(default)s)")
    kernels.add_argument("--top", type=int, default=10, help="kernels of each part (%(default)s)")
    kernels.add_argument("--peers", action="store_true", help="those of transformers too")
    kernels.set_defaults(run=profile)
    for command in (right, fast, kernels):
        command.add_argument("--compute", choices=("auto", "cpu", "gpu"), default="gpu")
    arguments = parser.parse_args()
    if getattr(arguments, "quick", False):
        arguments.models, arguments.batches = "tiny.en,random-tiny.en", "1,2"
        arguments.n_tokens, arguments.n_runs = 8, 2
    return int(arguments.run(arguments))


if __name__ == "__main__":
    raise SystemExit(main())
