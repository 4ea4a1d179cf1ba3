/* linnet train: a model learns from samples. */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "train.h"

typedef struct train_options {
  const char *model, *data, *labels, *output, *teacher, *checkpoint, *log, *normalize, *validation, *validation_labels;
  const char *weights, *sheet, *cut, *head;
  bool resume, json, quiet, list;
  double every; /* seconds between checkpoints */
  double split; /* share of the samples that validates; 0: none */
  train_choices choices;
} train_options;

typedef struct training {
  const train_options *options;
  ln_model *model, *teacher, *made;
  ln_data *data, *validation;
  ln_train_data samples, validation_samples;
  ln_trainer *trainer;
  train_transfer transfer;
  train_history history;
  char checkpoint[4096], kept_history[4096]; /* paths; "": none */
  double saved_ms, shown_ms;
  ln_status failed; /* of a checkpoint */
  ln_error err;
} training;

/* ---- what was said ---- */

/* --validation takes samples and, behind them, labels: as an option of their own for the others' parser. */
static char **split_validation(int *argc, char **argv) {
  char **all = malloc(((size_t)*argc + 2) * sizeof *all);
  int count = 0;
  if (!all) return NULL;
  for (int i = 0; i < *argc; i++) {
    all[count++] = argv[i];
    if (strcmp(argv[i], "--validation") != 0 || i + 1 == *argc) continue;
    all[count++] = argv[++i];
    if (i + 1 == *argc || argv[i + 1][0] == '-' || count > *argc) continue;
    /* A second operand behind it, unless the model has not come yet and none is left for it. */
    static char labels[] = "--validation-labels";
    all[count++] = labels;
    all[count++] = argv[++i];
  }
  *argc = count;
  return all;
}

static int check(const cli_command *self, const train_options *o, int operand_count) {
  if (o->list) return -1;
  if (operand_count == 0) return cli_usage(self, "no model given");
  if (!o->data) return cli_usage(self, "no --data given");
  if (!o->output) return cli_usage(self, "no -o given: where the trained model goes");
  if (o->cut && !o->head) return cli_usage(self, "--cut goes with --head");
  if (o->split > 0 && o->validation) return cli_usage(self, "--split takes the place of --validation");
  if (o->resume && !o->checkpoint) return cli_usage(self, "--resume goes with --checkpoint");
  return -1;
}

static int parse(const cli_command *self, int argc, char **argv, train_options *out) {
  *out = (train_options){.every = 30};
  cli_option options[TRAIN_OPTIONS_MOST + 20] = {
      {"-o", CLI_TEXT, &out->output, 0, 0},
      {"--output", CLI_TEXT, &out->output, 0, 0},
      {"--data", CLI_TEXT, &out->data, 0, 0},
      {"--labels", CLI_TEXT, &out->labels, 0, 0},
      {"--validation", CLI_TEXT, &out->validation, 0, 0},
      {"--validation-labels", CLI_TEXT, &out->validation_labels, 0, 0},
      {"--normalize", CLI_TEXT, &out->normalize, 0, 0},
      {"--weights", CLI_TEXT, &out->weights, 0, 0},
      {"--show-augmented", CLI_TEXT, &out->sheet, 0, 0},
      {"--split", CLI_REAL, &out->split, 0, 0.999},
      {"--teacher", CLI_TEXT, &out->teacher, 0, 0},
      {"--cut", CLI_TEXT, &out->cut, 0, 0},
      {"--head", CLI_TEXT, &out->head, 0, 0},
      {"--checkpoint", CLI_TEXT, &out->checkpoint, 0, 0},
      {"--checkpoint-every", CLI_REAL, &out->every, 0, 1e9},
      {"--resume", CLI_FLAG, &out->resume, 0, 0},
      {"--log", CLI_TEXT, &out->log, 0, 0},
      {"--json", CLI_FLAG, &out->json, 0, 0},
      {"--quiet", CLI_FLAG, &out->quiet, 0, 0},
      {"--list", CLI_FLAG, &out->list, 0, 0},
  };
  size_t count = 0;
  int argument_count = argc, operand_count;
  while (options[count].name) count++;
  count += train_list_options(&out->choices, options + count);
  char **arguments = split_validation(&argument_count, argv);
  if (!arguments) return cli_fail("out of memory");
  const int status = cli_parse(self, argument_count, arguments, options, count, &out->model, 1, &operand_count);
  free(arguments);
  return status >= 0 ? status : check(self, out, operand_count);
}

/* ---- models and data ---- */

/* `like`: data whose classes are meant; NULL: this data's own. */
static int open_samples(training *t, const char *path, const char *labels, const ln_data *like, ln_data **out) {
  ln_data_options options = LN_DATA_OPTIONS_INIT;
  float numbers[2];
  options.labels = labels;
  options.training = true;
  options.classes = like;
  options.weights = like ? NULL : t->options->weights;
  if (t->options->normalize) {
    if (!cli_normalize(t->options->normalize, numbers)) {
      return cli_fail("--normalize takes MEAN,STD (two numbers, STD not 0), not %s", t->options->normalize);
    }
    options.normalize = numbers;
  }
  if (ln_data_open(path, t->model, &options, &t->err, out) == LN_OK) return CLI_OK;
  return cli_fail("%s", t->err.message);
}

/* What trains and what validates: a part of the samples, or others. */
static int take_samples(training *t, uint64_t seed) {
  const train_options *o = t->options;
  int status = open_samples(t, o->data, o->labels, NULL, &t->data);
  if (status == CLI_OK && o->validation) {
    const char *labels = o->validation_labels;
    if (!labels && o->labels && access(o->labels, F_OK) != 0) labels = o->labels; /* a column's name */
    status = open_samples(t, o->validation, labels, t->data, &t->validation);
  }
  if (status != CLI_OK) return status;
  ln_status taken = o->split > 0 ? ln_data_split(t->data, o->split, seed, &t->err, &t->samples, &t->validation_samples)
                                 : ln_data_train(t->data, &t->err, &t->samples);
  if (taken == LN_OK && t->validation) taken = ln_data_train(t->validation, &t->err, &t->validation_samples);
  return taken == LN_OK ? CLI_OK : cli_fail("%s", t->err.message);
}

static int open_all(training *t) {
  const train_options *o = t->options;
  const char *seed = train_choice(&o->choices, "seed");
  const uint64_t number = seed ? strtoull(seed, NULL, 10) : 1;
  if (train_open_model(o->model, number, &t->err, &t->model) != LN_OK ||
      (o->teacher && train_open_named(o->teacher, &t->err, &t->teacher) != LN_OK) ||
      (o->head && train_transfer_open(&t->transfer, &o->choices, o->cut, o->head, &t->err, &t->model) != LN_OK)) {
    return cli_fail("%s", t->err.message);
  }
  return take_samples(t, number);
}

static ln_status set(void *user, const char *parameter, const char *value) {
  training *t = user;
  return ln_trainer_set(t->trainer, parameter, value, &t->err);
}

/* Also makes the folder, and goes on where a checkpoint ends. */
static int prepare_checkpoint(training *t) {
  const train_options *o = t->options;
  if (!o->checkpoint) return CLI_OK;
  if (mkdir(o->checkpoint, 0777) != 0 && errno != EEXIST) {
    return cli_fail("%s: cannot make the folder: %s", o->checkpoint, strerror(errno));
  }
  const int length = snprintf(t->checkpoint, sizeof t->checkpoint, "%s/training.checkpoint", o->checkpoint);
  const int other = snprintf(t->kept_history, sizeof t->kept_history, "%s/training.history", o->checkpoint);
  if (length < 0 || other < 0 || (size_t)length >= sizeof t->checkpoint) {
    return cli_fail("%s: the path is too long", o->checkpoint);
  }
  if (!o->resume || access(t->checkpoint, F_OK) != 0) return CLI_OK;
  train_history_load(&t->history, t->kept_history);
  if (ln_trainer_restore(t->trainer, t->checkpoint, &t->err) == LN_OK) return CLI_OK;
  return cli_fail("%s", t->err.message);
}

static int create(training *t) {
  train_transfer *r = &t->transfer;
  const train_choices *choices = &t->options->choices;
  if (train_transfer_features(r, choices, &r->features, &t->samples, &t->err) != LN_OK ||
      train_transfer_features(r, choices, &r->validation, &t->validation_samples, &t->err) != LN_OK ||
      ln_trainer_create(r->cached ? r->head : t->model, &t->err, &t->trainer) != LN_OK ||
      train_each_choice(choices, set, t) != LN_OK || (r->choice && !r->cached && set(t, "train", r->choice) != LN_OK) ||
      ln_trainer_set_data(t->trainer, &t->samples, t->validation_samples.samples ? &t->validation_samples : NULL,
                          &t->err) != LN_OK ||
      (t->teacher && ln_trainer_set_teacher(t->trainer, t->teacher, &t->err) != LN_OK)) {
    return cli_fail("%s", t->err.message);
  }
  const char *batch = train_choice(choices, "batch");
  if (t->options->sheet &&
      train_write_sheet(t->trainer, &t->samples, batch ? (int32_t)strtol(batch, NULL, 10) : INT32_MAX,
                        t->options->sheet, &t->err) != LN_OK) {
    return cli_fail("%s: %s", t->options->sheet, t->err.message);
  }
  return prepare_checkpoint(t);
}

/* ---- telling ---- */

static void print_time(double seconds, char *out, size_t size) {
  const long all = (long)(seconds + 0.5);
  if (all < 60) snprintf(out, size, "%ld s", all);
  else if (all < 3600) snprintf(out, size, "%ld min %02ld s", all / 60, all % 60);
  else snprintf(out, size, "%ld h %02ld min", all / 3600, all / 60 % 60);
}

static void print_epoch(const ln_train_event *e) {
  fprintf(stderr, "epoch %lld of %lld: loss %.4f", (long long)e->epoch, (long long)e->epochs, e->loss);
  for (int32_t i = 0; i < e->metric_count; i++) fprintf(stderr, ", %s %.4f", e->metric_names[i], e->metrics[i]);
  if (isfinite(e->validation_loss)) fprintf(stderr, ", validation_loss %.4f", e->validation_loss);
  fprintf(stderr, ", %.0f samples/s\n", e->seconds > 0 ? (double)e->samples / e->seconds : 0);
}

static void show_progress(training *t, const ln_train_event *e) {
  char left[40];
  const double now = cli_now_ms();
  if (t->options->quiet || !isatty(STDERR_FILENO) || now - t->shown_ms < 200) return;
  const double done = e->steps > 0 ? (double)e->step / (double)e->steps : 1;
  t->shown_ms = now;
  print_time(e->step > 0 ? e->seconds * (double)(e->steps - e->step) / (double)e->step : 0, left, sizeof left);
  fprintf(stderr, "\r\033[Kstep %lld of %lld ", (long long)e->step, (long long)e->steps);
  cli_print_bar(stderr, done, 30);
  fprintf(stderr, " loss %.4f, %s left", e->loss, left);
  fflush(stderr);
}

static bool save(training *t) {
  t->saved_ms = cli_now_ms();
  t->failed = ln_trainer_save(t->trainer, t->checkpoint, &t->err);
  if (t->failed == LN_OK) t->failed = train_history_save(&t->history, t->kept_history, &t->err);
  return t->failed == LN_OK;
}

static bool write_log(training *t, bool ended) {
  const train_log log = {t->options->model, t->options->output, &t->history, &t->options->choices, ended};
  t->failed = train_write_log(&log, t->options->log, &t->err);
  return t->failed == LN_OK;
}

static bool on_step(void *user, const ln_train_event *event) {
  training *t = user;
  if (!train_history_add(&t->history, event)) return false;
  show_progress(t, event);
  if (event->epoch_ended && !t->options->quiet && !t->options->json) {
    if (isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
    print_epoch(event);
  }
  if (event->epoch_ended && t->options->log && !write_log(t, false)) return false;
  if (!t->checkpoint[0]) return true;
  return event->epoch_ended || cli_now_ms() - t->saved_ms >= t->options->every * 1e3 ? save(t) : true;
}

/* ---- the result ---- */

static void print_json(const training *t) {
  json j;
  json_begin(&j, stdout);
  json_object(&j, NULL);
  json_string(&j, "model", t->options->model);
  json_string(&j, "output", t->options->output);
  if (t->transfer.features) json_real(&j, "feature_seconds", t->transfer.feature_seconds);
  train_put_history(&j, &t->history);
  json_end(&j, '}');
}

static void print_text(const training *t) {
  char time[40];
  const train_history *h = &t->history;
  print_time(h->seconds, time, sizeof time);
  printf("%s: %lld steps in %s, %.0f samples/s, peak memory %lld MB\n", t->options->output, (long long)h->steps, time,
         h->seconds > 0 ? (double)h->samples / h->seconds : 0, (long long)train_peak_rss_kb() / 1024);
  for (int32_t i = 0; ln_data_note(t->data, i); i++) printf("note: %s\n", ln_data_note(t->data, i));
}

/* Classes that have names carry them into a model that names none, a line each. */
static ln_status name_classes(training *t) {
  const int32_t count = ln_data_class_count(t->data);
  ln_labels *known = NULL;
  if (count == 0 || ln_io_model_labels(t->made, 0, -1, NULL, NULL, &known) == LN_OK) {
    ln_labels_destroy(known);
    return LN_OK;
  }
  const char **names = calloc((size_t)count, sizeof *names);
  bool plain = names != NULL;
  for (int32_t i = 0; i < count && plain; i++) {
    names[i] = ln_data_class(t->data, i) ? ln_data_class(t->data, i) : "?";
    plain = strchr(names[i], '\n') == NULL;
  }
  ln_model *named = NULL;
  const ln_status status = plain ? ln_model_name_classes(t->made, names, count, &t->err, &named) : LN_OK;
  free(names);
  if (!named) return status;
  ln_model_destroy(t->made);
  t->made = named;
  return LN_OK;
}

static int train(training *t) {
  t->saved_ms = cli_now_ms();
  const ln_status status = ln_trainer_run(t->trainer, on_step, t, &t->err);
  if (isatty(STDERR_FILENO) && !t->options->quiet) fputs("\r\033[K", stderr);
  if (status != LN_OK || t->failed != LN_OK) return cli_fail("%s", t->err.message);
  if (ln_trainer_make(t->trainer, &t->err, &t->made) != LN_OK ||
      train_transfer_finish(&t->transfer, &t->err, &t->made) != LN_OK || name_classes(t) != LN_OK ||
      ln_model_save(t->made, t->options->output, &t->err) != LN_OK) {
    return cli_fail("%s", t->err.message);
  }
  if (t->options->log && !write_log(t, true)) return cli_fail("%s", t->err.message);
  if (t->options->json) print_json(t);
  else print_text(t);
  return CLI_OK;
}

static int run(const cli_command *self, int argc, char **argv) {
  train_options options;
  int status = parse(self, argc, argv, &options);
  if (status >= 0) return status;
  if (options.list) {
    train_print_choices();
    return CLI_OK;
  }
  training t = {.options = &options};
  t.samples.size = t.validation_samples.size = sizeof(ln_train_data);
  status = open_all(&t);
  if (status == CLI_OK) status = create(&t);
  if (status == CLI_OK) status = train(&t);
  ln_trainer_destroy(t.trainer);
  train_transfer_close(&t.transfer);
  ln_data_close(t.data);
  ln_data_close(t.validation);
  ln_model_destroy(t.made);
  ln_model_destroy(t.model);
  ln_model_destroy(t.teacher);
  train_history_free(&t.history);
  return status;
}

const cli_command cli_train = {
    "train", run, "trains a model on samples",
    "usage: linnet train MODEL.tflite|SPEC.json --data SAMPLES [--labels LABELS] -o OUT.tflite [options]\n"
    "\n"
    "Trains a model, or one from scratch out of its specification (docs/builder.md), and writes the result.\n"
    "\n"
    "  --data SAMPLES          .npy, .npz or IDX (samples along the first axis; .gz too), a table (.csv, .tsv), a "
    "folder\n"
    "                          of pictures or sounds, or one of folders that are classes\n"
    "  --labels LABELS         the class of each sample, or values to learn: .npy, IDX, text with a number a line, or "
    "a\n"
    "                          column of the table (without it: the last one)\n"
    "  --weights FILE          what each sample counts: .npy\n"
    "  --show-augmented FILE   a picture (.bmp): samples, and beside each what training sees of it in eight epochs\n"
    "  --validation SAMPLES [LABELS]  what loss and metrics are measured on after each epoch\n"
    "  --split SHARE           the same on this share of the samples, which do not train: drawn by the seed, of each\n"
    "                          class alike\n"
    "  --normalize MEAN,STD    bytes become (value - MEAN) / STD, in place of what the metadata says\n"
    "  --loss NAME, --optimizer NAME, --lr RATE, --batch N, --epochs N, --seed N, --threads N, --train REGEX ...\n"
    "                          what is chosen: linnet train --list names all choices and their options\n"
    "  --head HEAD             the model is a backbone: behind it comes a new head, of dense layers (dense:5,\n"
    "                          dense:64,5) or of a specification without inputs; only it is trained, on features\n"
    "                          that are computed once, unless --train names more or samples are augmented\n"
    "  --cut TENSOR|LAYER      where the backbone ends; without it before its last layer with weights\n"
    "  --teacher MODEL         also learns from what this model says of each sample (distillation)\n"
    "  --checkpoint DIR        keeps the training's state there, after each epoch and every 30 seconds\n"
    "  --checkpoint-every S    seconds between checkpoints\n"
    "  --resume                goes on where the checkpoint ended; the result is that of an unbroken run\n"
    "  --log OUT.html          a page with the curves of the run\n"
    "  --quiet                 no progress\n"
    "  --json                  print one JSON object: loss and metrics of each epoch, seconds, memory\n"
    "  --list                  every choice with its options\n"};
