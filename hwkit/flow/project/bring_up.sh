#!/bin/sh
# The board's first day: link, info, memory, golden vectors, clock. Exit code 0 when all is well.
#   sh bring_up.sh                  @REHEARSAL@
#   sh bring_up.sh /dev/ttyACM0     the board at that port, its image written first
set -eu
cd "$(dirname "$0")"
if [ $# -eq 0 ]; then
  exec hwkit bringup @HERE@
fi
exec hwkit bringup @BOARD@ --flash --port "$1"
