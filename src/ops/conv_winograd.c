/* Winograd convolution: choosing it, packing filters and running blocks of tiles. */
#include "ops/conv_winograd.h"

#include <math.h>
#include <string.h>

enum {
  TILE = LN_WINOGRAD_TILE,
  PATCH = LN_WINOGRAD_PATCH,
  POINTS = LN_WINOGRAD_POINTS,
  BLOCK_BYTES = 384 << 10,  /* of a block's points before and after the products */
  BLOCK_TILES = 56,         /* at most, so that threads find work */
  PACKED_ALONE = 192 << 10, /* less is packed before a thread that sleeps has woken */
  SPREAD = 16               /* floats between the rows of points: keeps them out of the same sets of a cache */
};

struct ln_winograd {
  ln_conv_shape shape;
  ln_gemm_plan plan;            /* a group for each point */
  int32_t tiles_x, tiles_y;     /* of an image */
  int32_t block;                /* tiles of a task */
  size_t in_stride, out_stride; /* floats from a point to the next, before and after the product */
  size_t sums_at, zeros_at;     /* in a thread's scratch */
  size_t taps_bytes;            /* of LN_WINOGRAD_LANES output channels */
  bool pack_in_run;             /* the filter is no constant: its panels are in node scratch */
  float low, high;
};

static int32_t tiles_along(int32_t outputs) { return (outputs + TILE - 1) / TILE; }

bool ln_winograd_fits(const ln_conv_shape *s) {
  return s->groups == 1 && s->h.kernel == 3 && s->w.kernel == 3 && s->h.stride == 1 && s->w.stride == 1 &&
         s->h.dilation == 1 && s->w.dilation == 1 && s->in_c >= 8 && s->out_c >= 8;
}

bool ln_winograd_wins(const ln_conv_shape *s) {
  /* In multiply-adds of the product: transforms take as long as 200 of them for a tile's channel, and products of few
   * rows a quarter more than large ones. */
  const double tiles = (double)s->batch * tiles_along(s->h.out) * tiles_along(s->w.out);
  const double pairs = (double)s->in_c * s->out_c;
  const double plain = (double)s->batch * s->h.out * s->w.out * 9.0 * pairs;
  double points = tiles * (POINTS * pairs * 1.25 + 200.0 * ((double)s->in_c + s->out_c));
  /* A filter that passes the caches is read once a block of tiles, at a float in the time of two multiply-adds. */
  if (POINTS * pairs > (double)(1 << 19)) points += POINTS * pairs * 2.0;
  return points < 0.8 * plain;
}

/* ---- prepare ---- */

/* Output channels [first, first + count) of the filter [out_c, 3, 3, in_c] at the points; their taps stand at `read`.
 */
static void pack_columns(const ln_winograd *w, int32_t first, int32_t count, const float *read, char *panels) {
  const ln_gemm_plan *plan = &w->plan;
  const size_t in_c = (size_t)w->shape.in_c, column = in_c * 9, point = plan->group_bytes / sizeof(float);
  float *panel = (float *)(void *)(panels + (size_t)(first / plan->nr) * plan->panel_bytes) + first % plan->nr;
  float taps[9][LN_WINOGRAD_LANES] = {{0}}, points[POINTS][LN_WINOGRAD_LANES];
  for (size_t c = 0; c < in_c; ++c, panel += plan->nr) {
    for (size_t i = 0; i < 9; ++i) {
      for (size_t j = 0; j < (size_t)count; ++j) taps[i][j] = read[j * column + i * in_c + c];
    }
    ln_k_winograd_filter(taps, points);
    for (size_t p = 0; p < POINTS; ++p) memcpy(panel + p * point, points[p], sizeof points[p]);
  }
}

typedef struct pack_run {
  const ln_winograd *w;
  const ln_weights *weights;
  char *taps;         /* room for LN_WINOGRAD_LANES output channels of each thread, */
  size_t taps_stride; /* so far apart */
  char *panels;
} pack_run;

/* A stretch of output channels. */
static void pack_task(void *context, int32_t task, int32_t worker) {
  const pack_run *run = context;
  const ln_winograd *w = run->w;
  const size_t column = (size_t)w->shape.in_c * 9;
  const int32_t n = task * LN_WINOGRAD_LANES, left = w->plan.n - n;
  const int32_t count = left < LN_WINOGRAD_LANES ? left : LN_WINOGRAD_LANES;
  float *taps = (float *)(void *)(run->taps + (size_t)worker * run->taps_stride);
  ln_weights_read(run->weights, (size_t)n * column, (size_t)count * column, taps);
  pack_columns(w, n, count, taps, run->panels);
}

/* The whole filter in the product's panels. */
static void pack_filter(pack_run *run, ln_pool *pool) {
  const ln_winograd *w = run->w;
  if (w->plan.n % w->plan.nr != 0) memset(run->panels, 0, w->plan.group_bytes * POINTS);
  if (w->plan.group_bytes * POINTS < PACKED_ALONE) pool = NULL;
  ln_pool_run(pool, (w->plan.n - 1) / LN_WINOGRAD_LANES + 1, pack_task, run);
}

static ln_status pack(ln_node *node, ln_prep *prep, ln_winograd *w) {
  const ln_tensor *filter = node->in[1];
  ln_weights weights;
  LN_TRY(ln_weights_open(node, filter, prep->err, &weights));
  const int64_t numbers[4] = {w->plan.n, w->shape.in_c, w->plan.nr, ln_weights_form(&weights)};
  pack_run run = {.w = w, .weights = &weights, .taps_stride = w->taps_bytes};
  size_t all;
  if (ln_size_mul(w->taps_bytes, (size_t)ln_pool_threads(prep->pool), &all)) run.taps = ln_alloc(all);
  bool fresh = false;
  if (run.taps != NULL) {
    run.panels = ln_pack_cache_get_numbers(prep->cache, filter->data, "winograd f32 4x4 3x3", numbers,
                                           w->plan.group_bytes * POINTS, &fresh);
  }
  if (fresh) pack_filter(&run, prep->pool);
  ln_free(run.taps);
  ln_weights_close(&weights);
  char *panels = run.panels;
  w->plan.b.panels = panels;
  return panels == NULL ? LN_ERR_MEMORY : LN_OK;
}

/* Tiles of a block and the parts of a thread's scratch: points of inputs, sums at the points, a pixel of zeros. */
static bool size_blocks(ln_winograd *w, int32_t threads, size_t *thread_bytes) {
  const ln_conv_shape *s = &w->shape;
  const int64_t tiles = (int64_t)s->batch * w->tiles_x * w->tiles_y;
  int64_t block = BLOCK_BYTES / (POINTS * (int64_t)sizeof(float)) / ((int64_t)s->in_c + s->out_c);
  if (block > BLOCK_TILES) block = BLOCK_TILES;
  if (block < w->plan.mr) block = w->plan.mr;
  int64_t blocks = (tiles + block - 1) / block;
  if (blocks < threads && tiles >= threads) blocks = threads;
  w->block = (int32_t)((tiles + blocks - 1) / blocks);
  size_t in_points, out_points;
  if (!ln_size_mul((size_t)w->block, (size_t)s->in_c, &w->in_stride) ||
      !ln_size_mul((size_t)w->block, (size_t)s->out_c, &w->out_stride) ||
      !ln_size_align(w->in_stride, SPREAD, &w->in_stride) || !ln_size_align(w->out_stride, SPREAD, &w->out_stride))
    return false;
  w->in_stride += SPREAD;
  w->out_stride += SPREAD;
  return ln_size_mul(w->in_stride, POINTS * sizeof(float), &in_points) &&
         ln_size_mul(w->out_stride, POINTS * sizeof(float), &out_points) &&
         ln_size_align(in_points, LN_ALIGNMENT, &w->sums_at) && ln_size_add(w->sums_at, out_points, &w->zeros_at) &&
         ln_size_align(w->zeros_at, LN_ALIGNMENT, &w->zeros_at) &&
         ln_size_add(w->zeros_at, (size_t)s->in_c * sizeof(float), thread_bytes);
}

ln_status ln_winograd_prepare(ln_node *node, ln_prep *prep, const ln_conv_shape *shape, float low, float high,
                              ln_winograd **out) {
  ln_winograd *w = ln_arena_alloc(prep->arena, sizeof *w);
  if (w == NULL) return LN_ERR_MEMORY;
  *w = (ln_winograd){.shape = *shape, .tiles_x = tiles_along(shape->w.out), .tiles_y = tiles_along(shape->h.out)};
  if (!ln_gemm_plan_f32(&w->plan, POINTS, shape->out_c, 1, shape->in_c, -INFINITY, INFINITY)) return LN_ERR_MEMORY;
  if (w->plan.nr % LN_WINOGRAD_LANES != 0) return LN_ERR_MEMORY; /* no kernel's panels are so narrow */
  w->low = low;
  w->high = high;
  w->pack_in_run = !ln_tensor_const_data(node->in[1]);
  size_t *thread_bytes = &node->thread_scratch_bytes;
  if (!ln_size_mul((size_t)shape->in_c, 9 * LN_WINOGRAD_LANES * sizeof(float), &w->taps_bytes) ||
      !ln_size_align(w->taps_bytes, LN_ALIGNMENT, &w->taps_bytes) || !size_blocks(w, prep->threads, thread_bytes))
    return LN_ERR_MEMORY;
  if (w->pack_in_run) {
    if (*thread_bytes < w->taps_bytes) *thread_bytes = w->taps_bytes;
    if (!ln_size_mul(w->plan.group_bytes, POINTS, &node->scratch_bytes)) return LN_ERR_MEMORY;
  } else {
    LN_TRY(pack(node, prep, w));
  }
  node->kernel = "winograd_f32_4x4_3x3";
  *out = w;
  return LN_OK;
}

/* ---- run ---- */

typedef struct winograd_run {
  const ln_winograd *w;
  const ln_exec *exec;
  ln_gemm_b b;
  const float *in, *bias;
  float *out;
  int32_t tiles; /* of all images */
} winograd_run;

typedef struct tile_place {
  int32_t image, y, x; /* of the first output */
} tile_place;

static tile_place place_of(const ln_winograd *w, int32_t tile) {
  const int32_t in_image = tile % (w->tiles_x * w->tiles_y);
  return (tile_place){tile / (w->tiles_x * w->tiles_y), in_image / w->tiles_x * TILE, in_image % w->tiles_x * TILE};
}

/* The patch under a tile to points; pixels outside the image are zeros. */
static void transform_in(const winograd_run *run, int32_t tile, const float *zeros, float *points) {
  const ln_winograd *w = run->w;
  const ln_conv_shape *s = &w->shape;
  const tile_place place = place_of(w, tile);
  const float *pixels[POINTS];
  const ptrdiff_t line = (ptrdiff_t)s->w.in * s->in_c;
  const float *image = run->in + (ptrdiff_t)place.image * s->h.in * line;
  for (int32_t i = 0; i < PATCH; ++i) {
    const int32_t y = place.y + i - s->h.before;
    for (int32_t j = 0; j < PATCH; ++j) {
      const int32_t x = place.x + j - s->w.before;
      const bool inside = y >= 0 && y < s->h.in && x >= 0 && x < s->w.in;
      pixels[PATCH * i + j] = inside ? image + y * line + (ptrdiff_t)x * s->in_c : zeros;
    }
  }
  LN_KERNEL_OF(winograd, input)(pixels, s->in_c, points, (ptrdiff_t)w->in_stride);
}

static void transform_out(const winograd_run *run, int32_t tile, const float *sums) {
  const ln_winograd *w = run->w;
  const ln_conv_shape *s = &w->shape;
  const tile_place place = place_of(w, tile);
  const ptrdiff_t line = (ptrdiff_t)s->w.out * s->out_c;
  const ln_winograd_tile to = {
      .out = run->out + ((ptrdiff_t)place.image * s->h.out + place.y) * line + (ptrdiff_t)place.x * s->out_c,
      .row = line,
      .column = s->out_c,
      .rows = s->h.out - place.y < TILE ? s->h.out - place.y : TILE,
      .columns = s->w.out - place.x < TILE ? s->w.out - place.x : TILE};
  LN_KERNEL_OF(winograd, output)(sums, (ptrdiff_t)w->out_stride, s->out_c, run->bias, w->low, w->high, &to);
}

static void block_task(void *context, int32_t task, int32_t worker) {
  const winograd_run *run = context;
  const ln_winograd *w = run->w;
  const int32_t in_c = w->shape.in_c, out_c = w->shape.out_c;
  const int32_t first = task * w->block;
  const int32_t count = run->tiles - first < w->block ? run->tiles - first : w->block;
  char *scratch = ln_exec_thread_scratch(run->exec, worker);
  float *points = (float *)(void *)scratch, *sums = (float *)(void *)(scratch + w->sums_at);
  float *zeros = (float *)(void *)(scratch + w->zeros_at);
  memset(zeros, 0, (size_t)in_c * sizeof *zeros);
  for (int32_t i = 0; i < count; ++i) transform_in(run, first + i, zeros, points + (ptrdiff_t)i * in_c);
  for (int32_t p = 0; p < POINTS; ++p) {
    const void *rows = points + (size_t)p * w->in_stride;
    const ln_gemm_a a = {&rows, 1, in_c, (ptrdiff_t)in_c * (ptrdiff_t)sizeof(float)};
    ln_gemm_rows(&w->plan, &run->b, p, 0, w->plan.panels, count, &a, NULL, sums + (size_t)p * w->out_stride, out_c);
  }
  for (int32_t i = 0; i < count; ++i) transform_out(run, first + i, sums + (ptrdiff_t)i * out_c);
}

ln_status ln_winograd_run(const ln_winograd *w, const ln_node *node, const ln_exec *exec) {
  winograd_run run = {.w = w,
                      .exec = exec,
                      .b = w->plan.b,
                      .in = node->in[0]->data,
                      .bias = node->in_count > 2 && node->in[2] != NULL ? node->in[2]->data : NULL,
                      .out = node->out[0]->data,
                      .tiles = w->shape.batch * w->tiles_x * w->tiles_y};
  if (w->pack_in_run) {
    ln_weights weights;
    LN_TRY(ln_weights_open(node, node->in[1], exec->err, &weights));
    pack_run packing = {w, &weights, exec->thread_scratch, exec->thread_stride, exec->scratch};
    pack_filter(&packing, exec->pool);
    run.b.panels = exec->scratch;
  }
  ln_pool_run(exec->pool, (run.tiles + w->block - 1) / w->block, block_task, &run);
  return LN_OK;
}
