/* What the files of the reader share: structs as decoded -> the IR. */
#ifndef LN_FORMAT_READ_H
#define LN_FORMAT_READ_H

#include "format/format.h"

typedef struct ln_reader {
  const uint8_t *data; /* the file */
  size_t size;
  const ln_model_table *root;
  ln_model *model; /* all that is read goes into its arena */
  ln_error *err;
  size_t copied; /* bytes of misaligned constants copied so far */
} ln_reader;

ln_status ln_read_no_memory(ln_reader *reader);
/* The tensors of a graph (read_tensor.c). */
ln_status ln_read_tensors(ln_reader *reader, const ln_subgraph *from, ln_graph *graph);
/* Kernels read elements where they lie: a buffer that is not aligned for its type is copied once. */
ln_status ln_read_align_buffer(ln_reader *reader, ln_type type, ln_buffer *buffer);
/* Gives tensors of all graphs their codebooks, and takes the entry that says so out of the model's metadata
 * (compression.c). */
ln_status ln_read_compression(ln_reader *reader);
/* The same of where operators come from (source.c): what cannot be read says nothing. */
ln_status ln_read_source(ln_reader *reader);

#endif
