/*
 * NodeDef: what a Select-TF operator ("Flex...") keeps as its options, a FlexBuffers vector of TensorFlow's operator
 * name and a serialized protobuf message (tensorflow/core/framework/node_def.proto, attr_value.proto). Read in place:
 * every length is checked against the bytes, nothing is copied, and the depth is that of the format.
 */
#ifndef LN_NODEDEF_H
#define LN_NODEDEF_H

#include "ir/ir.h"
#include "ir/wire.h"

typedef struct ln_nodedef {
  const char *op; /* TensorFlow's name of the operator, not NUL-terminated */
  size_t op_length;
  ln_wire node;
  ln_flex map; /* where the attributes stand when there is no message; else NULL */
} ln_nodedef;

/* The element type of a DataType (tensorflow/core/framework/types.proto; quantized ones are their integers), and its
 * number; false and 0 where there is none. */
bool ln_tf_type(uint64_t number, ln_type *out);
uint32_t ln_tf_number(ln_type type);
/* A TensorShapeProto: -1 for unknown dimensions; an unknown rank sets `*ranked` to false. */
bool ln_tf_shape(ln_wire message, ln_shape *out, bool *ranked);

/* False when the options are no such vector, or the message's outermost fields or an attribute's frame are broken. */
bool ln_nodedef_open(const uint8_t *options, size_t size, ln_nodedef *out);
/*
 * The attributes of an operator of TensorFlow's that was converted as a custom one: a FlexBuffers map of those that are
 * numbers, truth values, strings, types (the schema's numbers) or lists of numbers or strings. False for no map.
 */
bool ln_nodedef_open_map(const uint8_t *options, size_t size, ln_nodedef *out);

/*
 * Attributes by name. Each is false, and leaves what it would fill, when there is no such attribute or it is of another
 * kind or broken; ln_nodedef_has tells these apart.
 */
bool ln_nodedef_has(const ln_nodedef *def, const char *key);
bool ln_nodedef_int(const ln_nodedef *def, const char *key, int64_t *out);
bool ln_nodedef_float(const ln_nodedef *def, const char *key, float *out);
bool ln_nodedef_bool(const ln_nodedef *def, const char *key, bool *out);
/* A DT_* that has an ln_type (quantized ones are their integers; references are refused). */
bool ln_nodedef_type(const ln_nodedef *def, const char *key, ln_type *out);
/* Bytes, not NUL-terminated. */
bool ln_nodedef_string(const ln_nodedef *def, const char *key, const char **text, size_t *length);
/* -1 for unknown dimensions; an unknown rank sets `*ranked` to false. */
bool ln_nodedef_shape(const ln_nodedef *def, const char *key, ln_shape *out, bool *ranked);
/* The name of a function. */
bool ln_nodedef_func(const ln_nodedef *def, const char *key, const char **name, size_t *length);

/* Lists: up to `capacity` items are stored, *count is the list's length. */
bool ln_nodedef_ints(const ln_nodedef *def, const char *key, int64_t *out, int32_t capacity, int32_t *count);
bool ln_nodedef_floats(const ln_nodedef *def, const char *key, float *out, int32_t capacity, int32_t *count);
bool ln_nodedef_types(const ln_nodedef *def, const char *key, ln_type *out, int32_t capacity, int32_t *count);
bool ln_nodedef_shapes(const ln_nodedef *def, const char *key, ln_shape *out, bool *ranked, int32_t capacity,
                       int32_t *count);
/* The string at `index`, found from the list's beginning; ln_nodedef_strings is their number. */
bool ln_nodedef_strings(const ln_nodedef *def, const char *key, int32_t *count);
bool ln_nodedef_string_at(const ln_nodedef *def, const char *key, int32_t index, const char **text, size_t *length);

/* A constant: its type and shape, all dimensions known. */
typedef struct ln_nodedef_tensor {
  ln_type type;
  ln_shape shape;
  ln_wire proto;
} ln_nodedef_tensor;
bool ln_tf_tensor(ln_wire message, ln_nodedef_tensor *out); /* of a TensorProto by itself */
bool ln_nodedef_get_tensor(const ln_nodedef *def, const char *key, ln_nodedef_tensor *out);
/* Its numbers as a tensor holds them; `bytes` is what ln_tensor_size says. Values left out repeat the last one there.
 */
bool ln_nodedef_tensor_numbers(const ln_nodedef_tensor *tensor, void *out, size_t bytes);
/* Walks those of its strings that the message holds; the last one stands for all that follow it. */
ln_wire_walker ln_nodedef_tensor_strings(const ln_nodedef_tensor *tensor);
/* The string at `index` of them. */
bool ln_nodedef_tensor_string(const ln_nodedef_tensor *tensor, size_t index, const char **text, size_t *length);

/* "key=value ..." for printing; returns the length that would have been written. */
size_t ln_nodedef_format(const ln_nodedef *def, char *buffer, size_t size);

#endif
