/*
 * What the caller chose. Every choice has a row with its parameters; a value is checked by the parameter's kind when it
 * is given, and against the choices that were made before the first step.
 */
#include <stdio.h>
#include <string.h>

#include "train/trainer.h"

const ln_parameter ln_train_parameters[] = {
    {"loss", LN_PARAMETER_TEXT, "sparse-cross-entropy", NULL, 0, 0, "what is made small"},
    {"optimizer", LN_PARAMETER_TEXT, "adam", NULL, 0, 0, "how weights follow their gradients"},
    {"learning_rate", LN_PARAMETER_NUMBER, "0.001", NULL, 0, 1e6, "of the optimizer"},
    {"schedule", LN_PARAMETER_TEXT, "constant", NULL, 0, 0, "how the learning rate changes over the steps"},
    {"batch", LN_PARAMETER_INTEGER, "128", NULL, 1, 1e6, "samples of a step"},
    {"epochs", LN_PARAMETER_INTEGER, "1", NULL, 1, 1e6, "how often every sample is seen"},
    {"train", LN_PARAMETER_TEXT, NULL, NULL, 0, 0, "a regular expression: the tensors or layers that are trained"},
    {"prediction", LN_PARAMETER_TEXT, NULL, NULL, 0, 0, "the output that the loss reads, by its name; none: the first"},
    {"seed", LN_PARAMETER_INTEGER, "1", NULL, 0, 9e15, "of everything that is drawn at random"},
    {"shuffle", LN_PARAMETER_FLAG, "true", NULL, 0, 0, "whether samples come in another order in each epoch"},
    {"threads", LN_PARAMETER_INTEGER, "1", NULL, 1, 1024, "which change no result"},
    {"weight_decay", LN_PARAMETER_NUMBER, "0", NULL, 0, 1e6,
     "what a step takes from each weight, times the learning rate; not from biases"},
    {"clip_value", LN_PARAMETER_NUMBER, "0", NULL, 0, 1e30, "the most that a gradient's element may be; 0: any"},
    {"clip_norm", LN_PARAMETER_NUMBER, "0", NULL, 0, 1e30, "the most that the norm of a tensor's gradient may be"},
    {"global_clip_norm", LN_PARAMETER_NUMBER, "0", NULL, 0, 1e30, "the most that the norm of all gradients may be"},
    {"ema", LN_PARAMETER_NUMBER, "0", NULL, 0, 0.999999,
     "momentum of a moving average of the weights, which becomes the result; 0: none"},
    {"ema_warmup", LN_PARAMETER_FLAG, "false", NULL, 0, 0,
     "take less momentum in the first steps: (1 + t) / (10 + t) of step t at most"},
    {"metrics", LN_PARAMETER_TEXT, "auto", NULL, 0, 0,
     "names with commas between them; auto: accuracy of classes, mae of values; none"},
    {"class_weights", LN_PARAMETER_TEXT, "none", NULL, 0, 0,
     "what a sample of each class counts, with commas between; balanced: as if all classes had as many"},
    {"accumulate", LN_PARAMETER_INTEGER, "1", NULL, 1, 1e6, "batches whose gradients make one step together"},
    {"patience", LN_PARAMETER_INTEGER, "0", NULL, 0, 1e6,
     "epochs without a better result on the validation data after which training ends; 0: it does not"},
    {"min_delta", LN_PARAMETER_NUMBER, "0", NULL, 0, 1e6, "what counts as better"},
    {"monitor", LN_PARAMETER_TEXT, "loss", NULL, 0, 0, "loss, or the metric by which results are compared"},
    {"best", LN_PARAMETER_FLAG, "false", NULL, 0, 0, "whether the result is that of the best epoch on validation data"},
    {"plateau_patience", LN_PARAMETER_INTEGER, "0", NULL, 0, 1e6,
     "epochs without a better result after which the learning rate falls; 0: it does not"},
    {"plateau_factor", LN_PARAMETER_NUMBER, "0.1", NULL, 0, 1, "what the learning rate is multiplied with then"},
    {"memory_limit", LN_PARAMETER_INTEGER, "0", NULL, 0, 9e15,
     "bytes of a step's activations: what does not fit is computed twice; 0: the least time"},
    {"teacher_weight", LN_PARAMETER_NUMBER, "0.9", NULL, 0, 1, "share of the loss that is learned from the teacher"},
    {"teacher_temperature", LN_PARAMETER_NUMBER, "4", NULL, 0.01, 1000, "what logits are divided by for it"},
    {0}};

/* ---- all rows, one behind the other ---- */

typedef struct choice {
  const char *kind, *name, *what;
  const ln_parameter *parameters;
  const void *row;
} choice;

/* Choice `index` of all; false past the last. */
static bool choice_at(int32_t index, choice *out) {
#define GIVE(kind_name, at)                                                         \
  for (int32_t i = 0; at(i) != NULL; ++i) {                                         \
    if (index-- > 0) continue;                                                      \
    *out = (choice){kind_name, at(i)->name, at(i)->what, at(i)->parameters, at(i)}; \
    return true;                                                                    \
  }
  GIVE("loss", ln_loss_at)
  GIVE("optimizer", ln_update_at)
  GIVE("schedule", ln_schedule_at)
  GIVE("metric", ln_metric_at)
  GIVE("form", ln_form_at)
  GIVE("augment", ln_augment_at)
#undef GIVE
  return false;
}

const ln_form_def *ln_form_at(int32_t index) {
#define LN_FORM(stem) extern const ln_form_def ln_form_##stem;
#include "train/forms.def"
#undef LN_FORM
  static const ln_form_def *const all[] = {
#define LN_FORM(stem) &ln_form_##stem,
#include "train/forms.def"
#undef LN_FORM
      NULL};
  return index < 0 || (size_t)index >= LN_COUNT(all) ? NULL : all[index];
}

const char *ln_train_choice(const char *kind, int32_t index, const char **what) {
  choice c;
  for (int32_t i = 0; kind != NULL && index >= 0 && choice_at(i, &c); ++i) {
    if (strcmp(c.kind, kind) != 0 || index-- > 0) continue;
    if (what != NULL) *what = c.what;
    return c.name;
  }
  return NULL;
}

static int32_t length_of(const ln_parameter *list) {
  int32_t count = 0;
  while (list != NULL && list[count].name != NULL) ++count;
  return count;
}

ln_status ln_train_option_get(int32_t index, ln_train_option *out) {
  choice c = {NULL, NULL, NULL, ln_train_parameters, NULL};
  if (out == NULL || out->size != sizeof *out || index < 0) return LN_ERR_ARGUMENT;
  for (int32_t i = -1; i < 0 || choice_at(i, &c); ++i) {
    const int32_t count = length_of(c.parameters);
    if (index < count) {
      *out = (ln_train_option){sizeof *out, &c.parameters[index], c.name, c.kind};
      return LN_OK;
    }
    index -= count;
  }
  return LN_ERR_ARGUMENT;
}

/* ---- what was given ---- */

typedef struct given {
  const char *name, *value;
  struct given *next;
} given;

struct ln_settings {
  ln_arena arena;
  given *first;
};

ln_settings *ln_settings_create(void) { return ln_alloc_zero(sizeof(ln_settings)); }

void ln_settings_destroy(ln_settings *s) {
  if (s == NULL) return;
  ln_arena_free(&s->arena);
  ln_free(s);
}

static given *find_given(const ln_settings *s, const char *name) {
  for (given *g = s->first; g != NULL; g = g->next) {
    if (strcmp(g->name, name) == 0) return g;
  }
  return NULL;
}

static const ln_parameter *find_parameter(const ln_parameter *list, const char *name) {
  for (; list != NULL && list->name != NULL; ++list) {
    if (strcmp(list->name, name) == 0) return list;
  }
  return NULL;
}

/* The first parameter of that name, whichever row has it. */
static const ln_parameter *find_anywhere(const char *name) {
  choice c;
  const ln_parameter *found = find_parameter(ln_train_parameters, name);
  for (int32_t i = 0; found == NULL && choice_at(i, &c); ++i) found = find_parameter(c.parameters, name);
  return found;
}

ln_status ln_settings_set(ln_settings *s, const char *name, const char *value, ln_error *err) {
  if (name == NULL || value == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  const ln_parameter *p = find_anywhere(name);
  if (p == NULL) return ln_fail(err, LN_ERR_NOT_FOUND, "training has no option \"%.60s\"", name);
  LN_TRY(ln_parameter_check(p, value, err));
  given *g = find_given(s, p->name);
  if (g == NULL) {
    g = ln_arena_alloc(&s->arena, sizeof *g);
    if (g == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory for an option");
    g->name = p->name;
    g->next = s->first;
    s->first = g;
  }
  g->value = ln_arena_strdup(&s->arena, value);
  return g->value == NULL ? ln_fail(err, LN_ERR_MEMORY, "out of memory for an option") : LN_OK;
}

bool ln_setting_given(const ln_settings *s, const char *name) { return find_given(s, name) != NULL; }

const char *ln_setting_text(const ln_settings *s, const ln_parameter *list, const char *name) {
  const given *g = find_given(s, name);
  if (g != NULL) return g->value;
  const ln_parameter *p = find_parameter(list, name);
  return p == NULL ? NULL : p->fallback;
}

double ln_setting_number(const ln_settings *s, const ln_parameter *list, const char *name) {
  const char *text = ln_setting_text(s, list, name);
  const double value = text == NULL ? 0 : ln_number_of_text(text);
  return value == value ? value : 0;
}

int64_t ln_setting_int(const ln_settings *s, const ln_parameter *list, const char *name) {
  return (int64_t)ln_setting_number(s, list, name);
}

bool ln_setting_flag(const ln_settings *s, const ln_parameter *list, const char *name) {
  const char *text = ln_setting_text(s, list, name);
  return text != NULL && strcmp(text, "true") == 0;
}

/* ---- what was chosen ---- */

/* Whether a list of names with commas between them holds one. */
static bool listed(const char *list, const char *name) {
  const size_t length = strlen(name);
  while (*list != '\0') {
    const size_t word = strcspn(list, ",");
    if (word == length && strncmp(list, name, length) == 0) return true;
    list += word + (list[word] == ',');
  }
  return false;
}

bool ln_metric_chosen(const ln_settings *s, const ln_metric_def *metric) {
  return listed(ln_setting_text(s, ln_train_parameters, "metrics"), metric->name);
}

/* Whether the choice is in use: the one of its kind, one of the metrics, or turned on by the parameter of its name. */
static bool in_use(const ln_settings *s, const choice *c) {
  if (find_parameter(ln_train_parameters, c->kind) != NULL) {
    return strcmp(ln_setting_text(s, ln_train_parameters, c->kind), c->name) == 0;
  }
  if (strcmp(c->kind, "metric") == 0) return ln_metric_chosen(s, c->row);
  return ln_setting_given(s, c->name);
}

/* Where one name stands in the lists of several choices, one of them in use is enough. */
static ln_status check_use(const ln_settings *s, const given *g, ln_error *err) {
  choice c;
  const char *kind = NULL, *name = NULL;
  if (find_parameter(ln_train_parameters, g->name) != NULL) return LN_OK;
  for (int32_t i = 0; choice_at(i, &c); ++i) {
    const ln_parameter *p = find_parameter(c.parameters, g->name);
    if (p == NULL) continue;
    if (in_use(s, &c)) return ln_parameter_check(p, g->value, err);
    kind = c.kind;
    name = c.name;
  }
  return ln_fail(err, LN_ERR_ARGUMENT, "%s: an option of the %s %s, which is not in use", g->name, kind, name);
}

static ln_status unknown(const char *kind, const char *name, ln_error *err) {
  char all[400];
  size_t used = 0;
  for (int32_t i = 0; ln_train_choice(kind, i, NULL) != NULL && used < sizeof all; ++i) {
    used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i == 0 ? "" : ", ", ln_train_choice(kind, i, NULL));
  }
  return ln_fail(err, LN_ERR_ARGUMENT, "%s: \"%.60s\" is none of %s", kind, name, all);
}

ln_status ln_settings_check(const ln_settings *s, ln_error *err) {
  static const char *const kinds[] = {"loss", "optimizer", "schedule"};
  choice c;
  for (size_t i = 0; i < LN_COUNT(kinds); ++i) {
    const char *name = ln_setting_text(s, ln_train_parameters, kinds[i]);
    bool found = false;
    for (int32_t k = 0; choice_at(k, &c); ++k) {
      found = found || (strcmp(c.kind, kinds[i]) == 0 && strcmp(c.name, name) == 0);
    }
    if (!found) return unknown(kinds[i], name, err);
  }
  for (const given *g = s->first; g != NULL; g = g->next) LN_TRY(check_use(s, g, err));
  const ln_schedule_def *schedule = ln_schedule_find(ln_setting_text(s, ln_train_parameters, "schedule"));
  if (schedule != NULL && schedule->check != NULL) return schedule->check(s, schedule->parameters, err);
  return LN_OK;
}

uint64_t ln_settings_hash(const ln_settings *s) {
  ln_train_option option = {.size = sizeof option};
  uint64_t hash = 0;
  for (int32_t i = 0; ln_train_option_get(i, &option) == LN_OK; ++i) {
    const char *name = option.parameter->name;
    if (strcmp(name, "threads") == 0 || strcmp(name, "memory_limit") == 0 || strcmp(name, "epochs") == 0) continue;
    const given *g = find_given(s, name);
    if (g == NULL || find_anywhere(name) != option.parameter) continue;
    hash = hash * 0x9e3779b97f4a7c15u + ln_hash64(name, strlen(name));
    hash = hash * 0x9e3779b97f4a7c15u + ln_hash64(g->value, strlen(g->value));
  }
  return hash;
}
