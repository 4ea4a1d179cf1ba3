/* Augmentation: the same for a seed, an epoch and a sample, in whatever batch; what moves moves whole pixels exactly;
 * what is drawn is spread as it is said; targets follow what is mixed. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/trainer.h"

/* ---- batches ---- */

enum { MOST = 1 << 16, CLASSES = 3 };

static float data[MOST], before[MOST], targets[MOST];
static int32_t labels[MOST];
static int64_t indices[MOST];
static ln_settings *settings;
static ln_error err;
static ln_pool *pool; /* NULL: the caller's thread alone */

/* Sets up `count` samples of a shape with a value of their own in every element. */
static ln_batch make_batch(int32_t count, int32_t rank, const int32_t *dims, float *const *inputs, ln_shape *shape) {
  size_t elements = 1;
  shape->rank = rank + 1;
  shape->dims[0] = count;
  for (int32_t i = 0; i < rank; i++) shape->dims[i + 1] = dims[i], elements *= (size_t)dims[i];
  assert_true(elements * (size_t)count <= MOST);
  for (size_t i = 0; i < elements * (size_t)count; i++) before[i] = data[i] = (float)(i % 1009) - 400;
  for (int32_t i = 0; i < count; i++) indices[i] = i, labels[i] = i % CLASSES;
  return (ln_batch){.count = count,
                    .input_count = 1,
                    .inputs = inputs,
                    .shapes = shape,
                    .classes = CLASSES,
                    .labels = labels,
                    .targets = targets};
}

static float *const inputs[] = {data};
static ln_shape shape;

static ln_batch pictures(int32_t count, int32_t height, int32_t width, int32_t channels) {
  return make_batch(count, 3, (const int32_t[]){height, width, channels}, inputs, &shape);
}

static ln_batch sounds(int32_t count, int32_t frames) {
  return make_batch(count, 1, (const int32_t[]){frames}, inputs, &shape);
}

static void choose(const char *name, const char *value) {
  if (ln_settings_set(settings, name, value, &err) != LN_OK) fail_msg("%s", err.message);
}

static void augment(ln_batch *batch, uint64_t seed, int64_t epoch) {
  if (ln_augment_batch(settings, seed, epoch, indices, batch, pool, &err) != LN_OK) fail_msg("%s", err.message);
}

static int begin(void **state) {
  (void)state;
  settings = ln_settings_create();
  return settings ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  ln_settings_destroy(settings);
  return 0;
}

/* ---- all rows ---- */

static const ln_augment_def *find(const char *name) {
  for (int32_t i = 0; ln_augment_at(i); i++) {
    if (strcmp(ln_augment_at(i)->name, name) == 0) return ln_augment_at(i);
  }
  fail();
  return NULL;
}

/* A value for each row, as it is turned on. */
static void choose_row(const ln_augment_def *row) { choose(row->name, row->parameters[0].fallback); }

static void rows_stand_in_order(void **state) {
  (void)state;
  int32_t stage = 0;
  for (int32_t i = 0; ln_augment_at(i); i++) {
    const ln_augment_def *row = ln_augment_at(i);
    const int32_t own = row->mixes ? 2 : row->kind == LN_AUGMENT_MOVES ? 0 : 1;
    assert_true(own >= stage);
    stage = own;
    assert_string_equal(row->parameters[0].name, row->name);
    assert_non_null(row->parameters[0].fallback);
  }
  assert_int_equal(stage, 2);
}

/* Nothing chosen changes nothing. */
static void nothing_stays(void **state) {
  (void)state;
  ln_batch batch = pictures(4, 5, 6, 3);
  assert_false(ln_augment_any(settings));
  augment(&batch, 1, 0);
  assert_memory_equal(data, before, 4 * 90 * sizeof *data);
  assert_false(batch.soft);
}

static ln_batch batch_of(const ln_augment_def *row, int32_t count) {
  return row->kind == LN_AUGMENT_SOUND ? sounds(count, 90) : pictures(count, 5, 6, 3);
}

/* Of each row alone: the same again for its place, other numbers for another seed, epoch and sample; and a sample is
 * changed alike in another batch, unless it is mixed. */
static void depends_on_its_place_alone(void **state) {
  (void)state;
  enum { COUNT = 16, SIZE = 90 };
  static float first[COUNT * SIZE];
  end(NULL);
  for (int32_t r = 0; ln_augment_at(r); r++) {
    const ln_augment_def *row = ln_augment_at(r);
    if (strcmp(row->name, "fill") == 0) continue; /* changes nothing alone */
    begin(NULL);
    choose_row(row);
    ln_batch batch = batch_of(row, COUNT);
    augment(&batch, 5, 2);
    memcpy(first, data, sizeof first);
    assert_memory_not_equal(first, before, sizeof first);
    batch = batch_of(row, COUNT);
    augment(&batch, 5, 2);
    assert_memory_equal(first, data, sizeof first);
    batch = batch_of(row, COUNT);
    augment(&batch, 6, 2);
    assert_memory_not_equal(first, data, sizeof first);
    batch = batch_of(row, COUNT);
    augment(&batch, 5, 3);
    assert_memory_not_equal(first, data, sizeof first);
    batch = batch_of(row, COUNT);
    for (int i = 0; i < COUNT; i++) indices[i] = i + 100;
    augment(&batch, 5, 2);
    assert_memory_not_equal(first, data, sizeof first);
    for (int i = 0; i < COUNT && !row->mixes; i++) {
      batch = batch_of(row, 1);
      memcpy(data, before + 0, sizeof *data);
      for (int k = 0; k < SIZE; k++) data[k] = (float)((i * SIZE + k) % 1009) - 400;
      indices[0] = i;
      augment(&batch, 5, 2);
      assert_memory_equal(data, first + i * SIZE, SIZE * sizeof *data);
    }
    end(NULL);
  }
  begin(NULL);
}

/* Threads change nothing. */
static void depends_on_no_thread(void **state) {
  (void)state;
  enum { COUNT = 40, SIZE = 20 * 20 * 3 };
  static float first[COUNT * SIZE];
  static const char *const rows[] = {"flip", "rotate", "crop", "contrast", "hue", "cutout", "noise", "mixup"};
  for (size_t r = 0; r < LN_COUNT(rows); r++) choose_row(find(rows[r]));
  ln_batch batch = pictures(COUNT, 20, 20, 3);
  augment(&batch, 1, 0);
  memcpy(first, data, sizeof first);
  for (int threads = 2; threads < 5; threads++) {
    pool = ln_pool_create(threads);
    batch = pictures(COUNT, 20, 20, 3);
    augment(&batch, 1, 0);
    ln_pool_destroy(pool);
    pool = NULL;
    assert_memory_equal(first, data, sizeof first);
  }
}

/* Channels first is the same picture in another order. */
static void channels_may_come_first(void **state) {
  (void)state;
  enum { COUNT = 8, H = 6, W = 7 };
  static float last[COUNT * H * W * 3];
  static const char *const rows[] = {"flip", "rotate", "contrast", "saturation", "hue", "cutout"};
  for (size_t r = 0; r < LN_COUNT(rows); r++) choose_row(find(rows[r]));
  ln_batch batch = pictures(COUNT, H, W, 3);
  augment(&batch, 1, 0);
  memcpy(last, data, sizeof last);
  batch = pictures(COUNT, 3, H, W);
  for (int i = 0; i < COUNT * H * W * 3; i++) {
    const int n = i / (3 * H * W), c = i / (H * W) % 3, p = i % (H * W);
    data[i] = before[(n * H * W + p) * 3 + c];
  }
  augment(&batch, 1, 0);
  for (int i = 0; i < COUNT * H * W * 3; i++) {
    const int n = i / (3 * H * W), c = i / (H * W) % 3, p = i % (H * W);
    assert_true(fabsf(data[i] - last[(n * H * W + p) * 3 + c]) < 1e-3f);
  }
}

static void names_a_row_that_fits_no_input(void **state) {
  (void)state;
  choose("flip", "horizontal");
  ln_batch batch = sounds(2, 9);
  assert_int_equal(ln_augment_batch(settings, 1, 0, indices, &batch, NULL, &err), LN_ERR_ARGUMENT);
  assert_non_null(strstr(err.message, "flip: the model has no input of pictures"));
  float *const none[] = {NULL};
  batch = pictures(2, 3, 3, 1);
  batch.inputs = none;
  assert_int_equal(ln_augment_batch(settings, 1, 0, indices, &batch, NULL, &err), LN_ERR_ARGUMENT);
}

/* ---- moved pixels ---- */

enum { SIDE_H = 5, SIDE_W = 6, MANY = 400 };

static float pixel_before(int n, int y, int x) { return before[(n * SIDE_H + y) * SIDE_W + x]; }
static float pixel(int n, int y, int x) { return data[(n * SIDE_H + y) * SIDE_W + x]; }

/* Whether sample n is what it was, mirrored as said. */
static bool is_mirrored(int n, bool across, bool down) {
  for (int y = 0; y < SIDE_H; y++) {
    for (int x = 0; x < SIDE_W; x++) {
      const float was = pixel_before(n, down ? SIDE_H - 1 - y : y, across ? SIDE_W - 1 - x : x);
      if (pixel(n, y, x) != was) return false;
    }
  }
  return true;
}

static void about_half(int count) { assert_in_range(count, MANY / 2 - 50, MANY / 2 + 50); /* five deviations */ }

static void flips_half_of_them(void **state) {
  (void)state;
  static const struct {
    const char *how;
    bool across, down;
  } cases[] = {{"none", false, false}, {"horizontal", true, false}, {"vertical", false, true}, {"both", true, true}};
  for (size_t i = 0; i < LN_COUNT(cases); i++) {
    choose("flip", cases[i].how);
    ln_batch batch = pictures(MANY, SIDE_H, SIDE_W, 1);
    augment(&batch, 3, 0);
    int counts[4] = {0};
    for (int n = 0; n < MANY; n++) {
      int found = 0;
      for (int k = 0; k < 4; k++) {
        if (is_mirrored(n, k & 1, k >> 1)) counts[k]++, found++;
      }
      assert_int_equal(found, 1);
    }
    assert_true((counts[1] + counts[3] > 0) == cases[i].across && (counts[2] + counts[3] > 0) == cases[i].down);
    if (cases[i].across) about_half(counts[1] + counts[3]);
    if (cases[i].down) about_half(counts[2] + counts[3]);
    end(NULL), begin(NULL);
  }
}

static int beyond(int at, int size, char fill) {
  if (at >= 0 && at < size) return at;
  if (fill == 'z') return -1;
  if (fill == 'e') return at < 0 ? 0 : size - 1;
  return at < 0 ? -1 - at : 2 * size - 1 - at;
}

static bool is_moved(int n, int dy, int dx, char fill) {
  for (int y = 0; y < SIDE_H; y++) {
    for (int x = 0; x < SIDE_W; x++) {
      const int sy = beyond(y + dy, SIDE_H, fill), sx = beyond(x + dx, SIDE_W, fill);
      if (pixel(n, y, x) != (sy < 0 || sx < 0 ? 0 : pixel_before(n, sy, sx))) return false;
    }
  }
  return true;
}

/* Every offset within the limits, as often, and no other one. */
static void moves_whole_pixels(void **state) {
  (void)state;
  static const char *const fills[] = {"reflect", "edge", "zero"};
  for (int i = 0; i < 6; i++) {
    const char *fill = fills[i % 3];
    choose(i < 3 ? "crop" : "shift", i < 3 ? "2" : "0.4"); /* 0.4 of 5 and of 6 */
    choose("fill", fill);
    ln_batch batch = pictures(MANY, SIDE_H, SIDE_W, 1);
    augment(&batch, 9, 1);
    int counts[5][5] = {{0}};
    for (int n = 0; n < MANY; n++) {
      int found = 0;
      for (int k = 0; k < 25; k++) {
        if (!is_moved(n, k / 5 - 2, k % 5 - 2, fill[0])) continue;
        counts[k / 5][k % 5]++;
        found++;
      }
      assert_int_equal(found, 1);
    }
    for (int k = 0; k < 25; k++) assert_in_range(counts[k / 5][k % 5], 2, 40);
    end(NULL), begin(NULL);
  }
}

/* Turned by 180 degrees at the most, about the middle: a picture that depends on the distance from it alone stays. */
static void turns_about_the_middle(void **state) {
  (void)state;
  enum { SIDE = 31 };
  choose("rotate", "180");
  ln_batch batch = pictures(20, SIDE, SIDE, 1);
  for (int i = 0; i < 20 * SIDE * SIDE; i++) {
    const float y = (float)(i / SIDE % SIDE) - 15, x = (float)(i % SIDE) - 15;
    before[i] = data[i] = i < 10 * SIDE * SIDE ? expf(-(x * x + y * y) / 50) : y;
  }
  augment(&batch, 1, 0);
  float largest = 0;
  for (int i = 0; i < 10 * SIDE * SIDE; i++) {
    const bool within = before[i] > expf(-14 * 14 / 50.0f); /* else it comes from beyond the edge */
    if (within) largest = fmaxf(largest, fabsf(data[i] - before[i]));
  }
  assert_true(largest > 0 && largest < 0.02f);
  for (int n = 10; n < 20; n++) { /* a plane stays one, with the same slope in another direction */
    const float *at = data + n * SIDE * SIDE + 15 * SIDE + 15;
    const float across = at[1] - at[0], down = at[SIDE] - at[0];
    assert_true(fabsf(at[0]) < 1e-4f && fabsf(across * across + down * down - 1) < 1e-3f);
  }
}

static void zooms_about_the_middle(void **state) {
  (void)state;
  enum { SIDE = 31, COUNT = 60 };
  choose("zoom", "0.2");
  ln_batch batch = pictures(COUNT, SIDE, SIDE, 1);
  for (int i = 0; i < COUNT * SIDE * SIDE; i++) data[i] = (float)(i % SIDE) - 15;
  augment(&batch, 1, 0);
  float least = 2, most = 0;
  for (int n = 0; n < COUNT; n++) {
    const float *at = data + n * SIDE * SIDE + 15 * SIDE + 15;
    assert_true(fabsf(at[0]) < 1e-4f && fabsf(at[SIDE] - at[0]) < 1e-4f);
    least = fminf(least, 1 / at[1]), most = fmaxf(most, 1 / at[1]); /* the scale */
  }
  assert_true(least > 0.799f && least < 0.83f && most > 1.17f && most < 1.201f);
}

/* ---- colours ---- */

/* What is drawn lies within [low, high], near both, and is `mean` in the mean. */
static void spread(const double *drawn, int count, double low, double high) {
  double sum = 0, least = drawn[0], most = drawn[0];
  for (int i = 0; i < count; i++) sum += drawn[i], least = fmin(least, drawn[i]), most = fmax(most, drawn[i]);
  const double span = high - low, slack = 1e-3 * span;
  assert_true(least >= low - slack && most <= high + slack);
  assert_true(least < low + span * 0.1 && most > high - span * 0.1);
  assert_true(fabs(sum / count - (low + high) / 2) < 5 * span / sqrt(12.0 * count));
}

static void brightens_and_darkens(void **state) {
  (void)state;
  double drawn[100];
  choose("brightness", "0.3");
  ln_batch batch = pictures(100, 4, 4, 3);
  augment(&batch, 1, 0);
  for (int n = 0; n < 100; n++) {
    float least = INFINITY, most = -INFINITY;
    for (int i = 0; i < 48; i++) least = fminf(least, before[n * 48 + i]), most = fmaxf(most, before[n * 48 + i]);
    for (int i = 0; i < 48; i++) {
      const double by = (double)(data[n * 48 + i] - before[n * 48 + i]) / (double)(most - least);
      if (i > 0) assert_true(fabs(by - drawn[n]) < 1e-3);
      drawn[n] = by;
    }
  }
  spread(drawn, 100, -0.3, 0.3);
}

static void changes_contrast(void **state) {
  (void)state;
  double drawn[100];
  choose("contrast", "0.5");
  ln_batch batch = pictures(100, 4, 4, 1);
  augment(&batch, 1, 0);
  for (int n = 0; n < 100; n++) {
    double was = 0, is = 0, wide = 0, wide_was = 0;
    for (int i = 0; i < 16; i++) was += (double)before[n * 16 + i] / 16, is += (double)data[n * 16 + i] / 16;
    assert_true(fabs(was - is) < 1e-3 * (1 + fabs(was)));
    for (int i = 0; i < 16; i++) {
      wide += pow((double)data[n * 16 + i] - is, 2), wide_was += pow((double)before[n * 16 + i] - was, 2);
    }
    drawn[n] = sqrt(wide / wide_was);
  }
  spread(drawn, 100, 0.5, 1.5);
}

static double gray(const float *rgb) {
  return 0.299 * (double)rgb[0] + 0.587 * (double)rgb[1] + 0.114 * (double)rgb[2];
}

static void changes_saturation(void **state) {
  (void)state;
  double drawn[100];
  choose("saturation", "0.4");
  ln_batch batch = pictures(100, 1, 1, 3);
  augment(&batch, 1, 0);
  for (int n = 0; n < 100; n++) {
    const float *was = before + 3 * n, *is = data + 3 * n;
    assert_true(fabs(gray(was) - gray(is)) < 1e-2);
    drawn[n] = ((double)is[0] - gray(is)) / ((double)was[0] - gray(was));
  }
  spread(drawn, 100, 0.6, 1.4);
}

/* Grays stay, red goes around through green and blue, and no colour becomes stronger. */
static void turns_hue(void **state) {
  (void)state;
  double drawn[100];
  choose("hue", "0.5");
  ln_batch batch = pictures(100, 1, 2, 3);
  for (int n = 0; n < 100; n++) {
    for (int c = 0; c < 3; c++) data[6 * n + c] = 7, data[6 * n + 3 + c] = c == 0;
  }
  augment(&batch, 1, 0);
  for (int n = 0; n < 100; n++) {
    const float *is = data + 6 * n + 3;
    for (int c = 0; c < 3; c++) assert_true(fabsf(data[6 * n + c] - 7) < 1e-4f);
    assert_true(fabsf(is[0] + is[1] + is[2] - 1) < 1e-4f);
    assert_true(fabsf(is[0] * is[0] + is[1] * is[1] + is[2] * is[2] - 1) < 1e-4f);
    drawn[n] = atan2((double)(is[1] - is[2]) / sqrt(2), ((double)is[0] - 1.0 / 3) * sqrt(1.5));
  }
  spread(drawn, 100, -3.14159265, 3.14159265);
}

static void leaves_gray_pictures_alone(void **state) {
  (void)state;
  choose("hue", "0.5");
  choose("saturation", "1");
  ln_batch batch = pictures(10, 3, 3, 1);
  augment(&batch, 1, 0);
  assert_memory_equal(data, before, 90 * sizeof *data);
}

static void cuts_squares_out(void **state) {
  (void)state;
  enum { SIDE = 16, COUNT = 100 };
  choose("cutout", "6");
  ln_batch batch = pictures(COUNT, SIDE, SIDE, 1);
  for (int i = 0; i < COUNT * SIDE * SIDE; i++) data[i] = i % 2 ? 3 : -1; /* mean 1 */
  augment(&batch, 1, 0);
  int whole = 0;
  for (int n = 0; n < COUNT; n++) {
    int top = SIDE, bottom = -1, left = SIDE, right = -1, count = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
      if (data[n * SIDE * SIDE + i] != 1) continue;
      const int y = i / SIDE, x = i % SIDE;
      top = y < top ? y : top, bottom = y > bottom ? y : bottom, left = x < left ? x : left;
      right = x > right ? x : right, count++;
    }
    const int height = bottom - top + 1, width = right - left + 1;
    assert_int_equal(count, height * width);
    assert_true(height <= 6 && width <= 6 && height >= 3 && width >= 3);
    whole += count == 36;
  }
  assert_in_range(whole, 25, 70); /* (11 / 16)^2 are */
}

/* ---- sounds ---- */

static void adds_noise(void **state) {
  (void)state;
  choose("noise", "0.5");
  ln_batch batch = sounds(20, 1000);
  memset(data, 0, 20000 * sizeof *data);
  augment(&batch, 1, 0);
  double sum = 0, square = 0;
  for (int i = 0; i < 20000; i++) sum += (double)data[i], square += (double)data[i] * (double)data[i];
  assert_true(fabs(sum / 20000) < 5 * 0.5 / sqrt(20000));
  assert_true(fabs(sqrt(square / 20000) - 0.5) < 5 * 0.5 / sqrt(40000));
}

static void adds_noise_below_the_sound(void **state) {
  (void)state;
  double drawn[40];
  choose("noise_snr", "10");
  ln_batch batch = sounds(40, 1500);
  augment(&batch, 1, 0);
  for (int n = 0; n < 40; n++) {
    double sound = 0, noise = 0;
    for (int i = n * 1500; i < (n + 1) * 1500; i++) {
      sound += pow((double)before[i], 2), noise += pow((double)(data[i] - before[i]), 2);
    }
    drawn[n] = 10 * log10(sound / noise);
    assert_true(drawn[n] > 9.5 && drawn[n] < 30.5);
    drawn[n] = fmin(30, fmax(10, drawn[n]));
  }
  spread(drawn, 40, 10, 30);
}

static void makes_louder_and_softer(void **state) {
  (void)state;
  double drawn[100];
  choose("gain", "6");
  ln_batch batch = sounds(100, 20);
  augment(&batch, 1, 0);
  for (int n = 0; n < 100; n++) drawn[n] = 20 * log10((double)(data[n * 20 + 3] / before[n * 20 + 3]));
  spread(drawn, 100, -6, 6);
}

static void shifts_time(void **state) {
  (void)state;
  enum { FRAMES = 40, COUNT = 100 };
  double drawn[COUNT];
  choose("time_shift", "0.25");
  ln_batch batch = make_batch(COUNT, 2, (const int32_t[]){FRAMES, 2}, inputs, &shape);
  for (int i = 0; i < COUNT * FRAMES * 2; i++) before[i] = data[i] = (float)i + 1;
  augment(&batch, 1, 0);
  for (int n = 0; n < COUNT; n++) {
    const float *is = data + n * FRAMES * 2, *was = before + n * FRAMES * 2;
    const int by = (int)(was[FRAMES] - is[FRAMES]) / 2; /* of the middle */
    for (int i = 0; i < FRAMES * 2; i++) {
      const int from = i - 2 * by;
      assert_true(is[i] == (from < 0 || from >= FRAMES * 2 ? 0 : was[from]));
    }
    drawn[n] = by;
  }
  spread(drawn, COUNT, -10, 10);
}

/* ---- mixed samples ---- */

/* Sample n of `count` was all n: its share of its own self, from its data; its partner's is the rest. */
static double share_of(int n, int count, double mean) {
  const int partner = count - 1 - n;
  return (mean - partner) / (n - partner);
}

static void check_targets(const ln_batch *batch, int n, double share) {
  const int partner = batch->count - 1 - n;
  for (int c = 0; c < CLASSES; c++) {
    const double want = share * (labels[n] == c) + (1 - share) * (labels[partner] == c);
    assert_true(fabs((double)targets[n * CLASSES + c] - want) < 1e-4);
  }
}

static void mixes_samples_and_targets(void **state) {
  (void)state;
  enum { COUNT = 2001, SIZE = 4 };
  choose("mixup", "0.4");
  assert_true(ln_augment_mixes(settings));
  ln_batch batch = sounds(COUNT, SIZE);
  for (int i = 0; i < COUNT * SIZE; i++) data[i] = (float)(i / SIZE);
  augment(&batch, 1, 0);
  assert_true(batch.soft);
  double sum = 0, square = 0;
  for (int n = 0; n < COUNT; n++) {
    for (int i = 1; i < SIZE; i++) assert_true(data[n * SIZE + i] == data[n * SIZE]);
    if (n == COUNT / 2) { /* has no partner */
      assert_true(data[n * SIZE] == (float)n);
      check_targets(&batch, n, 1);
      continue;
    }
    const double share = share_of(n, COUNT, (double)data[n * SIZE]);
    assert_true(share > -1e-3 && share < 1.001);
    if (abs(2 * n - COUNT + 1) > 20) check_targets(&batch, n, share);
    if (n < COUNT / 2) sum += share, square += share * share;
  }
  const double variance = square / 1000 - pow(sum / 1000, 2); /* of Beta(a, a): 1 / (4 (2 a + 1)) */
  assert_true(fabs(sum / 1000 - 0.5) < 5 * sqrt(0.139 / 1000));
  assert_true(fabs(variance - 1 / 7.2) < 0.015);
}

/* Beta(a, a) is wide or narrow as a says. */
static void draws_any_beta(void **state) {
  (void)state;
  static const char *const shapes[] = {"0.001", "0.2", "1", "4"};
  enum { COUNT = 2000 };
  for (size_t k = 0; k < LN_COUNT(shapes); k++) {
    choose("mixup", shapes[k]);
    ln_batch batch = sounds(COUNT, 1);
    for (int i = 0; i < COUNT; i++) data[i] = i < COUNT / 2;
    augment(&batch, 2, 0);
    double square = 0;
    for (int i = 0; i < COUNT / 2; i++) {
      assert_true(data[i] >= 0 && data[i] <= 1);
      square += pow((double)data[i] - 0.5, 2) / (COUNT / 2);
    }
    const double a = atof(shapes[k]), want = 1 / (4 * (2 * a + 1));
    assert_true(fabs(square - want) < 0.15 * want);
    end(NULL), begin(NULL);
  }
}

static void mixes_patches_and_targets(void **state) {
  (void)state;
  enum { COUNT = 200, SIDE = 8 };
  choose("cutmix", "1");
  ln_batch batch = pictures(COUNT, SIDE, SIDE, 1);
  for (int i = 0; i < COUNT * SIDE * SIDE; i++) data[i] = (float)(i / (SIDE * SIDE));
  augment(&batch, 1, 0);
  double whole = 0;
  for (int n = 0; n < COUNT; n++) {
    int own = 0;
    for (int i = 0; i < SIDE * SIDE; i++) {
      const float value = data[n * SIDE * SIDE + i];
      assert_true(value == (float)n || value == (float)(COUNT - 1 - n));
      own += value == (float)n;
    }
    check_targets(&batch, n, own / (double)(SIDE * SIDE));
    whole += own / (double)(SIDE * SIDE) / COUNT;
  }
  assert_true(whole > 0.5 && whole < 0.8); /* patches are cut off at edges, and rounded down */
}

/* Of two that mix, each pair gets one. */
static void draws_one_of_several(void **state) {
  (void)state;
  enum { COUNT = 400, SIDE = 8 };
  choose("mixup", "1");
  choose("cutmix", "1");
  ln_batch batch = pictures(COUNT, SIDE, SIDE, 1);
  for (int i = 0; i < COUNT * SIDE * SIDE; i++) data[i] = (float)(i / (SIDE * SIDE));
  augment(&batch, 1, 0);
  int sums = 0;
  for (int n = 0; n < COUNT / 2; n++) {
    const float first = data[n * SIDE * SIDE];
    sums += first != (float)n && first != (float)(COUNT - 1 - n);
  }
  assert_in_range(sums, 65, 135);
}

/* Targets that are values are mixed as they are. */
static void mixes_values(void **state) {
  (void)state;
  choose("mixup", "1");
  ln_batch batch = sounds(2, 1);
  batch.labels = NULL;
  data[0] = 0, data[1] = 1;
  for (int i = 0; i < 2 * CLASSES; i++) targets[i] = (float)i;
  augment(&batch, 1, 0);
  assert_false(batch.soft);
  for (int c = 0; c < CLASSES; c++) {
    assert_true(fabsf(targets[c] - ((float)c + 3 * data[0])) < 1e-5f);
    assert_true(fabsf(targets[CLASSES + c] - ((float)c + 3 * data[1])) < 1e-5f);
  }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(rows_stand_in_order),
      TEST(nothing_stays),
      TEST(depends_on_its_place_alone),
      TEST(depends_on_no_thread),
      TEST(channels_may_come_first),
      TEST(names_a_row_that_fits_no_input),
      TEST(flips_half_of_them),
      TEST(moves_whole_pixels),
      TEST(turns_about_the_middle),
      TEST(zooms_about_the_middle),
      TEST(brightens_and_darkens),
      TEST(changes_contrast),
      TEST(changes_saturation),
      TEST(turns_hue),
      TEST(leaves_gray_pictures_alone),
      TEST(cuts_squares_out),
      TEST(adds_noise),
      TEST(adds_noise_below_the_sound),
      TEST(makes_louder_and_softer),
      TEST(shifts_time),
      TEST(mixes_samples_and_targets),
      TEST(draws_any_beta),
      TEST(mixes_patches_and_targets),
      TEST(draws_one_of_several),
      TEST(mixes_values),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
