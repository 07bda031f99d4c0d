"""FPGA designs in Verilog, simulated cycle by cycle."""
