/* What a target refuses of a model: check.c finds it, check_notes.c keeps it in the file's metadata. */
#ifndef LN_CONVERT_CHECK_H
#define LN_CONVERT_CHECK_H

#include "linnet/check.h"
#include "ops/ops.h"

typedef struct ln_target {
  const char *name, *what;
  int32_t most_rank;
  bool fixed_shapes;
  int64_t most_bytes; /* 0: any */
  /* Why it does not take the operator, written into `text`; false: it does. */
  bool (*refuses)(const ln_graph *graph, const ln_op *op, char *text, size_t size);
} ln_target;

struct ln_check {
  ln_arena arena;
  const char *target;
  ln_check_finding *findings;
  int32_t count, capacity;
  int32_t operators, refused;
  int64_t weight_bytes, arena_bytes;
};

const ln_target *ln_target_find(const char *name);
/* Adds a finding, copied; false when memory is short. */
bool ln_check_add(ln_check *check, const ln_check_finding *finding);
/* Puts the findings into the model's metadata, in place of others of the same target. */
ln_status ln_check_annotate(const ln_check *check, ln_model *model, ln_error *err);

#endif
