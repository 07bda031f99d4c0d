#!/bin/sh
# The board's first day: link, info, memory, golden vectors, clock. Exit code 0 when all is well.
#   sh bring_up.sh                  on ./my_board.toml
#   sh bring_up.sh /dev/ttyACM0     the board at that port, its image written first
set -eu
cd "$(dirname "$0")"
if [ $# -eq 0 ]; then
  exec hwkit bringup ./my_board.toml
fi
exec hwkit bringup ./my_board.toml --flash --port "$1"
