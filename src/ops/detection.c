/*
 * TFLite_Detection_PostProcess: box offsets, class scores and anchors (floats or bytes) into the best boxes with their
 * classes and scores. Its options are FlexBuffers. Suppression is either fast (on each box's best score, the box then
 * given its best classes) or regular (for each class, the classes' boxes merged by score).
 */
#include <string.h>

#include "kernels/nms.h"
#include "ops/rows.h"

enum { OFFSETS, SCORES, ANCHORS };
enum { OUT_BOXES, OUT_CLASSES, OUT_SCORES, OUT_COUNT };

typedef struct detection_options {
  int64_t detections;      /* at most, of all classes */
  int64_t classes_each;    /* that a box may be given, fast form */
  int64_t detections_each; /* of one class at most, regular form */
  int64_t classes;         /* without the background */
  bool regular;
  float least_score, overlap;
  ln_box_offset scale;
} detection_options;

typedef struct detection_args {
  detection_options options;
  int32_t boxes, columns; /* of the scores: columns - classes is 1 when there is a background column, the first */
  int32_t offset_stride;
  int32_t most; /* that one suppression picks */
} detection_args;

typedef struct detection {
  int32_t box, class_index;
  float score;
} detection;

/* What a run works in, all within the node's scratch. */
typedef struct detection_work {
  ln_box *boxes;             /* [boxes] decoded when they are looked at first */
  int32_t *decoded;          /* [boxes] whether they are */
  float *scores;             /* [boxes] of the class at hand, or each box's best */
  int32_t *candidates;       /* [boxes] */
  int32_t *selected;         /* [most] */
  float *class_scores;       /* [classes] of one box */
  int32_t *best;             /* [2 * classes] its classes by score; then work for sorting them */
  detection *found, *merged; /* [detections] best first, before and after a merge */
} detection_work;

/* ---- options ---- */

static ln_status need_int(const ln_node *node, ln_error *err, const char *key, int64_t low, int64_t *out) {
  const ln_flex flex = {node->op->custom_options, node->op->custom_options_size};
  if (!ln_flex_int(flex, key, out)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the option %s is missing or no integer", key);
  }
  if (*out >= low && *out <= 1000000) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "the option %s is %lld", key, (long long)*out);
}

static ln_status need_float(const ln_node *node, ln_error *err, const char *key, float *out) {
  const ln_flex flex = {node->op->custom_options, node->op->custom_options_size};
  double value;
  if (!ln_flex_float(flex, key, &value)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the option %s is missing or no number", key);
  }
  *out = (float)value;
  return LN_OK;
}

static ln_status read_options(const ln_node *node, ln_error *err, detection_options *options) {
  const ln_flex flex = {node->op->custom_options, node->op->custom_options_size};
  LN_TRY(need_int(node, err, "max_detections", 1, &options->detections));
  LN_TRY(need_int(node, err, "max_classes_per_detection", 1, &options->classes_each));
  LN_TRY(need_int(node, err, "num_classes", 1, &options->classes));
  options->detections_each = 100;
  if (ln_flex_int(flex, "detections_per_class", &options->detections_each)) {
    LN_TRY(need_int(node, err, "detections_per_class", 0, &options->detections_each));
  }
  options->regular = false;
  ln_flex_bool(flex, "use_regular_nms", &options->regular);
  LN_TRY(need_float(node, err, "nms_score_threshold", &options->least_score));
  LN_TRY(need_float(node, err, "nms_iou_threshold", &options->overlap));
  LN_TRY(need_float(node, err, "y_scale", &options->scale.y));
  LN_TRY(need_float(node, err, "x_scale", &options->scale.x));
  LN_TRY(need_float(node, err, "h_scale", &options->scale.h));
  LN_TRY(need_float(node, err, "w_scale", &options->scale.w));
  if (!(options->overlap > 0.0f) || options->overlap > 1.0f) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "nms_iou_threshold is %g, must be in (0, 1]",
                        (double)options->overlap);
  }
  return LN_OK;
}

/* ---- shapes ---- */

static ln_status check_shapes(const ln_node *node, ln_error *err, const detection_options *options) {
  const ln_shape *offsets = &node->in[OFFSETS]->shape, *scores = &node->in[SCORES]->shape;
  const ln_shape *anchors = &node->in[ANCHORS]->shape;
  const bool ranks = offsets->rank == 3 && scores->rank == 3 && anchors->rank == 2;
  if (!ranks || offsets->dims[0] != 1 || scores->dims[0] != 1 || offsets->dims[2] < 4 || anchors->dims[1] != 4) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "inputs must be [1, boxes, 4], [1, boxes, classes] and [boxes, 4]");
  }
  if (scores->dims[1] != offsets->dims[1] || anchors->dims[0] != offsets->dims[1]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d offsets, %d scores and %d anchors", offsets->dims[1],
                        scores->dims[1], anchors->dims[0]);
  }
  if (scores->dims[2] != options->classes && scores->dims[2] != options->classes + 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d columns of scores for %lld classes", scores->dims[2],
                        (long long)options->classes);
  }
  return LN_OK;
}

ln_status ln_detection_infer(ln_node *node, ln_error *err) {
  detection_options options;
  LN_TRY(read_options(node, err, &options));
  LN_TRY(check_shapes(node, err, &options));
  const int64_t rows = options.detections * options.classes_each;
  if (rows > 1000000) return ln_node_fail(node, err, LN_ERR_MODEL, "%lld detections", (long long)rows);
  const int32_t boxes[3] = {1, (int32_t)rows, 4}, one = 1;
  const ln_shape box_shape = ln_shape_make(3, boxes), row_shape = ln_shape_make(2, boxes),
                 count = ln_shape_make(1, &one);
  LN_TRY(ln_node_set_shape(node, OUT_BOXES, &box_shape, err));
  LN_TRY(ln_node_set_shape(node, OUT_CLASSES, &row_shape, err));
  LN_TRY(ln_node_set_shape(node, OUT_SCORES, &row_shape, err));
  return ln_node_set_shape(node, OUT_COUNT, &count, err);
}

static ln_status check_quantization(const ln_node *node, ln_error *err) {
  for (int32_t i = 0; i < 3; ++i) {
    if (node->in[i]->type != LN_FLOAT32 && !(ln_scale_of(node->in[i]) > 0.0f)) {
      return ln_node_fail(node, err, LN_ERR_MODEL, "input %d \"%s\" has no usable scale", i, node->in[i]->name);
    }
  }
  return LN_OK;
}

enum { WORK_PARTS = 9 };

/* Bytes of each member of detection_work, in order (all of 4-byte items); returns their sum. */
static size_t work_sizes(const detection_args *args, size_t sizes[WORK_PARTS]) {
  const size_t boxes = (size_t)args->boxes, classes = (size_t)args->options.classes;
  const size_t found = (size_t)args->options.detections;
  size_t sum = 0;
  sizes[0] = boxes * sizeof(ln_box);
  sizes[1] = boxes * sizeof(int32_t);
  sizes[2] = boxes * sizeof(float);
  sizes[3] = boxes * sizeof(int32_t);
  sizes[4] = (size_t)args->most * sizeof(int32_t);
  sizes[5] = classes * sizeof(float);
  sizes[6] = 2 * classes * sizeof(int32_t);
  sizes[7] = sizes[8] = found * sizeof(detection);
  for (int i = 0; i < WORK_PARTS; ++i) sum += sizes[i];
  return sum;
}

static detection_work place_work(const detection_args *args, char *scratch) {
  size_t sizes[WORK_PARTS];
  void *parts[WORK_PARTS];
  work_sizes(args, sizes);
  for (int i = 0; i < WORK_PARTS; ++i) {
    parts[i] = scratch;
    scratch += sizes[i];
  }
  return (detection_work){parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], parts[6], parts[7], parts[8]};
}

ln_status ln_detection_prepare(ln_node *node, ln_prep *prep) {
  size_t sizes[WORK_PARTS];
  detection_args *args = LN_NODE_ARGS(node, prep, detection_args);
  if (args == NULL) return LN_ERR_MEMORY;
  LN_TRY(read_options(node, prep->err, &args->options));
  LN_TRY(check_shapes(node, prep->err, &args->options));
  LN_TRY(check_quantization(node, prep->err));
  args->boxes = node->in[OFFSETS]->shape.dims[1];
  args->offset_stride = node->in[OFFSETS]->shape.dims[2];
  args->columns = node->in[SCORES]->shape.dims[2];
  int64_t most = args->options.detections;
  if (args->options.regular && args->options.detections_each < most) most = args->options.detections_each;
  args->most = (int32_t)most;
  node->scratch_bytes = work_sizes(args, sizes);
  return LN_OK;
}

/* ---- values ---- */

static float stored_value(const ln_tensor *tensor, int32_t stored) {
  return ln_scale_of(tensor) * ((float)stored - (float)ln_zero_point_of(tensor));
}

static float value_at(const ln_tensor *tensor, size_t index) {
  if (tensor->type == LN_FLOAT32) return ((const float *)tensor->data)[index];
  return stored_value(tensor, tensor->type == LN_UINT8 ? ((const uint8_t *)tensor->data)[index]
                                                       : ((const int8_t *)tensor->data)[index]);
}

static ln_box_offset offset_at(const ln_tensor *tensor, size_t index) {
  const ln_box_offset offset = {value_at(tensor, index), value_at(tensor, index + 1), value_at(tensor, index + 2),
                                value_at(tensor, index + 3)};
  return offset;
}

/* ---- results ---- */

static void write_detection(const ln_node *node, int32_t row, const ln_box *box, int32_t class_index, float score) {
  memcpy((float *)node->out[OUT_BOXES]->data + 4 * (size_t)row, box, sizeof(ln_box));
  ((float *)node->out[OUT_CLASSES]->data)[row] = (float)class_index;
  ((float *)node->out[OUT_SCORES]->data)[row] = score;
}

static float score_of(const ln_node *node, const detection_args *args, int32_t box, int32_t class_index) {
  const int32_t background = args->columns - (int32_t)args->options.classes;
  return value_at(node->in[SCORES], (size_t)box * (size_t)args->columns + (size_t)(background + class_index));
}

/* The best score of a box's classes. */
static float best_score(const ln_node *node, const detection_args *args, int32_t box) {
  const ln_tensor *scores = node->in[SCORES];
  const int32_t classes = (int32_t)args->options.classes;
  const size_t first = (size_t)box * (size_t)args->columns + (size_t)(args->columns - classes);
  if (scores->type == LN_FLOAT32) {
    const float *row = (const float *)scores->data + first;
    float best = row[0];
    for (int32_t c = 1; c < classes; ++c) best = row[c] > best ? row[c] : best;
    return best;
  }
  /* Scales are positive: the greatest stored value stands for the greatest score. */
  return stored_value(scores, scores->type == LN_UINT8 ? ln_k_max_u8((const uint8_t *)scores->data + first, classes)
                                                       : ln_k_max_i8((const int8_t *)scores->data + first, classes));
}

static const ln_box *box_at(const ln_node *node, const detection_args *args, detection_work *work, int32_t box) {
  if (!work->decoded[box]) {
    const ln_box_offset offset = offset_at(node->in[OFFSETS], (size_t)box * (size_t)args->offset_stride);
    work->boxes[box] = ln_k_box_decode(offset, offset_at(node->in[ANCHORS], 4 * (size_t)box), args->options.scale);
    work->decoded[box] = 1;
  }
  return &work->boxes[box];
}

/* Picks the best of work->scores that do not overlap a better one, into work->selected; returns how many. */
static int32_t suppress(const ln_node *node, const detection_args *args, detection_work *work) {
  const detection_options *options = &args->options;
  int32_t picked = 0;
  int32_t left = ln_k_candidates_gather(work->scores, args->boxes, options->least_score, work->candidates);
  for (; left > 0 && picked < args->most; --left) {
    const int32_t candidate = ln_k_candidates_pop(work->scores, left, work->candidates);
    const ln_box *box = box_at(node, args, work, candidate);
    int32_t i = 0;
    while (i < picked && !(ln_k_box_overlap(&work->boxes[work->selected[i]], box) > options->overlap)) ++i;
    if (i == picked) work->selected[picked++] = candidate;
  }
  return picked;
}

/* A box is given its `classes_each` rows; those beyond the number of classes stay zero. */
static int32_t run_fast(const ln_node *node, const detection_args *args, detection_work *work) {
  const detection_options *options = &args->options;
  const int32_t classes = (int32_t)options->classes, rows_each = (int32_t)options->classes_each;
  for (int32_t b = 0; b < args->boxes; ++b) work->scores[b] = best_score(node, args, b);
  const int32_t picked = suppress(node, args, work);
  for (int32_t i = 0; i < picked; ++i) {
    const int32_t box = work->selected[i];
    for (int32_t c = 0; c < classes; ++c) {
      work->best[c] = c;
      work->class_scores[c] = score_of(node, args, box, c);
    }
    ln_k_sort_falling(work->class_scores, classes, work->best, work->best + classes);
    for (int32_t c = 0; c < rows_each && c < classes; ++c) {
      write_detection(node, i * rows_each + c, &work->boxes[box], work->best[c], work->class_scores[work->best[c]]);
    }
  }
  return picked;
}

/* Merges what one class picked into the detections so far, both by falling score; of equals the earlier class first. */
static int32_t merge_class(const detection_args *args, detection_work *work, int32_t class_index, int32_t have,
                           int32_t picked) {
  int32_t count = 0, left = 0, right = 0;
  while (count < args->options.detections && (left < have || right < picked)) {
    const bool take_left =
        right >= picked || (left < have && !(work->scores[work->selected[right]] > work->found[left].score));
    if (take_left) {
      work->merged[count++] = work->found[left++];
    } else {
      const int32_t box = work->selected[right++];
      work->merged[count++] = (detection){box, class_index, work->scores[box]};
    }
  }
  memcpy(work->found, work->merged, (size_t)count * sizeof(detection));
  return count;
}

static int32_t run_regular(const ln_node *node, const detection_args *args, detection_work *work) {
  const detection_options *options = &args->options;
  int32_t count = 0;
  for (int32_t c = 0; c < options->classes; ++c) {
    for (int32_t b = 0; b < args->boxes; ++b) work->scores[b] = score_of(node, args, b, c);
    const int32_t picked = suppress(node, args, work);
    count = merge_class(args, work, c, count, picked);
  }
  for (int32_t i = 0; i < count; ++i) {
    write_detection(node, i, &work->boxes[work->found[i].box], work->found[i].class_index, work->found[i].score);
  }
  return count;
}

ln_status ln_detection_run(const ln_node *node, ln_exec *exec) {
  const detection_args *args = node->args;
  detection_work work = place_work(args, exec->scratch);
  memset(work.decoded, 0, (size_t)args->boxes * sizeof(int32_t));
  for (int32_t i = 0; i < 3; ++i) memset(node->out[i]->data, 0, node->out[i]->bytes);
  const int32_t count = args->options.regular ? run_regular(node, args, &work) : run_fast(node, args, &work);
  *(float *)node->out[OUT_COUNT]->data = (float)count;
  return LN_OK;
}
