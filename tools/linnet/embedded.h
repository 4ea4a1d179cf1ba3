/* The model that the tool carries: models/fashion_mnist.tflite, made into an array by cmake/embed.cmake. */
#ifndef LINNET_TOOL_EMBEDDED_H
#define LINNET_TOOL_EMBEDDED_H

#include <stddef.h>

#define CLI_DEMO_MODEL "demo:" /* what stands for it in place of a file's name */

extern const unsigned char linnet_demo_model[]; /* the bytes of a .tflite file, for ln_model_from_memory */
extern const size_t linnet_demo_model_size;

#endif
