/* Augmentation that moves pixels: each row says where pixels come from; they are interpolated once, after the last. */
#include <math.h>
#include <string.h>

#include "train/trainer.h"

/* Pixels of what there was so far are taken from where `by` says. */
static void add_move(ln_augment_view *v, const double by[6]) {
  double to[6];
  for (int r = 0; r < 2; r++) {
    const double *row = v->move + 3 * r;
    for (int c = 0; c < 3; c++) to[3 * r + c] = row[0] * by[c] + row[1] * by[3 + c];
    to[3 * r + 2] += row[2];
  }
  memcpy(v->move, to, sizeof to);
}

/* ---- what stands beyond the edge: moves nothing itself ---- */

static const ln_parameter fill_parameters[] = {{"fill", LN_PARAMETER_CHOICE, "reflect", "reflect|edge|zero", 0, 0,
                                                "what stands beyond the edge of pictures that are moved"},
                                               {0}};

static void apply_fill(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  (void)random;
  v->fill = ln_setting_text(s, list, "fill")[0];
}

const ln_augment_def ln_augment_fill = {"fill",          "what stands beyond the edge of pictures that are moved",
                                        fill_parameters, LN_AUGMENT_MOVES,
                                        false,           apply_fill};

/* ---- flip ---- */

static const ln_parameter flip_parameters[] = {
    {"flip", LN_PARAMETER_CHOICE, "horizontal", "none|horizontal|vertical|both", 0, 0,
     "pictures are mirrored, half of them"},
    {0}};

static void apply_flip(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  const char how = ln_setting_text(s, list, "flip")[0];
  const uint32_t word = ln_random_word(random);
  if ((how == 'h' || how == 'b') && (word & 1)) add_move(v, (const double[6]){-1, 0, v->width - 1, 0, 1, 0});
  if ((how == 'v' || how == 'b') && (word & 2)) add_move(v, (const double[6]){1, 0, 0, 0, -1, v->height - 1});
}

const ln_augment_def ln_augment_flip = {
    "flip", "pictures are mirrored, half of them", flip_parameters, LN_AUGMENT_MOVES, false, apply_flip};

/* ---- crop ---- */

static const ln_parameter crop_parameters[] = {
    {"crop", LN_PARAMETER_INTEGER, "4", NULL, 0, 4096,
     "pixels by which pictures are made larger on each side, before one of the old size is cut out"},
    {0}};

/* A whole number of -most .. most. */
static double whole_between(ln_random *random, int64_t most) {
  return (double)ln_random_below(random, 2 * (uint64_t)most + 1) - (double)most;
}

static void apply_crop(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  const int64_t most = ln_setting_int(s, list, "crop");
  const double x = whole_between(random, most);
  add_move(v, (const double[6]){1, 0, x, 0, 1, whole_between(random, most)});
}

const ln_augment_def ln_augment_crop = {
    "crop",          "pixels by which pictures are made larger on each side, before one of the old size is cut out",
    crop_parameters, LN_AUGMENT_MOVES,
    false,           apply_crop};

/* ---- shift ---- */

static const ln_parameter shift_parameters[] = {
    {"shift", LN_PARAMETER_NUMBER, "0.1", NULL, 0, 1, "pictures are moved: the most, as a share of width and height"},
    {0}};

/* By whole pixels, which stay as sharp as they were. */
static void apply_shift(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  const double most = ln_setting_number(s, list, "shift");
  const double x = whole_between(random, (int64_t)(most * v->width + 0.5));
  add_move(v, (const double[6]){1, 0, x, 0, 1, whole_between(random, (int64_t)(most * v->height + 0.5))});
}

const ln_augment_def ln_augment_shift = {"shift",
                                         "pictures are moved: the most, as a share of width and height",
                                         shift_parameters,
                                         LN_AUGMENT_MOVES,
                                         false,
                                         apply_shift};

/* ---- rotate, zoom ---- */

/* The turn and stretch [a -b; b a] about the picture's middle. */
static void add_turn(ln_augment_view *v, double a, double b) {
  const double x = 0.5 * (v->width - 1), y = 0.5 * (v->height - 1);
  add_move(v, (const double[6]){a, -b, x - a * x + b * y, b, a, y - b * x - a * y});
}

static const ln_parameter rotate_parameters[] = {
    {"rotate", LN_PARAMETER_NUMBER, "10", NULL, 0, 180, "pictures are turned, either way: the most, in degrees"}, {0}};

static void apply_rotate(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  const double angle = ln_augment_between(random, ln_setting_number(s, list, "rotate")) * 3.14159265358979324 / 180;
  add_turn(v, cos(angle), sin(angle));
}

const ln_augment_def ln_augment_rotate = {
    "rotate",    "pictures are turned, either way: the most, in degrees", rotate_parameters, LN_AUGMENT_MOVES, false,
    apply_rotate};

static const ln_parameter zoom_parameters[] = {
    {"zoom", LN_PARAMETER_NUMBER, "0.1", NULL, 0, 0.95, "pictures become larger or smaller: the most, 0.1 is 10 %"},
    {0}};

static void apply_zoom(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  add_turn(v, 1 / (1 + ln_augment_between(random, ln_setting_number(s, list, "zoom"))), 0);
}

const ln_augment_def ln_augment_zoom = {"zoom",          "pictures become larger or smaller: the most, 0.1 is 10 %",
                                        zoom_parameters, LN_AUGMENT_MOVES,
                                        false,           apply_zoom};

/* ---- taking pixels ---- */

/* A pixel's place within [0, size) for one beyond it; -1: there is none. */
static int32_t inside(int64_t at, int32_t size, char fill) {
  if (at >= 0 && at < size) return (int32_t)at;
  if (fill == 'z') return -1;
  if (fill == 'e') return at < 0 ? 0 : size - 1;
  at %= 2 * (int64_t)size;
  if (at < 0) at += 2 * (int64_t)size;
  return (int32_t)(at < size ? at : 2 * (int64_t)size - 1 - at);
}

void ln_augment_warp(ln_augment_view *v, float *scratch) {
  const double *m = v->move;
  memcpy(scratch, v->data, v->count * sizeof *scratch);
  for (int32_t y = 0; y < v->height; y++) {
    for (int32_t x = 0; x < v->width; x++) {
      const double from_x = m[0] * x + m[1] * y + m[2], from_y = m[3] * x + m[4] * y + m[5];
      const double left = floor(from_x), top = floor(from_y);
      const float right = (float)(from_x - left), down = (float)(from_y - top);
      const float weights[4] = {(1 - right) * (1 - down), right * (1 - down), (1 - right) * down, right * down};
      float *to = v->data + (size_t)y * v->y_step + (size_t)x * v->x_step;
      for (int32_t c = 0; c < v->channels; c++) to[(size_t)c * v->c_step] = 0;
      for (int k = 0; k < 4; k++) {
        const int32_t sx = inside((int64_t)left + k % 2, v->width, v->fill);
        const int32_t sy = inside((int64_t)top + k / 2, v->height, v->fill);
        if (weights[k] == 0 || sx < 0 || sy < 0) continue;
        const float *from = scratch + (size_t)sy * v->y_step + (size_t)sx * v->x_step;
        for (int32_t c = 0; c < v->channels; c++) to[(size_t)c * v->c_step] += weights[k] * from[(size_t)c * v->c_step];
      }
    }
  }
}
