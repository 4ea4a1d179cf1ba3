/* What `linnet train` and `linnet trainable` share: options of training from the library's own list, data, models. */
#ifndef LINNET_CLI_TRAIN_H
#define LINNET_CLI_TRAIN_H

#include "cli.h"
#include "json.h"
#include "linnet/data.h"
#include "linnet/train.h"

enum { TRAIN_OPTIONS_MOST = 200 };

/* Options of training as the command line has them: --learning-rate for "learning_rate", --no-shuffle for what is true
 * without it. Names stay as long as this. */
typedef struct train_choices {
  int32_t count;
  const char *parameters[TRAIN_OPTIONS_MOST]; /* "learning_rate" */
  char options[TRAIN_OPTIONS_MOST][48];       /* "--learning-rate" */
  const char *values[TRAIN_OPTIONS_MOST];     /* as given; NULL */
  bool flags[TRAIN_OPTIONS_MOST];
  bool negated[TRAIN_OPTIONS_MOST];
} train_choices;

/* Lists them into `options`, which has room for TRAIN_OPTIONS_MOST + 1; how many there are. */
size_t train_list_options(train_choices *choices, cli_option *options);
/* The value of a parameter after parsing; NULL: not given. */
const char *train_choice(const train_choices *choices, const char *parameter);
/* Hands what was given to fn(user, parameter, value), until one is not LN_OK. */
ln_status train_each_choice(const train_choices *choices,
                            ln_status (*fn)(void *user, const char *parameter, const char *value), void *user);
/* `linnet train --list`: every choice with its parameters. */
void train_print_choices(void);

/* cli_open, whose message the path begins. */
ln_status train_open_named(const char *path, ln_error *err, ln_model **out);
/* A .tflite, or a specification in JSON that becomes a model with weights to begin from. */
ln_status train_open_model(const char *path, uint64_t seed, ln_error *err, ln_model **out);

/* ---- transfer (train_transfer.c) ---- */

typedef struct train_transfer {
  ln_model *backbone, *head;
  ln_features *features, *validation;
  bool cached;  /* the head is trained alone, on features */
  char *choice; /* a regular expression of what is trained where it is not */
  double feature_seconds;
} train_transfer;

/* In the place of `*model` comes it up to `cut` (NULL: its last layer) with a new head. */
ln_status train_transfer_open(train_transfer *t, const train_choices *choices, const char *cut, const char *head,
                              ln_error *err, ln_model **model);
/* Samples become features where the head is trained alone. */
ln_status train_transfer_features(train_transfer *t, const train_choices *choices, ln_features **features,
                                  ln_train_data *data, ln_error *err);
/* Puts the trained head behind the backbone. */
ln_status train_transfer_finish(const train_transfer *t, ln_error *err, ln_model **made);
void train_transfer_close(train_transfer *t);

/* ---- what happened (train_log.c) ---- */

enum { TRAIN_METRICS_MOST = 32 };

typedef struct train_epoch {
  int64_t epoch, step;
  double loss, validation_loss, rate, seconds;
  int32_t metric_count;
  double metrics[TRAIN_METRICS_MOST];
} train_epoch;

typedef struct train_point {
  int64_t step;
  double loss, rate;
} train_point;

typedef struct train_history {
  train_epoch *epochs;
  int32_t count;
  char metric_names[TRAIN_METRICS_MOST][64];
  train_point *points; /* of every `every`-th step */
  int32_t point_count, point_room;
  int64_t every, samples, steps, all_steps;
  double seconds;
  int64_t samples_before; /* of the runs that this one goes on from */
  double seconds_before;
  int64_t *confusion; /* [classes, classes] of the last epoch; NULL */
  int32_t classes;
} train_history;

bool train_history_add(train_history *h, const ln_train_event *event); /* false: no memory */
void train_history_free(train_history *h);
/* Beside a checkpoint, so that a run that goes on tells of its beginning, too. What cannot be read is left out. */
ln_status train_history_save(const train_history *h, const char *path, ln_error *err);
void train_history_load(train_history *h, const char *path);
/* Its members, in an object that is open. */
void train_put_history(json *j, const train_history *h);
int64_t train_peak_rss_kb(void);

typedef struct train_log {
  const char *model, *output;
  const train_history *history;
  const train_choices *choices;
  bool ended;
} train_log;

/* The page with the curves. */
ln_status train_write_log(const train_log *log, const char *path, ln_error *err);

/* A picture of samples (a batch at most) beside what training sees of them, into a BMP file. */
ln_status train_write_sheet(ln_trainer *trainer, const ln_train_data *data, int32_t batch, const char *path,
                            ln_error *err);

#endif
