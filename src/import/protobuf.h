/* Unpacking protobuf messages of untrusted files with protobuf-c: nesting and memory are bounded. */
#ifndef LN_IMPORT_PROTOBUF_H
#define LN_IMPORT_PROTOBUF_H
#ifdef LN_HAVE_PROTOBUF_C

#include <protobuf-c/protobuf-c.h>

#include "base/base.h"

/*
 * The message in `arena`, which frees it; NULL where the bytes are no such message, nest deeper than 100 messages, or
 * memory is short. Bytes of the message are copied: `data` need not last.
 */
ProtobufCMessage *ln_protobuf_unpack(const ProtobufCMessageDescriptor *what, ln_arena *arena, const void *data,
                                     size_t size);

#endif
#endif
