/*
 * TensorFlow's checkpoints, so that what is trained here can be restored there and the other way round.
 *   V1, what the operator Save writes: one table (sstable.h) with a SavedTensorSlices message for each tensor
 *     (tensorflow/core/util/saved_tensor_slice.proto).
 *   V2, the tensor bundle of SaveV2: NAME.index, a table of BundleEntryProto messages
 *     (tensorflow/core/protobuf/tensor_bundle.proto), and NAME.data-00000-of-00001 with the numbers.
 */
#ifndef LN_CHECKPOINT_H
#define LN_CHECKPOINT_H

#include "ir/ir.h"
#include "kernels/utf8.h"
#include "ops/sstable.h"

enum { LN_CHECKPOINT_PATH_MAX = 4096 };

/* A part of a tensor; length -1 is all of a dimension, from 0. */
typedef struct ln_slice {
  int32_t rank;
  int64_t start[LN_MAX_RANK], length[LN_MAX_RANK];
} ln_slice;

ln_slice ln_slice_all(int32_t rank);
/* The dimensions that the slice has of `whole`; false where it lies outside. */
bool ln_slice_shape(const ln_slice *slice, const ln_shape *whole, ln_shape *out);

/* ---- reading (checkpoint_read.c) ---- */

typedef struct ln_checkpoint {
  char path[LN_CHECKPOINT_PATH_MAX];
  ln_arena arena; /* strings that are read, among others */
  ln_file_map file;
  ln_sstable table;
  bool bundle;         /* V2 */
  int32_t shard_count; /* of a bundle */
  ln_file_map *shards; /* [shard_count] mapped when they are first read */
} ln_checkpoint;

/* What a checkpoint says of a tensor. */
typedef struct ln_checkpoint_entry {
  const char *name;
  size_t name_size;
  ln_type type;
  ln_shape shape;
  ln_wire message; /* SavedSliceMeta, or BundleEntryProto */
} ln_checkpoint_entry;

/* A bundle when `path`.index exists, else the file `path`. To be closed when it was opened. */
ln_status ln_checkpoint_open(const char *path, ln_error *err, ln_checkpoint *out);
void ln_checkpoint_close(ln_checkpoint *checkpoint);
ln_status ln_checkpoint_find(const ln_checkpoint *checkpoint, const char *name, size_t name_size, ln_error *err,
                             ln_checkpoint_entry *out);
/*
 * The elements of `wanted` in row-major order into `out`: numbers, or an ln_span each, which point into the checkpoint
 * until it is closed. Every checksum on the way is looked at.
 */
ln_status ln_checkpoint_read(ln_checkpoint *checkpoint, const ln_checkpoint_entry *entry, const ln_slice *wanted,
                             void *out, ln_error *err);

/* ---- writing (checkpoint_write.c): a file takes its name when it is complete ---- */

typedef struct ln_checkpoint_item {
  const char *name;
  size_t name_size;
  const ln_tensor *tensor; /* with data; strings verified */
  bool partial;            /* the tensor is `slice` of the one that has the name, whose shape is `whole` */
  ln_shape whole;
  ln_slice slice;
} ln_checkpoint_item;

ln_status ln_checkpoint_write_v1(const char *path, const ln_checkpoint_item *items, int32_t count, ln_error *err);
ln_status ln_checkpoint_write_v2(const char *path, const ln_checkpoint_item *items, int32_t count, ln_error *err);
/* Makes one bundle of several, whose files are taken over. */
ln_status ln_checkpoint_merge(const ln_span *paths, int32_t count, const char *path, ln_error *err);

/* ---- what both sides know of the messages (checkpoint.c) ---- */

/* Where TensorProto keeps numbers of a type: the field, and how an item is written there. */
typedef struct ln_proto_field {
  uint32_t number;
  ln_wire_kind kind;
  int32_t items; /* for one element: two for complex numbers */
  bool in_v1;    /* TensorFlow itself writes the type to V1 checkpoints */
} ln_proto_field;

const ln_proto_field *ln_proto_field_of(ln_type type); /* NULL: none */
/* The key under which tables hold a slice: the name, then start and length of each dimension, in OrderedCode. */
void ln_checkpoint_put_key(ln_bytes *out, const char *name, size_t name_size, const ln_slice *slice);
/* TensorShapeProto and TensorSliceProto. */
void ln_checkpoint_put_shape(ln_bytes *out, uint32_t field, const ln_shape *shape);
void ln_checkpoint_put_slice(ln_bytes *out, uint32_t field, const ln_slice *slice);
bool ln_checkpoint_get_slice(ln_wire message, int32_t rank, ln_slice *out);
/* "NAME.data-00003-of-00010"; false when that is too long. */
bool ln_checkpoint_shard_path(const char *path, int32_t shard, int32_t count, char out[LN_CHECKPOINT_PATH_MAX]);

/* Field numbers. */
enum {
  LN_SLICES_META = 1, /* SavedTensorSlices */
  LN_SLICES_DATA = 2,
  LN_SLICES_META_TENSOR = 1, /* SavedTensorSliceMeta */
  LN_SLICES_META_VERSIONS = 2,
  LN_META_NAME = 1, /* SavedSliceMeta */
  LN_META_SHAPE = 2,
  LN_META_TYPE = 3,
  LN_META_SLICE = 4,
  LN_SAVED_NAME = 1, /* SavedSlice */
  LN_SAVED_SLICE = 2,
  LN_SAVED_DATA = 3,
  LN_BUNDLE_SHARDS = 1, /* BundleHeaderProto */
  LN_BUNDLE_ENDIANNESS = 2,
  LN_BUNDLE_VERSION = 3,
  LN_ENTRY_TYPE = 1, /* BundleEntryProto */
  LN_ENTRY_SHAPE = 2,
  LN_ENTRY_SHARD = 3,
  LN_ENTRY_OFFSET = 4,
  LN_ENTRY_SIZE = 5,
  LN_ENTRY_CRC = 6,
  LN_ENTRY_SLICES = 7,
  LN_VERSION_PRODUCER = 1
};

#endif
