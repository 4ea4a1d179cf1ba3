/* What the parts of `linnet debug-quant` share: what was compared, and its forms for other programs and for people. */
#ifndef LINNET_CLI_DEBUG_QUANT_H
#define LINNET_CLI_DEBUG_QUANT_H

#include "cli.h"
#include "linnet/debug.h"

/* What leaving the suggested operators in floats brings, as a quantization anew showed. */
typedef struct debug_check {
  const char *format; /* "int8"; NULL: not checked */
  const char *why;    /* it was not */
  double before_db, after_db;
  int64_t before_bytes, after_bytes;
} debug_check;

typedef struct debug_result {
  const char *f_path, *q_path;
  const ln_graph *f_graph, *q_graph;
  const ln_quant_debug *debug;
  ln_quant_summary summary;
  int64_t f_bytes, q_bytes; /* of the files */
  debug_check check;
} debug_result;

ln_quant_row debug_row(const ln_quant_debug *debug, int32_t index);

void debug_print_text(const debug_result *result, FILE *out);
void debug_print_json(const debug_result *result, FILE *out);
void debug_print_csv(const debug_result *result, FILE *out);
void debug_print_page(const debug_result *result, FILE *out);

#endif
