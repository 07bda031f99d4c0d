"""The package as an IP of Vivado's catalogue (IP-XACT), by a Tcl script."""

from __future__ import annotations

from collections.abc import Sequence

_SCRIPT = """\
# Packs {name} for Vivado's IP catalogue: vivado -mode batch -source package_ip.tcl
# The ports are found by their names: AXI4-Stream interfaces, aclk and aresetn.
set folder [file dirname [file normalize [info script]]]
create_project -force -in_memory pack
foreach name {{{files}}} {{ add_files [file join $folder $name] }}
set_property top {name} [current_fileset]
ipx::package_project -root_dir $folder/ip -vendor hwkit -library networks -taxonomy /hwkit \\
  -import_files -force
set core [ipx::current_core]
set_property name {name} $core
set_property version 1.0 $core
foreach bus [ipx::get_bus_interfaces *_axis -of_objects $core] {{
  ipx::associate_bus_interfaces -busif [get_property name $bus] -clock aclk $core
}}
ipx::create_xgui_files $core
ipx::update_checksums $core
ipx::save_core $core
"""


def script(name: str, files: Sequence[str]) -> str:
    """The script for module ``name`` of ``files``, which lie beside it."""
    return _SCRIPT.format(name=name, files=" ".join(files))
