/* What convolutions, transposed convolutions and pools of emit.h share among themselves. */
#ifndef LN_IMPORT_EMIT_LAYERS_H
#define LN_IMPORT_EMIT_LAYERS_H

#include "import/emit.h"

/* Checks a window and fills in strides and dilations of 1; false after a failure. */
bool ln_emit_window(ln_emit *e, int32_t a, const ln_window *given, ln_window *out);
/* A window of one dimension as one of two, over [n, 1, w, c]. */
void ln_emit_widen_window(ln_window *w);
/* Whether SAME pads as the window's explicit pads do; of an open dimension only steps of one tell. */
bool ln_emit_pads_same(const ln_emit *e, int32_t a, const ln_window *w);
/* Explicit pads become SAME or VALID where one of these says it; else they are put around what is returned. */
int32_t ln_emit_settle_pads(ln_emit *e, int32_t a, ln_window *w, double value);

/* Something done to each group of channels by itself. */
typedef struct ln_group_job {
  int32_t filter_axis; /* along which the filter falls into groups */
  const ln_window *window;
  const int32_t *output_padding;
  int32_t (*run)(ln_emit *e, int32_t a, int32_t filter, int32_t bias, const struct ln_group_job *job);
} ln_group_job;
int32_t ln_emit_by_groups(ln_emit *e, int32_t a, int32_t filter, int32_t bias, int32_t groups, const ln_group_job *job);

#endif
