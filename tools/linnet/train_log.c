/* linnet train: what happened, as JSON and as a page with curves. */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "embedded.h"
#include "train.h"

enum { POINTS = 1000 }; /* of a curve */

/* ---- keeping ---- */

static bool grow(train_history *h) {
  const int32_t room = h->point_room * 2 + 256;
  train_point *points = realloc(h->points, (size_t)room * sizeof *points);
  if (!points) return false;
  h->points = points;
  h->point_room = room;
  return true;
}

/* Every second point goes, so that a long run keeps as many as a picture can show. */
static void thin_out(train_history *h) {
  for (int32_t i = 0; 2 * i < h->point_count; i++) h->points[i] = h->points[2 * i];
  h->point_count = (h->point_count + 1) / 2;
  h->every *= 2;
}

static bool keep_matrix(train_history *h, const ln_train_event *e) {
  const size_t bytes = (size_t)e->class_count * (size_t)e->class_count * sizeof *h->confusion;
  if (!e->confusion) return true;
  free(h->confusion);
  h->confusion = malloc(bytes);
  h->classes = e->class_count;
  if (h->confusion) memcpy(h->confusion, e->confusion, bytes);
  return h->confusion != NULL;
}

/* What a run before this one did behind its last checkpoint is done again. */
static void forget_behind(train_history *h, int64_t step) {
  while (h->point_count > 0 && h->points[h->point_count - 1].step >= step) h->point_count--;
  while (h->count > 0 && h->epochs[h->count - 1].step >= step) h->count--;
}

bool train_history_add(train_history *h, const ln_train_event *e) {
  if (h->every == 0) h->every = 1;
  forget_behind(h, e->step);
  if (h->point_count == 4 * POINTS) thin_out(h);
  if (h->point_count == h->point_room && !grow(h)) return false;
  if (e->step % h->every == 0 || e->epoch_ended) h->points[h->point_count++] = (train_point){e->step, e->loss, e->rate};
  h->samples = h->samples_before + e->samples;
  h->seconds = h->seconds_before + e->seconds;
  h->steps = e->step;
  h->all_steps = e->steps;
  if (!e->epoch_ended) return true;
  train_epoch *epochs = realloc(h->epochs, ((size_t)h->count + 1) * sizeof *epochs);
  if (!epochs) return false;
  h->epochs = epochs;
  train_epoch *epoch = &epochs[h->count++];
  *epoch = (train_epoch){e->epoch, e->step, e->loss, e->validation_loss, e->rate, h->seconds, 0, {0}};
  for (int32_t i = 0; i < e->metric_count && i < TRAIN_METRICS_MOST; i++) {
    snprintf(h->metric_names[i], sizeof h->metric_names[i], "%s", e->metric_names[i]);
    epoch->metrics[epoch->metric_count++] = e->metrics[i];
  }
  return keep_matrix(h, e);
}

void train_history_free(train_history *h) {
  free(h->epochs);
  free(h->points);
  free(h->confusion);
  *h = (train_history){0};
}

/* ---- beside a checkpoint ---- */

static const char magic[8] = "LNHIST01";

typedef struct history_head {
  char magic[8];
  int64_t every, samples;
  double seconds;
  int32_t count, point_count;
  char metric_names[TRAIN_METRICS_MOST][64];
} history_head;

ln_status train_history_save(const train_history *h, const char *path, ln_error *err) {
  history_head head = {.every = h->every, .samples = h->samples, .seconds = h->seconds};
  const size_t epochs = (size_t)h->count * sizeof *h->epochs, points = (size_t)h->point_count * sizeof *h->points;
  char *data = malloc(sizeof head + epochs + points);
  if (!data) return LN_ERR_MEMORY;
  memcpy(head.magic, magic, sizeof magic);
  memcpy(head.metric_names, h->metric_names, sizeof head.metric_names);
  head.count = h->count;
  head.point_count = h->point_count;
  memcpy(data, &head, sizeof head);
  if (epochs > 0) memcpy(data + sizeof head, h->epochs, epochs);
  if (points > 0) memcpy(data + sizeof head + epochs, h->points, points);
  const ln_status status = ln_io_write(path, data, sizeof head + epochs + points, err);
  free(data);
  return status;
}

static bool good_head(const history_head *head, size_t size) {
  const size_t left = size - sizeof *head;
  return memcmp(head->magic, magic, sizeof magic) == 0 && head->every >= 1 && head->samples >= 0 &&
         head->seconds >= 0 && head->count >= 0 && head->point_count >= 0 && head->point_count <= 4 * POINTS &&
         (size_t)head->count <= left / sizeof(train_epoch) &&
         left == (size_t)head->count * sizeof(train_epoch) + (size_t)head->point_count * sizeof(train_point);
}

static bool take(train_history *h, const history_head *head, const char *data) {
  const size_t epochs = (size_t)head->count * sizeof *h->epochs;
  h->epochs = malloc(epochs + 1);
  while (h->epochs && h->point_room < head->point_count && grow(h)) {
  }
  if (!h->epochs || h->point_room < head->point_count) return false;
  memcpy(h->epochs, data, epochs);
  if (head->point_count > 0) memcpy(h->points, data + epochs, (size_t)head->point_count * sizeof *h->points);
  for (int32_t i = 0; i < head->count; i++) {
    if (h->epochs[i].metric_count < 0 || h->epochs[i].metric_count > TRAIN_METRICS_MOST) return false;
  }
  memcpy(h->metric_names, head->metric_names, sizeof h->metric_names);
  for (size_t i = 0; i < TRAIN_METRICS_MOST; i++) h->metric_names[i][sizeof h->metric_names[i] - 1] = 0;
  h->count = head->count;
  h->point_count = head->point_count;
  h->every = head->every;
  h->samples_before = head->samples;
  h->seconds_before = head->seconds;
  return true;
}

void train_history_load(train_history *h, const char *path) {
  history_head head;
  ln_error err = {0};
  char *data = NULL;
  size_t size = 0;
  if (ln_io_read(path, &err, &data, &size) != LN_OK) return;
  if (size >= sizeof head) memcpy(&head, data, sizeof head);
  if (size >= sizeof head && good_head(&head, size) && !take(h, &head, data + sizeof head)) train_history_free(h);
  ln_io_free(data);
}

/* ---- JSON ---- */

static void put_epoch(json *j, const train_history *h, const train_epoch *e) {
  json_flat_object(j, NULL);
  json_int(j, "epoch", e->epoch);
  json_int(j, "step", e->step);
  json_real(j, "loss", e->loss);
  json_real(j, "validation_loss", e->validation_loss);
  json_real(j, "learning_rate", e->rate);
  json_real(j, "seconds", e->seconds);
  for (int32_t i = 0; i < e->metric_count; i++) json_real(j, h->metric_names[i], e->metrics[i]);
  json_end(j, '}');
}

int64_t train_peak_rss_kb(void) {
  struct rusage usage;
  return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss : -1;
}

void train_put_history(json *j, const train_history *h) {
  json_int(j, "steps", h->steps);
  json_int(j, "samples", h->samples);
  json_real(j, "seconds", h->seconds);
  json_real(j, "samples_per_second", h->seconds > 0 ? (double)h->samples / h->seconds : 0);
  json_int(j, "peak_rss_kb", train_peak_rss_kb());
  json_array(j, "epochs");
  for (int32_t i = 0; i < h->count; i++) put_epoch(j, h, &h->epochs[i]);
  json_end(j, ']');
  if (!h->confusion) return;
  json_array(j, "confusion");
  for (int32_t i = 0; i < h->classes; i++) {
    json_flat_array(j, NULL);
    for (int32_t k = 0; k < h->classes; k++) json_int(j, NULL, h->confusion[i * h->classes + k]);
    json_end(j, ']');
  }
  json_end(j, ']');
}

/* ---- the page ---- */

static void put_curve(json *j, const char *key, const train_history *h, bool rate) {
  const int32_t step = h->point_count / POINTS + 1;
  json_array(j, key);
  for (int32_t i = 0; i < h->point_count; i += step) {
    json_flat_array(j, NULL);
    json_int(j, NULL, h->points[i].step);
    json_real(j, NULL, rate ? h->points[i].rate : h->points[i].loss);
    json_end(j, ']');
  }
  json_end(j, ']');
}

static ln_status put_option(void *user, const char *parameter, const char *value) {
  json_string(user, parameter, value);
  return LN_OK;
}

static void put_data(json *j, const train_log *log) {
  json_object(j, NULL);
  json_string(j, "model", log->model);
  json_string(j, "output", log->output);
  json_bool(j, "ended", log->ended);
  json_int(j, "all_steps", log->history->all_steps);
  train_put_history(j, log->history);
  put_curve(j, "loss", log->history, false);
  put_curve(j, "rate", log->history, true);
  json_object(j, "options");
  train_each_choice(log->choices, put_option, j);
  json_end(j, '}');
  json_end(j, '}');
}

ln_status train_write_log(const train_log *log, const char *path, ln_error *err) {
  char *data = NULL, *text = NULL;
  size_t data_size = 0, size = 0;
  json j;
  FILE *inner = open_memstream(&data, &data_size);
  if (inner) {
    json_begin(&j, inner);
    put_data(&j, log);
  }
  bool good = inner && fclose(inner) == 0;
  FILE *out = good ? open_memstream(&text, &size) : NULL;
  if (out) cli_write_page(linnet_train_page, linnet_train_page_size, data, data_size, out);
  good = out && fclose(out) == 0;
  const ln_status status = good ? ln_io_write(path, text, size, err) : LN_ERR_MEMORY;
  if (!good) snprintf(err->message, sizeof err->message, "out of memory for %s", path);
  free(data);
  free(text);
  return status;
}
