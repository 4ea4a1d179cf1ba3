/* What a model's file says about it, in TensorFlow Lite's metadata: read into tables of ir/metadata.def and written
 * back. */
#ifndef LN_TRAIN_DESCRIBE_H
#define LN_TRAIN_DESCRIBE_H

#include "ir/ir.h"
#include "ir/schema.h"

/* Of a model that is edited; empty but for the version of the form where there is none or it cannot be read. Tables
 * stay as long as the model. False: there is none. */
bool ln_describe_read(ln_model *model, ln_md_model *out);
ln_status ln_describe_write(ln_model *model, const ln_md_model *root, ln_error *err);
/* A vector of one table, copied; false when memory is short. */
bool ln_describe_one(ln_arena *arena, const void *table, size_t size, ln_vec_ptr *out);

#endif
