/* Models of one graph, built by hand in the IR: for hostile ones, and for fuzzing. Memory failures abort. */
#ifndef LN_TESTS_BUILD_MODEL_H
#define LN_TESTS_BUILD_MODEL_H

#include "ops/ops.h"

enum { BUILD_MAX_TENSORS = 64, BUILD_MAX_OPS = 16 };

/* A model with one empty graph, for ln_model_destroy. */
ln_model *build_model(void);

/* Each adds a tensor and gives its index. Data is copied; `bytes` need not fit the shape. */
int32_t build_constant(ln_model *model, ln_type type, int32_t rank, const int32_t *dims, const void *data,
                       size_t bytes);
int32_t build_input(ln_model *model, ln_type type, int32_t rank, const int32_t *dims);
int32_t build_variable(ln_model *model, ln_type type, int32_t rank, const int32_t *dims);
/* A result that an operator makes; also a graph output. */
int32_t build_output(ln_model *model, ln_type type, int32_t rank, const int32_t *dims);
ln_tensor *build_tensor_at(ln_model *model, int32_t index);
void build_quantize(ln_model *model, int32_t tensor, float scale, int64_t zero_point);

/* An operator with its options at their defaults, which the caller may change through `op->options`. */
ln_op *build_op(ln_model *model, const ln_op_def *def, int32_t in_count, const int32_t *in, int32_t out_count,
                const int32_t *out);
#define BUILD_OPTIONS(op, table) ((ln_##table *)(uintptr_t)(op)->options)

/* Whether a graph of the model holds a loop: changed input may keep it going for ever, which only its caller can end.
 */
bool model_has_loop(const ln_model *model);

#endif
