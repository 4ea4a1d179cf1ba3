/*
 * linnet train --cut, --head: a model as a backbone with a new head. A backbone that stays as it is computes the
 * features of each sample once, and the head is trained on them.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "train.h"

enum { HEAD_TEXT = 4096 };

/* ---- the head ---- */

static bool put_text(char *text, size_t *length, const char *more) {
  const size_t added = strlen(more);
  if (added >= HEAD_TEXT - *length) return false;
  memcpy(text + *length, more, added + 1);
  *length += added;
  return true;
}

static bool put_number(char *text, size_t *length, const char *before, long long number, const char *behind) {
  char digits[24];
  snprintf(digits, sizeof digits, "%lld", number);
  return put_text(text, length, before) && put_text(text, length, digits) && put_text(text, length, behind);
}

/* Whether the backbone gives maps, whose positions a head takes the mean of. */
static bool gives_maps(const ln_model *backbone) {
  const ln_graph *graph = ln_model_graph(backbone, 0);
  const ln_tensor *features = ln_graph_tensor(graph, ln_graph_output(graph, 0));
  return ln_tensor_rank(features) == 4 && (ln_tensor_dim(features, 1) > 1 || ln_tensor_dim(features, 2) > 1);
}

/* "64,5": dense layers, the last one gives what the loss takes. */
static bool write_dense(const char *units, const char *loss, bool maps, char *text) {
  bool good = true;
  size_t length = (size_t)snprintf(text, HEAD_TEXT, "{\"layers\": [{\"layer\": \"%s\", \"name\": \"head/flat\"}",
                                   maps ? "GlobalAveragePooling2D" : "Flatten");
  for (int index = 0; good && *units; index++) {
    char *end;
    const long long count = strtoll(units, &end, 10);
    if (end == units || count < 1 || (*end != 0 && *end != ',')) return false;
    const bool last = *end == 0;
    good = put_number(text, &length, ", {\"layer\": \"Dense\", \"name\": \"head/dense", index, "\"") &&
           put_number(text, &length, ", \"units\": ", count, "") &&
           put_text(text, &length, last ? "}" : ", \"activation\": \"relu\"}");
    units = last ? end : end + 1;
  }
  const char *ending = "";
  if (strstr(loss, "cross-entropy")) {
    ending = strstr(loss, "binary")
                 ? ", {\"layer\": \"Activation\", \"name\": \"head/output\", \"activation\": \"sigmoid\"}"
                 : ", {\"layer\": \"Softmax\", \"name\": \"head/output\"}";
  }
  return good && put_text(text, &length, ending) && put_text(text, &length, "]}");
}

static ln_status build_head(train_transfer *t, const char *head, const char *loss, uint64_t seed, ln_error *err) {
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  char text[HEAD_TEXT];
  options.seed = seed;
  options.unfolded = true;
  options.backbone = t->backbone;
  if (strncmp(head, "dense:", 6) != 0) return ln_builder_read(head, &options, err, &t->head);
  if (!write_dense(head + 6, loss, gives_maps(t->backbone), text)) {
    snprintf(err->message, sizeof err->message, "--head takes dense:UNITS[,UNITS]... or a specification, not \"%.80s\"",
             head);
    return LN_ERR_ARGUMENT;
  }
  return ln_builder_from_json(text, strlen(text), &options, err, &t->head);
}

/* ---- both ---- */

static bool is_augment(const train_choices *choices, bool *out) {
  *out = false;
  for (int32_t i = 0;; i++) {
    ln_train_option option = {.size = sizeof option};
    if (ln_train_option_get(i, &option) != LN_OK) return true;
    if (option.kind && strcmp(option.kind, "augment") == 0 && train_choice(choices, option.parameter->name))
      *out = true;
  }
}

/* The head's constants by their names, and what else is to be trained. */
static ln_status choose(train_transfer *t, const char *regex, ln_error *err) {
  const ln_graph *graph = ln_model_graph(t->head, 0);
  size_t room = 64 + (regex ? strlen(regex) : 0), length;
  for (int32_t i = 0; i < ln_graph_tensor_count(graph); i++)
    room += 2 * strlen(ln_tensor_name(ln_graph_tensor(graph, i))) + 1;
  char *text = t->choice = malloc(room);
  if (!text) {
    snprintf(err->message, sizeof err->message, "out of memory");
    return LN_ERR_MEMORY;
  }
  length = (size_t)snprintf(text, room, regex ? "(%s)|^(" : "^(", regex);
  bool first = true;
  for (int32_t i = 0; i < ln_graph_tensor_count(graph); i++) {
    const ln_tensor *tensor = ln_graph_tensor(graph, i);
    if (!ln_tensor_is_constant(tensor) || ln_tensor_type(tensor) != LN_FLOAT32) continue;
    if (!first) text[length++] = '|';
    first = false;
    for (const char *c = ln_tensor_name(tensor); *c; c++) {
      if (strchr(".+*?()[]{}|^$\\", *c)) text[length++] = '\\';
      text[length++] = *c;
    }
  }
  memcpy(text + length, ")$", 3);
  return LN_OK;
}

ln_status train_transfer_open(train_transfer *t, const train_choices *choices, const char *cut, const char *head,
                              ln_error *err, ln_model **model) {
  const char *seed = train_choice(choices, "seed"), *loss = train_choice(choices, "loss");
  const char *regex = train_choice(choices, "train");
  bool augments;
  ln_status status = ln_backbone_cut(*model, cut, err, &t->backbone);
  if (status == LN_OK) {
    status = build_head(t, head, loss ? loss : "sparse-cross-entropy", seed ? strtoull(seed, NULL, 10) : 1, err);
  }
  if (status != LN_OK) return status;
  t->cached = is_augment(choices, &augments) && !augments && !regex;
  ln_model *joined = NULL;
  status = ln_backbone_join(t->backbone, t->head, err, &joined);
  if (status == LN_OK) status = choose(t, regex, err);
  if (status != LN_OK) return status;
  ln_model_destroy(*model);
  *model = joined;
  return LN_OK;
}

static bool show(void *user, const char *what, int64_t done, int64_t total) {
  (void)user;
  if (isatty(STDERR_FILENO)) fprintf(stderr, "\r\033[K%s: %lld of %lld", what, (long long)done, (long long)total);
  if (isatty(STDERR_FILENO) && done == total) fputs("\r\033[K", stderr);
  return true;
}

ln_status train_transfer_features(train_transfer *t, const train_choices *choices, ln_features **features,
                                  ln_train_data *data, ln_error *err) {
  const char *threads = train_choice(choices, "threads");
  const double start = cli_now_ms();
  if (!t->cached || !data->samples) return LN_OK;
  const ln_status status =
      ln_features_compute(t->backbone, data->samples, threads ? atoi(threads) : 1, show, NULL, err, features);
  if (status == LN_OK) data->samples = ln_features_samples(*features);
  t->feature_seconds += (cli_now_ms() - start) / 1e3;
  return status;
}

ln_status train_transfer_finish(const train_transfer *t, ln_error *err, ln_model **made) {
  ln_model *joined = NULL;
  if (!t->cached) return LN_OK;
  const ln_status status = ln_backbone_join(t->backbone, *made, err, &joined);
  if (status != LN_OK) return status;
  ln_model_destroy(*made);
  *made = joined;
  return LN_OK;
}

void train_transfer_close(train_transfer *t) {
  ln_features_destroy(t->features);
  ln_features_destroy(t->validation);
  ln_model_destroy(t->backbone);
  ln_model_destroy(t->head);
  free(t->choice);
}
