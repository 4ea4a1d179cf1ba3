/* What the subcommands share: options, errors, and the model with what its file says about it. */
#ifndef LINNET_CLI_H
#define LINNET_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "linnet/inspect.h"
#include "linnet/io.h"
#include "linnet/metadata.h"
#include "linnet/session.h"
#include "linnet/version.h"

#define CLI_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Exit statuses. */
enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

typedef struct cli_command {
  const char *name;
  int (*run)(const struct cli_command *self, int argc, char **argv); /* argv[0] is the subcommand */
  const char *summary;
  const char *help; /* whole text of `linnet NAME --help` */
} cli_command;

extern const cli_command cli_run, cli_inspect, cli_bench, cli_build, cli_optimize, cli_eval, cli_compare,
    cli_debug_quant, cli_train, cli_trainable, cli_describe, cli_convert, cli_check, cli_export, cli_ops, cli_select,
    cli_version, cli_help;
extern const cli_command *const cli_commands[]; /* ends with NULL */

/* ---- options (args.c) ---- */

typedef enum cli_option_kind { CLI_FLAG, CLI_TEXT, CLI_NUMBER, CLI_REAL, CLI_LIST, CLI_ARRAYS } cli_option_kind;

typedef struct cli_list {
  const char **items;
  int count;
} cli_list;

/* Of an option that takes all words that end in .npy right behind it, maybe none. */
typedef struct cli_arrays {
  bool given;
  cli_list files;
} cli_arrays;

typedef struct cli_option {
  const char *name; /* "--threads" */
  cli_option_kind kind;
  void *target;     /* bool, const char *, int32_t, double, cli_list or cli_arrays */
  double low, high; /* of numbers */
} cli_option;

/*
 * Fills the options' targets; operands (at most `capacity`) go to `operands`. Returns -1 to go on, or the exit status
 * after --help or a mistake, which has been printed.
 */
int cli_parse(const cli_command *self, int argc, char **argv, const cli_option *options, size_t count,
              const char **operands, int capacity, int *operand_count);
/* The same for a subcommand with exactly one operand, its model. */
int cli_parse_model(const cli_command *self, int argc, char **argv, const cli_option *options, size_t count,
                    const char **model);

/* --precision: f32 (also for NULL), bf16 or fp16; returns as cli_parse. */
int cli_precision(const cli_command *self, const char *text, ln_precision *out);
/* --requantize: exact (also for NULL) or float; returns as cli_parse. */
int cli_requantize(const cli_command *self, const char *text, ln_requantize *out);

/* "MEAN,STD", two numbers, the second not 0. */
bool cli_normalize(const char *text, float out[2]);

/* ---- messages ---- */

/* "linnet: text" on standard error; returns CLI_FAILED or CLI_USAGE so that callers return it. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int cli_usage(const cli_command *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "what: 12 of 30" and a bar on standard error, only on a terminal, only for what takes over a second; done == total
 * wipes it. */
void cli_progress(const char *what, int done, int total);
double cli_now_ms(void);

/* ---- models (model.c) ---- */

typedef struct cli_model {
  const char *path;
  ln_model *model;
  ln_model_info *info; /* NULL when the model brings none */
  int32_t signature;   /* -1: the model has none */
  int32_t graph;
} cli_model;

/* ln_model_open, or the model that the tool carries for "demo:". */
ln_status cli_open(const char *path, ln_error *err, ln_model **out);
/* Opens a model and finds the signature (NULL: the first); prints what is wrong and returns CLI_FAILED. */
int cli_model_open(const char *path, const char *signature, cli_model *out);
void cli_model_close(cli_model *model);
/* The tensor behind a session's input or output, as the file declares it. */
const ln_tensor *cli_model_tensor(const cli_model *model, bool outputs, int32_t index);
/* Its place among the graph's inputs or outputs, which metadata counts by; -1 when it is none of them. */
int32_t cli_model_place(const cli_model *model, bool outputs, int32_t index);
/* What the metadata says of it; all absent when there is none. */
ln_tensor_info cli_model_tensor_info(const cli_model *model, bool outputs, int32_t index);
/* "uint8[1, 224, 224, 3]" as it is now, or as the model declares it, with ? for what it leaves open. Return `buffer`.
 */
const char *cli_tensor_text(const ln_tensor *tensor, char *buffer, size_t size);
const char *cli_declared_text(const ln_tensor *tensor, char *buffer, size_t size);
/* "scale 0.0078125, zero point 128"; "" when not quantized. Returns `buffer`. */
const char *cli_quant_text(const ln_tensor *tensor, char *buffer, size_t size);
/* "1.2 MB" */
const char *cli_bytes_text(double bytes, char *buffer, size_t size);
/* The part of a path behind its last slash. */
const char *cli_base_name(const char *path);

/* ---- values (values.c) ---- */

/* Real values of a tensor's elements, dequantized; NULL for a type without numbers, or when memory is short. */
double *cli_values(const ln_tensor *tensor);
/* Stores real or stored numbers into an input tensor's bytes; false for a type without numbers or a value outside it.
 */
bool cli_store_number(ln_type type, double value, void *data, size_t index);

/* ---- terminals (show.c) ---- */

/* A picture drawn in character cells: coloured half blocks on a terminal, shades of ASCII elsewhere. */
typedef struct cli_drawing {
  int columns, rows;
  char **lines; /* [rows], each `columns` wide when shown */
} cli_drawing;

bool cli_draw(const ln_image *image, cli_drawing *out);
void cli_drawing_free(cli_drawing *drawing);
/* Prints `text` line by line beside the middle of the drawing. */
void cli_print_beside(const cli_drawing *drawing, const char *text);
/* A bar of `share` (0..1) of `width` cells, padded with blanks. */
void cli_print_bar(FILE *out, double share, int width);
/* `text` in exactly `width` cells: cut with an ellipsis, or padded. */
void cli_print_cell(FILE *out, const char *text, int width);
bool cli_utf8(void); /* whether the locale's characters are UTF-8 */

#endif
