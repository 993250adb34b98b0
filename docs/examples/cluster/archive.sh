#!/bin/sh
# Keeps what comes as one file in this folder. WEIR_UNIT names the records: if they come again
# because something died, the same file is written again, and nothing is there twice.
set -eu
mkdir -p "$1"
cat >"$1/$WEIR_UNIT.tmp"
mv "$1/$WEIR_UNIT.tmp" "$1/$WEIR_UNIT"
