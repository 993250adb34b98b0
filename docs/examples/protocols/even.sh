#!/bin/sh
# protocol = "lines": lets even numbers through, with a mark; an empty line says "no output".
while IFS= read -r number; do
  if [ $((number % 2)) -eq 0 ]; then
    printf '%s is even\n' "$number"
  else
    echo
  fi
done
