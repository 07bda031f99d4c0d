"""Which benchmark of MLPerf Tiny a network may be."""

from __future__ import annotations

import pytest

from hwkit import boards
from hwkit.errors import ConfigError
from hwkit.targets.mcu.lower import lower
from hwkit.targets.mcu.package import KINDS, package
from hwkit.targets.mcu.package.networks import NETWORKS, network_of, results_of
from tests.flow.mlperf.models import dense
from tests.targets.mcu.models import residual


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != "ic02"])
def test_sizes_tell_the_network(name: str) -> None:
    facts = NETWORKS[name]
    graph = dense(facts.elements, facts.outputs)
    assert network_of(graph) is facts
    assert network_of(graph, name) is facts


def test_the_large_image_network_is_named() -> None:
    assert network_of(dense(3072, 10)).name == "ic01"
    assert network_of(dense(3072, 10), "ic02").folder == "ic2"
    assert NETWORKS["ic02"].dataset == "ic01"


def test_what_is_no_network_of_the_benchmark() -> None:
    with pytest.raises(ConfigError, match="no network of MLPerf Tiny has its sizes"):
        network_of(residual())
    with pytest.raises(ConfigError, match="takes 490 integers to 12, not 27648 to 2"):
        network_of(dense(490, 12), "vww01")
    with pytest.raises(ConfigError, match="MLPerf Tiny has ic01"):
        network_of(dense(490, 12), "kws02")


def test_what_the_device_tells() -> None:
    for graph, network, told in (
        (dense(490, 12), "kws01", "probabilities"),
        (dense(490, 12, 0.1, 0), "kws01", "scores"),
        (dense(640, 640), "ad01", "distance"),
    ):
        assert results_of(graph, NETWORKS[network]) == told


def test_the_package_is_a_firmware_that_builds_itself() -> None:
    lowered = lower(dense(3072, 10), boards.load("virtual_m4"))
    for kind, model in (("mlperf_tiny", "ic01"), ("mlperf_tiny_ic02", "ic02")):
        assert kind in KINDS
        files = package(lowered, kind)
        assert f'HWK_MLPERF_MODEL "{model}"' in files["include/hwk_mlperf_network.h"].decode()
        assert b"MODEL := model.c model_data.c hwk_mlperf.c\n" in files["Makefile"]
        assert b"hwk_mlperf_start" in files["runtime/main.c"]
        assert files["firmware.elf"].startswith(b"\x7fELF")
        assert {"firmware.bin", "firmware.hex", "README.md"} <= set(files)
