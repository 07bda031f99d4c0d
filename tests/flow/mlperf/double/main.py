"""A double of the MLCommons runner, from its documentation (mlcommons/tiny,
``benchmark/runner/README.md``): its command line, its device and test files, its data sets, the
commands that it sends and the folder that it leaves. It knows nothing of hwkit."""

import argparse
import csv
import json
import re
from pathlib import Path
from typing import Any

import serial
import usb.core
from serial.tools import list_ports


class Device:
    """The device under test: commands end with %, answers with the line m-ready."""

    def __init__(self, port: str, baud: int) -> None:
        self._serial = serial.Serial(port, baud, timeout=30)

    def ask(self, command: str) -> list[str]:
        self._serial.write(f"{command}%".encode())
        lines: list[str] = []
        while not lines or lines[-1] != "m-ready":
            line = self._serial.readline().decode()
            assert line.endswith("\n"), f"no answer to {command}: {lines}"
            lines.append(line.strip())
        return lines

    def load(self, data: bytes) -> None:
        self.ask(f"db load {len(data)}")
        for k in range(0, len(data), 31):
            self.ask(f"db {data[k : k + 31].hex()}")

    def infer(self, count: int, warmups: int) -> dict[str, Any]:
        lines = self.ask(f"infer {count} {warmups}")
        laps = [int(line.removeprefix("m-lap-us-")) for line in lines if "m-lap-us-" in line]
        (found,) = re.findall(r"m-results-\[([^]]+)\]", "\n".join(lines))
        results = [float(text) for text in found.split(",")]
        return {"results": results, "elapsed_time": laps[1] - laps[0], "iterations": count}


def find(devices: list[dict[str, Any]]) -> Device:
    """The port whose description has what the device file says."""
    assert not usb.core.find(find_all=True)
    for port in list_ports.comports(True):
        for device in devices:
            if (
                port.vid
                and device["type"] == "dut"
                and device["usb_description"] in port.description
            ):
                return Device(port.device, device["baud"])
    raise SystemExit("no device")


def main() -> None:
    parser = argparse.ArgumentParser()
    for short, name in ("-d", "devices"), ("-t", "tests"), ("-s", "data"), ("-m", "mode"):
        parser.add_argument(short, dest=name, required=True)
    asked = parser.parse_args()
    device = find(json.loads(Path(asked.devices).read_text()))
    assert device.ask("name")[0].startswith("m-name-dut-[")
    model = device.ask("profile")[1].removeprefix("m-model-[").removesuffix("]")
    test = json.loads(Path(asked.tests).read_text())[model]
    folder = Path(asked.data) / test["model"]
    rows = list(csv.reader((folder / test["truth_file"]).read_text().splitlines()))
    ((loop, steps),) = test["script"][0].items()
    assert steps[0] == "download"
    count, warmups = map(int, steps[1].split()[1:])
    told = []
    for row in rows[: int(loop.split()[1])] if loop != "loop" else rows:
        data = (folder / row[0]).read_bytes()
        size, stride = (int(row[3]), int(row[4])) if len(row) > 3 else (len(data), 1)
        starts = range(0, len(data) - size + 1, stride)
        for start in starts if asked.mode == "a" else starts[:1]:
            device.load(data[start : start + size])
            told.append({"file": row[0], "class": row[2], "infer": device.infer(count, warmups)})
    out = Path("sessions") / "20260101_000000"
    out.mkdir(parents=True)
    (out / "log.txt").write_text("log\n")
    (out / "results.txt").write_text("results\n")
    (out / "results.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main()
