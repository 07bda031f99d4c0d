#!/bin/sh
# What the CI job runs: it fails if an integer differs or a build does.
set -eu
cd "$(dirname "$0")"
hwkit verify digits.tflite --board ./my_board.toml -i images.npy
hwkit deploy digits.tflite --board ./my_board.toml -o build --package library
hwkit campaign run campaign.toml --store measurements.sqlite
