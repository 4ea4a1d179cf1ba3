/* Augmentation of sound: louder or softer, earlier or later, with noise; and noise on inputs of any kind. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/trainer.h"

static void add_noise(ln_augment_view *v, ln_random *random, float deviation) {
  for (size_t i = 0; i < v->count; i++) v->data[i] += deviation * ln_random_normal(random);
}

/* ---- noise ---- */

static const ln_parameter noise_parameters[] = {
    {"noise", LN_PARAMETER_NUMBER, "0.05", NULL, 0, 1e6, "normal noise: its standard deviation, in the input's unit"},
    {0}};

static void apply_noise(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  add_noise(v, random, (float)ln_setting_number(s, list, "noise"));
}

const ln_augment_def ln_augment_noise = {
    "noise",    "normal noise: its standard deviation, in the input's unit", noise_parameters, LN_AUGMENT_ANY, false,
    apply_noise};

/* ---- gain ---- */

static const ln_parameter gain_parameters[] = {
    {"gain", LN_PARAMETER_NUMBER, "6", NULL, 0, 60, "sounds become louder or softer: the most, in dB"}, {0}};

static void apply_gain(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  const float factor = (float)pow(10, ln_augment_between(random, ln_setting_number(s, list, "gain")) / 20);
  for (size_t i = 0; i < v->count; i++) v->data[i] *= factor;
}

const ln_augment_def ln_augment_gain = {
    "gain", "sounds become louder or softer: the most, in dB", gain_parameters, LN_AUGMENT_SOUND, false, apply_gain};

/* ---- time shift ---- */

static const ln_parameter time_shift_parameters[] = {
    {"time_shift", LN_PARAMETER_NUMBER, "0.1", NULL, 0, 1,
     "sounds begin earlier or later: the most, as a share of their length"},
    {0}};

static void apply_time_shift(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  const double share = ln_augment_between(random, ln_setting_number(s, list, "time_shift"));
  const long frames = lround(share * v->width);
  const size_t by = (size_t)labs(frames) * v->x_step, rest = v->count - by;
  memmove(frames > 0 ? v->data + by : v->data, frames > 0 ? v->data : v->data + by, rest * sizeof *v->data);
  memset(frames > 0 ? v->data : v->data + rest, 0, by * sizeof *v->data);
}

const ln_augment_def ln_augment_time_shift = {"time_shift",
                                              "sounds begin earlier or later: the most, as a share of their length",
                                              time_shift_parameters,
                                              LN_AUGMENT_SOUND,
                                              false,
                                              apply_time_shift};

/* ---- noise by its distance from the sound ---- */

static const ln_parameter noise_snr_parameters[] = {
    {"noise_snr", LN_PARAMETER_NUMBER, "10", NULL, -40, 120,
     "noise under sounds: the least signal-to-noise ratio, in dB; the largest is 20 dB more"},
    {0}};

static void apply_noise_snr(const ln_settings *s, const ln_parameter *list, ln_random *random, ln_augment_view *v) {
  const double ratio = ln_setting_number(s, list, "noise_snr") + 20 * ln_random_unit(random);
  double power = 0;
  for (size_t i = 0; i < v->count; i++) power += (double)v->data[i] * (double)v->data[i];
  add_noise(v, random, (float)(sqrt(power / (double)v->count) * pow(10, -ratio / 20)));
}

const ln_augment_def ln_augment_noise_snr = {
    "noise_snr",
    "noise under sounds: the least signal-to-noise ratio, in dB; the largest is 20 dB more",
    noise_snr_parameters,
    LN_AUGMENT_SOUND,
    false,
    apply_noise_snr};
