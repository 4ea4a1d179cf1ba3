/* A sheet of pictures for people: a sample a row, as it is and then as training sees it in one epoch after the other.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linnet/io.h"
#include "train.h"

enum { SHEET_ROWS = 8, SHEET_COLUMNS = 9, SHEET_GAP = 2, BMP_HEADER = 54, SHEET_MOST_SIDE = 1024 };

typedef struct sheet {
  int32_t height, width, channels; /* of a picture */
  size_t y_step, x_step, c_step;
  int32_t rows, line; /* pictures, one below the other; bytes of a line */
  uint8_t *file;
  size_t size;
  float least[SHEET_ROWS], most[SHEET_ROWS]; /* of the samples as they are */
} sheet;

/* [batch, height, width, channels], with the channels first, or without. */
static bool read_shape(const ln_tensor *tensor, sheet *s) {
  const int32_t rank = ln_tensor_rank(tensor);
  if (ln_tensor_type(tensor) != LN_FLOAT32 || (rank != 3 && rank != 4)) return false;
  const int32_t last = rank == 4 ? ln_tensor_dim(tensor, 3) : 1;
  const bool first = last > 4;
  s->height = ln_tensor_dim(tensor, first ? 2 : 1);
  s->width = ln_tensor_dim(tensor, first ? 3 : 2);
  s->channels = first ? ln_tensor_dim(tensor, 1) : last;
  s->x_step = first ? 1 : (size_t)s->channels;
  s->y_step = s->x_step * (size_t)s->width;
  s->c_step = first ? s->y_step * (size_t)s->height : 1;
  return s->height > 0 && s->width > 0 && s->height <= SHEET_MOST_SIDE && s->width <= SHEET_MOST_SIDE &&
         s->channels > 0;
}

static void put(uint8_t *at, int bytes, size_t value) {
  for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

/* A BMP file of 24 bits a pixel, its lines from below. */
static bool begin_file(sheet *s) {
  const int32_t width = SHEET_COLUMNS * (s->width + SHEET_GAP), height = s->rows * (s->height + SHEET_GAP);
  s->line = (3 * width + 3) / 4 * 4;
  s->size = BMP_HEADER + (size_t)s->line * (size_t)height;
  s->file = calloc(s->size, 1);
  if (!s->file) return false;
  memset(s->file + BMP_HEADER, 255, s->size - BMP_HEADER);
  memcpy(s->file, "BM", 2);
  put(s->file + 2, 4, s->size);
  put(s->file + 10, 4, BMP_HEADER);
  put(s->file + 14, 4, 40);
  put(s->file + 18, 4, (size_t)width);
  put(s->file + 22, 4, (size_t)height);
  put(s->file + 26, 2, 1);
  put(s->file + 28, 2, 24);
  return true;
}

static void find_range(sheet *s, const float *values, int32_t row) {
  const size_t count = s->y_step * (size_t)s->height * (s->c_step > 1 ? (size_t)s->channels : 1);
  s->least[row] = s->most[row] = values[0];
  for (size_t i = 1; i < count; i++) {
    s->least[row] = fminf(s->least[row], values[i]), s->most[row] = fmaxf(s->most[row], values[i]);
  }
}

static void draw(sheet *s, const float *values, int32_t row, int32_t column) {
  const float range = s->most[row] > s->least[row] ? s->most[row] - s->least[row] : 1;
  const int32_t lines = s->rows * (s->height + SHEET_GAP);
  for (int32_t y = 0; y < s->height; y++) {
    const int32_t line = lines - 1 - (row * (s->height + SHEET_GAP) + y);
    uint8_t *to = s->file + BMP_HEADER + (size_t)line * (size_t)s->line + 3 * (size_t)(column * (s->width + SHEET_GAP));
    for (int32_t x = 0; x < s->width; x++) {
      for (int32_t c = 0; c < 3; c++) { /* blue first */
        const size_t channel = s->channels >= 3 ? (size_t)(2 - c) : 0;
        const float value = values[(size_t)y * s->y_step + (size_t)x * s->x_step + channel * s->c_step];
        to[3 * x + c] = (uint8_t)(255 * fminf(1, fmaxf(0, (value - s->least[row]) / range)) + 0.5f);
      }
    }
  }
}

static ln_status fail(ln_error *err, ln_status status, const char *text) {
  *err = (ln_error){.status = status};
  snprintf(err->message, sizeof err->message, "%s", text);
  return status;
}

static ln_status draw_column(sheet *s, ln_trainer *trainer, const int64_t *samples, int32_t column, ln_error *err) {
  const ln_tensor *seen = NULL;
  const ln_status status = ln_trainer_preview(trainer, samples, s->rows, column - 1, 0, err, &seen);
  if (status != LN_OK) return status;
  if (!s->file && !read_shape(seen, s)) return fail(err, LN_ERR_SHAPE, "the first input takes no pictures to show");
  if (!s->file && !begin_file(s)) return fail(err, LN_ERR_MEMORY, "out of memory for the sheet of pictures");
  const float *values = ln_tensor_data(seen);
  const size_t each = ln_tensor_elements(seen) / (size_t)ln_tensor_dim(seen, 0);
  for (int32_t row = 0; row < s->rows; row++) {
    if (column == 0) find_range(s, values + (size_t)row * each, row);
    draw(s, values + (size_t)row * each, row, column);
  }
  return LN_OK;
}

ln_status train_write_sheet(ln_trainer *trainer, const ln_train_data *data, int32_t batch, const char *path,
                            ln_error *err) {
  int64_t samples[SHEET_ROWS];
  const int64_t count = data->samples->count;
  sheet s = {.rows = count < SHEET_ROWS ? (int32_t)count : SHEET_ROWS};
  if (batch < s.rows) s.rows = batch;
  for (int32_t i = 0; i < s.rows; i++) samples[i] = count * i / s.rows;
  ln_status status = LN_OK;
  for (int32_t c = 0; c < SHEET_COLUMNS && status == LN_OK; c++) status = draw_column(&s, trainer, samples, c, err);
  if (status == LN_OK) status = ln_io_write(path, s.file, s.size, err);
  free(s.file);
  return status;
}
