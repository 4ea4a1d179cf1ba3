/* The list of passes, and running them with the verifier in between. */
#include "passes/passes.h"

#include "base/selection.h"

#define LN_PASS(name, what) ln_status ln_pass_##name(ln_pass_context *context);
#include "passes/passes.def"

static const ln_pass passes[] = {
#define LN_PASS(name, what) {#name, LN_IS_WHOLE ? what : "", ln_pass_##name},
#include "passes/passes.def"
};

int32_t ln_pass_count(void) { return (int32_t)LN_COUNT(passes); }

const ln_pass *ln_pass_at(int32_t index) { return index < 0 || index >= ln_pass_count() ? NULL : &passes[index]; }

bool ln_pass_may_grow(ln_pass_context *context, size_t bytes) {
  size_t limit, after;
  if (!ln_size_add(context->model->map.size, context->given, &limit) || !ln_size_mul(limit, 16, &limit) ||
      !ln_size_add(limit, (size_t)64 << 20, &limit))
    return false;
  if (!ln_size_add(*context->grown, bytes, &after) || after > limit) return false;
  *context->grown = after;
  return true;
}

ln_status ln_passes_run(ln_pass_context *context) {
  for (size_t i = 0; i < LN_COUNT(passes); ++i) {
    context->changes = 0;
    LN_TRY(passes[i].run(context));
    if (context->changes == 0) continue;
    ln_log(LN_LOG_DEBUG, "pass %s: %d changes", passes[i].name, context->changes);
    const ln_status status = ln_graph_verify(context->model, context->graph, context->err);
    if (status != LN_OK) {
      ln_error_prefix(context->err, "after pass %s", passes[i].name);
      return status;
    }
  }
  return LN_OK;
}
