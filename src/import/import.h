/*
 * Importers: a source file of any framework becomes a model of TFLite's operators, one row an importer (importers.def).
 * An importer reads its file into what suits it and walks over it with the functions of emit.h.
 *
 * What an importer is given is untrusted: sizes and indices are checked, recursion is bounded, and nothing outside the
 * model's folder is opened.
 */
#ifndef LN_IMPORT_IMPORT_H
#define LN_IMPORT_IMPORT_H

#include "ops/ops.h"

/* What the caller asked for. */
typedef struct ln_import_options {
  const char *const *signatures; /* [signature_count] that are wanted; none: all */
  int32_t signature_count;
  const char *const *shapes; /* [shape_count] "NAME=1,224,224,3": dimensions that inputs get */
  int32_t shape_count;
} ln_import_options;

/* A source: a file in memory, or a folder. */
typedef struct ln_import_source {
  const char *path;
  bool is_folder;
  ln_file_map map; /* of a file */
} ln_import_source;

/* A dimension that the model leaves open, with two sizes that it may have: emit.h says what for. */
typedef struct ln_symbol {
  const char *name; /* "batch"; NULL: it has none */
  int32_t probe[2];
} ln_symbol;

typedef struct ln_variable ln_variable;
typedef struct ln_lookup ln_lookup;
struct ln_emit;

/* One conversion. */
typedef struct ln_import {
  ln_model *model; /* being made; its arena holds everything that lasts */
  const ln_import_source *source;
  const ln_import_options *options;
  ln_error *err;
  ln_status status; /* the first failure stays; every function of emit.h does nothing after it */
  int32_t attempt;  /* which sizes open dimensions are tried with: ln_import_run */
  ln_symbol *symbols;
  int32_t symbol_count, symbol_capacity;
  int32_t last_prime;     /* that a probe was made of */
  ln_variable *variables; /* emit_state.c */
  ln_lookup *lookups;
  int32_t state_graph;    /* that sets them before the first run; -1: none yet */
  struct ln_emit **emits; /* [model->graph_count], of each graph */
  int32_t emit_capacity;
  size_t folded;    /* bytes of constants that were computed */
  const char *what; /* "layer", "node", "operator": what messages call a part of the source */
} ln_import;

typedef struct ln_importer {
  const char *name; /* as --from takes it */
  const char *what; /* one line */
  /* Whether the source is of this kind, from its content; it may be damaged behind its first bytes. */
  bool (*recognizes)(const ln_import_source *source);
  /* Makes graphs and signatures in import->model. */
  ln_status (*read)(ln_import *import);
} ln_importer;

/* Rows of importers.def; NULL past the last, and for a name that is none. */
const ln_importer *ln_importer_at(int32_t index);
const ln_importer *ln_importer_find(const char *name);
/* The importer that recognizes the source; NULL for none. */
const ln_importer *ln_importer_recognize(const ln_import_source *source);

/*
 * Reads a source into a model that the verifier accepts: what `importer` says and nothing else, before any pass.
 * Open dimensions are tried with other sizes where the first do not fit the model (a U-Net wants multiples of 32).
 */
ln_status ln_import_run(const ln_importer *importer, const ln_import_source *source, const ln_import_options *options,
                        ln_error *err, ln_model **out);

/* How many sizes of open dimensions are tried. */
enum { LN_IMPORT_ATTEMPTS = 3 };
/* Ends graphs: state that is set before the first run, shapes as the file declares them, unused operators dropped. */
ln_status ln_emit_finish_model(ln_import *import);

/* Opens a file or folder; closes it. */
ln_status ln_import_source_open(const char *path, ln_error *err, ln_import_source *out);
void ln_import_source_close(ln_import_source *source);

/* ---- failures: one line that names the source's own part, the operator, the reason and what to do ---- */

/* Remembers the first failure; always -1, so that `return ln_import_fail(...)` reads as one step. */
int32_t ln_import_fail(ln_import *import, ln_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int32_t ln_import_no_memory(ln_import *import);
static inline bool ln_import_failed(const ln_import *import) { return import->status != LN_OK; }

#endif
