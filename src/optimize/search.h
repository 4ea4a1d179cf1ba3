/*
 * The search for each operator's precision: search.c decides what to try, search_try.c quantizes and measures.
 */
#ifndef LN_OPTIMIZE_SEARCH_H
#define LN_OPTIMIZE_SEARCH_H

#include "optimize/debugger.h"
#include "optimize/optimize.h"

enum { LN_SEARCH_FORMATS = 8 };

/* A mix of formats, and what became of it. */
typedef struct ln_search_try {
  int8_t *formats; /* [op_count] of each operator */
  ln_report_try result;
  double whole; /* accuracy on all labelled samples; NaN: not judged there */
  struct ln_search_try *next;
} ln_search_try;

typedef struct ln_search {
  ln_optimizer *o;
  const ln_stage *stage;
  ln_arena arena;
  ln_model *floats; /* the model as the search found it; its operators' numbers are their places */
  const char *formats[LN_SEARCH_FORMATS]; /* from the cheapest to the most exact */
  int32_t format_count;
  bool by_accuracy;            /* else by the outputs' SNR */
  double least;                /* accuracy or SNR that is wanted */
  ln_labelled labelled, whole; /* what tries are judged on, and what the chosen one is */
  ln_samples samples;
  int32_t *labels;
  int64_t *macs; /* [op_count] */
  ln_noise_net net;
  ln_noise noise[LN_SEARCH_FORMATS]; /* measured of the model all in one format */
  ln_search_try *tries;              /* the last one first */
  int32_t try_count;
} ln_search;

static inline int32_t ln_search_ops(const ln_search *s) { return s->floats->graphs[s->o->graph].op_count; }

const char *ln_search_name(const ln_search *s, int32_t format); /* -1: floats */
bool ln_search_is_float(const ln_search *s, int32_t format);
ln_status ln_search_open(ln_search *s);
void ln_search_close(ln_search *s);
/* Quantizes a copy with these formats and measures it; a mix that was tried is not tried again. `model` may be NULL;
 * else it gets the quantized model, to be destroyed. */
ln_status ln_search_make(ln_search *s, const int8_t *formats, const char *what, ln_model **model, ln_search_try **out);
/* The same for one format in all operators, and what each operator's own error then does to the outputs. */
ln_status ln_search_uniform(ln_search *s, int32_t format, ln_search_try **out);
/* Judges a try on all labelled samples. */
ln_status ln_search_judge_whole(ln_search *s, ln_search_try *t);
/* Quantizes the model in hand. */
ln_status ln_search_apply(ln_search *s, const int8_t *formats);

#endif
