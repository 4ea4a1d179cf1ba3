/* The operator table, made from ops.def and custom.def. */
#include "ops/ops.h"

#include <string.h>

#include "kernels/map.h"
#include "kernels/optimizer.h"
#include "ops/rows.h"

static const ln_op_def builtin_rows[LN_OP_CODE_COUNT] = {
#define LN_OP(name, code, options, infer, prepare, run, macs, variant, flags, types, gradient) \
  [code] = {#name, code, LN_TABLE_##options, types, infer, prepare, run, macs, variant, flags, NULL, gradient},
#define LN_OP_NOT_YET(name, code, options, reason, gradient) \
  [code] = {#name, code, LN_TABLE_##options, NULL, NULL, NULL, NULL, NULL, 0, 0, reason, gradient},
#define LN_OP_MARKER(name, code)                       \
  [code] = {#name,                                     \
            code,                                      \
            LN_TABLE_none,                             \
            NULL,                                      \
            NULL,                                      \
            NULL,                                      \
            NULL,                                      \
            NULL,                                      \
            0,                                         \
            LN_OPF_MARKER,                             \
            "a marker of the schema, not an operator", \
            "not differentiable"},
#include "ops/ops.def"
};

static const ln_op_def custom_rows[] = {
#define LN_CUSTOM_OP(id, name, infer, prepare, run, macs, variant, flags, types, gradient) \
  {name, LN_OP_CUSTOM, LN_TABLE_none, types, infer, prepare, run, macs, variant, flags, NULL, gradient},
#define LN_FLEX_OP(op, options, infer, prepare, run, macs, variant, flags, types, gradient) \
  {"Flex" #op, LN_OP_CUSTOM, LN_TABLE_##options, types, infer, prepare, run, macs, variant, flags, NULL, gradient},
#include "ops/custom.def"
    {"", LN_OP_CUSTOM, LN_TABLE_none, NULL, NULL, NULL, NULL, NULL, 0, LN_OPF_STATEFUL,
     "no kernel is registered under this name", "not differentiable"},
};

enum { CUSTOM_COUNT = LN_COUNT(custom_rows) - 1 };

const ln_op_def *ln_op_find(int32_t code) { return code < 0 || code >= LN_OP_CODE_COUNT ? NULL : &builtin_rows[code]; }

const ln_op_def *ln_op_find_custom(const char *name) {
  for (size_t i = 0; custom_rows[i].name[0] != '\0'; ++i) {
    if (strcmp(custom_rows[i].name, name) == 0) return &custom_rows[i];
  }
  return &custom_rows[CUSTOM_COUNT];
}

int32_t ln_op_def_count(void) { return (int32_t)(LN_COUNT(builtin_rows) + CUSTOM_COUNT); }

const ln_op_def *ln_op_def_at(int32_t index) {
  if (index < 0 || index >= ln_op_def_count()) return NULL;
  const size_t i = (size_t)index;
  return i < LN_COUNT(builtin_rows) ? &builtin_rows[i] : &custom_rows[i - LN_COUNT(builtin_rows)];
}

ln_status ln_no_prepare(ln_node *node, ln_prep *prep) {
  (void)node;
  (void)prep;
  return LN_OK;
}

int64_t ln_no_macs(const ln_node *node) {
  (void)node;
  return 0;
}
