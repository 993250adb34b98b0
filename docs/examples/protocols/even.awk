#!/usr/bin/env -S mawk -W interactive -f
# protocol = "lines". -W interactive: mawk would fill a buffer before it looks at a line.
{ print ($1 % 2 == 0) ? $1 " is even" : "" }
