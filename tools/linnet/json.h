/* Writes JSON, indented, value by value; keys are NULL inside arrays. */
#ifndef LINNET_CLI_JSON_H
#define LINNET_CLI_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { JSON_DEPTH = 16 };

typedef struct json {
  FILE *out;
  int depth;
  bool filled[JSON_DEPTH]; /* the open objects and arrays hold something already */
  bool flat[JSON_DEPTH];   /* on one line */
} json;

void json_begin(json *j, FILE *out);
void json_object(json *j, const char *key);
void json_array(json *j, const char *key);
void json_flat_object(json *j, const char *key); /* these two on one line */
void json_flat_array(json *j, const char *key);
void json_end(json *j, char close);                            /* '}' or ']' */
void json_string(json *j, const char *key, const char *value); /* NULL: null; bytes that are no UTF-8 as U+FFFD */
void json_int(json *j, const char *key, int64_t value);
void json_real(json *j, const char *key, double value); /* not finite: null */
void json_bool(json *j, const char *key, bool value);

#endif
