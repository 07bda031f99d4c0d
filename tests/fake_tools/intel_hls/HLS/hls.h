/* What a project of hls4ml's Quartus backend asks of Intel's HLS/hls.h, in plain C++: a component is
 * a function, what is enqueued runs at once, and hints for the synthesis say nothing. */
#ifndef HWK_STAND_IN_HLS_H
#define HWK_STAND_IN_HLS_H

#define component
#define hls_init_on_powerup
#define hls_register
#define hls_component_ii(interval)
#define hls_max_concurrency(count)
#define hls_scheduler_target_fmax_mhz(mhz)
#define ihc_hls_enqueue(result, function, ...) (*(result) = (function)(__VA_ARGS__))
#define ihc_hls_component_run_all(function) ((void)(function))

namespace ihc {
template <typename T> class stream;
template <typename T> class stream_in;
template <typename T> class stream_out;
} // namespace ihc

#endif
