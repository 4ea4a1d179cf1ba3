/*
 * Training: any model with float weights (or quantized ones, which become floats) learns from samples. A trainer is
 * made of a model, given options by name and data, and run; its result is a model again. Options are texts, the same
 * ones as the tool's: ln_train_parameter lists them, docs/train.md describes them. Results do not depend on the number
 * of threads.
 */
#ifndef LINNET_TRAIN_H
#define LINNET_TRAIN_H

#include "linnet/model.h"
#include "linnet/optimize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what can be chosen ---- */

/* Parameter `index` of all, with the choice that it belongs to ("adam" of "optimizer"; NULL: of every training).
 * LN_ERR_ARGUMENT past the last. */
typedef struct ln_train_option {
  size_t size; /* sizeof(ln_train_option), set by the caller */
  const ln_parameter *parameter;
  const char *choice; /* "adam"; NULL */
  const char *kind;   /* "optimizer", "loss", "schedule", "metric", "form"; NULL */
} ln_train_option;
LN_API ln_status ln_train_option_get(int32_t index, ln_train_option *out);
/* Name and description of choice `index` of "loss", "optimizer", "schedule", "metric", "form"; NULL past the last. */
LN_API const char *ln_train_choice(const char *kind, int32_t index, const char **what);

/* ---- data ---- */

/* Samples with what is to be learned of each. */
typedef struct ln_train_data {
  size_t size;               /* sizeof(ln_train_data) */
  const ln_samples *samples; /* fill the inputs of a session of the model whose first dimension is 1 */
  const int32_t *labels;     /* [count, label_count] classes; NULL */
  int64_t label_count;       /* of a sample; 0: one */
  const float *targets;      /* [count, target_count] values; NULL */
  int64_t target_count;      /* of a sample: the elements of its output */
  const float *weights;      /* [count] of each sample; NULL: 1 */
  const char *(*name)(void *user, int64_t index); /* for messages; NULL: by number */
  void *user;
} ln_train_data;

#define LN_TRAIN_DATA_INIT \
  { sizeof(ln_train_data), NULL, NULL, 0, NULL, 0, NULL, NULL, NULL }

/* ---- training ---- */

typedef struct ln_trainer ln_trainer;

/* `model` must outlive the trainer. A trainer belongs to one thread. */
LN_API ln_status ln_trainer_create(const ln_model *model, ln_error *err, ln_trainer **out);
LN_API void ln_trainer_destroy(ln_trainer *trainer); /* NULL is fine */
/* An option by its name, before the first step; LN_ERR_NOT_FOUND, LN_ERR_ARGUMENT naming it. */
LN_API ln_status ln_trainer_set(ln_trainer *trainer, const char *name, const char *value, ln_error *err);
/* Both must outlive the trainer; `validation` may be NULL. */
LN_API ln_status ln_trainer_set_data(ln_trainer *trainer, const ln_train_data *data, const ln_train_data *validation,
                                     ln_error *err);
/* The model that another one's outputs are learned from (distillation); must outlive the trainer. */
LN_API ln_status ln_trainer_set_teacher(ln_trainer *trainer, ln_model *teacher, ln_error *err);

/* After a step, an epoch: false ends training after it, as if it had been the last. */
typedef struct ln_train_event {
  size_t size;            /* sizeof(ln_train_event) in the library: fields past it are not there */
  int64_t step, steps;    /* done, of all */
  int64_t epoch, epochs;  /* whole ones done */
  int64_t samples;        /* trained on since the beginning of the call */
  double seconds;         /* since then */
  double loss;            /* mean since the epoch's beginning */
  double rate;            /* the learning rate */
  double validation_loss; /* NaN within an epoch, and without validation data */
  int32_t metric_count;
  const char *const *metric_names; /* "accuracy", "validation_accuracy" */
  const double *metrics;
  bool epoch_ended;
  /* After an epoch, where the metric confusion-matrix is chosen: how many samples of each class (row) were taken for
   * each (column), [class_count, class_count], of the validation data where there are any. Until the next; NULL: none.
   */
  const int64_t *confusion;
  int32_t class_count;
} ln_train_event;
typedef bool (*ln_train_fn)(void *user, const ln_train_event *event);

/* All epochs that are left. What went wrong names the sample where one is at fault. */
LN_API ln_status ln_trainer_run(ln_trainer *trainer, ln_train_fn callback, void *user, ln_error *err);
/* One step on `count` samples by their numbers, for loops of the caller's own; the mean loss. */
LN_API ln_status ln_trainer_step(ln_trainer *trainer, const int64_t *samples, int32_t count, ln_error *err,
                                 double *loss);
/* What training sees of `count` samples, a batch at most, in epoch `epoch` (from 0), changed as was chosen; below 0: as
 * they are. Input `input` of the model in `*out`, a sample a row: the trainer's own, until its next call. */
LN_API ln_status ln_trainer_preview(ln_trainer *trainer, const int64_t *samples, int32_t count, int64_t epoch,
                                    int32_t input, ln_error *err, const ln_tensor **out);
/* Loss and metrics over data. */
LN_API ln_status ln_trainer_evaluate(ln_trainer *trainer, const ln_train_data *data, ln_error *err,
                                     ln_train_event *out);
/* What was trained, as a model of its own: the caller's. */
LN_API ln_status ln_trainer_make(ln_trainer *trainer, ln_error *err, ln_model **out);

/* ---- training signatures ---- */

enum { LN_BATCH_OPEN = -1 };

typedef struct ln_trainable_options {
  size_t size;             /* sizeof(ln_trainable_options) */
  int32_t batch;           /* of the signatures; LN_BATCH_OPEN: any; 0: any where the model allows it, else its own */
  const char *checkpoints; /* "flex" (NULL), "arrays" or "none": what `save` and `restore` are */
} ln_trainable_options;

#define LN_TRAINABLE_OPTIONS_INIT \
  { sizeof(ln_trainable_options), 0, NULL }

/*
 * The trainer's model with training inside it, as TensorFlow Lite's on-device training has it: signatures `train` (the
 * model's inputs and `labels`, int32, or `targets`, float32; gives `loss`, the mean over the batch before the step, and
 * the prediction), `eval` (the same without a step), `infer`, `save` and `restore`. Weights that the trainer's options
 * choose, the optimizer's slots and the number of steps are variables, which begin as they are in the trainer; the rest
 * stays constant. All but `save` and `restore` is made of builtin operators, so that stock LiteRT trains the file too.
 * Checkpoints are TensorFlow's Save and Restore with the path of a file ("flex"), tensors in and out ("arrays"), or
 * not there ("none"). The trainer needs no data. `options` may be NULL. `*out` is the caller's.
 */
LN_API ln_status ln_trainable_make(ln_trainer *trainer, const ln_trainable_options *options, ln_error *err,
                                   ln_model **out);

/* The training's state as a file, written beside and moved into place; resuming is exact. */
LN_API ln_status ln_trainer_save(ln_trainer *trainer, const char *path, ln_error *err);
/* LN_ERR_DATA for a file that is damaged or belongs to other options, another model or other data. */
LN_API ln_status ln_trainer_restore(ln_trainer *trainer, const char *path, ln_error *err);

/* ---- how good boxes are ---- */

/* A box that a model found, or one that is there. */
typedef struct ln_image_box {
  int64_t image;
  int32_t label;
  float score;          /* of one that was found */
  float y1, x1, y2, x2; /* in any unit */
} ln_image_box;

/*
 * Mean average precision over the classes that are there (Lin et al., Microsoft COCO, 2014): precision at 101 recalls.
 * A box is right where it covers a truth of its picture and class, which no better one has, with an intersection over
 * union of at least `first`; of several `thresholds`, 0.05 apart, the mean: (0.5, 1) is mAP at 0.5, (0.5, 10) mAP at
 * 0.5:0.95. NaN without truths.
 */
LN_API ln_status ln_box_map(const ln_image_box *found, int64_t found_count, const ln_image_box *truths,
                            int64_t truth_count, double first, int32_t thresholds, ln_error *err, double *out);

/* ---- transfer: any model as a backbone with a new head ---- */

/*
 * The model up to `cut`, a tensor by its name or a layer of the file's notes (docs/builder.md); NULL: up to what its
 * last layer with weights reads. That is the only output then, in floats; all before it stays as it is, quantized or
 * not. `*out` is the caller's. LN_ERR_NOT_FOUND where there is no such tensor.
 */
LN_API ln_status ln_backbone_cut(const ln_model *model, const char *cut, ln_error *err, ln_model **out);
/*
 * One model of the backbone, which has one output, and the head, whose one input takes it; its first output is the
 * result's. Heads are built with `backbone` of ln_builder_options, or any models. `*out` is the caller's.
 */
LN_API ln_status ln_backbone_join(const ln_model *backbone, const ln_model *head, ln_error *err, ln_model **out);

/* What a backbone makes of samples, computed once: samples again, of a head that is trained alone. */
typedef struct ln_features ln_features;
/* `progress` may be NULL. The result, the caller's, is the same whatever the number of threads. */
LN_API ln_status ln_features_compute(ln_model *backbone, const ln_samples *samples, int32_t threads,
                                     ln_progress_fn progress, void *user, ln_error *err, ln_features **out);
LN_API const ln_samples *ln_features_samples(const ln_features *features); /* live as long as `features` */
LN_API void ln_features_destroy(ln_features *features);                    /* NULL is fine */

/* The model with names of the classes of its first output in its file, as its metadata and a file of labels; what the
 * metadata said of outputs goes. Without names (`count` 0) nothing is said. `*out` is the caller's. */
LN_API ln_status ln_model_name_classes(const ln_model *model, const char *const *names, int32_t count, ln_error *err,
                                       ln_model **out);

/* What a model's file says about it. Texts that are NULL stay as they were. */
typedef struct ln_description {
  size_t size; /* sizeof(ln_description) */
  const char *name, *description, *version, *author, *license;
  const float *normalize;     /* [2] pictures become (value - [0]) / [1] for the first input; NULL: nothing is said */
  const char *const *classes; /* [class_count] as ln_model_name_classes takes them */
  int32_t class_count;        /* 0: what is said of the outputs stays */
} ln_description;

#define LN_DESCRIPTION_INIT \
  { sizeof(ln_description), NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0 }

/* The model with that in its file; what its metadata said of the inputs goes where `normalize` is given. `*out` is the
 * caller's. */
LN_API ln_status ln_model_describe(const ln_model *model, const ln_description *description, ln_error *err,
                                   ln_model **out);

#ifdef __cplusplus
}
#endif
#endif
