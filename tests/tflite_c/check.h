/* What the programs of this folder share: they are written as for TensorFlow Lite, against its headers' names only. */
#ifndef TFLITE_C_CHECK_H
#define TFLITE_C_CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                            \
  do {                                                                              \
    if (!(condition)) {                                                             \
      fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      exit(1);                                                                      \
    }                                                                               \
  } while (0)

#endif
