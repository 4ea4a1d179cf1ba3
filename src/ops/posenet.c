/*
 * PosenetDecoderOp, which ends Google Coral's PoseNet and BodyPix models: people's poses from a network's heatmaps and
 * offsets (PersonLab, arxiv.org/abs/1803.08225), with the steps and defaults of Coral's library. Options: FlexBuffers.
 *   inputs   heatmaps [1, h, w, 17] (logits), short offsets [1, h, w, 34], mid offsets [1, h, w, 64], long ones
 *            [1, h, w, 34] (BodyPix); offsets in pixels, all y before all x
 *   outputs  keypoints [1, max, 17, 2] (y, x in pixels), their scores [1, max, 17], poses' scores [1, max], their
 *            number [1], masks of the people [1, max, h, w] (BodyPix); what no pose fills is 0
 */
#include <math.h>
#include <string.h>

#include "ops/custom_options.h"
#include "ops/rows.h"

enum { KEYPOINTS = 17, EDGES = 16, SHORT_STEPS = 5, LONG_STEPS = 3, DECODED_MOST = 2 * EDGES + 1, POSES_MOST = 10000 };
enum { HEATMAPS, SHORTS, MIDS, LONGS };
enum { OUT_KEYPOINTS, OUT_KEYPOINT_SCORES, OUT_SCORES, OUT_COUNT, OUT_MASKS };

/* The skeleton: which keypoint leads to which. Followed backward too, as edges EDGES..2 * EDGES - 1. */
static const uint8_t edges[EDGES][2] = {{0, 1},   {1, 3},   {0, 2}, {2, 4}, {0, 5},  {5, 7},  {7, 9},   {5, 11},
                                        {11, 13}, {13, 15}, {0, 6}, {6, 8}, {8, 10}, {6, 12}, {12, 14}, {14, 16}};

typedef struct point {
  float y, x;
} point;

typedef struct candidate {
  point at;
  float score;
  int32_t keypoint;
} candidate;

typedef struct pose {
  point at[KEYPOINTS];
  float scores[KEYPOINTS];
  float score;
} pose;

typedef struct posenet_args {
  int64_t most;
  float threshold, least_logit, reach; /* reach: the square of the radius, in the heatmaps' cells */
  int32_t stride, height, width;
} posenet_args;

/* A max-heap as the C++ library's std::priority_queue keeps it: of equal scores the same one comes first. */
typedef struct queue {
  candidate *items;
  size_t count;
} queue;

static void sift_up(queue *q, size_t hole, candidate item) {
  while (hole > 0 && q->items[(hole - 1) / 2].score < item.score) {
    q->items[hole] = q->items[(hole - 1) / 2];
    hole = (hole - 1) / 2;
  }
  q->items[hole] = item;
}

static void push(queue *q, candidate item) { sift_up(q, q->count++, item); }

/* The hole left by the first item sinks to a leaf, then the last item rises from there. */
static candidate pop(queue *q) {
  const candidate first = q->items[0], last = q->items[--q->count];
  size_t hole = 0;
  while (2 * hole + 2 < q->count) {
    const size_t right = 2 * hole + 2;
    const size_t child = q->items[right].score < q->items[right - 1].score ? right - 1 : right;
    q->items[hole] = q->items[child];
    hole = child;
  }
  if (2 * hole + 2 == q->count) {
    q->items[hole] = q->items[2 * hole + 1];
    hole = 2 * hole + 1;
  }
  if (q->count > 0) sift_up(q, hole, last);
  return first;
}

/* ---- options and shapes ---- */

static bool is_map(const ln_shape *shape, const ln_shape *first, int32_t channels) {
  return shape->rank == 4 && shape->dims[0] == 1 && shape->dims[1] == first->dims[1] &&
         shape->dims[2] == first->dims[2] && shape->dims[3] == channels;
}

static ln_status read_args(const ln_node *node, ln_error *err, posenet_args *args) {
  static const int32_t channels[] = {KEYPOINTS, 2 * KEYPOINTS, 4 * EDGES, 2 * KEYPOINTS};
  int64_t stride;
  float radius;
  LN_TRY(ln_custom_int(node, err, "max_detections", 1, POSES_MOST, &args->most));
  LN_TRY(ln_custom_int(node, err, "stride", 1, 1 << 16, &stride));
  LN_TRY(ln_custom_float(node, err, "score_threshold", &args->threshold));
  LN_TRY(ln_custom_float(node, err, "nms_radius", &radius));
  for (int32_t i = 0; i < node->in_count; ++i) {
    if (is_map(&node->in[i]->shape, &node->in[0]->shape, channels[i])) continue;
    return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d must be [1, height, width, %d], of the first one's size", i,
                        channels[i]);
  }
  radius /= (float)stride;
  args->stride = (int32_t)stride;
  args->reach = radius * radius;
  args->least_logit = (float)-log(1.0 / ((double)args->threshold + 1e-6) - 1.0);
  args->height = node->in[0]->shape.dims[1];
  args->width = node->in[0]->shape.dims[2];
  return LN_OK;
}

ln_status ln_posenet_infer(ln_node *node, ln_error *err) {
  posenet_args args;
  LN_TRY(read_args(node, err, &args));
  const int32_t most = (int32_t)args.most;
  const ln_shape shapes[] = {{4, {1, most, KEYPOINTS, 2}},
                             {3, {1, most, KEYPOINTS}},
                             {2, {1, most}},
                             {1, {1}},
                             {4, {1, most, args.height, args.width}}};
  if (node->out_count != node->in_count + 1) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "%d outputs of %d inputs", node->out_count, node->in_count);
  }
  for (int32_t i = 0; i < node->out_count; ++i) LN_TRY(ln_node_set_shape(node, i, &shapes[i], err));
  return LN_OK;
}

ln_status ln_posenet_prepare(ln_node *node, ln_prep *prep) {
  posenet_args *args = LN_NODE_ARGS(node, prep, posenet_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(read_args(node, prep->err, args));
  for (int32_t i = 0; i < node->in_count; ++i) {
    if (node->in[i]->type == LN_FLOAT32 || ln_scale_of(node->in[i]) > 0.0f) continue;
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "input %d \"%.100s\" has no usable scale", i, node->in[i]->name);
  }
  size_t candidates, poses;
  const size_t cells = ln_shape_span(&node->in[0]->shape, 0, 4);
  if (ln_size_mul(cells, sizeof(candidate), &candidates) &&
      ln_size_mul((size_t)args->most, sizeof(pose) + sizeof(int32_t), &poses) &&
      ln_size_add(candidates, poses, &node->scratch_bytes)) {
    return LN_OK;
  }
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

/* ---- values ---- */

/* A map: its values, those of offsets counted in cells. */
typedef struct map {
  const ln_tensor *tensor;
  int32_t height, width, channels;
  float zero, scale;
} map;

static map open_map(const ln_node *node, int32_t input, const posenet_args *args) {
  const ln_tensor *tensor = node->in[input];
  const float cells = input == HEATMAPS ? 1.0f : (float)(1.0 / args->stride);
  const bool real = tensor->type == LN_FLOAT32;
  const map out = {tensor,
                   args->height,
                   args->width,
                   tensor->shape.dims[3],
                   real ? 0.0f : (float)ln_zero_point_of(tensor),
                   real ? cells : ln_scale_of(tensor) * cells};
  return out;
}

static float map_at(const map *m, int32_t y, int32_t x, int32_t channel) {
  const size_t at = ((size_t)y * (size_t)m->width + (size_t)x) * (size_t)m->channels + (size_t)channel;
  if (m->tensor->type == LN_FLOAT32) return ((const float *)m->tensor->data)[at] * m->scale;
  return ((float)((const uint8_t *)m->tensor->data)[at] - m->zero) * m->scale;
}

/* Into [0, extent - 1]; NaN too, so that it is a place. */
static float clamp_place(float x, int32_t extent) {
  const float most = (float)(extent - 1);
  if (!(x > 0.0f)) return 0.0f;
  return x > most ? most : x;
}

static float sample(const map *m, point at, int32_t channel) {
  const float y = clamp_place(at.y, m->height), x = clamp_place(at.x, m->width);
  const int32_t top = (int32_t)floorf(y), bottom = (int32_t)ceilf(y);
  const int32_t left = (int32_t)floorf(x), right = (int32_t)ceilf(x);
  const float down = y - (float)top, across = x - (float)left;
  const float upper = (1.0f - across) * map_at(m, top, left, channel) + across * map_at(m, top, right, channel);
  const float lower = (1.0f - across) * map_at(m, bottom, left, channel) + across * map_at(m, bottom, right, channel);
  return (1.0f - down) * upper + down * lower;
}

/* Moved by the offset that stands there: y in `channel`, x `apart` channels on. */
static point follow(const map *m, point at, int32_t channel, int32_t apart) {
  const float dy = sample(m, at, channel), dx = sample(m, at, channel + apart);
  return (point){clamp_place(at.y + dy, m->height), clamp_place(at.x + dx, m->width)};
}

static float distance(point a, point b) {
  const float dy = b.y - a.y, dx = b.x - a.x;
  return dy * dy + dx * dx;
}

/* ---- poses ---- */

static bool is_peak(const map *scores, int32_t y, int32_t x, int32_t keypoint, float score) {
  for (int32_t i = y > 0 ? y - 1 : 0; i <= y + 1 && i < scores->height; ++i) {
    for (int32_t k = x > 0 ? x - 1 : 0; k <= x + 1 && k < scores->width; ++k) {
      if (map_at(scores, i, k, keypoint) > score) return false;
    }
  }
  return true;
}

static void find_roots(const map *scores, const map *shorts, float least, queue *out) {
  for (int32_t y = 0; y < scores->height; ++y) {
    for (int32_t x = 0; x < scores->width; ++x) {
      for (int32_t k = 0; k < KEYPOINTS; ++k) {
        const float score = map_at(scores, y, x, k);
        if (!(score >= least) || !is_peak(scores, y, x, k, score)) continue;
        const float dy = map_at(shorts, y, x, k), dx = map_at(shorts, y, x, k + KEYPOINTS);
        const point at = {clamp_place((float)y + dy, scores->height), clamp_place((float)x + dx, scores->width)};
        push(out, (candidate){at, score, k});
      }
    }
  }
}

/*
 * Where an edge stands among the mid offsets: forward ones y then x, then backward ones. The first backward edge is
 * looked for among the forward ones' x, as Coral's library does.
 */
static int32_t mid_channel(int32_t edge) { return edge > EDGES ? edge + EDGES : edge; }

/* From a root along the skeleton, the most certain keypoint first. */
static void grow_pose(const map *scores, const map *shorts, const map *mids, candidate root, pose *out) {
  candidate items[DECODED_MOST];
  queue open = {items, 0};
  bool placed[KEYPOINTS] = {false};
  root.score = sample(scores, root.at, root.keypoint);
  push(&open, root);
  while (open.count > 0) {
    const candidate next = pop(&open);
    if (placed[next.keypoint]) continue;
    placed[next.keypoint] = true;
    out->at[next.keypoint] = next.at;
    out->scores[next.keypoint] = next.score;
    for (int32_t e = 0; e < 2 * EDGES; ++e) {
      const bool forward = e < EDGES;
      const uint8_t *edge = edges[e % EDGES];
      const int32_t to = edge[forward];
      if (edge[!forward] != next.keypoint || placed[to]) continue;
      point at = follow(mids, next.at, mid_channel(e), EDGES);
      for (int i = 0; i < SHORT_STEPS; ++i) at = follow(shorts, at, to, KEYPOINTS);
      push(&open, (candidate){at, sample(scores, at, to), to});
    }
  }
}

/* Numbers in falling order of `score`, of equal ones the lower first. */
static void order_falling(const float *score, size_t step, int32_t count, int32_t *order) {
  for (int32_t i = 0; i < count; ++i) {
    int32_t k = i;
    for (; k > 0 && score[(size_t)order[k - 1] * step] < score[(size_t)i * step]; --k) order[k] = order[k - 1];
    order[k] = i;
  }
}

/* The mean of the keypoints' scores, those that `hidden` marks counted as 0. */
static float mean_score(const pose *p, const bool *hidden) {
  int32_t order[KEYPOINTS];
  float sum = 0.0f;
  order_falling(p->scores, 1, KEYPOINTS, order);
  for (int32_t k = 0; k < KEYPOINTS; ++k) {
    if (!hidden[order[k]]) sum += p->scores[order[k]];
  }
  return sum / (float)KEYPOINTS;
}

static bool is_taken(const pose *poses, int32_t count, const candidate *root, float reach) {
  for (int32_t i = 0; i < count; ++i) {
    if (distance(root->at, poses[i].at[root->keypoint]) <= reach) return true;
  }
  return false;
}

static int32_t find_poses(const ln_node *node, const posenet_args *args, queue *roots, pose *poses) {
  static const bool none[KEYPOINTS] = {false};
  const map scores = open_map(node, HEATMAPS, args), shorts = open_map(node, SHORTS, args);
  const map mids = open_map(node, MIDS, args);
  int32_t count = 0;
  find_roots(&scores, &shorts, args->least_logit, roots);
  while (count < args->most && roots->count > 0) {
    const candidate root = pop(roots);
    if (is_taken(poses, count, &root, args->reach)) continue;
    pose *p = &poses[count];
    grow_pose(&scores, &shorts, &mids, root, p);
    for (int32_t k = 0; k < KEYPOINTS; ++k) p->scores[k] = 1.0f / (1.0f + expf(-p->scores[k]));
    p->score = mean_score(p, none);
    count += p->score >= args->threshold;
  }
  return count;
}

/* Scores anew without the keypoints that a better pose has in the same place. */
static void score_apart(const posenet_args *args, pose *poses, int32_t count, const int32_t *order) {
  for (int32_t i = 0; i < count; ++i) {
    bool hidden[KEYPOINTS] = {false};
    pose *p = &poses[order[i]];
    for (int32_t k = 0; k < i; ++k) {
      for (int32_t j = 0; j < KEYPOINTS; ++j) {
        hidden[j] = hidden[j] || distance(p->at[j], poses[order[k]].at[j]) <= args->reach;
      }
    }
    p->score = mean_score(p, hidden);
  }
}

static int32_t write_poses(const ln_node *node, const posenet_args *args, const pose *poses, int32_t count,
                           const int32_t *order) {
  point *at = node->out[OUT_KEYPOINTS]->data;
  float *scores = node->out[OUT_KEYPOINT_SCORES]->data;
  int32_t written = 0;
  for (; written < count && poses[order[written]].score >= args->threshold; ++written) {
    const pose *p = &poses[order[written]];
    for (int32_t k = 0; k < KEYPOINTS; ++k) {
      const point pixel = {p->at[k].y * (float)args->stride, p->at[k].x * (float)args->stride};
      at[written * KEYPOINTS + k] = pixel;
      scores[written * KEYPOINTS + k] = p->scores[k];
    }
    ((float *)node->out[OUT_SCORES]->data)[written] = p->score;
  }
  *(float *)node->out[OUT_COUNT]->data = (float)written;
  return written;
}

/* ---- masks: each cell belongs to the pose that its long offsets lead nearest to ---- */

static int32_t owner_of(const map *longs, const posenet_args *args, int32_t y, int32_t x, const point *poses,
                        int32_t count) {
  point reached[KEYPOINTS];
  int32_t nearest = 0;
  float least = INFINITY;
  for (int32_t k = 0; k < KEYPOINTS; ++k) {
    point at = {(float)y, (float)x};
    for (int i = 0; i < LONG_STEPS; ++i) at = follow(longs, at, k, KEYPOINTS);
    reached[k] = (point){at.y * (float)args->stride, at.x * (float)args->stride};
  }
  for (int32_t i = 0; i < count; ++i) {
    float sum = 0.0f;
    for (int32_t k = 0; k < KEYPOINTS; ++k) sum += distance(reached[k], poses[i * KEYPOINTS + k]);
    if (!(sum < least)) continue;
    least = sum;
    nearest = i;
  }
  return nearest;
}

static void write_masks(const ln_node *node, const posenet_args *args, int32_t count) {
  const map longs = open_map(node, LONGS, args);
  const size_t cells = ln_shape_span(&node->in[LONGS]->shape, 1, 3);
  float *masks = node->out[OUT_MASKS]->data;
  for (size_t i = 0; i < cells && count > 0; ++i) {
    const int32_t y = (int32_t)(i / (size_t)args->width), x = (int32_t)(i % (size_t)args->width);
    masks[(size_t)owner_of(&longs, args, y, x, node->out[OUT_KEYPOINTS]->data, count) * cells + i] = 1.0f;
  }
}

ln_status ln_posenet_run(const ln_node *node, ln_exec *exec) {
  const posenet_args *args = node->args;
  pose *poses = exec->scratch;
  int32_t *order = (int32_t *)(void *)(poses + args->most);
  queue roots = {(candidate *)(void *)(order + args->most), 0};
  for (int32_t i = 0; i < node->out_count; ++i) {
    if (node->out[i]->bytes > 0) memset(node->out[i]->data, 0, node->out[i]->bytes);
  }
  const int32_t found = find_poses(node, args, &roots, poses);
  order_falling(&poses[0].score, sizeof *poses / sizeof(float), found, order);
  score_apart(args, poses, found, order);
  order_falling(&poses[0].score, sizeof *poses / sizeof(float), found, order);
  const int32_t count = write_poses(node, args, poses, found, order);
  if (node->in_count > LONGS) write_masks(node, args, count);
  return LN_OK;
}
