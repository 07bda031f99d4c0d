#!/bin/sh
# What the CI job runs: it fails if an integer differs or a build does.
set -eu
cd "$(dirname "$0")"
@CHECKTRAIN@hwkit verify @MODEL@ --board @HERE@ @INPUTS@
hwkit deploy @MODEL@ --board @BOARD@ -o build@PACKAGE@
hwkit campaign run campaign.toml --store measurements.sqlite
