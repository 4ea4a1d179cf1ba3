/* What the parts of `linnet bench` share: options, figures, and the measured peak of this CPU. */
#ifndef LINNET_CLI_BENCH_H
#define LINNET_CLI_BENCH_H

#include "cli.h"
#include "json.h"

typedef struct bench_options {
  const char *path; /* of --layers: what the names of layers are to hold; NULL: all */
  const char *signature, *backend, *precision_name, *requantize_name, *weight_cache;
  ln_precision precision;
  ln_requantize requantize;
  int32_t threads;
  double seconds;
  cli_list inputs; /* of --verify */
  bool per_op, json, peak, verify, reference, tune, layers;
} bench_options;

/* ---- the peak (bench_peak.c) ---- */

/* Of all threads together: 10^9 operations a second, two a multiply-add; 10^9 bytes a second. 0: not measured. */
typedef struct bench_peak {
  double f32, i8, bf16;
  double l1, l2, read, copy;
  const char *f32_instruction, *i8_instruction, *bf16_instruction; /* NULL: the CPU has none */
} bench_peak;

/* The arithmetic in about 0.2 s, with `memory` the caches and the memory too. False when memory is short. */
bool bench_measure_peak(int32_t threads, bool memory, bench_peak *out);
/* Measures the arithmetic again and keeps what is higher. */
void bench_raise_peak(int32_t threads, bench_peak *peak);
void bench_json_peak(json *j, const char *key, const bench_peak *peak);
int bench_print_peak(const bench_options *options);

/* ---- where the time goes (bench_ops.c) ---- */

int bench_print_ops(const bench_options *options, const ln_session *session, int32_t runs);
int bench_json_ops(json *j, const bench_options *options, const ln_session *session, int32_t runs);

/*
 * The type that a step multiplies in, told from its kernel's name or, without one, from the types of its inputs; `rate`
 * is the measured peak of it. NULL, and 0, where no peak was measured of it.
 */
const char *bench_product_type(const ln_profile_entry *entry, const bench_peak *peak, double *rate);

/* ---- single layers by shape (bench_layers.c) ---- */

int bench_layers(const cli_command *self, const bench_options *options);

/* ---- what a configuration costs in accuracy (bench_verify.c) ---- */

/* `argv` as the subcommand got it: the run that is compared with is made by the tool with the same words. */
int bench_verify(const cli_command *self, const bench_options *options, int argc, char **argv);
int bench_print_reference(const cli_command *self, const bench_options *options);

/* ---- the session and its inputs (bench.c) ---- */

ln_session_options bench_settings(const bench_options *options);

/* Fills every input with values in the range that models usually see, the same in every process. */
ln_status bench_fill_inputs(ln_session *session, ln_error *err);

#endif
