/*
 * What runs operators: a table of functions. `linnet check` and the runtime ask the same `refuses`, so what is promised
 * is what runs. This version hands a backend one operator at a time.
 */
#ifndef LN_BACKEND_H
#define LN_BACKEND_H

#include "ops/ops.h"

enum { LN_BACKEND_API = 1 };

typedef struct ln_backend {
  int32_t api;      /* LN_BACKEND_API it was written for */
  const char *name; /* "cpu" */
  const char *what; /* one line */
  /* NULL when the backend runs the operator, else why it does not (static storage). */
  const char *(*refuses)(const ln_op *op);
  /* As ln_prepare_fn and ln_run_fn. */
  ln_status (*prepare)(ln_node *node, ln_prep *prep);
  ln_status (*run)(const ln_node *node, ln_exec *exec);
} ln_backend;

/* NULL for a name that is in no row of backends.def. */
const ln_backend *ln_backend_find(const char *name);
int32_t ln_backend_count(void);
const ln_backend *ln_backend_at(int32_t index);

/* The backends themselves: `const ln_backend ln_backend_<name>` in backends/<name>/. */
#define LN_BACKEND(name) extern const ln_backend ln_backend_##name;
#include "backends/backends.def"

#endif
