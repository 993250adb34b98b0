# shellcheck shell=bash
# Shared by the scripts in this folder; sourced, not run.
set -euo pipefail

weir_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# How many compilers run at once: the cores, unless JOBS says otherwise; a compiler takes up to 1 GiB.
build_jobs() {
  local cores memory_gib
  cores=$(nproc)
  memory_gib=$(awk '/^MemAvailable:/ { print int($2 / 1048576) }' /proc/meminfo)
  if ((memory_gib < 1)); then memory_gib=1; fi
  printf '%s\n' "${JOBS:-$((cores < memory_gib ? cores : memory_gib))}"
}

# build PRESET [TARGET...]: configures and builds; all targets if none is named.
build() {
  local preset=$1
  shift
  # A folder that was configured elsewhere (a moved or copied checkout) is configured afresh.
  local cache=$weir_root/build/$preset/CMakeCache.txt
  local fresh=()
  if [[ -f $cache ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$weir_root" "$cache"; then
    fresh=(--fresh)
  fi
  (
    cd "$weir_root" || exit
    cmake "${fresh[@]}" --preset "$preset" || exit
    local target=()
    if (($# > 0)); then target=(--target "$@"); fi
    cmake --build --preset "$preset" --parallel "$(build_jobs)" "${target[@]}"
  ) </dev/null
}
