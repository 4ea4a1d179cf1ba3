/*
 * STABLEHLO_SORT: N operands are put in one order along a dimension, by a region that says of 2 N scalars whether the
 * first of each pair comes before the second. A region that compares one pair is a radix sort; any other sorts all
 * slices together by merging, with the region run on many pairs at once. Both are stable.
 */
#include <string.h>

#include "kernels/radix_sort.h"
#include "ops/elementwise.h"
#include "ops/hlo.h"
#include "ops/region.h"
#include "ops/rows.h"

/* The operands as slices along the dimension: element p of slice s is at base(s) + p * inner. */
typedef struct slices {
  size_t count, length, inner;
} slices;

static size_t slice_base(const slices *s, size_t slice) {
  return slice / s->inner * s->length * s->inner + slice % s->inner;
}

static ln_status read_slices(const ln_node *node, slices *out, ln_error *err) {
  const ln_stablehlo_sort_options *o = LN_OPTIONS(node, stablehlo_sort_options);
  const ln_shape *shape = &node->in[0]->shape;
  int32_t axis = 0;
  if (shape->rank == 0) {
    *out = (slices){1, 1, 1};
    return LN_OK;
  }
  if (!ln_axis_normalize(o->dimension, shape->rank, &axis)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "dimension %lld is out of range", (long long)o->dimension);
  }
  out->length = (size_t)shape->dims[axis];
  out->inner = ln_shape_span(shape, axis + 1, shape->rank);
  out->count = ln_shape_span(shape, 0, axis) * out->inner;
  return LN_OK;
}

static ln_status check_operands(const ln_node *node, ln_error *err) {
  if (node->out_count < 1 || node->out_count > LN_REGION_OPERANDS || node->in_count != node->out_count) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "%d inputs and %d outputs", node->in_count, node->out_count);
  }
  for (int32_t i = 0; i < node->in_count; ++i) {
    if (!ln_shape_equal(&node->in[i]->shape, &node->in[0]->shape)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "operand %d has another shape than the first", i);
    }
    if (node->in[i]->type != node->out[i]->type) {
      return ln_node_fail(node, err, LN_ERR_TYPE, "operand %d and its output differ in type", i);
    }
  }
  return LN_OK;
}

static ln_status open_comparator(const ln_node *node, ln_error *err, ln_region *region) {
  ln_type types[LN_REGION_ARGS];
  const ln_shape *shape = &node->in[0]->shape;
  for (int32_t i = 0; i < 2 * node->in_count; ++i) types[i] = node->in[i / 2]->type;
  return ln_region_open_predicate(node, LN_OPTIONS(node, stablehlo_sort_options)->comparator_subgraph_index, types,
                                  2 * node->in_count, ln_shape_span(shape, 0, shape->rank), err, region);
}

/* ---- comparators of one pair ---- */

/* Whether `op` says that its first input is less (*up), or greater, than its second. */
static bool is_order(const ln_op *op, ln_type type, bool *up, bool *total) {
  enum { GREATER = 3, LESS = 5, TOTAL = 2 };
  *total = false;
  if (op->def->code == LN_OP_STABLEHLO_COMPARE) {
    const ln_stablehlo_compare_options *o = op->options;
    *up = o->comparison_direction == LESS;
    *total = o->compare_type == TOTAL;
    return o->comparison_direction == LESS || o->comparison_direction == GREATER;
  }
  *up = op->def->code == LN_OP_LESS;
  const bool rescales = type == LN_INT8 || type == LN_UINT8;
  return !rescales && (op->def->code == LN_OP_LESS || op->def->code == LN_OP_GREATER);
}

/* The operand that alone is compared, and the order that comes of it. */
static bool recognise(const ln_node *node, const ln_graph *graph, int32_t *operand, ln_sort_order *order) {
  bool up = false, total = false;
  if (graph->op_count != 1 || graph->output_count != 1 || graph->input_count != 2 * node->in_count) return false;
  const ln_op *op = &graph->ops[0];
  if (op->input_count != 2 || op->output_count != 1 || op->outputs[0] != graph->outputs[0]) return false;
  for (int32_t i = 0; i < node->in_count; ++i) {
    const int32_t a = graph->inputs[2 * i], b = graph->inputs[2 * i + 1];
    const bool straight = op->inputs[0] == a && op->inputs[1] == b, crossed = op->inputs[0] == b && op->inputs[1] == a;
    const ln_type type = node->in[i]->type;
    if (a == b || !(straight || crossed) || graph->tensors[a].type != type || graph->tensors[b].type != type) continue;
    if (type == LN_COMPLEX64 || type == LN_COMPLEX128 || !is_order(op, type, &up, &total)) return false;
    if (crossed) up = !up;
    *operand = i;
    *order = total ? (up ? LN_SORT_TOTAL_UP : LN_SORT_TOTAL_DOWN) : (up ? LN_SORT_UP : LN_SORT_DOWN);
    return true;
  }
  return false;
}

static ln_status find_order(const ln_node *node, ln_error *err, bool *found, int32_t *operand, ln_sort_order *order) {
  const ln_graph *graph = NULL;
  LN_TRY(ln_host_graph(node, LN_OPTIONS(node, stablehlo_sort_options)->comparator_subgraph_index, err, &graph));
  *found = recognise(node, graph, operand, order);
  return LN_OK;
}

ln_status ln_hlo_sort_infer(ln_node *node, ln_error *err) {
  slices s;
  ln_region region;
  LN_TRY(check_operands(node, err));
  LN_TRY(read_slices(node, &s, err));
  for (int32_t i = 0; i < node->out_count; ++i) LN_TRY(ln_node_set_shape(node, i, &node->in[0]->shape, err));
  return open_comparator(node, err, &region);
}

/* ---- scratch ---- */

/* Of the merging sort: three numbers for each element, then those of a block of lanes, then the region's own. */
typedef struct merge_space {
  uint32_t *order, *next, *rank; /* [slices, length] */
  uint32_t *lane, *low, *high;   /* [LN_REGION_LANES] */
  char *pairs[LN_REGION_ARGS];   /* [LN_REGION_LANES] */
  uint8_t *before;               /* [LN_REGION_LANES] */
  char *staging;
} merge_space;

static bool merge_bytes(const ln_node *node, size_t elements, size_t *bytes) {
  ln_type types[LN_REGION_ARGS];
  size_t staging = 0, numbers = 0;
  for (int32_t i = 0; i < 2 * node->in_count; ++i) types[i] = node->in[i / 2]->type;
  return ln_region_staging_bytes(types, 2 * node->in_count, &staging) && ln_size_mul(staging, 2, &staging) &&
         ln_size_mul(elements, 3 * sizeof(uint32_t), &numbers) &&
         ln_size_add(staging, LN_REGION_LANES * (3 * sizeof(uint32_t) + 1), &staging) &&
         ln_size_add(staging, numbers, bytes);
}

ln_status ln_hlo_sort_prepare(ln_node *node, ln_prep *prep) {
  slices s;
  bool found = false;
  int32_t operand;
  ln_sort_order order;
  LN_TRY(read_slices(node, &s, prep->err));
  LN_TRY(find_order(node, prep->err, &found, &operand, &order));
  const bool fits = found ? ln_size_mul(s.length, 2 * sizeof(ln_sort_item), &node->thread_scratch_bytes)
                          : merge_bytes(node, s.count * s.length, &node->scratch_bytes); /* bounded: the elements */
  return fits ? LN_OK : ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

/* ---- by keys ---- */

typedef struct key_job {
  const ln_node *node;
  const ln_exec *exec;
  slices s;
  int32_t operand;
  ln_sort_order order;
} key_job;

static void key_task(void *context, int32_t task, int32_t worker) {
  const key_job *job = context;
  const ln_node *node = job->node;
  const slices *s = &job->s;
  ln_sort_item *items = ln_exec_thread_scratch(job->exec, worker);
  const ln_tensor *by = node->in[job->operand];
  const size_t base = slice_base(s, (size_t)task), bytes = ln_item_bytes(by);
  ln_k_sort_keys((const char *)by->data + base * bytes, ln_number_of(by->type), s->inner, s->length, job->order, items);
  ln_k_radix_sort(items, items + s->length, s->length, bytes);
  for (int32_t i = 0; i < node->in_count; ++i) {
    const size_t item = ln_item_bytes(node->in[i]), step = s->inner * item;
    const char *from = (const char *)node->in[i]->data + base * item;
    char *to = (char *)node->out[i]->data + base * item;
    for (size_t p = 0; p < s->length; ++p) memcpy(to + p * step, from + items[p].index * step, item);
  }
}

/* ---- by merging ---- */

typedef struct merge_job {
  const ln_node *node;
  const ln_region *region;
  slices s;
  merge_space space;
  ln_error *err;
} merge_job;

static void lay_out(merge_job *job, size_t elements, char *scratch) {
  merge_space *space = &job->space;
  space->order = (uint32_t *)(void *)scratch;
  space->next = space->order + elements;
  space->rank = space->next + elements;
  space->lane = space->rank + elements;
  space->low = space->lane + LN_REGION_LANES;
  space->high = space->low + LN_REGION_LANES;
  char *at = (char *)(space->high + LN_REGION_LANES);
  for (int32_t i = 0; i < job->region->arg_count; ++i) {
    space->pairs[i] = at;
    at += LN_REGION_LANES * job->region->arg_bytes[i];
  }
  space->before = (uint8_t *)at;
  space->staging = at + LN_REGION_LANES;
}

/* Element number `place` of the sorted run so far (slice * length + position) as argument `side` of each pair. */
static void fetch(const merge_job *job, size_t lane, int32_t side, size_t place) {
  const slices *s = &job->s;
  const size_t at = slice_base(s, place / s->length) + job->space.order[place] * s->inner;
  for (int32_t i = 0; i < job->node->in_count; ++i) {
    const size_t bytes = job->region->arg_bytes[2 * i];
    memcpy(job->space.pairs[2 * i + side] + lane * bytes, (const char *)job->node->in[i]->data + at * bytes, bytes);
  }
}

/*
 * For each of `count` lanes, an element of a left run: how many of the right run's elements come before it, by a binary
 * search in all lanes together. Lanes whose search is over stand at the end.
 */
static ln_status rank_lanes(const merge_job *job, size_t count) {
  const merge_space *space = &job->space;
  while (count > 0) {
    const void *args[LN_REGION_ARGS];
    void *results[1] = {space->before};
    for (size_t k = 0; k < count; ++k) {
      fetch(job, k, 0, space->low[k] + (space->high[k] - space->low[k]) / 2);
      fetch(job, k, 1, space->lane[k]);
    }
    for (int32_t i = 0; i < job->region->arg_count; ++i) args[i] = space->pairs[i];
    LN_TRY(ln_region_run(job->node, job->region, args, results, count, space->staging, job->err));
    size_t left = 0;
    for (size_t k = 0; k < count; ++k) {
      const uint32_t middle = space->low[k] + (space->high[k] - space->low[k]) / 2;
      const uint32_t low = space->before[k] != 0 ? middle + 1 : space->low[k];
      const uint32_t high = space->before[k] != 0 ? space->high[k] : middle;
      if (low == high) {
        space->rank[space->lane[k]] = low;
        continue;
      }
      space->lane[left] = space->lane[k];
      space->low[left] = low;
      space->high[left++] = high;
    }
    count = left;
  }
  return LN_OK;
}

/* Ranks of the elements of all left runs of `width`: as places in the right run's slice. */
static ln_status rank_level(const merge_job *job, size_t width) {
  const slices *s = &job->s;
  size_t lanes = 0;
  for (size_t slice = 0; slice < s->count; ++slice) {
    for (size_t left = 0; s->length - left > width; left += 2 * width) {
      const size_t right = left + width, rest = s->length - right, end = right + (rest < width ? rest : width);
      for (size_t p = left; p < right; ++p) {
        job->space.lane[lanes] = (uint32_t)(slice * s->length + p);
        job->space.low[lanes] = (uint32_t)(slice * s->length + right);
        job->space.high[lanes++] = (uint32_t)(slice * s->length + end);
        if (lanes < (size_t)job->region->lanes) continue;
        LN_TRY(rank_lanes(job, lanes));
        lanes = 0;
      }
      if (rest <= width) break;
    }
  }
  return rank_lanes(job, lanes);
}

/* Whatever the ranks are, each element is taken once. */
static void merge_level(const merge_job *job, size_t width) {
  const slices *s = &job->s;
  const merge_space *space = &job->space;
  for (size_t slice = 0; slice < s->count; ++slice) {
    const size_t base = slice * s->length;
    for (size_t left = 0; left < s->length; left += 2 * width) {
      const size_t middle = s->length - left > width ? left + width : s->length;
      const size_t end = s->length - middle > width ? middle + width : s->length;
      size_t right = middle, out = base + left;
      for (size_t p = left; p < middle; ++p) {
        const size_t until = end > middle ? space->rank[base + p] - base : middle;
        while (right < until) space->next[out++] = space->order[base + right++];
        space->next[out++] = space->order[base + p];
      }
      while (right < end) space->next[out++] = space->order[base + right++];
      if (s->length - left <= 2 * width) break;
    }
  }
}

static ln_status sort_by_merging(const ln_node *node, const ln_exec *exec, const slices *s) {
  ln_region region;
  LN_TRY(open_comparator(node, exec->err, &region));
  merge_job job = {.node = node, .region = &region, .s = *s, .err = exec->err};
  const size_t elements = s->count * s->length;
  if (elements > UINT32_MAX) return ln_node_fail(node, exec->err, LN_ERR_LIMIT, "more elements than can be numbered");
  lay_out(&job, elements, exec->scratch);
  for (size_t i = 0; i < elements; ++i) job.space.order[i] = (uint32_t)(i % s->length);
  for (size_t width = 1; width < s->length; width *= 2) {
    LN_TRY(rank_level(&job, width));
    merge_level(&job, width);
    uint32_t *exchanged = job.space.order;
    job.space.order = job.space.next;
    job.space.next = exchanged;
  }
  for (int32_t i = 0; i < node->in_count; ++i) {
    const size_t bytes = ln_item_bytes(node->in[i]);
    for (size_t e = 0; e < elements; ++e) {
      const size_t base = slice_base(s, e / s->length);
      memcpy((char *)node->out[i]->data + (base + e % s->length * s->inner) * bytes,
             (const char *)node->in[i]->data + (base + job.space.order[e] * s->inner) * bytes, bytes);
    }
  }
  return LN_OK;
}

ln_status ln_hlo_sort_run(const ln_node *node, ln_exec *exec) {
  key_job job = {.node = node, .exec = exec};
  bool found = false;
  LN_TRY(read_slices(node, &job.s, exec->err));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  LN_TRY(find_order(node, exec->err, &found, &job.operand, &job.order));
  if (!found) return sort_by_merging(node, exec, &job.s);
  if (job.s.count > INT32_MAX) return ln_node_fail(node, exec->err, LN_ERR_LIMIT, "more slices than can be counted");
  ln_pool_run(exec->pool, (int32_t)job.s.count, key_task, &job);
  return LN_OK;
}
