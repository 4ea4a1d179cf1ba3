/* The parts of HDF5's file format that the reader's files share. */
#ifndef LN_IMPORT_KERAS_H5_PRIVATE_H
#define LN_IMPORT_KERAS_H5_PRIVATE_H

#include "import/keras/h5.h"

enum { LN_H5_NAME = 512, LN_H5_BLOCKS = 64 };

struct ln_h5 {
  const uint8_t *data;
  size_t size;
  uint64_t root;  /* address of the root group's header */
  int64_t *steps; /* what is left of the work that one file may cause */
};

/* Kinds of messages in an object's header. */
enum {
  LN_H5_SPACE = 1,
  LN_H5_TYPE = 3,
  LN_H5_LINK = 6,
  LN_H5_EXTERNAL = 7,
  LN_H5_LAYOUT = 8,
  LN_H5_FILTERS = 11,
  LN_H5_ATTRIBUTE = 12,
  LN_H5_CONTINUES = 16,
  LN_H5_TABLE = 17
};

typedef struct ln_h5_message {
  int32_t kind;
  const uint8_t *data;
  size_t size;
} ln_h5_message;

/* Messages of one object, one after the other. */
typedef struct ln_h5_messages {
  const ln_h5 *file;
  struct {
    uint64_t at, size;
  } blocks[LN_H5_BLOCKS];
  int32_t count, block;
  uint64_t used;
  bool is_new, has_order; /* headers of the second version */
} ln_h5_messages;

/* A type: of numbers or texts. */
typedef struct ln_h5_type {
  enum { LN_H5_OTHER, LN_H5_INTEGER, LN_H5_FLOAT, LN_H5_FIXED_TEXT, LN_H5_TEXT } kind;
  uint32_t size;
  bool is_signed, is_big; /* big: the first byte is the highest */
} ln_h5_type;

/* NULL where that is not in the file, or the work is used up. */
const uint8_t *ln_h5_at(const ln_h5 *file, uint64_t address, uint64_t bytes);
bool ln_h5_open_object(const ln_h5 *file, uint64_t address, ln_h5_messages *out);
bool ln_h5_next(ln_h5_messages *messages, ln_h5_message *out);
bool ln_h5_find_message(const ln_h5 *file, uint64_t address, int32_t kind, ln_h5_message *out);
/* The address of an object's header. */
bool ln_h5_find(const ln_h5 *file, const char *path, uint64_t *address);
bool ln_h5_read_type(const uint8_t *data, size_t size, ln_h5_type *out);
bool ln_h5_read_space(const uint8_t *data, size_t size, int32_t *rank, uint64_t dims[LN_MAX_RANK]);
/* An object of a global heap. */
const uint8_t *ln_h5_heap_object(const ln_h5 *file, uint64_t address, uint32_t index, uint64_t *size);
/* The elements of an array that is kept in chunks: `bytes` of them, `width` each. */
bool ln_h5_read_chunks(const ln_h5 *file, uint64_t address, const uint8_t *layout, size_t layout_size, int32_t rank,
                       const uint64_t *dims, uint32_t width, uint8_t *into);

static inline uint64_t ln_h5_number(const uint8_t *at, int32_t bytes) {
  uint64_t value = 0;
  for (int32_t i = bytes; i-- > 0;) value = value << 8 | at[i];
  return value;
}

#endif
