/*
 * Making a model smaller and faster while it stays right: a recipe is a list of stages, each a technique with its
 * parameters; ln_optimize runs them in order over a model and keeps what earlier stages made (zeros, codebooks), which
 * it checks after every stage. `linnet optimize --help` and docs/optimize.md list the techniques.
 */
#ifndef LINNET_OPTIMIZE_H
#define LINNET_OPTIMIZE_H

#include "linnet/model.h"
#include "linnet/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- data ---- */

/*
 * Samples, by number. `fill` writes sample `index` into every input of a session, whatever their types: the session may
 * be of the model that was given or of one made from it, whose inputs stand in the same order. It may be called from
 * several threads at once, each with a session of its own.
 */
typedef struct ln_samples {
  size_t size; /* sizeof(ln_samples) */
  int64_t count;
  ln_status (*fill)(void *user, int64_t index, ln_session *session, ln_error *err);
  void *user;
} ln_samples;

/* Samples and the class of each: what accuracy is measured on. */
typedef struct ln_labelled {
  size_t size; /* sizeof(ln_labelled) */
  const ln_samples *samples;
  const int32_t *labels; /* [samples->count] */
  int32_t top;           /* a sample counts as right when its class is among so many greatest outputs; 0: one */
} ln_labelled;

/* Called now and then on long work; false ends it with LN_ERR_CANCELLED. */
typedef bool (*ln_progress_fn)(void *user, const char *what, int64_t done, int64_t total);

typedef struct ln_accuracy {
  size_t size; /* sizeof(ln_accuracy), set by the caller */
  int64_t samples, right;
  double accuracy; /* right / samples */
} ln_accuracy;

/* Runs the first output of every sample; its last dimension holds the classes. `progress` may be NULL. */
LN_API ln_status ln_evaluate(ln_model *model, const ln_labelled *data, int32_t threads, ln_progress_fn progress,
                             void *user, ln_error *err, ln_accuracy *out);

/* ---- techniques ---- */

typedef enum ln_parameter_kind {
  LN_PARAMETER_FLAG = 0,    /* "true" or "false" */
  LN_PARAMETER_INTEGER = 1, /* within low .. high */
  LN_PARAMETER_NUMBER = 2,
  LN_PARAMETER_CHOICE = 3, /* one of `choices`, which stand with | between them */
  LN_PARAMETER_TEXT = 4
} ln_parameter_kind;

typedef struct ln_parameter {
  const char *name; /* "sparsity"; NULL ends a list */
  ln_parameter_kind kind;
  const char *fallback; /* the value where a recipe says none; NULL: it must */
  const char *choices;  /* NULL but for choices */
  double low, high;     /* of numbers */
  const char *what;     /* one line */
} ln_parameter;

typedef struct ln_technique_info {
  size_t size;      /* sizeof(ln_technique_info), set by the caller */
  const char *name; /* "prune" */
  const char *what; /* one line */
  const ln_parameter *parameters;
} ln_technique_info;

LN_API int32_t ln_technique_count(void);
LN_API ln_status ln_technique_get(int32_t index, ln_technique_info *out); /* LN_ERR_ARGUMENT past the last */

/* ---- recipes ---- */

typedef struct ln_recipe ln_recipe;

LN_API ln_status ln_recipe_create(ln_error *err, ln_recipe **out);
LN_API void ln_recipe_destroy(ln_recipe *recipe); /* NULL is fine */
/* Appends a stage; what follows is said of it. LN_ERR_NOT_FOUND for a technique that there is not. */
LN_API ln_status ln_recipe_add(ln_recipe *recipe, const char *technique, ln_error *err);
/* A parameter of the last stage, as text; checked against the technique's list. */
LN_API ln_status ln_recipe_set(ln_recipe *recipe, const char *parameter, const char *value, ln_error *err);
/*
 * Which layers the last stage changes. A selector is a regular expression found in the name of an operator's output or
 * of its weights, or "type:CONV_2D", "op:12" (the number that `linnet inspect` shows), "source:REGEX" (the layer's name
 * in the model's source: its output's name up to the last slash). Without an include all are taken; an exclude takes
 * out. ln_optimize refuses a selector that fits no operator.
 */
LN_API ln_status ln_recipe_include(ln_recipe *recipe, const char *selector, ln_error *err);
LN_API ln_status ln_recipe_exclude(ln_recipe *recipe, const char *selector, ln_error *err);
/* A parameter of the last stage for some layers alone; of several that fit, the last one said holds. */
LN_API ln_status ln_recipe_set_for(ln_recipe *recipe, const char *selector, const char *parameter, const char *value,
                                   ln_error *err);

/* ---- running ---- */

typedef struct ln_optimize_options {
  size_t size;                   /* sizeof(ln_optimize_options) */
  const ln_samples *calibration; /* NULL: techniques that need data refuse */
  const ln_labelled *evaluation; /* NULL: no accuracy is measured */
  const char *signature;         /* whose graph is changed; NULL: the first */
  int32_t threads;               /* 0: one */
  bool measure;                  /* arena and latency before and after, and the outputs' error on calibration data */
  ln_progress_fn progress;       /* NULL: none */
  void *user;
} ln_optimize_options;

#define LN_OPTIMIZE_OPTIONS_INIT \
  { sizeof(ln_optimize_options), NULL, NULL, NULL, 0, true, NULL, NULL }

typedef struct ln_optimize_report ln_optimize_report;

/*
 * Runs the recipe. `*out` is a model of its own, the caller's; `in` is left as it is. `report` may be NULL; else it is
 * the caller's too, and filled as far as the work came even on failure. `options` may be NULL.
 */
LN_API ln_status ln_optimize(const ln_model *in, const ln_recipe *recipe, const ln_optimize_options *options,
                             ln_error *err, ln_model **out, ln_optimize_report **report);
LN_API void ln_optimize_report_destroy(ln_optimize_report *report); /* NULL is fine */

/* The model at one point: "before", then after each stage by the technique's name. NaN or -1: not measured. */
typedef struct ln_report_point {
  size_t size; /* sizeof(ln_report_point), set by the caller */
  const char *stage;
  int64_t bytes;       /* of the file */
  int64_t arena_bytes; /* of a session */
  double latency_ms;   /* the least of several runs */
  double accuracy;
  double max_error; /* the largest difference of an output from the first model's, in its own unit */
  double snr_db;    /* of the outputs against the first model's */
  const void *file; /* [bytes] the model as a file at that point; the report's own */
} ln_report_point;

LN_API int32_t ln_optimize_report_points(const ln_optimize_report *report);
LN_API ln_status ln_optimize_report_point(const ln_optimize_report *report, int32_t index, ln_report_point *out);

/* What a stage did to one layer. NaN: not known. */
typedef struct ln_report_layer {
  size_t size; /* sizeof(ln_report_layer), set by the caller */
  const char *stage;
  const char *operator_name;         /* "CONV_2D" */
  int32_t index;                     /* of the operator in the graph given; -1 for one made since */
  const char *name;                  /* of its output */
  const char *what;                  /* "int8, a scale a channel", "left float32: excluded" */
  int64_t bytes_before, bytes_after; /* of its weights */
  double sparsity;                   /* share of zeros among its weights, 0..1 */
  int32_t clusters;                  /* distinct values of its weights (of the channel with most); 0: not counted */
  double weight_error;               /* root of the mean squared error of the weights over their root mean square */
  double snr_db;                     /* of its output on calibration data, against the first model */
} ln_report_layer;

LN_API int32_t ln_optimize_report_layers(const ln_optimize_report *report);
LN_API ln_status ln_optimize_report_layer(const ln_optimize_report *report, int32_t index, ln_report_layer *out);

/* A mix of formats that stage "search" tried. NaN: not measured. */
typedef struct ln_report_try {
  size_t size;       /* sizeof(ln_report_try), set by the caller */
  const char *what;  /* "int8", "int8; float32: 3 7 12" (numbers of operators) */
  int64_t bytes;     /* of the file */
  double latency_ms; /* NaN without options.measure: formats are then chosen by bytes alone */
  double accuracy;   /* on the samples that tries were judged on */
  double snr_db;     /* of the outputs against the model's as the search found it */
  bool holds;        /* what was asked for */
  bool front;        /* no other one is as good in bytes, latency and accuracy (or SNR), and better in one */
  bool chosen;
} ln_report_try;

/* In the order in which they were tried; the first is the model as the search found it. */
LN_API int32_t ln_optimize_report_tries(const ln_optimize_report *report);
LN_API ln_status ln_optimize_report_try(const ln_optimize_report *report, int32_t index, ln_report_try *out);

/* Lines a person should read: what was not done and why, which encodings only some runtimes read. */
LN_API int32_t ln_optimize_report_notes(const ln_optimize_report *report);
LN_API const char *ln_optimize_report_note(const ln_optimize_report *report, int32_t index); /* NULL past the last */

#ifdef __cplusplus
}
#endif
#endif
