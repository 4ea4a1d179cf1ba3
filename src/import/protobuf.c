/* protobuf-c's own unpacking recurses as deep as a file likes: how deep messages nest is looked at first. */
#include "import/protobuf.h"

#ifdef LN_HAVE_PROTOBUF_C

#include "ir/wire.h"

enum { DEEPEST = 100 };

static bool is_shallow(const ProtobufCMessageDescriptor *what, ln_wire wire, int32_t depth) {
  ln_wire_field field;
  if (depth > DEEPEST) return false;
  while (ln_wire_next(&wire, &field)) {
    if (field.kind != LN_WIRE_BYTES) continue;
    const ProtobufCFieldDescriptor *known = protobuf_c_message_descriptor_get_field(what, field.number);
    if (known == NULL || known->type != PROTOBUF_C_TYPE_MESSAGE) continue;
    if (!is_shallow((const ProtobufCMessageDescriptor *)known->descriptor, field.bytes, depth + 1)) return false;
  }
  return ln_wire_left(&wire) == 0;
}

static void *take(void *arena, size_t size) { return ln_arena_alloc((ln_arena *)arena, size); }

static void leave(void *arena, void *memory) {
  (void)arena;
  (void)memory;
}

ProtobufCMessage *ln_protobuf_unpack(const ProtobufCMessageDescriptor *what, ln_arena *arena, const void *data,
                                     size_t size) {
  ProtobufCAllocator allocator = {.alloc = take, .free = leave, .allocator_data = arena};
  if (!is_shallow(what, ln_wire_of(data, size), 0)) return NULL;
  return protobuf_c_message_unpack(what, &allocator, size, (const uint8_t *)data);
}

#endif
