/* Pictures and bars in a terminal's character cells. */
#define _DEFAULT_SOURCE
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

bool cli_utf8(void) {
  const char *locale = getenv("LC_ALL");
  if (!locale || !*locale) locale = getenv("LC_CTYPE");
  if (!locale || !*locale) locale = getenv("LANG");
  return locale && (strstr(locale, "UTF-8") || strstr(locale, "utf8") || strstr(locale, "utf-8"));
}

typedef enum colour_mode { NO_COLOURS, COLOURS_256, COLOURS_TRUE } colour_mode;

static colour_mode colours(void) {
  const char *term = getenv("TERM"), *more = getenv("COLORTERM"), *none = getenv("NO_COLOR");
  if (!isatty(STDOUT_FILENO) || (none && *none) || !term || strcmp(term, "dumb") == 0 || !cli_utf8()) return NO_COLOURS;
  if (more && (strstr(more, "truecolor") || strstr(more, "24bit"))) return COLOURS_TRUE;
  return COLOURS_256;
}

static int terminal_columns(void) {
  struct winsize size;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 100;
}

/* Mean colour of the part of a picture that cell (x, y) of a grid covers. */
static void cell_colour(const ln_image *image, int x, int y, int columns, int rows, int rgb[3]) {
  int64_t left = (int64_t)x * image->width / columns, right = (int64_t)(x + 1) * image->width / columns;
  int64_t top = (int64_t)y * image->height / rows, bottom = (int64_t)(y + 1) * image->height / rows;
  if (right <= left) right = left + 1;
  if (bottom <= top) bottom = top + 1;
  int64_t sum[3] = {0, 0, 0};
  for (int64_t v = top; v < bottom; v++) {
    for (int64_t u = left; u < right; u++) {
      const uint8_t *pixel = image->pixels + (v * image->width + u) * image->channels;
      for (int c = 0; c < 3; c++) sum[c] += pixel[image->channels == 3 ? c : 0];
    }
  }
  for (int c = 0; c < 3; c++) rgb[c] = (int)(sum[c] / ((right - left) * (bottom - top)));
}

/* The nearest of the 256 colours: the gray ramp for grays, else the 6 x 6 x 6 cube. */
static int colour_256(const int rgb[3]) {
  const int spread = abs(rgb[0] - rgb[1]) + abs(rgb[1] - rgb[2]) + abs(rgb[0] - rgb[2]);
  if (spread < 24) {
    const int gray = (rgb[0] + rgb[1] + rgb[2]) / 3;
    return gray < 4 ? 16 : gray > 246 ? 231 : 232 + (gray - 3) * 24 / 244;
  }
  int index = 16;
  for (int c = 0, weight = 36; c < 3; c++, weight /= 6) {
    const int step = rgb[c] < 48 ? 0 : rgb[c] < 115 ? 1 : (rgb[c] - 35) / 40;
    index += weight * step;
  }
  return index;
}

static void put_colour(FILE *out, colour_mode mode, bool background, const int rgb[3]) {
  if (mode == COLOURS_TRUE) fprintf(out, "\033[%d;2;%d;%d;%dm", background ? 48 : 38, rgb[0], rgb[1], rgb[2]);
  else fprintf(out, "\033[%d;5;%dm", background ? 48 : 38, colour_256(rgb));
}

static void draw_coloured_line(FILE *out, const ln_image *image, colour_mode mode, int row, int columns, int rows) {
  for (int x = 0; x < columns; x++) {
    int upper[3], lower[3];
    cell_colour(image, x, 2 * row, columns, 2 * rows, upper);
    cell_colour(image, x, 2 * row + 1, columns, 2 * rows, lower);
    put_colour(out, mode, false, upper);
    put_colour(out, mode, true, lower);
    fputs("\xe2\x96\x80", out); /* the upper half block */
  }
  fputs("\033[0m", out);
}

static int cell_gray(const ln_image *image, int x, int y, int columns, int rows) {
  int rgb[3];
  cell_colour(image, x, y, columns, rows, rgb);
  return (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / 1000;
}

/* The darkest and the lightest cell become the ends of the shades. */
typedef struct gray_range {
  int low, high;
} gray_range;

static gray_range find_range(const ln_image *image, int columns, int rows) {
  gray_range range = {255, 0};
  for (int i = 0; i < rows * columns; i++) {
    const int gray = cell_gray(image, i % columns, i / columns, columns, rows);
    if (gray < range.low) range.low = gray;
    if (gray > range.high) range.high = gray;
  }
  if (range.high <= range.low) range = (gray_range){0, 255};
  return range;
}

static void draw_shaded_line(FILE *out, const ln_image *image, gray_range range, int row, int columns, int rows) {
  static const char shades[] = " .:-=+*#%@";
  for (int x = 0; x < columns; x++) {
    const int gray = cell_gray(image, x, row, columns, rows) - range.low;
    fputc(shades[gray * (int)(sizeof shades - 2) / (range.high - range.low)], out);
  }
}

bool cli_draw(const ln_image *image, cli_drawing *out) {
  *out = (cli_drawing){0};
  int widest = terminal_columns() * 2 / 5;
  widest = widest > 48 ? 48 : widest < 8 ? 8 : widest;
  int columns = image->width < widest ? image->width : widest;
  int rows = (int)((int64_t)columns * image->height / image->width / 2); /* a cell is twice as high as wide */
  if (rows > 28) {
    rows = 28;
    columns = (int)((int64_t)2 * rows * image->width / image->height);
  }
  columns = columns < 1 ? 1 : columns;
  rows = rows < 1 ? 1 : rows;
  char **lines = calloc((size_t)rows, sizeof *lines);
  if (!lines) return false;
  *out = (cli_drawing){columns, rows, lines};
  const colour_mode mode = colours();
  const gray_range range = mode == NO_COLOURS ? find_range(image, columns, rows) : (gray_range){0, 255};
  for (int row = 0; row < rows; row++) {
    size_t size;
    FILE *line = open_memstream(&lines[row], &size);
    if (!line) return false;
    if (mode == NO_COLOURS) draw_shaded_line(line, image, range, row, columns, rows);
    else draw_coloured_line(line, image, mode, row, columns, rows);
    fclose(line);
  }
  return true;
}

void cli_drawing_free(cli_drawing *drawing) {
  for (int i = 0; i < drawing->rows; i++) free(drawing->lines[i]);
  free(drawing->lines);
  *drawing = (cli_drawing){0};
}

void cli_print_beside(const cli_drawing *drawing, const char *text) {
  int lines = 0;
  for (const char *at = text; *at; at++) lines += *at == '\n';
  const int above = drawing->rows > lines ? (drawing->rows - lines) / 2 : 0;
  for (int row = 0; row < drawing->rows || *text; row++) {
    const size_t length = row < above ? 0 : strcspn(text, "\n");
    const bool drawn = row < drawing->rows && drawing->lines[row];
    if (drawn) fputs(drawing->lines[row], stdout);
    if (length > 0) printf("%*s%.*s", (drawn ? 0 : drawing->columns) + (drawing->rows ? 2 : 0), "", (int)length, text);
    putchar('\n');
    if (row >= above) text += length + (text[length] == '\n');
  }
}

void cli_print_bar(FILE *out, double share, int width) {
  static const char *const eighths[] = {"",
                                        "\xe2\x96\x8f",
                                        "\xe2\x96\x8e",
                                        "\xe2\x96\x8d",
                                        "\xe2\x96\x8c",
                                        "\xe2\x96\x8b",
                                        "\xe2\x96\x8a",
                                        "\xe2\x96\x89"};
  share = share < 0 ? 0 : share > 1 ? 1 : share == share ? share : 0;
  const int total = (int)(share * width * 8 + 0.5);
  const bool fine = cli_utf8();
  const int whole = fine ? total / 8 : (total + 4) / 8;
  for (int i = 0; i < whole; i++) fputs(fine ? "\xe2\x96\x88" : "#", out);
  if (fine) fputs(eighths[total % 8], out);
}

/* Bytes of the character at `text` (of UTF-8, or of one byte). */
static size_t character(const char *text) {
  size_t length = 1;
  while (((unsigned char)text[length] & 0xc0) == 0x80) length++;
  return length;
}

void cli_print_cell(FILE *out, const char *text, int width) {
  int cells = 0;
  for (const char *at = text; *at; at += character(at)) cells++;
  const int shown = cells <= width ? cells : width - 3;
  for (int i = 0; i < shown; i++) {
    const size_t length = character(text);
    if (length == 1 && (unsigned char)*text < 32) fputc(' ', out);
    else fwrite(text, 1, length, out);
    text += length;
  }
  if (shown < cells) fputs("...", out);
  for (int i = cells; i < width; i++) fputc(' ', out);
}
