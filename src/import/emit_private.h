/* What the files of emit.h share among themselves. */
#ifndef LN_IMPORT_EMIT_PRIVATE_H
#define LN_IMPORT_EMIT_PRIVATE_H

#include "import/emit.h"

/* Shapes and values of the outputs of `op`, the graph's last operator: `facts` [output_count] (emit_infer.c). */
bool ln_emit_infer(ln_emit *e, const ln_op *op, ln_fact *facts);
/* A constant that holds `data`, which is the arena's or outlives it; name: NULL. */
int32_t ln_emit_constant(ln_emit *e, const char *name, ln_type type, const ln_shape *shape, const void *data,
                         size_t bytes);
/* Fails with "node \"conv\" (Conv): TEXT". */
void ln_emit_say(ln_emit *e, ln_status status, const char *text);
/* Visits graphs that an operator runs: fails for the first. */
ln_status ln_import_refuse_graph(void *context, const ln_op *op, int32_t *graph);
/* Floats that TFLite's kernels of floats lack. */
static inline bool ln_emit_is_other_float(ln_type type) { return ln_emit_is_float(type) && type != LN_FLOAT32; }

typedef int32_t (*ln_emit_float_fn)(ln_emit *e, int32_t a);
/* What `fn` makes of float32; other floats come back as they were, integers and bools stay float32 (emit_math.c). */
int32_t ln_emit_by_float32(ln_emit *e, int32_t a, ln_emit_float_fn fn);
/* Room for one more element of an arena's array; NULL when memory is short. */
void *ln_import_grow(ln_arena *arena, void *array, int32_t count, int32_t *capacity, size_t item_bytes);

/* A graph that is to be run once before the first run, where there is state (emit_state.c); nothing without any. */
void ln_import_finish_state(ln_import *import);

#endif
