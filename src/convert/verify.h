/* Verifying a conversion: verify.c runs both models, verify_inputs.c makes what they are given, verify_compare.c
 * matches and compares tensors. */
#ifndef LN_CONVERT_VERIFY_H
#define LN_CONVERT_VERIFY_H

#include "convert/convert.h"
#include "linnet/io.h"
#include "runtime/runtime.h"

/* One signature of both models. */
typedef struct ln_verify_pair {
  const ln_signature *source, *result;
  ln_session *s, *r;
  int32_t first_row, row_count;
  ln_array *inputs; /* [source->input_count] of the run in hand */
  bool *given;      /* [source->input_count] they are the caller's */
} ln_verify_pair;

struct ln_verification {
  const ln_conversion *conversion;
  ln_verify_options options;
  ln_arena arena;
  ln_verify_pair *pairs;
  int32_t pair_count;
  ln_verify_row *rows;
  double *steps; /* [row_count] what quantization alone may make of it: passes compute in integers what was floats */
  int32_t row_count;
  int32_t runs;
  double worst;
  const char *message;
  ln_error *err;
};

/* Reads the files that were given. */
ln_status ln_verify_read_inputs(ln_verification *v);
/* How many ways there are to give sizes to open dimensions and ranges to integers. */
enum { LN_VERIFY_ATTEMPTS = 9 };
/* Gives the source's session shapes and inputs: of the `round`-th run, in one of those ways. */
ln_status ln_verify_feed(ln_verification *v, ln_verify_pair *pair, int32_t round, int32_t attempt, ln_error *err);
/* Gives the result's session the same. */
ln_status ln_verify_feed_result(ln_verification *v, ln_verify_pair *pair, ln_error *err);

/* Makes a row for each tensor that has a counterpart. */
ln_status ln_verify_match(ln_verification *v);
/* Compares what a run left. */
void ln_verify_compare(ln_verification *v, ln_verify_pair *pair);
/* The first row, in the order of the source's operators, whose difference an output still shows; NULL: no output parts.
 */
const ln_verify_row *ln_verify_first(ln_verification *v, const ln_verify_pair *pair);

/* Axes that a layout may exchange: channels from first to last, and back. Whether `to` is `from` under `move`. */
bool ln_verify_moved(const ln_shape *from, const ln_shape *to, int32_t move, int32_t *axes);
enum { LN_VERIFY_MOVES = 3 }; /* none, to the last, to the first */

#endif
