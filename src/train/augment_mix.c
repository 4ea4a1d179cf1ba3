/*
 * Augmentation that mixes pairs of samples with their targets: mixup (Zhang, Cisse, Dauphin and Lopez-Paz, "mixup:
 * Beyond Empirical Risk Minimization", ICLR 2018) and CutMix (Yun, Han, Oh, Chun, Choe and Yoo, ICCV 2019). Both
 * samples of a pair change in place: what one gives, the other takes.
 */
#include <math.h>

#include "train/trainer.h"

/* Of Beta(a, a), after Joehnk (1964); logarithms, since small ones are powers below what doubles hold. */
static double beta_draw(ln_random *r, double a) {
  double x, y;
  do {
    x = log(1 - ln_random_unit(r)) / a;
    y = log(1 - ln_random_unit(r)) / a;
  } while (exp(x) + exp(y) > 1);
  return 1 / (1 + exp(y - x));
}

/* ---- mixup ---- */

static const ln_parameter mixup_parameters[] = {
    {"mixup", LN_PARAMETER_NUMBER, "0.2", NULL, 0.001, 4,
     "sums of two samples and of their targets: a of Beta(a, a), which shares are drawn from"},
    {0}};

static void apply_mixup(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  v->share = beta_draw(random, ln_setting_number(s, list, "mixup"));
  const float own = (float)v->share, rest = 1 - own;
  for (size_t i = 0; i < v->count; i++) {
    const float a = v->data[i], b = v->other[i];
    v->data[i] = own * a + rest * b;
    v->other[i] = own * b + rest * a;
  }
}

const ln_augment_def ln_augment_mixup = {
    "mixup",
    "sums of two samples and of their targets: a of Beta(a, a), which shares are drawn from",
    mixup_parameters,
    LN_AUGMENT_ANY,
    true,
    apply_mixup};

/* ---- CutMix ---- */

static const ln_parameter cutmix_parameters[] = {
    {"cutmix", LN_PARAMETER_NUMBER, "1", NULL, 0.001, 4,
     "patches of other pictures, targets by their area: a of Beta(a, a), which areas are drawn from"},
    {0}};

/* Where a stretch of `length` around a place drawn from [0, size) begins and ends. */
static void draw_stretch(ln_random *random, int32_t size, int32_t length, int32_t *begin, int32_t *end) {
  *begin = (int32_t)ln_random_below(random, (uint64_t)size) - length / 2;
  *end = *begin + length;
  if (*begin < 0) *begin = 0;
  if (*end > size) *end = size;
}

static void apply_cutmix(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  const double side = sqrt(1 - beta_draw(random, ln_setting_number(s, list, "cutmix")));
  int32_t left, right, top, bottom;
  draw_stretch(random, v->width, (int32_t)(side * v->width), &left, &right);
  draw_stretch(random, v->height, (int32_t)(side * v->height), &top, &bottom);
  for (int32_t y = top; y < bottom; y++) {
    for (int32_t x = left; x < right; x++) {
      for (int32_t c = 0; c < v->channels; c++) {
        float *own = ln_augment_pixel(v, y, x, c), *given = v->other + (own - v->data);
        const float kept = *own;
        *own = *given;
        *given = kept;
      }
    }
  }
  const double cut = right > left && bottom > top ? (double)(right - left) * (bottom - top) : 0;
  v->share = 1 - cut / ((double)v->width * v->height);
}

const ln_augment_def ln_augment_cutmix = {
    "cutmix",
    "patches of other pictures, targets by their area: a of Beta(a, a), which areas are drawn from",
    cutmix_parameters,
    LN_AUGMENT_PICTURE,
    true,
    apply_cutmix};

/* ---- cutout (DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017) ----
 */

static const ln_parameter cutout_parameters[] = {
    {"cutout", LN_PARAMETER_INTEGER, "8", NULL, 0, 4096, "squares of pictures are blanked: their side in pixels"}, {0}};

static void apply_cutout(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  const int32_t side = (int32_t)ln_setting_int(s, list, "cutout");
  int32_t left, right, top, bottom;
  draw_stretch(random, v->width, side, &left, &right);
  draw_stretch(random, v->height, side, &top, &bottom);
  for (int32_t c = 0; c < v->channels; c++) {
    const float mean = ln_augment_mean(v, c);
    for (int32_t y = top; y < bottom; y++) {
      for (int32_t x = left; x < right; x++) *ln_augment_pixel(v, y, x, c) = mean;
    }
  }
}

/* Into mean gray, as the paper's zeros are of data that were normalised to a mean of zero. */
const ln_augment_def ln_augment_cutout = {
    "cutout",    "squares of pictures are blanked: their side in pixels", cutout_parameters, LN_AUGMENT_PICTURE, false,
    apply_cutout};
