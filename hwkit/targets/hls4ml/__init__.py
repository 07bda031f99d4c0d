"""FPGA projects through hls4ml, proved by compiling and running their C simulation."""
