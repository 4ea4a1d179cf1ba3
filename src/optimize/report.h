/* What a report holds; filled by report.c and optimize.c. */
#ifndef LN_OPTIMIZE_REPORT_H
#define LN_OPTIMIZE_REPORT_H

#include "optimize/optimize.h"

typedef struct ln_report_item {
  union {
    ln_report_point point;
    ln_report_layer layer;
    ln_report_try attempt;
    const char *note;
  } as;
  struct ln_report_item *next;
} ln_report_item;

/* A list in order. */
typedef struct ln_report_list {
  ln_report_item *first, *last;
  int32_t count;
} ln_report_list;

struct ln_optimize_report {
  ln_arena arena;
  ln_report_list points, layers, notes, tries;
};

ln_optimize_report *ln_report_create(void);
/* Fills in what sessions tell: arena, latency, and how far outputs on calibration data are from those of `first`. */
ln_status ln_report_measure(ln_optimizer *o, ln_model *first, ln_model *model, ln_report_point *point);
/* `point->file` is taken over: of ln_alloc, freed with the report. */
ln_status ln_report_add_point(ln_optimizer *o, const ln_report_point *point);

#endif
