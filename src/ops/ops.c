/* The operator table, made from ops.def and custom.def: the rows that this build holds. */
#include "ops/ops.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/map.h"
#include "kernels/optimizer.h"
#include "ops/host.h"
#include "ops/rows.h"

#define ROW(name, id, code, options, infer, prepare, run, macs, variant, flags, types, gradient)      \
  LN_ROW_OF(id)                                                                                       \
  ({name, code, LN_TABLE_##options, types, infer, prepare, run, macs, variant, flags, NULL, gradient, \
    LN_OP_TYPES(id)}, )
#define ROW_WITHOUT_KERNEL(name, id, code, options, flags, reason, gradient) \
  LN_ROW_OF(id)                                                              \
  ({name, code, LN_TABLE_##options, NULL, NULL, NULL, NULL, NULL, 0, flags, reason, gradient, 0}, )

static const ln_op_def rows[] = {
#define LN_OP(name, code, options, infer, prepare, run, macs, variant, flags, types, gradient) \
  ROW(#name, name, code, options, infer, prepare, run, macs, variant, flags, types, gradient)
#define LN_OP_NOT_YET(name, code, options, reason, gradient) \
  ROW_WITHOUT_KERNEL(#name, name, code, options, 0, reason, gradient)
#define LN_OP_MARKER(name, code) \
  ROW_WITHOUT_KERNEL(#name, name, code, none, LN_OPF_MARKER, "a marker of the schema, not an operator", LN_NO_GRADIENT)
#include "ops/ops.def"
#define LN_CUSTOM_OP(id, name, infer, prepare, run, macs, variant, flags, types, gradient) \
  ROW(name, id, LN_OP_CUSTOM, none, infer, prepare, run, macs, variant, flags, types, gradient)
#define LN_CUSTOM_PROGRAM(id, name, reason) \
  ROW_WITHOUT_KERNEL(name, id, LN_OP_CUSTOM, none, LN_OPF_MARKER | LN_OPF_STATEFUL, reason, LN_NO_GRADIENT)
#define LN_FLEX_OP(op, options, infer, prepare, run, macs, variant, flags, types, gradient) \
  ROW("Flex" #op, Flex##op, LN_OP_CUSTOM, options, infer, prepare, run, macs, variant, flags, types, gradient)
#define LN_CUSTOM_OP_NOT_YET(id, name, reason) \
  ROW_WITHOUT_KERNEL(name, id, LN_OP_CUSTOM, none, LN_OPF_STATEFUL, reason, LN_NO_GRADIENT)
#include "ops/custom.def"
    {"", LN_OP_CUSTOM, LN_TABLE_none, NULL, NULL, NULL, NULL, NULL, 0, LN_OPF_STATEFUL,
     LN_IS_WHOLE ? "no kernel is registered under this name" : "it is left out of this build", LN_NO_GRADIENT, 0},
};

enum {
  ROW_COUNT = LN_COUNT(rows) - 1,
  BUILTIN_COUNT = 0 /* which stand in front */
#define LN_OP(name, code, options, infer, prepare, run, macs, variant, flags, types, gradient) LN_ROW_OF(name)(+1)
#define LN_OP_NOT_YET(name, code, options, reason, gradient) LN_ROW_OF(name)(+1)
#define LN_OP_MARKER(name, code) LN_ROW_OF(name)(+1)
#include "ops/ops.def"
};

/* The builtin operators that this build does not hold, as "code name" one behind another. */
static const char left_out[] =
#define LN_OP(name, code, options, infer, prepare, run, macs, variant, flags, types, gradient) \
  LN_UNLESS_ROW_OF(name)(#code " " #name "\0")
#define LN_OP_NOT_YET(name, code, options, reason, gradient) LN_UNLESS_ROW_OF(name)(#code " " #name "\0")
#include "ops/ops.def"
    "";

const ln_op_def *ln_op_find(int32_t code) {
  for (int32_t i = 0; i < BUILTIN_COUNT; ++i) {
    if (rows[i].code == code) return &rows[i];
  }
  return NULL;
}

const char *ln_op_left_out(int32_t code) {
  for (const char *at = left_out; *at != '\0'; at += strlen(at) + 1) {
    if (strtol(at, NULL, 10) == code) return strchr(at, ' ') + 1;
  }
  return NULL;
}

const ln_op_def *ln_op_find_custom(const char *name) {
  int32_t i = BUILTIN_COUNT;
  while (i < ROW_COUNT && strcmp(rows[i].name, name) != 0) ++i;
  return &rows[i];
}

const ln_op_def *ln_op_find_flex(const char *name) {
  for (int32_t i = BUILTIN_COUNT; i < ROW_COUNT; ++i) {
    if (strncmp(rows[i].name, "Flex", 4) == 0 && strcmp(rows[i].name + 4, name) == 0) return &rows[i];
  }
  return NULL;
}

int32_t ln_op_def_count(void) { return ROW_COUNT; }

const ln_op_def *ln_op_def_at(int32_t index) { return index < 0 || index >= ROW_COUNT ? NULL : &rows[index]; }

const char *ln_op_gradient_not_yet(const ln_op_def *def) {
  if (def->gradient == LN_HAS_GRADIENT) return NULL;
  return def->gradient == LN_NO_AUTODIFF ? "not yet" : "not differentiable";
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
