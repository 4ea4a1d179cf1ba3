/* Reports: points, layers and notes in the order they were made. */
#include "optimize/report.h"
#include "optimize/order.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ln_optimize_report *ln_report_create(void) { return ln_alloc_zero(sizeof(ln_optimize_report)); }

void ln_optimize_report_destroy(ln_optimize_report *report) {
  if (report == NULL) return;
  for (ln_report_item *i = report->points.first; i != NULL; i = i->next) ln_free((void *)(uintptr_t)i->as.point.file);
  ln_arena_free(&report->arena);
  ln_free(report);
}

static ln_report_item *append(ln_optimize_report *report, ln_report_list *list) {
  ln_report_item *item = ln_arena_alloc(&report->arena, sizeof *item);
  if (item == NULL) return NULL;
  if (list->last != NULL) list->last->next = item;
  if (list->first == NULL) list->first = item;
  list->last = item;
  ++list->count;
  return item;
}

static const ln_report_item *at(const ln_report_list *list, int32_t index) {
  const ln_report_item *item = list->first;
  if (index < 0) return NULL;
  while (item != NULL && index-- > 0) item = item->next;
  return item;
}

static const char *keep(ln_optimize_report *report, const char *text) {
  return text == NULL ? "" : ln_arena_strdup(&report->arena, text);
}

ln_status ln_report_add_point(ln_optimizer *o, const ln_report_point *point) {
  ln_report_item *item = append(o->report, &o->report->points);
  if (item == NULL) return ln_optimizer_no_memory(o);
  item->as.point = *point;
  item->as.point.size = sizeof *point;
  item->as.point.stage = keep(o->report, point->stage);
  return item->as.point.stage == NULL ? ln_optimizer_no_memory(o) : LN_OK;
}

ln_status ln_report_add_layer(ln_optimizer *o, const ln_report_layer *layer) {
  ln_report_item *item = append(o->report, &o->report->layers);
  if (item == NULL) return ln_optimizer_no_memory(o);
  ln_report_layer *kept = &item->as.layer;
  *kept = *layer;
  kept->size = sizeof *kept;
  kept->stage = keep(o->report, o->stage);
  kept->operator_name = keep(o->report, layer->operator_name);
  kept->name = keep(o->report, layer->name);
  kept->what = keep(o->report, layer->what);
  const bool good = kept->stage && kept->operator_name && kept->name && kept->what;
  return good ? LN_OK : ln_optimizer_no_memory(o);
}

ln_status ln_report_add_try(ln_optimizer *o, const ln_report_try *attempt) {
  ln_report_item *item = append(o->report, &o->report->tries);
  if (item == NULL) return ln_optimizer_no_memory(o);
  item->as.attempt = *attempt;
  item->as.attempt.size = sizeof *attempt;
  item->as.attempt.what = keep(o->report, attempt->what);
  return item->as.attempt.what == NULL ? ln_optimizer_no_memory(o) : LN_OK;
}

ln_status ln_report_add_note(ln_optimizer *o, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  for (const ln_report_item *i = o->report->notes.first; i != NULL; i = i->next) {
    if (strcmp(i->as.note, text) == 0) return LN_OK;
  }
  ln_report_item *item = append(o->report, &o->report->notes);
  if (item == NULL || (item->as.note = keep(o->report, text)) == NULL) return ln_optimizer_no_memory(o);
  return LN_OK;
}

int32_t ln_optimize_report_points(const ln_optimize_report *report) { return report->points.count; }
int32_t ln_optimize_report_layers(const ln_optimize_report *report) { return report->layers.count; }
int32_t ln_optimize_report_tries(const ln_optimize_report *report) { return report->tries.count; }
int32_t ln_optimize_report_notes(const ln_optimize_report *report) { return report->notes.count; }

ln_status ln_optimize_report_point(const ln_optimize_report *report, int32_t index, ln_report_point *out) {
  const ln_report_item *item = at(&report->points, index);
  return item == NULL ? LN_ERR_ARGUMENT : ln_struct_give(out, &item->as.point, sizeof item->as.point);
}

ln_status ln_optimize_report_layer(const ln_optimize_report *report, int32_t index, ln_report_layer *out) {
  const ln_report_item *item = at(&report->layers, index);
  return item == NULL ? LN_ERR_ARGUMENT : ln_struct_give(out, &item->as.layer, sizeof item->as.layer);
}

ln_status ln_optimize_report_try(const ln_optimize_report *report, int32_t index, ln_report_try *out) {
  const ln_report_item *item = at(&report->tries, index);
  return item == NULL ? LN_ERR_ARGUMENT : ln_struct_give(out, &item->as.attempt, sizeof item->as.attempt);
}

const char *ln_optimize_report_note(const ln_optimize_report *report, int32_t index) {
  const ln_report_item *item = at(&report->notes, index);
  return item == NULL ? NULL : item->as.note;
}

/* ---- a layer's figures ---- */

static int order(const void *a, const void *b) {
  return ln_number_order((double)*(const float *)a, (double)*(const float *)b);
}

enum { MOST_CLUSTERS = 256 };

/* Counts zeros and distinct values of sorted `values`; more than MOST_CLUSTERS are not worth a number. */
static void count_sorted(const float *values, size_t count, ln_report_layer *row) {
  size_t zeros = 0;
  int32_t distinct = 0;
  for (size_t i = 0; i < count; ++i) {
    if (values[i] == 0) ++zeros;
    if (i == 0 || values[i] != values[i - 1]) {
      if (distinct <= MOST_CLUSTERS) ++distinct;
    }
  }
  row->sparsity = count == 0 ? NAN : (double)zeros / (double)count;
  row->clusters = distinct > MOST_CLUSTERS ? 0 : distinct;
}

ln_report_layer ln_report_layer_of(const ln_optimizer *o, const ln_layer *layer, const char *what) {
  const ln_op *op = ln_layer_op(o, layer);
  const ln_tensor *weights = &ln_optimizer_graph(o)->tensors[layer->weights];
  ln_report_layer row = {.size = sizeof row,
                         .operator_name = ln_op_name(op),
                         .index = op->index,
                         .name = ln_layer_name(o, layer),
                         .what = what,
                         .sparsity = NAN,
                         .weight_error = NAN,
                         .snr_db = NAN};
  row.bytes_before = row.bytes_after = (int64_t)weights->bytes;
  float *values;
  ln_optimizer quiet = *o;
  quiet.err = NULL;
  if (ln_layer_read(&quiet, layer, &values) != LN_OK) return row;
  const size_t count = (size_t)layer->rows * (size_t)layer->columns;
  qsort(values, count, sizeof *values, order);
  count_sorted(values, count, &row);
  ln_free(values);
  return row;
}
