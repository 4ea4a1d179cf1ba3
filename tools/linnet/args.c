/* Options from tables, and messages. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"

int cli_fail(const char *format, ...) {
  va_list list;
  va_start(list, format);
  fputs("linnet: ", stderr);
  vfprintf(stderr, format, list);
  fputc('\n', stderr);
  va_end(list);
  return CLI_FAILED;
}

int cli_usage(const cli_command *self, const char *format, ...) {
  va_list list;
  va_start(list, format);
  fprintf(stderr, "linnet %s: ", self->name);
  vfprintf(stderr, format, list);
  fprintf(stderr, " (try linnet %s --help)\n", self->name);
  va_end(list);
  return CLI_USAGE;
}

double cli_now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void cli_progress(const char *what, int done, int total) {
  static double started, shown; /* of the one work in progress */
  static char current[64];
  static int last;
  const double now = cli_now_ms();
  if (done == 0 || done < last || strncmp(what, current, sizeof current - 1) != 0) {
    if (shown > started && isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
    started = shown = now;
    snprintf(current, sizeof current, "%s", what);
  }
  last = done;
  if (!isatty(STDERR_FILENO)) return;
  if (done >= total && shown > started) {
    fputs("\r\033[K", stderr);
    shown = started;
  } else if (done < total && now - started > 1000 && now - shown > 100) {
    fprintf(stderr, "\r%s: %d of %d ", what, done, total);
    cli_print_bar(stderr, (double)done / total, 30);
    fputs("\033[K", stderr);
    shown = now;
  }
}

bool cli_normalize(const char *text, float out[2]) {
  char *end;
  out[0] = strtof(text, &end);
  if (end == text || *end != ',') return false;
  const char *second = end + 1;
  out[1] = strtof(second, &end);
  return end != second && *end == 0 && isfinite(out[0]) && isfinite(out[1]) && out[1] != 0;
}

static bool parse_number(const char *text, const cli_option *option, double *out) {
  char *end;
  *out = strtod(text, &end);
  if (end == text || *end != 0 || !isfinite(*out) || *out < option->low || *out > option->high) return false;
  return option->kind == CLI_REAL || *out == floor(*out);
}

static bool append(cli_list *list, const char *item) {
  const char **grown = realloc(list->items, ((size_t)list->count + 1) * sizeof *grown);
  if (!grown) return false;
  list->items = grown;
  list->items[list->count++] = item;
  return true;
}

/* Stores a value; -1 to go on, else the exit status. */
static int store(const cli_command *self, const cli_option *option, const char *value) {
  double number = 0;
  switch (option->kind) {
    case CLI_FLAG: *(bool *)option->target = true; return -1;
    case CLI_TEXT: *(const char **)option->target = value; return -1;
    case CLI_LIST: return append(option->target, value) ? -1 : cli_fail("out of memory");
    default: break;
  }
  if (!parse_number(value, option, &number)) {
    return cli_usage(self, "%s takes a %snumber from %g to %g, not %s", option->name,
                     option->kind == CLI_NUMBER ? "whole " : "", option->low, option->high, value);
  }
  if (option->kind == CLI_NUMBER) *(int32_t *)option->target = (int32_t)number;
  else *(double *)option->target = number;
  return -1;
}

static bool is_array(const char *word) {
  const size_t length = strlen(word);
  return word[0] != '-' && length > 4 && strcmp(word + length - 4, ".npy") == 0;
}

/* Takes the words behind argv[*at]; -1 to go on, else the exit status. */
static int store_arrays(cli_arrays *arrays, const char *value, int argc, char **argv, int *at) {
  arrays->given = true;
  if (value && !append(&arrays->files, value)) return cli_fail("out of memory");
  while (*at + 1 < argc && is_array(argv[*at + 1])) {
    if (!append(&arrays->files, argv[++*at])) return cli_fail("out of memory");
  }
  return -1;
}

static const cli_option *find_option(const cli_option *options, size_t count, const char *text, size_t length) {
  for (size_t i = 0; i < count; i++) {
    if (strlen(options[i].name) == length && memcmp(options[i].name, text, length) == 0) return &options[i];
  }
  return NULL;
}

int cli_parse(const cli_command *self, int argc, char **argv, const cli_option *options, size_t count,
              const char **operands, int capacity, int *operand_count) {
  bool only_operands = false;
  *operand_count = 0;
  for (int i = 1; i < argc; i++) {
    const char *text = argv[i];
    if (only_operands || text[0] != '-' || text[1] == 0) {
      if (*operand_count == capacity) return cli_usage(self, "one operand too many: %s", text);
      operands[(*operand_count)++] = text;
      continue;
    }
    if (strcmp(text, "--") == 0) {
      only_operands = true;
      continue;
    }
    if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
      fputs(self->help, stdout);
      return CLI_OK;
    }
    const char *equals = strchr(text, '=');
    const cli_option *option = find_option(options, count, text, equals ? (size_t)(equals - text) : strlen(text));
    if (!option) return cli_usage(self, "no option %s", text);
    const char *value = equals ? equals + 1 : NULL;
    if (option->kind == CLI_ARRAYS) {
      const int status = store_arrays(option->target, value, argc, argv, &i);
      if (status >= 0) return status;
      continue;
    }
    if (option->kind == CLI_FLAG && value) return cli_usage(self, "%s takes no value", option->name);
    if (option->kind != CLI_FLAG && !value && ++i < argc) value = argv[i];
    if (option->kind != CLI_FLAG && !value) return cli_usage(self, "%s wants a value", option->name);
    const int status = store(self, option, value);
    if (status >= 0) return status;
  }
  return -1;
}

int cli_parse_model(const cli_command *self, int argc, char **argv, const cli_option *options, size_t count,
                    const char **model) {
  int operand_count;
  const int status = cli_parse(self, argc, argv, options, count, model, 1, &operand_count);
  if (status >= 0) return status;
  return operand_count == 1 ? -1 : cli_usage(self, "no model given");
}

int cli_requantize(const cli_command *self, const char *text, ln_requantize *out) {
  *out = text && strcmp(text, "float") == 0 ? LN_REQUANTIZE_FLOAT : LN_REQUANTIZE_EXACT;
  if (!text || *out == LN_REQUANTIZE_FLOAT || strcmp(text, "exact") == 0) return -1;
  return cli_usage(self, "--requantize takes exact or float, not %s", text);
}

int cli_precision(const cli_command *self, const char *text, ln_precision *out) {
  static const char *const names[] = {"f32", "bf16", "fp16"}; /* by ln_precision */
  for (size_t i = 0; i < CLI_COUNT(names); i++) {
    if (text && strcmp(text, names[i]) != 0) continue;
    *out = (ln_precision)i;
    return -1;
  }
  return cli_usage(self, "--precision takes f32, bf16 or fp16, not %s", text);
}
