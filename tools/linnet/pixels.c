/*
 * Tells a dump of signed bytes from an ordinary picture. Where a signed picture crosses zero, its bytes jump between 0
 * and 255 when they are read as unsigned: neighbours differ more than they would as signed, while the picture as a
 * whole spreads over fewer greys. Drawings in black and white jump as well, but spread more, not less: both signs are
 * asked for.
 */
#include "pixels.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

void cli_pixels_flip(ln_image *image) {
  const size_t count = (size_t)image->width * (size_t)image->height * (size_t)image->channels;
  for (size_t i = 0; i < count; i++) image->pixels[i] ^= 0x80;
}

typedef struct statistics {
  double steps;    /* sum of differences between neighbours */
  double variance; /* of all pixels */
} statistics;

static statistics measure(const ln_image *image, uint8_t flip) {
  const size_t width = (size_t)image->width, height = (size_t)image->height, channels = (size_t)image->channels;
  double steps = 0, sum = 0, squares = 0;
  for (size_t y = 0; y < height; y++) {
    for (size_t x = 0; x < width; x++) {
      const uint8_t *at = image->pixels + (y * width + x) * channels;
      const int here = *at ^ flip;
      if (x + 1 < width) steps += abs(here - (at[channels] ^ flip));
      if (y + 1 < height) steps += abs(here - (at[width * channels] ^ flip));
      sum += here;
      squares += (double)here * here;
    }
  }
  const double count = (double)width * (double)height, mean = sum / count;
  return (statistics){steps, squares / count - mean * mean};
}

static bool is_grey(const ln_image *image) {
  const size_t count = (size_t)image->width * (size_t)image->height;
  for (size_t i = 0; image->channels >= 3 && i < count; i++) {
    const uint8_t *at = image->pixels + i * (size_t)image->channels;
    if (at[0] != at[1] || at[0] != at[2]) return false;
  }
  return count > 0;
}

bool cli_pixels_look_signed(const ln_image *image) {
  if (!is_grey(image)) return false;
  const statistics plain = measure(image, 0), flipped = measure(image, 0x80);
  return flipped.steps < 0.8 * plain.steps && flipped.variance > 1.2 * 1.2 * plain.variance;
}
