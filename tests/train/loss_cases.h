/* What losses are tested on: predictions, targets and what is chosen, with what they give in doubles. */
#ifndef LN_TESTS_LOSS_CASES_H
#define LN_TESTS_LOSS_CASES_H

#include "train/trainer.h"

typedef struct loss_case {
  const char *name;     /* of the loss */
  const char *settings; /* "focal_gamma=2 focal_alpha=0.5" */
  int32_t rank, dims[4];
  const float *prediction;
  const void *target; /* int32_t labels, or values of the prediction's shape */
  /* The loss of one sample of `count` elements, whose last dimension is `last`. */
  double (*reference)(const struct loss_case *c, const double *prediction, const void *target, size_t count,
                      size_t last);
} loss_case;

extern const loss_case loss_cases[];
extern const size_t loss_case_count;

#endif
