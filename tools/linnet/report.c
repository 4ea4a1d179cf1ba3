/* Chooses the form in which each output says most: detections, classes, a map of classes, or range and first values. */
#define _POSIX_C_SOURCE 200809L
#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* ---- results ---- */

bool cli_results_add(cli_results *results, ln_session *session) {
  const int32_t outputs = ln_session_output_count(session);
  if (!results->values) {
    results->values = calloc((size_t)outputs + 1, sizeof *results->values);
    results->counts = calloc((size_t)outputs + 1, sizeof *results->counts);
    results->outputs = outputs;
  }
  if (!results->values || !results->counts) return false;
  for (int32_t i = 0; i < outputs; i++) {
    const ln_tensor *tensor = ln_session_output(session, i);
    const size_t count = ln_tensor_elements(tensor);
    double *values = cli_values(tensor);
    if (results->values[i] && values && results->counts[i] == count) {
      for (size_t k = 0; k < count; k++) values[k] += results->values[i][k];
    }
    free(results->values[i]);
    results->values[i] = values;
    results->counts[i] = count;
  }
  results->windows++;
  return true;
}

void cli_results_free(cli_results *results) {
  for (int32_t i = 0; i < results->outputs && results->values; i++) free(results->values[i]);
  free(results->values);
  free(results->counts);
  *results = (cli_results){0};
}

/* ---- what an output is ---- */

typedef enum view_kind { VIEW_PLAIN, VIEW_CLASSES, VIEW_MAP, VIEW_INDEX_MAP } view_kind;

typedef struct view {
  view_kind kind;
  const ln_tensor *tensor;
  const char *name;
  const double *values; /* [count] mean over the windows */
  size_t count;
  int32_t classes; /* extent of the last axis; of an index map, of the labels */
  const ln_labels *labels;
  ln_labels *owned;
  int32_t shift;  /* labels[index + shift] names class `index` */
  bool probable;  /* scores between 0 and 1 */
  double *scores; /* [classes]: means over the frames, or shares of a map's pixels */
} view;

static int32_t last_dim(const ln_tensor *tensor) {
  const int32_t rank = ln_tensor_rank(tensor);
  return rank > 0 ? ln_tensor_dim(tensor, rank - 1) : 1;
}

/* A file that a person chose may end in a few lines of remarks. */
enum { SPARE_LABELS = 8 };

/* How labels count: all classes, or one more because their first is a background that the model leaves out. */
static bool labels_fit(const ln_labels *labels, int32_t classes, bool chosen, int32_t *shift) {
  const char *first = ln_labels_get(labels, 0);
  const bool spare = first && (strcmp(first, "background") == 0 || strcmp(first, "???") == 0);
  *shift = ln_labels_count(labels) == classes + 1 && spare ? 1 : 0;
  if (*shift == 1 || ln_labels_count(labels) == classes) return true;
  return chosen && classes > 1 && ln_labels_count(labels) > classes &&
         ln_labels_count(labels) <= classes + SPARE_LABELS;
}

static bool is_integer(ln_type type) {
  return type == LN_INT64 || type == LN_INT32 || type == LN_UINT8 || type == LN_INT8 || type == LN_INT16;
}

/* Axes of more than one element but the last. */
static int32_t wide_axes(const ln_tensor *tensor) {
  int32_t count = 0;
  for (int32_t i = 0; i + 1 < ln_tensor_rank(tensor); i++) count += ln_tensor_dim(tensor, i) > 1;
  return count;
}

/* Without labels, scores that sum to one (or a softmax's quantized steps of it) are taken for classes. */
static bool sums_to_one(const view *v) {
  double sum = 0;
  for (size_t i = 0; i < v->count; i++) {
    if (!(v->values[i] >= -1e-6 && v->values[i] <= 1 + 1e-6)) return false;
    sum += v->values[i];
  }
  return fabs(sum - 1) < 0.1;
}

static void find_labels(const cli_report *report, int32_t index, view *v) {
  v->labels = report->labels;
  if (v->labels) return;
  const int32_t place = cli_model_place(report->model, true, index);
  ln_error err = {0};
  if (place >= 0 && report->model->info) {
    const ln_status status =
        ln_io_model_labels(report->model->model, report->model->graph, place, &err, NULL, &v->owned);
    if (status == LN_ERR_FEATURE)
      fprintf(stderr, "linnet: %s: %s (going on without labels)\n", report->model->path, err.message);
  }
  v->labels = v->owned;
}

static void choose_kind(view *v) {
  const int32_t last = last_dim(v->tensor);
  const bool labelled = v->labels && labels_fit(v->labels, last, !v->owned, &v->shift);
  v->classes = last;
  if (v->count == 0 || last < 1 || !v->values) return;
  if (wide_axes(v->tensor) >= 2 && labelled) {
    v->kind = VIEW_MAP;
  } else if (wide_axes(v->tensor) <= 1 && last >= 2 && (labelled || (v->count == (size_t)last && sums_to_one(v)))) {
    v->kind = VIEW_CLASSES;
  } else if (v->labels && v->count > 256 && is_integer(ln_tensor_type(v->tensor)) &&
             ln_tensor_scale_count(v->tensor) == 0) {
    v->kind = VIEW_INDEX_MAP;
    v->shift = 0;
    v->classes = ln_labels_count(v->labels);
  }
  if (!labelled && v->kind == VIEW_CLASSES) v->labels = NULL;
}

/* The class of each place of a map, counted as shares. */
static void count_map(view *v) {
  const size_t step = v->kind == VIEW_MAP ? (size_t)v->classes : 1, places = v->count / step;
  for (size_t p = 0; p < places; p++) {
    const double *at = v->values + p * step;
    int32_t best = 0;
    if (v->kind == VIEW_INDEX_MAP) best = at[0] >= 0 && at[0] < v->classes ? (int32_t)at[0] : -1;
    for (int32_t c = 1; v->kind == VIEW_MAP && c < v->classes; c++) {
      if (at[c] > at[best]) best = c;
    }
    if (best >= 0) v->scores[best] += 1.0 / (double)places;
  }
}

static bool make_scores(view *v) {
  if (v->kind == VIEW_PLAIN) return true;
  v->scores = calloc((size_t)v->classes, sizeof *v->scores);
  if (!v->scores) return false;
  v->probable = true;
  if (v->kind != VIEW_CLASSES) {
    count_map(v);
    return true;
  }
  const size_t frames = v->count / (size_t)v->classes;
  for (size_t i = 0; i < v->count; i++) {
    v->scores[i % (size_t)v->classes] += v->values[i] / (double)frames;
    v->probable = v->probable && v->values[i] >= -1e-6 && v->values[i] <= 1 + 1e-6;
  }
  return true;
}

static bool make_view(const cli_report *report, int32_t index, view *v) {
  *v = (view){.tensor = ln_session_output(report->session, index),
              .name = ln_session_output_name(report->session, index)};
  v->values = report->results->values[index];
  v->count = report->results->counts[index];
  find_labels(report, index, v);
  choose_kind(v);
  return make_scores(v);
}

static void free_view(view *v) {
  ln_labels_destroy(v->owned);
  free(v->scores);
}

/* Indices of the `top` highest scores, highest first; returns how many. */
static int32_t best_classes(const view *v, int32_t top, int32_t *out) {
  int32_t count = 0;
  for (int32_t c = 0; c < v->classes; c++) {
    if (v->kind != VIEW_CLASSES && v->scores[c] == 0) continue;
    int32_t at = count < top ? count++ : top;
    for (; at > 0 && v->scores[c] > v->scores[out[at - 1]]; at--) {
      if (at < top) out[at] = out[at - 1];
    }
    if (at < top) out[at] = c;
  }
  return count;
}

static const char *class_name(const ln_labels *labels, int32_t index, char buffer[32]) {
  const char *name = ln_labels_get(labels, index);
  if (name && *name) return name;
  snprintf(buffer, 32, "class %d", index);
  return buffer;
}

/* ---- detections ---- */

/* Outputs of the operator that ends detection models. */
typedef struct detections {
  const double *boxes, *classes, *scores;
  int32_t count;
  ln_labels *owned;
  const ln_labels *labels;
} detections;

static int32_t output_of_tensor(const cli_report *report, const ln_tensor *tensor) {
  for (int32_t i = 0; i < report->results->outputs; i++) {
    if (cli_model_tensor(report->model, true, i) == tensor) return i;
  }
  return -1;
}

static const ln_op *find_detection_op(const ln_graph *graph) {
  for (int32_t i = ln_graph_op_count(graph) - 1; i >= 0; i--) {
    const ln_op *op = ln_graph_op(graph, i);
    if (strcmp(ln_op_name(op), "TFLite_Detection_PostProcess") == 0 && ln_op_output_count(op) >= 4) return op;
  }
  return NULL;
}

/* True when the model's outputs are boxes, classes, scores and their number. */
static bool find_detections(const cli_report *report, detections *out) {
  *out = (detections){0};
  const ln_graph *graph = ln_model_graph(report->model->model, report->model->graph);
  const ln_op *op = find_detection_op(graph);
  int32_t place[4];
  for (int32_t i = 0; i < 4; i++) {
    place[i] = op ? output_of_tensor(report, ln_graph_tensor(graph, ln_op_output(op, i))) : -1;
    if (place[i] < 0 || !report->results->values[place[i]]) return false;
  }
  const size_t room = report->results->counts[place[2]];
  if (report->results->counts[place[3]] < 1 || report->results->counts[place[0]] < 4 * room ||
      report->results->counts[place[1]] < room) {
    return false;
  }
  const double found = report->results->values[place[3]][0];
  out->count = found > 0 ? found < (double)room ? (int32_t)found : (int32_t)room : 0;
  out->boxes = report->results->values[place[0]];
  out->classes = report->results->values[place[1]];
  out->scores = report->results->values[place[2]];
  out->labels = report->labels;
  if (!out->labels && report->model->info) {
    ln_io_model_labels(report->model->model, report->model->graph, -1, NULL, NULL, &out->owned);
    out->labels = out->owned;
  }
  return true;
}

/* Scores below this are left out of what a person sees. */
static const double least_score = 0.3;

static void print_detections(const detections *found, int32_t top, FILE *out) {
  int32_t shown = 0;
  for (int32_t i = 0; i < found->count && shown < top; i++) {
    if (found->scores[i] < least_score) continue;
    const double *box = found->boxes + 4 * i;
    char buffer[32];
    if (shown++ == 0) fprintf(out, "  %-24s %6s   top, left - bottom, right\n", "found", "score");
    fputs("  ", out);
    cli_print_cell(out, class_name(found->labels, (int32_t)found->classes[i], buffer), 24);
    fprintf(out, " %6.3f   %.3f, %.3f - %.3f, %.3f\n", found->scores[i], box[0], box[1], box[2], box[3]);
  }
  if (shown == 0) fprintf(out, "  nothing found with a score of %.1f or more\n", least_score);
}

static void json_detections(const detections *found, json *j) {
  json_array(j, "detections");
  for (int32_t i = 0; i < found->count; i++) {
    char buffer[32];
    json_flat_object(j, NULL);
    json_string(j, "label", class_name(found->labels, (int32_t)found->classes[i], buffer));
    json_int(j, "class", (int64_t)found->classes[i]);
    json_real(j, "score", found->scores[i]);
    json_flat_array(j, "box"); /* top, left, bottom, right as shares of the picture */
    for (int k = 0; k < 4; k++) json_real(j, NULL, found->boxes[4 * i + k]);
    json_end(j, ']');
    json_end(j, '}');
  }
  json_end(j, ']');
}

/* ---- outputs one by one ---- */

static void value_range(const view *v, double *low, double *high) {
  *low = INFINITY;
  *high = -INFINITY;
  for (size_t i = 0; i < v->count; i++) {
    if (v->values[i] < *low) *low = v->values[i];
    if (v->values[i] > *high) *high = v->values[i];
  }
}

static void print_plain(const view *v, FILE *out) {
  if (ln_tensor_type(v->tensor) == LN_STRING && ln_tensor_data(v->tensor)) {
    const int32_t *table = ln_tensor_data(v->tensor);
    for (int32_t i = 0; i < table[0] && i < 16; i++) {
      fprintf(out, "  \"%.*s\"\n", table[i + 2] - table[i + 1], (const char *)table + table[i + 1]);
    }
    return;
  }
  if (!v->values || v->count == 0) {
    fprintf(out, "  %s\n", v->count == 0 ? "empty" : "no numbers");
    return;
  }
  double low, high;
  value_range(v, &low, &high);
  fprintf(out, "  from %.6g to %.6g; first:", low, high);
  for (size_t i = 0; i < v->count && i < 8; i++) fprintf(out, " %.6g", v->values[i]);
  fprintf(out, "%s\n", v->count > 8 ? " ..." : "");
}

static void print_classes(const view *v, int32_t top, FILE *out) {
  int32_t *order = calloc((size_t)top, sizeof *order);
  if (!order) return;
  const int32_t count = best_classes(v, top, order);
  if (v->kind != VIEW_CLASSES) fputs("  shares of the picture:\n", out);
  for (int32_t i = 0; i < count; i++) {
    char buffer[32];
    if (i > 0 && v->probable && v->scores[order[i]] < 0.0005) break; /* 0.000 says nothing */
    fputs("  ", out);
    cli_print_cell(out, class_name(v->labels, order[i] + v->shift, buffer), 28);
    fprintf(out, v->probable ? " %6.3f " : " %9.4g ", v->scores[order[i]]);
    if (v->probable) cli_print_bar(out, v->scores[order[i]], 20);
    fputc('\n', out);
  }
  free(order);
}

static void print_output(const cli_report *report, int32_t index, FILE *out) {
  view v;
  char text[160];
  if (make_view(report, index, &v)) {
    fprintf(out, "%s  %s\n", *v.name ? v.name : "(output without a name)",
            cli_tensor_text(v.tensor, text, sizeof text));
    if (v.kind == VIEW_PLAIN) print_plain(&v, out);
    else print_classes(&v, report->top, out);
  }
  free_view(&v);
}

/* Sums over the windows become means. */
static void finish_results(cli_results *results) {
  for (int32_t i = 0; i < results->outputs; i++) {
    for (size_t k = 0; results->values[i] && k < results->counts[i]; k++) results->values[i][k] /= results->windows;
  }
  if (results->windows > 1) results->windows = 1;
}

void cli_report_text(const cli_report *report, FILE *out) {
  const int32_t windows = report->results->windows;
  finish_results(report->results);
  char when[64] = "";
  if (report->runs > 1) snprintf(when, sizeof when, ", the last of %d runs", report->runs);
  fprintf(out, "%s  %.2f ms%s\n", cli_base_name(report->model->path), report->run_ms, when);
  if (windows > 1) fprintf(out, "mean over %d windows of the sound\n", windows);
  detections found;
  if (find_detections(report, &found)) {
    print_detections(&found, report->top, out);
    ln_labels_destroy(found.owned);
    return;
  }
  for (int32_t i = 0; i < report->results->outputs; i++) print_output(report, i, out);
}

static void json_output(const cli_report *report, int32_t index, json *j) {
  view v;
  double low = 0, high = 0;
  json_object(j, NULL);
  if (make_view(report, index, &v)) {
    json_string(j, "name", v.name);
    json_flat_array(j, "shape");
    for (int32_t i = 0; i < ln_tensor_rank(v.tensor); i++) json_int(j, NULL, ln_tensor_dim(v.tensor, i));
    json_end(j, ']');
    json_string(j, "dtype", ln_npy_dtype(ln_tensor_type(v.tensor)));
    if (v.values && v.count > 0) {
      value_range(&v, &low, &high);
      json_real(j, "min", low);
      json_real(j, "max", high);
      json_flat_array(j, "first");
      for (size_t i = 0; i < v.count && i < 16; i++) json_real(j, NULL, v.values[i]);
      json_end(j, ']');
    }
    int32_t *order = v.kind == VIEW_PLAIN ? NULL : calloc((size_t)report->top, sizeof *order);
    if (order) {
      const int32_t count = best_classes(&v, report->top, order);
      json_array(j, v.kind == VIEW_CLASSES ? "classes" : "shares");
      for (int32_t i = 0; i < count; i++) {
        json_flat_object(j, NULL);
        json_int(j, "class", order[i]);
        json_string(j, "label", ln_labels_get(v.labels, order[i] + v.shift));
        json_real(j, "score", v.scores[order[i]]);
        json_end(j, '}');
      }
      json_end(j, ']');
      free(order);
    }
  }
  json_end(j, '}');
  free_view(&v);
}

void cli_report_json(const cli_report *report, FILE *out) {
  finish_results(report->results);
  const cli_model *model = report->model;
  json j;
  json_begin(&j, out);
  json_object(&j, NULL);
  json_string(&j, "model", model->path);
  json_string(&j, "signature", model->signature >= 0 ? ln_model_signature_name(model->model, model->signature) : NULL);
  json_int(&j, "runs", report->runs);
  json_real(&j, "run_ms", report->run_ms);
  detections found;
  if (find_detections(report, &found)) {
    json_detections(&found, &j);
    ln_labels_destroy(found.owned);
  }
  json_array(&j, "outputs");
  for (int32_t i = 0; i < report->results->outputs; i++) json_output(report, i, &j);
  json_end(&j, ']');
  json_end(&j, '}');
}
