/*
 * Where a converted model's operators come from, kept in the file's metadata as lines of text with tabs between fields:
 *   linnet.source 1, kind, name
 *   graph, its number, its operators, a hash of their codes (of a graph that another program changed nothing is said)
 *   first operator, last operator, what the source calls the operator, the part of the source
 * On reading the entry leaves the model's list, since operators are numbered anew when a model changes.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/write.h"
#include "ops/ops.h"

static const char entry_name[] = "linnet.source", head[] = "linnet.source 1";

/* The graph's operators as a number; 0: memory is short. */
static uint64_t hash_ops(const ln_graph *graph) {
  int32_t *codes = ln_alloc_array((size_t)graph->op_count, sizeof *codes);
  if (codes == NULL) return 0;
  for (int32_t i = 0; i < graph->op_count; ++i) codes[i] = graph->ops[i].def->code;
  const uint64_t hash = ln_hash64(codes, (size_t)graph->op_count * sizeof *codes);
  ln_free(codes);
  return hash;
}

/* ---- reading ---- */

enum { FIELDS = 4 };

static const char *text_or_null(const char *text) { return *text == '\0' ? NULL : text; }

static void read_parts(ln_graph *graph, const char *const fields[FIELDS]) {
  const long first = strtol(fields[0], NULL, 10), last = strtol(fields[1], NULL, 10);
  if (first < 0 || last >= graph->op_count) return;
  for (long i = first; i <= last; ++i) {
    if (graph->ops[i].origin != NULL) return; /* said twice: the work stays within the graph's size */
    graph->ops[i].origin_op = text_or_null(fields[2]);
    graph->ops[i].origin = text_or_null(fields[3]);
  }
}

/* The graph that a line begins to speak of; NULL for one that is not as it was. */
static ln_graph *find_graph(ln_model *model, const char *const fields[FIELDS]) {
  const long index = strtol(fields[1], NULL, 10);
  if (index < 0 || index >= model->graph_count) return NULL;
  ln_graph *graph = &model->graphs[index];
  if (strtol(fields[2], NULL, 10) != graph->op_count) return NULL;
  return strtoull(fields[3], NULL, 16) == hash_ops(graph) ? graph : NULL;
}

static ln_status read_text(ln_reader *reader, const ln_metadata *entry) {
  ln_model *model = reader->model;
  const char *fields[FIELDS];
  ln_graph *graph = NULL;
  char *at = ln_arena_alloc(&model->arena, entry->size + 1); /* ends with the zero that it came with */
  if (at == NULL) return ln_read_no_memory(reader);
  if (entry->size > 0) memcpy(at, entry->data, entry->size);
  if (!ln_fields_next(&at, fields, FIELDS) || strcmp(fields[0], head) != 0) return LN_OK; /* of a later version */
  model->source_kind = text_or_null(fields[1]);
  model->source_name = text_or_null(fields[2]);
  while (ln_fields_next(&at, fields, FIELDS)) {
    if (strcmp(fields[0], "graph") == 0) graph = find_graph(model, fields);
    else if (graph != NULL) read_parts(graph, fields);
  }
  return LN_OK;
}

ln_status ln_read_source(ln_reader *reader) {
  ln_model *model = reader->model;
  int32_t kept = 0;
  for (int32_t i = 0; i < model->metadata_count; ++i) {
    const ln_metadata entry = model->metadata[i];
    if (strcmp(entry.name, entry_name) == 0) LN_TRY(read_text(reader, &entry));
    else model->metadata[kept++] = entry;
  }
  model->metadata_count = kept;
  return LN_OK;
}

/* ---- writing ---- */

static bool same(const char *a, const char *b) { return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0); }

static void write_parts(const ln_graph *graph, int32_t index, ln_bytes *out) {
  char hash[32];
  bool begun = false;
  for (int32_t i = 0, last; i < graph->op_count; i = last + 1) {
    const ln_op *op = &graph->ops[i];
    for (last = i; last + 1 < graph->op_count; ++last) {
      if (!same(op->origin, op[last + 1 - i].origin) || !same(op->origin_op, op[last + 1 - i].origin_op)) break;
    }
    if (op->origin == NULL && op->origin_op == NULL) continue;
    if (!begun) {
      snprintf(hash, sizeof hash, "%" PRIx64, hash_ops(graph));
      ln_bytes_field(out, "graph", '\t');
      ln_bytes_number(out, index, '\t');
      ln_bytes_number(out, graph->op_count, '\t');
      ln_bytes_field(out, hash, '\n');
    }
    begun = true;
    ln_bytes_number(out, i, '\t');
    ln_bytes_number(out, last, '\t');
    ln_bytes_field(out, op->origin_op, '\t');
    ln_bytes_field(out, op->origin, '\n');
  }
}

static bool says_anything(const ln_model *model) {
  if (model->source_kind != NULL) return true;
  for (int32_t g = 0; g < model->graph_count; ++g) {
    const ln_graph *graph = &model->graphs[g];
    for (int32_t i = 0; i < graph->op_count; ++i) {
      if (graph->ops[i].origin != NULL || graph->ops[i].origin_op != NULL) return true;
    }
  }
  return false;
}

ln_status ln_write_source(const ln_model *model, ln_error *err, ln_bytes *out) {
  *out = (ln_bytes){0};
  if (!says_anything(model)) return LN_OK;
  ln_bytes_field(out, head, '\t');
  ln_bytes_field(out, model->source_kind, '\t');
  ln_bytes_field(out, model->source_name, '\n');
  for (int32_t i = 0; i < model->graph_count; ++i) write_parts(&model->graphs[i], i, out);
  if (!out->failed) return LN_OK;
  ln_bytes_free(out);
  return ln_fail(err, LN_ERR_MEMORY, "out of memory while writing the model");
}

const char *ln_source_entry(void) { return entry_name; }
