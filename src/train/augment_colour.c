/* Augmentation of pictures' colours. All are sums of a pixel's channels and of means, so that they do the same whatever
 * range pictures were normalised to. */
#include <math.h>

#include "train/trainer.h"

/* ---- brightness ---- */

static const ln_parameter brightness_parameters[] = {
    {"brightness", LN_PARAMETER_NUMBER, "0.2", NULL, 0, 1,
     "pictures become brighter or darker: the most, as a share of the range of their values"},
    {0}};

static void apply_brightness(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  float least = v->data[0], most = v->data[0];
  for (size_t i = 1; i < v->count; i++) least = fminf(least, v->data[i]), most = fmaxf(most, v->data[i]);
  const double share = ln_augment_between(random, ln_setting_number(s, list, "brightness"));
  const float by = (float)share * (most - least);
  for (size_t i = 0; i < v->count; i++) v->data[i] += by;
}

const ln_augment_def ln_augment_brightness = {
    "brightness",
    "pictures become brighter or darker: the most, as a share of the range of their values",
    brightness_parameters,
    LN_AUGMENT_PICTURE,
    false,
    apply_brightness};

/* ---- contrast ---- */

static const ln_parameter contrast_parameters[] = {
    {"contrast", LN_PARAMETER_NUMBER, "0.2", NULL, 0, 1, "contrast grows or shrinks: the most, 0.2 is 20 %"}, {0}};

static void apply_contrast(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  const float factor = 1 + (float)ln_augment_between(random, ln_setting_number(s, list, "contrast"));
  for (int32_t c = 0; c < v->channels; c++) {
    const float mean = ln_augment_mean(v, c);
    for (int32_t y = 0; y < v->height; y++) {
      for (int32_t x = 0; x < v->width; x++) {
        float *at = ln_augment_pixel(v, y, x, c);
        *at = mean + (*at - mean) * factor;
      }
    }
  }
}

const ln_augment_def ln_augment_contrast = {
    "contrast",    "contrast grows or shrinks: the most, 0.2 is 20 %", contrast_parameters, LN_AUGMENT_PICTURE, false,
    apply_contrast};

/* ---- saturation, hue: of three channels; others have no colour to change ---- */

static void multiply_colours(ln_augment_view *v, const float m[9]) {
  for (int32_t y = 0; y < v->height && v->channels == 3; y++) {
    for (int32_t x = 0; x < v->width; x++) {
      float *at[3], rgb[3];
      for (int c = 0; c < 3; c++) at[c] = ln_augment_pixel(v, y, x, c), rgb[c] = *at[c];
      for (int c = 0; c < 3; c++) *at[c] = m[3 * c] * rgb[0] + m[3 * c + 1] * rgb[1] + m[3 * c + 2] * rgb[2];
    }
  }
}

static const ln_parameter saturation_parameters[] = {
    {"saturation", LN_PARAMETER_NUMBER, "0.2", NULL, 0, 1, "colours become stronger or weaker: the most, 0.2 is 20 %"},
    {0}};

/* Gray as ITU-R BT.601 weighs the channels. */
static void apply_saturation(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  static const float gray[3] = {0.299f, 0.587f, 0.114f};
  const float factor = 1 + (float)ln_augment_between(random, ln_setting_number(s, list, "saturation"));
  float m[9];
  for (int i = 0; i < 9; i++) m[i] = (1 - factor) * gray[i % 3] + (i % 4 == 0 ? factor : 0);
  multiply_colours(v, m);
}

const ln_augment_def ln_augment_saturation = {"saturation",
                                              "colours become stronger or weaker: the most, 0.2 is 20 %",
                                              saturation_parameters,
                                              LN_AUGMENT_PICTURE,
                                              false,
                                              apply_saturation};

static const ln_parameter hue_parameters[] = {
    {"hue", LN_PARAMETER_NUMBER, "0.05", NULL, 0, 0.5, "colours move along their circle: the most, as a share of it"},
    {0}};

/* A turn about the axis of grays (Rodrigues's formula). */
static void apply_hue(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  const double angle = ln_augment_between(random, ln_setting_number(s, list, "hue")) * 2 * 3.14159265358979324;
  const double turn = sin(angle) / sqrt(3), rest = (1 - cos(angle)) / 3;
  const float same = (float)(cos(angle) + rest), next = (float)(rest - turn), last = (float)(rest + turn);
  multiply_colours(v, (const float[9]){same, next, last, last, same, next, next, last, same});
}

const ln_augment_def ln_augment_hue = {"hue",          "colours move along their circle: the most, as a share of it",
                                       hue_parameters, LN_AUGMENT_PICTURE,
                                       false,          apply_hue};
