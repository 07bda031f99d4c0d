# Vivado project of xc7z020clg400-1: vivado -mode batch -source project.tcl. Generated.
create_project -force hwkit vivado -part xc7z020clg400-1
add_files [list hwk_core.v hwk_device.v rtl/hwk_argmax.v rtl/hwk_choose.v rtl/hwk_constant.v rtl/hwk_fifo.v rtl/hwk_fork.v rtl/hwk_gather.v rtl/hwk_join.v rtl/hwk_lookup.v rtl/hwk_matrix.v rtl/hwk_mul.v rtl/hwk_narrow.v rtl/hwk_patch.v rtl/hwk_product.v rtl/hwk_rescale.v rtl/hwk_resize.v rtl/hwk_rom.v rtl/hwk_rows.v rtl/hwk_softmax.v rtl/hwk_state.v rtl/hwk_sum.v rtl/hwk_tap.v rtl/hwk_threshold.v rtl/hwk_widen.v rtl/hwk_window.v shell/hwk_crc32.v shell/hwk_input_buffer.v shell/hwk_output_buffer.v shell/hwk_serial.v shell/hwk_shell.v shell/hwk_span.v shell/hwk_turns.v shell/hwk_uart_rx.v shell/hwk_uart_tx.v top.v]
add_files [list rtl/fc_bias_6f926013.hex rtl/fc_weights_80509233.hex]
add_files -fileset constrs_1 top.xdc
set_property top top [current_fileset]
launch_runs synth_1
wait_on_run synth_1
launch_runs impl_1 -to_step write_bitstream
wait_on_run impl_1
open_run impl_1
report_utilization -file utilization.rpt
report_timing_summary -file timing.rpt
