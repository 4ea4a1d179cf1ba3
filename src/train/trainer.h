/*
 * The trainer. A model's graph becomes a step: its weights are inputs, bound to the trainer's memory, a loss and its
 * gradients are outputs (step.c). Everything that is chosen by name has a row: losses.def, updates.def (optimizers),
 * schedules.def, forms.def (what is done to weights in training: pruning, clustering, quantization), metrics.def,
 * augments.def. options.c keeps what the caller chose, trainer.c is the loop, state.c what a checkpoint holds.
 */
#ifndef LN_TRAIN_TRAINER_H
#define LN_TRAIN_TRAINER_H

#include "linnet/train.h"
#include "train/train.h"

/* ---- what was chosen (options.c) ---- */

/*
 * Values are texts under the names of parameters, as the tool and Python have them ("learning_rate", which the tool
 * calls --learning-rate). The lists of the rows are the only ones: `list` is the row's, or ln_train_parameters.
 */
typedef struct ln_settings ln_settings;
extern const ln_parameter ln_train_parameters[]; /* of every training */
const char *ln_setting_text(const ln_settings *s, const ln_parameter *list,
                            const char *name); /* NULL: none, no fallback */
double ln_setting_number(const ln_settings *s, const ln_parameter *list, const char *name);
int64_t ln_setting_int(const ln_settings *s, const ln_parameter *list, const char *name);
bool ln_setting_flag(const ln_settings *s, const ln_parameter *list, const char *name);
bool ln_setting_given(const ln_settings *s, const char *name);
ln_settings *ln_settings_create(void); /* NULL when memory is short */
void ln_settings_destroy(ln_settings *s);
ln_status ln_settings_set(ln_settings *s, const char *name, const char *value, ln_error *err);
/* Whether every choice is there, and no option was given to one that is not in use. */
ln_status ln_settings_check(const ln_settings *s, ln_error *err);
/* Of all that decides what is learned: not threads, memory, nor how many epochs. */
uint64_t ln_settings_hash(const ln_settings *s);

/* ---- losses (losses.def, loss_*.c) ---- */

typedef enum ln_target_kind {
  LN_TARGET_CLASS, /* int32 [batch] (or [batch, positions]): the index of a class */
  LN_TARGET_VALUES /* float32 of the prediction's shape */
} ln_target_kind;

/* A sample's loss is the mean over its labels (LN_TARGET_CLASS: its prediction is [..., classes], and there are as many
 * labels as rows of it) or over its elements. */
typedef struct ln_loss_def {
  const char *name, *what; /* "sparse-cross-entropy" */
  ln_target_kind target;
  /* The operator whose input the loss takes where a model ends with it (LN_OP_SOFTMAX: the prediction is logits then,
   * and so it is where a model ends without); -1: none. */
  int32_t absorbs;
  const ln_parameter *parameters;
  /* Adds operators that give float32 [batch]: the loss of each sample. */
  int32_t (*emit)(ln_grad *g, const ln_settings *s, const ln_parameter *list, int32_t prediction, int32_t target);
  const struct ln_loss_def *soft; /* of a loss of classes: the same for targets that are values (mixed labels); NULL */
} ln_loss_def;
const ln_loss_def *ln_loss_find(const char *name);
const ln_loss_def *ln_loss_at(int32_t index); /* NULL past the last */

/* ---- optimizers (updates.def, update_*.c) ---- */

/* Arrays that optimizers work on have room for a multiple of LN_UPDATE_MULTIPLE elements: what lies past the last one
 * may become anything. */
enum { LN_UPDATE_SLOTS = 3, LN_UPDATE_NUMBERS = 12, LN_UPDATE_MULTIPLE = 4 };

/* One step of an optimizer as operators: tensors of the graph, -1 where it does not keep a slot. */
typedef struct ln_update_graph {
  const ln_settings *s;
  const ln_parameter *list;
  double decay;
  bool is_weight; /* as of ln_param: the ratio of norms is 1 for others */
  int32_t step;   /* float32 [], from 1 */
  int32_t rate;   /* float32 []: a constant or what a schedule gives */
  int32_t values, gradient;
  int32_t slots[LN_UPDATE_SLOTS];
  int32_t new_values; /* made: of the shapes of what they replace */
  int32_t new_slots[LN_UPDATE_SLOTS];
} ln_update_graph;

typedef struct ln_update_def {
  const char *name, *what;      /* "adam" */
  int32_t slots;                /* arrays as long as the weights that it keeps, */
  float first[LN_UPDATE_SLOTS]; /* each filled with so much at the beginning */
  /* Where parameters say which slots are kept (the bits of them; the others are NULL in slots[]), and may say what
   * they begin with. NULL: all. */
  uint32_t (*used)(const ln_settings *s, const ln_parameter *list, float first[LN_UPDATE_SLOTS]);
  double decay; /* where no weight_decay is chosen */
  /* Wants numbers[LN_UPDATE_NUMBERS - 2]: the norm (ln_norm) of the weights, and - 1: of the gradient, after `before`;
   * both 0 where the parameter is no weight. */
  bool norms;
  const ln_parameter *parameters;
  /* What one step needs beside the weights; `step` counts from 1. */
  void (*prepare)(const ln_settings *s, const ln_parameter *list, int64_t step, double rate, double decay,
                  float numbers[LN_UPDATE_NUMBERS]);
  /* As `update`, for all elements before the norms are taken: the gradient becomes what is to be subtracted. NULL:
   * nothing. */
  void (*before)(const float numbers[LN_UPDATE_NUMBERS], float *values, float *gradient, float *const *slots,
                 size_t begin, size_t end);
  /* Elements [begin, end) of one tensor: each alone, so that results do not depend on how they are shared. `begin` is a
   * multiple of LN_UPDATE_MULTIPLE. */
  void (*update)(const float numbers[LN_UPDATE_NUMBERS], float *values, const float *gradient, float *const *slots,
                 size_t begin, size_t end);
  /* The same as operators, for training signatures; g->status says what failed. */
  void (*emit)(ln_grad *g, ln_update_graph *u);
} ln_update_def;
const ln_update_def *ln_update_find(const char *name);
const ln_update_def *ln_update_at(int32_t index); /* NULL past the last */
/* The bits of the slots that are kept, and what they begin with. */
uint32_t ln_update_used(const ln_update_def *def, const ln_settings *s, float first[LN_UPDATE_SLOTS]);

/* Learning rates over time (schedules.def): what `rate` becomes at `step` of `steps` (from 0). */
typedef struct ln_schedule_def {
  const char *name, *what; /* "cosine" */
  const ln_parameter *parameters;
  double (*factor)(const ln_settings *s, const ln_parameter *list, int64_t step, int64_t steps, int64_t epoch_steps);
  ln_status (*check)(const ln_settings *s, const ln_parameter *list, ln_error *err); /* of texts; NULL */
} ln_schedule_def;
const ln_schedule_def *ln_schedule_find(const char *name);
const ln_schedule_def *ln_schedule_at(int32_t index); /* NULL past the last */

/* ---- what is done to gradients and weights beside (clip.c, average.c, plateau.c) ---- */

/*
 * Euclidean norms, the same to the last bit however work is shared: squares are summed in doubles, in blocks of
 * LN_NORM_BLOCK elements, and the blocks' sums in pairs. Of several arrays the squares are added.
 */
enum { LN_NORM_BLOCK = 4096 };
double ln_norm_square(const float *values, size_t count);
double ln_norm(const float *values, size_t count);

/* Limits each element to [-most, most]; NaN stays. */
void ln_clip_value(float *values, size_t begin, size_t end, double most);
void ln_scale(float *values, size_t begin, size_t end, double by);
/* What arrays of that norm are to be scaled by for it to be `most`; 1 where it is no larger. */
double ln_clip_factor(double norm, double most);
void ln_clip_norm(float *values, size_t count, double most);
/* Moving averages of weights (Polyak and Juditsky, Acceleration of stochastic approximation by averaging, 1992). */
double ln_average_momentum(double momentum, int64_t step, bool warm); /* `warm`: less in the first steps (from 1) */
void ln_average_update(float *average, const float *values, size_t begin, size_t end, double momentum);

/* A result that is looked at after each epoch: {0} at the beginning. All of it belongs into a checkpoint. */
typedef struct ln_watch {
  double best;
  int64_t seen, wait, cooldown;
} ln_watch;
/* Whether the value is the best so far, by more than min_delta. NaN never is. */
bool ln_watch_better(const ln_watch *w, double value, double min_delta, bool larger_is_better);
/* Ends training after `patience` values in a row that are not better. `*better`: this one is. */
bool ln_early_stop_update(ln_watch *w, double value, double min_delta, bool larger_is_better, int64_t patience,
                          bool *better);
/* What the rate is multiplied with from here on: `factor` after `patience` values in a row that are not better, then
 * not again for `cooldown` more; else 1. */
double ln_plateau_update(ln_watch *w, double value, double min_delta, bool larger_is_better, int64_t patience,
                         int64_t cooldown, double factor);

/* ---- metrics (metrics.def) ---- */

/* What a metric is told of. */
typedef struct ln_metric_input {
  ln_target_kind target;
  size_t outputs; /* for each target: the classes, where targets are classes; else the elements of a sample's output */
  bool logits; /* outputs are what a softmax or logistic function would make probabilities of; false: probabilities */
  bool yes_or_no; /* each output is about a class of its own (the loss absorbs LOGISTIC, or there is one output only) */
} ln_metric_input;

/* Counts of classes [classes, classes]: rows what they are, columns what they were taken for. The metric's own. */
typedef struct ln_metric_matrix {
  size_t classes;
  const int64_t *counts;
} ln_metric_matrix;

typedef struct ln_metric_def {
  const char *name, *what; /* "accuracy" */
  const ln_parameter *parameters;
  int32_t targets; /* bits 1 << ln_target_kind that it takes */
  void *(*create)(const ln_settings *s, const ln_parameter *list, const ln_metric_input *input); /* NULL: no memory */
  /* One target: the outputs for it (not absorbed: as the model gives them), and its class (const int32_t *, in range)
   * or values (const float *[outputs]). A class of a model with one output is 0 or 1. false: no memory. */
  bool (*add)(void *state, const float *output, const void *target);
  double (*result)(const void *state); /* NaN where nothing was added that it can be told from */
  void (*destroy)(void *state);
  ln_metric_matrix (*matrix)(const void *state); /* NULL: it has none */
} ln_metric_def;
const ln_metric_def *ln_metric_find(const char *name);
const ln_metric_def *ln_metric_at(int32_t index); /* NULL past the last */
/* Whether the metric is among those of the option `metrics`, "auto" and "none" left aside. */
bool ln_metric_chosen(const ln_settings *s, const ln_metric_def *metric);

/* ---- augmentation (augments.def) ---- */

typedef struct ln_random ln_random;
typedef struct ln_batch {
  int32_t count;
  int32_t input_count;
  float *const *inputs;   /* [count, ...] of each input that is float32; NULL: another type */
  const ln_shape *shapes; /* of each input, the batch counted */
  int32_t classes;        /* outputs of a sample */
  const int32_t *labels;  /* [count] NULL: values */
  float *targets;         /* [count, classes]: values, or what labels became ("soft" is set then) */
  bool soft;              /* targets hold for labels, too: a form with values of the loss is used */
} ln_batch;

/* A sample of an input: a picture, a sound (height 1, the frames its width), or any numbers. Channel c of the pixel at
 * (y, x) lies at data[y * y_step + x * x_step + c * c_step]. */
typedef struct ln_augment_view {
  float *data;
  float *other; /* the same of the sample that it is mixed with; NULL */
  size_t count; /* numbers of either */
  int32_t height, width, channels;
  size_t y_step, x_step, c_step;
  /* Where the pixel at (x, y) comes from: x * move[0] + y * move[1] + move[2], then y's alike. Rows that move pixels
   * add to it, so that pixels are interpolated once. */
  double move[6];
  char fill;    /* what stands beyond the edge: 'r' what lies within, mirrored; 'e' the edge itself; 'z' zeros */
  double share; /* what rows that mix leave of the sample, 0 .. 1: of its target, too */
} ln_augment_view;

typedef enum ln_augment_kind {
  LN_AUGMENT_MOVES,   /* pixels, by `move` alone; these rows come first */
  LN_AUGMENT_PICTURE, /* [batch, height, width, channels], or with the channels first, or without */
  LN_AUGMENT_SOUND,   /* [batch, frames] or [batch, frames, channels] */
  LN_AUGMENT_ANY
} ln_augment_kind;

typedef struct ln_augment_def {
  const char *name, *what; /* "flip": also the parameter that turns it on */
  const ln_parameter *parameters;
  ln_augment_kind kind;
  bool mixes; /* two samples, both in place; targets follow by `share` */
  /* Changes a sample by numbers of its own: the same ones for each of its inputs. */
  void (*apply)(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *view);
} ln_augment_def;
const ln_augment_def *ln_augment_at(int32_t index); /* NULL past the last */
/* Whether a row that mixes was chosen: targets are values then, even of labels, and the batch has memory for them. */
bool ln_augment_mixes(const ln_settings *s);
/* Whether any row was chosen. */
bool ln_augment_any(const ln_settings *s);
/*
 * Does to a batch what was chosen, by numbers that hang on the seed, the epoch and each sample's own index ([count])
 * alone. Where rows mix, labels become values (one for the class) unless `soft` says that they have been. An error
 * names a row that no input fits.
 */
ln_status ln_augment_batch(const ln_settings *s, uint64_t seed, int64_t epoch, const int64_t *indices, ln_batch *batch,
                           ln_pool *pool, ln_error *err);
/* For rows: within [-most, most); a pixel's number; the mean of a channel. */
double ln_augment_between(ln_random *random, double most);
static inline float *ln_augment_pixel(const ln_augment_view *v, int32_t y, int32_t x, int32_t c) {
  return v->data + ((size_t)y * v->y_step + (size_t)x * v->x_step + (size_t)c * v->c_step);
}
float ln_augment_mean(const ln_augment_view *view, int32_t channel);
/* Takes pixels from where `view->move` says; `scratch` has room for the sample. */
void ln_augment_warp(ln_augment_view *view, float *scratch);

/* Numbers from a place of their own: the same for a seed, whatever the number of threads. */
struct ln_random {
  uint64_t seed, stream, at;
  uint32_t words[4];
};
/* What numbers are for: streams of one purpose never meet another's. */
typedef enum ln_random_purpose {
  LN_RANDOM_SHUFFLE = 1, /* the order of an epoch's samples */
  LN_RANDOM_AUGMENT,     /* with the row's name above it */
  LN_RANDOM_DROPOUT,
  LN_RANDOM_SPLIT,
  LN_RANDOM_OTHER
} ln_random_purpose;
void ln_random_begin(ln_random *r, uint64_t seed, uint64_t purpose, uint64_t epoch, uint64_t index);
uint32_t ln_random_word(ln_random *r);
double ln_random_unit(ln_random *r);                    /* [0, 1) */
uint64_t ln_random_below(ln_random *r, uint64_t bound); /* [0, bound) */
float ln_random_normal(ln_random *r);
/* 0 .. count - 1 in the order of epoch `epoch`. */
void ln_random_permutation(uint64_t seed, uint64_t epoch, int64_t count, int64_t *out); /* [count] */

/* ---- what is trained ---- */

typedef struct ln_param {
  const char *name;  /* of the tensor */
  const char *layer; /* of `linnet.layers`, or the name of the operator's output */
  int32_t tensor;    /* of the trainer's graph; -1: no tensor of it (a range that is learned, say) */
  int32_t op;        /* the first operator that reads it; -1 */
  ln_shape shape;
  size_t count;
  int32_t axis;   /* of the shape that output channels lie along; -1: none */
  bool is_weight; /* a layer's matrix: what decay, pruning, clustering and quantization take; else a bias or the like */
  float *values;  /* [count] what is trained */
  float *used;    /* [count] what the step and the result read: `values`, or what the forms make of them */
  float *gradient;               /* [count] by `used`, after a step; forms make it one by `values` */
  float *slots[LN_UPDATE_SLOTS]; /* the optimizer's */
  float *average;                /* [count] moving average of `values` where it is asked for; NULL */
  int32_t step_tensor;           /* in the graph that is being made */
  int32_t clusters; /* values that `used` takes, of the whole tensor, by what the form `cluster` does; 0: any */
} ln_param;

/* What is done to weights in training (forms.def), in the order of the rows: each makes `used` from what the ones
 * before it left there. */
typedef struct ln_form_def {
  const char *name, *what; /* "prune": the parameter of this name chooses the form and is in the row's list */
  const ln_parameter *parameters;
  /* Called where the form was chosen, before the step's graph is made. `*state` is the form's own. */
  ln_status (*begin)(ln_trainer *t, void **state);
  /* May add operators to a graph that is about to be differentiated or evaluated: the trainer's tensors have the same
   * numbers in it. `training` false: the graph that evaluates. NULL: none. */
  ln_status (*rewrite)(ln_trainer *t, void *state, ln_grad *g, bool training);
  /* Before step `step` of `steps` (from 0). NULL: nothing. */
  ln_status (*before_step)(ln_trainer *t, void *state, int64_t step, int64_t steps);
  /* Changes p->used in place. */
  void (*apply)(ln_trainer *t, void *state, ln_param *p);
  /* Changes p->gradient in place; called in the opposite order of apply. NULL: it passes straight through. */
  void (*back)(ln_trainer *t, void *state, ln_param *p);
  /* After the update of p->values (zeros stay zeros, say). NULL: nothing. */
  void (*after_update)(ln_trainer *t, void *state, ln_param *p);
  /* After the last step: the trainer's model holds what was trained as floats; changes it (quantizes it, encodes). */
  ln_status (*finish)(ln_trainer *t, void *state, ln_optimizer *o);
  /* After a checkpoint, which anyone may have written, was put into what ln_trainer_keep lists: makes that safe to go
   * on with; false where it was not. NULL: any bytes are. */
  bool (*restored)(ln_trainer *t, void *state);
  void (*destroy)(ln_trainer *t, void *state);
} ln_form_def;
const ln_form_def *ln_form_at(int32_t index); /* NULL past the last */

/* ---- the step (step.c) ---- */

typedef struct ln_step_extra ln_step_extra;
/*
 * A graph with what is trained as inputs. Inputs of the session: the model's, then the target, the samples' weights
 * (float32 [batch]: the loss is the sum of loss * weight), the parameters in their order, then what rewriting added.
 * Outputs: the loss [], the losses [batch], the predictions, then, of the step that trains, the gradients in the order
 * of the parameters, and what rewriting added. Parameters and gradients are bound to the trainer's memory.
 */
typedef struct ln_step {
  ln_model *model;
  ln_session *session;
  int32_t batch;
  int32_t input_count; /* of the model */
  ln_step_extra *extras;
} ln_step;
enum { LN_STEP_LOSS = 0, LN_STEP_LOSSES = 1, LN_STEP_PREDICTION = 2, LN_STEP_OUTPUTS = 3 };

/* Makes the step that trains or evaluates: t->params are there, and t->prediction. */
ln_status ln_step_make(ln_trainer *t, int32_t batch, bool training, ln_step *step);
void ln_step_destroy(ln_step *step);
float *ln_step_weights(const ln_step *step); /* [batch] */
void *ln_step_target(const ln_step *step);
/* Fills what rewriting added, runs, and hands on what it asked for. */
ln_status ln_step_run(ln_trainer *t, ln_step *step);
const float *ln_step_output(const ln_step *step, int32_t output, size_t *count);

/*
 * For rewriting: an input of the step that `fill` writes before each run (dropout's masks, the ranges of fake
 * quantization), and an output that `take` reads after it (the statistics of a batch). Give the tensor in the graph.
 */
typedef void ln_step_fill_fn(ln_trainer *t, void *user, float *values, size_t count);
typedef void ln_step_take_fn(ln_trainer *t, void *user, const float *values, size_t count);
int32_t ln_step_add_input(ln_trainer *t, ln_grad *g, const char *name, const ln_shape *shape, ln_step_fill_fn *fill,
                          void *user);
ln_status ln_step_add_output(ln_trainer *t, ln_grad *g, int32_t tensor, ln_step_take_fn *take, void *user);
/* A parameter that lives in no tensor of the model (a learned range), for each graph the same by its name: its tensor
 * in this graph. `first` [elements] are its values to begin with. */
int32_t ln_step_add_param(ln_trainer *t, ln_grad *g, const char *name, const ln_shape *shape, const float *first,
                          ln_param **out);

/* ---- the trainer ---- */

typedef struct ln_form {
  const ln_form_def *def;
  void *state;
} ln_form;

typedef struct ln_metric {
  const ln_metric_def *def;
  void *state;
} ln_metric;

enum { LN_METRICS_MOST = 16 };

/* What a checkpoint holds beside the parameters. */
typedef struct ln_kept {
  const char *name;
  void *data;
  size_t bytes;
  struct ln_kept *next;
} ln_kept;

struct ln_trainer {
  ln_arena arena;
  const ln_model *source;
  ln_error *err; /* of the call in hand */
  ln_settings *settings;
  bool opened, begun; /* ln_trainer_open, ln_trainer_begin have been called */
  bool averages;      /* whether `used` is made of averages while forms are applied */
  ln_optimizer o;     /* the model as it is trained: an edit of the source, of the graph that is trained */
  ln_optimize_options no_options;
  const ln_loss_def *loss;
  const ln_update_def *update;
  const ln_schedule_def *schedule;
  ln_form *forms; /* [form_count] in use, in the rows' order */
  int32_t form_count;
  ln_train_data data, validation; /* without samples: none */
  ln_model *teacher;
  ln_param **params;
  int32_t param_count, param_room;
  const int32_t *inputs; /* [input_count] tensors, in the order of a session of the source */
  int32_t input_count;
  int32_t output;                   /* the tensor that predictions are read from */
  int32_t prediction;               /* what the loss reads: `output`, or what the operator that it absorbs reads */
  size_t classes;                   /* elements of a sample's prediction */
  int64_t step, steps, epoch_steps; /* steps done, of all, of an epoch */
  double rate_factor;               /* what plateaus left of the learning rate */
  ln_step train, evaluate;
  struct ln_step_making *making; /* the step that is being made (step.c) */
  ln_session **readers;          /* [reader_count] whose inputs samples fill, one a thread (loader.c) */
  int32_t reader_count;
  int64_t *order; /* [samples] of the epoch `order_epoch` */
  int64_t order_epoch;
  float *class_weights; /* [class_count]; NULL: all 1 */
  int32_t class_count;
  double loss_sum, weight_sum; /* of the epoch so far */
  int64_t *confusion;          /* [confusion_classes, confusion_classes] of the last evaluation; NULL */
  size_t confusion_classes;
  const char *found_names[LN_METRICS_MOST]; /* of the last ln_trainer_evaluate, for its caller */
  double found[LN_METRICS_MOST];
  ln_watch stopping, plateau;
  int64_t stopped;              /* 1: no step is left to do, whatever the epochs say */
  float **best;                 /* [param_count] the best epoch's values, where they are asked for */
  struct ln_teaching *teaching; /* teacher.c; NULL: none */
  ln_kept *kept;
  struct ln_train_layers *layers; /* normalize.c */
};

/* ---- of the trainer, for its own files ---- */

/* Makes what does not depend on data: the edit of the model, its ends, the parameters. Nothing where it was made. */
ln_status ln_trainer_open(ln_trainer *t);
/* Makes all that the first step needs; nothing where it was made already. */
ln_status ln_trainer_begin(ln_trainer *t);
/* Adds a parameter, whose name and shape are the arena's, with memory for all that it keeps. */
ln_status ln_trainer_add_param(ln_trainer *t, const ln_param *param, const float *values);
/* The parameter that tensor `tensor` of the trainer's graph is; NULL: it is not trained. */
ln_param *ln_trainer_param(const ln_trainer *t, int32_t tensor);
/* Lists memory that a checkpoint saves and restores; its name is its own. The memory stays. */
ln_status ln_trainer_keep(ln_trainer *t, const char *name, void *data, size_t bytes);
/* Runs fn(user, begin, end) over [0, count) on the trainer's threads, in parts of whole multiples of 4096. */
void ln_trainer_share(ln_trainer *t, size_t count, void (*fn)(void *user, size_t begin, size_t end), void *user);
/* Makes `used` of all parameters from their values, or from their averages. */
void ln_trainer_use(ln_trainer *t, bool averages);
/* Changes the weights by the gradients that the step left (descend.c). */
void ln_trainer_descend(ln_trainer *t, double rate);

/* Looks at an epoch's result: may end training, lower the rate, or remember the weights (watch.c). */
ln_status ln_trainer_watch(ln_trainer *t, double loss, const char *const *names, const double *values, int32_t count);
ln_status ln_trainer_watch_begin(ln_trainer *t);
/* Puts the best epoch's weights in place of the last one's. */
void ln_trainer_take_best(ln_trainer *t);
/* What each class weighs (weights.c). */
ln_status ln_trainer_weigh_classes(ln_trainer *t);

/* The teacher's part of the loss (teacher.c): makes its session, adds its outputs to the loss, runs it on a batch. */
ln_status ln_teacher_begin(ln_trainer *t);
ln_status ln_teacher_add_loss(ln_trainer *t, ln_grad *g, int32_t *losses);
ln_status ln_teacher_run(ln_trainer *t, const ln_step *step);
void ln_teacher_destroy(ln_trainer *t);

/* ---- batches (batch.c, loader.c) ---- */

ln_status ln_loader_begin(ln_trainer *t);
void ln_loader_end(ln_trainer *t);

/* (loader.c) Fills samples, targets and weights of a step from `count` samples; the rest of the batch repeats them and
 * weighs 0. `augment`: with the epoch's changes. */
ln_status ln_batch_fill(ln_trainer *t, ln_step *step, const ln_train_data *data, const int64_t *indices, int32_t count,
                        int64_t epoch, bool augment);
/* "sample 12 (cats/07.jpg)" */
const char *ln_batch_name(const ln_train_data *data, int64_t index, char *buffer, size_t size);
/* Labels in range, classes that have samples, sizes that agree: LN_ERR_DATA naming the sample. */
ln_status ln_batch_check(ln_trainer *t, const ln_train_data *data);

/* ---- changes of the graph ---- */

/*
 * Gives every input of the graph a first dimension of `batch` samples, where it is open or 1, and all tensors the
 * shapes that follow; constants that fix it on the way are mended (rebatch.c). Sample i of the outputs is then what the
 * graph gave of sample i alone. LN_ERR_UNSUPPORTED, naming the operator, where that cannot be had: the graph is to be
 * thrown away.
 */
ln_status ln_train_rebatch(ln_optimizer *o, int32_t batch);
/*
 * What can be trained: all that `regex` (NULL: everything) finds in the name of tensor, layer or output; name, layer,
 * tensor, op, shape, count, axis and is_weight are filled in, in the arena of `o` (select.c). What is chosen becomes
 * float, and with it the whole graph where its operator works in integers: tensors keep their numbers, operators may
 * move. LN_ERR_NOT_FOUND where nothing fits.
 */
ln_status ln_train_list(ln_optimizer *o, const char *regex, ln_param **out, int32_t *count);

/* ---- what a file says of its layers: docs/builder.md (layer_notes.c) ---- */

typedef struct ln_layer_note {
  const char *kind, *name;     /* "Conv2D", "stem" */
  const char **keys, **values; /* [count] "kernel" and "stem/kernel"; two more have room */
  int32_t count;
} ln_layer_note;

typedef struct ln_layer_notes {
  ln_layer_note *list; /* [count] */
  int32_t count;
} ln_layer_notes;

/* Texts are the arena's; a file that says nothing gives none. */
ln_status ln_layer_notes_read(const ln_model *model, ln_arena *arena, ln_error *err, ln_layer_notes *out);
ln_status ln_layer_notes_write(ln_model *model, const ln_layer_notes *notes, ln_error *err);
const char *ln_layer_note_get(const ln_layer_note *note, const char *key); /* NULL: it is not said */
/* Texts must stay; NULL takes the key away. At most two new ones. */
void ln_layer_note_set(ln_layer_note *note, const char *key, const char *value);

/* ---- layers that train otherwise than they run (normalize.c) ---- */

/*
 * Batch normalizations (Ioffe and Szegedy, "Batch Normalization", 2015) that a built model has as MUL and ADD, and
 * dropouts (Srivastava and others, "Dropout", 2014), as the file's notes list them. Called once parameters are known.
 */
ln_status ln_train_layers_begin(ln_trainer *t);
/* Whether there are normalizations in training: parameters are theirs alone, not those of the model that runs. */
bool ln_train_layers_normalize(const ln_trainer *t);
/* In a graph that trains: normalization by the batch's mean and variance, which moving averages follow after each run,
 * and masks; in one that evaluates: by the moving averages. Before forms change the graph. */
ln_status ln_train_layers_rewrite(ln_trainer *t, ln_grad *g, bool training);
/* In the result, whose constants have been set: normalizations become constants, folded into the layers before them
 * where those can take them; dropouts go. Tensors keep their numbers. */
ln_status ln_train_layers_finish(ln_trainer *t, ln_optimizer *o);

/* The model that is edited names the classes of its first output (labels.c); without names it says nothing of it. */
ln_status ln_train_name_classes(ln_model *model, const char *const *names, int32_t count, ln_error *err);

/* ---- floats (floats.c) ---- */

/* A constant in whatever form becomes the dense float32 that it stands for. */
ln_status ln_train_make_float(ln_optimizer *o, int32_t tensor);
/* The graph in floats: quantized tensors become those that they stand for, but the inputs, which stay as callers fill
 * them. */
ln_status ln_train_dequantize(ln_optimizer *o);
/* Drops operators that nothing reads. */
ln_status ln_train_drop_unused(ln_optimizer *o);

#endif
