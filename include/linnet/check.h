/*
 * What a target cannot run of a model, said on the parts of the model's source where it was converted from one. Stands
 * in the converters' library (linnet_convert).
 */
#ifndef LINNET_CHECK_H
#define LINNET_CHECK_H

#include "linnet/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Targets by name ("cpu", "micro", ...), with a line on each; NULL past the last. Static storage. */
LN_API const char *ln_check_target(int32_t index);
LN_API const char *ln_check_target_what(int32_t index);

typedef struct ln_check ln_check;

/* Goes through the whole model. LN_ERR_ARGUMENT for a name that is no target. The caller's, for ln_check_destroy. */
LN_API ln_status ln_check_run(ln_model *model, const char *target, ln_error *err, ln_check **out);
/* What was found when the file was made, as it keeps it in its metadata; LN_ERR_NOT_FOUND when it keeps nothing. */
LN_API ln_status ln_check_read(const ln_model *model, ln_error *err, ln_check **out);
LN_API void ln_check_destroy(ln_check *check);           /* NULL is fine */
LN_API const char *ln_check_name(const ln_check *check); /* the target's */

typedef struct ln_check_summary {
  size_t size;       /* sizeof(ln_check_summary), set by the caller */
  int32_t operators; /* of the model */
  int32_t refused;   /* of them, those that the target does not run */
  int32_t findings;
  int64_t weight_bytes, arena_bytes; /* that running takes here; -1: not known */
} ln_check_summary;

LN_API ln_status ln_check_get_summary(const ln_check *check, ln_check_summary *out);

typedef struct ln_check_finding {
  size_t size;       /* sizeof(ln_check_finding), set by the caller */
  int32_t graph, op; /* op -1: of the model as a whole */
  const char *operator_name;
  const char *origin, *origin_op; /* the part of the source and what that calls its operator; NULL: not known */
  const char *tensor;             /* the operator's first output */
  const char *reason;             /* what is in the way, and what helps where anything does */
} ln_check_finding;

/* In the order of graphs and operators. */
LN_API ln_status ln_check_finding_get(const ln_check *check, int32_t index, ln_check_finding *out);

#ifdef __cplusplus
}
#endif
#endif
