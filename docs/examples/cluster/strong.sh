#!/bin/sh
# Of the earthquakes on standard input those of at least this magnitude.
exec awk -F '"mag":' -v least="$1" '$2 + 0 >= least'
